/* starts.c: starts a program in each of the ways that there are, with an environment that has nothing of the
 * caller's, and waits for it. The first argument is the way; what it starts allocates blocks of 60,000 bytes and a
 * number of its own more. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char self[4096], command[8192];

static void start(const char *way)
{
    char *own[] = {"OWN=1", NULL}, *argv[] = {self, "work", NULL};
    if (!strcmp(way, "execve"))
        execve(self, argv, own);
    else if (!strcmp(way, "preloads")) /* and a library of its own */
        execve(self, argv, (char *[]){"OWN=1", "LD_PRELOAD=libm.so.6", NULL});
    else if (!strcmp(way, "execvpe"))
        execvpe(self, argv, own);
    else if (!strcmp(way, "execle"))
        execle(self, self, "work", (char *)NULL, own);
    else if (!strcmp(way, "fexecve"))
        fexecve(open(self, O_RDONLY | O_CLOEXEC), argv, own);
    else if (!strcmp(way, "execv"))
        clearenv(), execv(self, argv);
    else if (!strcmp(way, "execvp"))
        clearenv(), execvp(self, argv);
    else if (!strcmp(way, "execl"))
        clearenv(), execl(self, self, "work", (char *)NULL);
    else if (!strcmp(way, "execlp"))
        clearenv(), execlp(self, self, "work", (char *)NULL);
    _exit(9);
}

int main(int argc, char **argv)
{
    char *own[] = {"OWN=1", NULL}, *words[] = {self, "work", NULL};
    const char *way = argc > 1 ? argv[1] : "";
    int status = 1;
    pid_t pid;
    if (!strcmp(way, "work")) {
        void *volatile p = malloc(60001);
        free(p);
        return getenv("HOME") != NULL; /* the rest of the environment is not put back */
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return 2;
    free(malloc(60000));
    if (!strcmp(way, "posix_spawn") || !strcmp(way, "posix_spawnp")) {
        if ((way[11] ? posix_spawnp : posix_spawn)(&pid, self, NULL, NULL, words, own))
            return 3;
        waitpid(pid, &status, 0);
    } else if (!strcmp(way, "system") || !strcmp(way, "popen")) {
        snprintf(command, sizeof command, "exec '%s' work", self);
        clearenv();
        status = way[0] == 's' ? system(command) : pclose(popen(command, "r"));
        if (getenv("LD_PRELOAD"))
            return 4; /* nor is the program's own */
    } else if (!strcmp(way, "nothing")) {
        execl("/nothing/there", "there", (char *)NULL);
        return errno == ENOENT ? 0 : 5;
    } else {
        pid = argc > 2 ? vfork() : fork();
        if (pid == 0)
            start(way);
        waitpid(pid, &status, 0);
    }
    return status ? 6 : 0;
}
