/* exec.c: the functions that start programs. Where the environment that they give has lost the recorder's
 * variables (env -i, clearenv, a list of the program's own), those are put back.
 *
 * All of it may run in a vfork child, beside a thread that holds any lock: nothing here allocates, and what is
 * needed lies on the stack. */
#include "exec.h"

#include "tally.h"

#include "alloc/base/compiler.h"
#include "workloads/trace/format/spool.h"

#include <alloca.h>
#include <dlfcn.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

extern char **environ;

#define KEPT_MAX (PATH_MAX + 256)

static struct {
    bool wanted;
    bool children;
    pid_t pid; /* that of the process to be recorded */
    char preload[2 * KEPT_MAX];
    char library[PATH_MAX];
    char text[6][KEPT_MAX]; /* NAME=VALUE of the others, or empty */
} kept;

static const char *const names[] = {SPOOL_ENV_BASE, SPOOL_ENV_PID,   SPOOL_ENV_CHILDREN,
                                    SPOOL_ENV_GAPS, SPOOL_ENV_TALLY, SPOOL_ENV_RECORDING};
_Static_assert(array_length(names) == array_length(kept.text), "each has its place");

#define PRELOAD "LD_PRELOAD="

static struct {
    int (*execve)(const char *, char *const[], char *const[]);
    int (*execvpe)(const char *, char *const[], char *const[]);
    int (*fexecve)(int, char *const[], char *const[]);
    int (*execveat)(int, const char *, char *const[], char *const[], int);
    int (*posix_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                       char *const[], char *const[]);
    int (*posix_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                        char *const[], char *const[]);
    int (*system)(const char *);
    FILE *(*popen)(const char *, const char *);
} next;

/* Not in the child that calls them: dlsym locks. */
__attribute__((constructor(102))) static void exec_begin(void)
{
#define NEXT(name) next.name = (__typeof__(next.name))dlsym(RTLD_NEXT, #name)
    NEXT(execve);
    NEXT(execvpe);
    NEXT(fexecve);
    NEXT(execveat);
    NEXT(posix_spawn);
    NEXT(posix_spawnp);
    NEXT(system);
    NEXT(popen);
}

void exec_keep(void)
{
    const char *value, *preload = getenv("LD_PRELOAD");
    Dl_info info;
    if (kept.wanted || !preload || !dladdr((void *)exec_keep, &info) || !info.dli_fname)
        return;
    for (size_t i = 0; i < array_length(names); i++)
        if ((value = getenv(names[i])) != NULL)
            snprintf(kept.text[i], sizeof kept.text[i], "%s=%s", names[i], value);
    snprintf(kept.library, sizeof kept.library, "%s", info.dli_fname);
    snprintf(kept.preload, sizeof kept.preload, PRELOAD "%s", preload);
    kept.pid = getpid();
    kept.children = kept.text[2][0] != '\0';
    kept.wanted = true;
}

/* A program of its own that takes this one's place, or with --children any other. */
static bool exec_wanted(void)
{
    return kept.wanted && (kept.children || getpid() == kept.pid);
}

static const char *env_find(char *const *env, const char *name, size_t length)
{
    for (; env && *env; env++)
        if (strncmp(*env, name, length) == 0)
            return *env;
    return NULL;
}

#define ENV_MORE (array_length(names) + 1)

static size_t env_count(char *const *env)
{
    size_t n = 0;
    while (env && env[n])
        n++;
    return n;
}

/* env, or where it lacks something a whole one in `room` (of env_count + ENV_MORE + 1) and `text`. */
static char *const *env_whole(char *const *env, char **room, char *text, size_t text_bytes)
{
    const char *missing[ENV_MORE];
    size_t count = 0, n = 0;
    const char *preload = env_find(env, PRELOAD, strlen(PRELOAD));
    if (!preload) {
        missing[count++] = kept.preload;
    } else if (!strstr(preload, kept.library)) {
        snprintf(text, text_bytes, PRELOAD "%s:%s", kept.library, preload + strlen(PRELOAD));
        missing[count++] = text;
    }
    for (size_t i = 0; i < array_length(names); i++)
        if (kept.text[i][0] && !env_find(env, kept.text[i], strlen(names[i]) + 1))
            missing[count++] = kept.text[i];
    if (count == 0)
        return env;
    for (; env && *env; env++)
        if (*env != preload || missing[0] != text)
            room[n++] = *env;
    for (size_t i = 0; i < count; i++)
        room[n++] = (char *)missing[i];
    room[n] = NULL;
    return room;
}

/* In the caller's frame: the whole environment, or the one that is given. */
#define WHOLE(env)                                                                                     \
    (exec_wanted() ? env_whole(env, alloca((env_count(env) + ENV_MORE + 1) * sizeof(char *)),          \
                               alloca(sizeof kept.preload + sizeof kept.library), sizeof kept.preload) \
                   : (env))

/* Counts a start that may fail; `failed` is about `result`. */
#define COUNTED(type, call, failed)   \
    do {                              \
        bool counted = exec_wanted(); \
        if (counted)                  \
            tally_exec(1);            \
        type result = call;           \
        if (counted && (failed))      \
            tally_exec(-1);           \
        return result;                \
    } while (0)

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    char *const *whole = WHOLE(envp);
    COUNTED(int, next.execve(path, argv, whole), result != 0);
}

EXPORT int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
    char *const *whole = WHOLE(envp);
    COUNTED(int, next.execvpe(file, argv, whole), result != 0);
}

EXPORT int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
    char *const *whole = WHOLE(envp);
    COUNTED(int, next.fexecve(fd, argv, whole), result != 0);
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    char *const *whole = WHOLE(envp);
    COUNTED(int, next.execveat(fd, path, argv, whole, flags), result != 0);
}

/* The words up to NULL as an array in the caller's frame; `list` stands after the NULL then. */
#define WORDS(list, first)                            \
    size_t count = 1;                                 \
    va_list list;                                     \
    va_start(list, first);                            \
    while (va_arg(list, char *))                      \
        count++;                                      \
    va_end(list);                                     \
    char **argv = alloca((count + 1) * sizeof *argv); \
    argv[0] = (char *)(first);                        \
    va_start(list, first);                            \
    for (size_t i = 1; i <= count; i++)               \
    argv[i] = va_arg(list, char *)

EXPORT int execl(const char *path, const char *arg, ...)
{
    WORDS(list, arg);
    va_end(list);
    return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
    WORDS(list, arg);
    va_end(list);
    return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *arg, ...)
{
    WORDS(list, arg);
    char *const *envp = va_arg(list, char *const *);
    va_end(list);
    return execve(path, argv, envp);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
    char *const *whole = WHOLE(envp);
    COUNTED(int, next.posix_spawn(pid, path, actions, attr, argv, whole), result != 0);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
    char *const *whole = WHOLE(envp);
    COUNTED(int, next.posix_spawnp(pid, file, actions, attr, argv, whole), result != 0);
}

/* These two take the process's own environment. */
EXPORT int system(const char *command)
{
    char **own = environ;
    environ = (char **)WHOLE(own);
    bool counted = command && exec_wanted();
    if (counted)
        tally_exec(1);
    int result = next.system(command);
    if (counted && result == -1)
        tally_exec(-1);
    environ = own;
    return result;
}

EXPORT FILE *popen(const char *command, const char *mode)
{
    char **own = environ;
    environ = (char **)WHOLE(own);
    bool counted = exec_wanted();
    if (counted)
        tally_exec(1);
    FILE *result = next.popen(command, mode);
    if (counted && !result)
        tally_exec(-1);
    environ = own;
    return result;
}
