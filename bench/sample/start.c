/* start.c: how a worker is started: its environment, its arguments, its descriptors. */
#include "parts.h"

#include "alloc/base/os.h"
#include "alloc/base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPAWN_PAD_MAX 4096

/* Whether the entry of an environment, NAME=VALUE, is one of those the configuration sets. */
static bool spawn_is_set(const struct config *c, const char *entry)
{
    size_t n = strcspn(entry, "=");
    for (unsigned i = 0; i < c->variables; i++)
        if (strncmp(config_variable(c, i), entry, n) == 0 && config_variable(c, i)[n] == '=')
            return true;
    return false;
}

/* The environment of ours without LD_PRELOAD, with the variables and the library of the cell, and padding of
 * a random length: the size of the environment shifts the stack (Mytkowicz et al., ASPLOS'09). Entries point
 * to what outlives the worker's start; the list is to be freed. NULL: no memory. */
static char **spawn_environment(const struct spawn *s, uint64_t seed)
{
    extern char **environ;
    static char pad[SPAWN_PAD_MAX + 32], preload[PATH_MAX + 16];
    const struct config *config = &s->cell->config;
    size_t n = 0, out = 0;
    while (environ[n])
        n++;
    char **env = calloc(n + config->variables + 3, sizeof *env);
    if (!env)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "LD_PRELOAD=", 11) != 0 && !spawn_is_set(config, environ[i]))
            env[out++] = environ[i];
    for (unsigned i = 0; i < config->variables; i++)
        env[out++] = (char *)config_variable(config, i);
    if (s->library[0]) {
        snprintf(preload, sizeof preload, "LD_PRELOAD=%s", s->library);
        env[out++] = preload;
    }
    int length = snprintf(pad, sizeof pad, "HEAPGAUGE_PAD=");
    memset(pad + length, 'x', rng_mix(seed) % SPAWN_PAD_MAX);
    pad[(size_t)length + rng_mix(seed) % SPAWN_PAD_MAX] = '\0';
    env[out] = pad;
    return env;
}

/* What of it an allocator may read, into the sample. 0 or -ENOMEM. */
static int spawn_record_environment(const struct spawn *s, char *const *env)
{
    struct record *parts = sample_parts(s->sample);
    int err = parts ? 0 : -ENOMEM;
    for (; *env && err != -ENOMEM; env++)
        if (config_is_known(*env) || spawn_is_set(&s->cell->config, *env))
            err = env_put_variable(parts, schema_rows[KEY_environment_allocator_variables].path, *env);
    return err == -ENOMEM ? err : 0;
}

/* The words of worker `index`: the settings of the sample, with the one value of its cell on every axis. */
static int spawn_arguments(const struct spawn *s, struct settings_arguments *out, unsigned index,
                           uint64_t seed, struct message *m)
{
    static struct settings w;
    const struct cell *c = s->cell;
    struct place_plan plan = c->plan;
    w = *s->settings;
    if (plan.count) { /* this process's share of the plan */
        memmove(plan.cpu, plan.cpu + (size_t)index * c->threads, c->threads * sizeof *plan.cpu);
        plan.count = c->threads;
    }
    snprintf(w.workload, sizeof w.workload, "%s", c->workload_text);
    snprintf(w.alloc, sizeof w.alloc, "%s", c->alloc.text);
    snprintf(w.rc, sizeof w.rc, "%s", c->rc_text);
    snprintf(w.gc, sizeof w.gc, "%s", c->gc_text);
    snprintf(w.python, sizeof w.python, "%s", c->python ? c->python->name : "");
    snprintf(w.threads, sizeof w.threads, "%u", c->threads);
    snprintf(w.processes, sizeof w.processes, "%u", c->processes);
    snprintf(w.library, sizeof w.library, "%s", s->library);
    w.advise_huge = c->thp_plan.advise;
    w.level = c->workload->level == LEVEL_OBJECT;
    w.process = index;
    w.work_seed = seed;
    w.cpus[0] = w.node[0] = '\0';
    if (plan.count && place_format(&plan, w.cpus, sizeof w.cpus) != 0)
        return message_set(m, -E2BIG, "the placement %s names too many processors", c->place);
    if (plan.memory_node >= 0)
        snprintf(w.node, sizeof w.node, "%d", plan.memory_node);
    return settings_write_arguments(out, &w, m);
}

/* In the child of fork: moves the descriptors to their places and becomes the worker. */
static _Noreturn void spawn_become(const struct cell *cell, char **argv, char **env, int say, int go,
                                   int page, int errors)
{
    /* First out of the way of the places themselves. */
    int from[] = {fcntl(say, F_DUPFD, 64), fcntl(go, F_DUPFD, 64), fcntl(page, F_DUPFD, 64),
                  fcntl(errors, F_DUPFD, 64)};
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(from[3], 2) < 0 ||
        dup2(from[0], HG_FD_SAY) < 0 || dup2(from[1], HG_FD_GO) < 0 || dup2(from[2], HG_FD_PAGE) < 0)
        _exit(126);
    close_range(HG_FD_PAGE + 1, ~0u, 0);
    int err = thp_apply(&cell->thp_plan);
    if (err) {
        dprintf(2, "cannot set its huge pages (prctl): %s\n", strerror(-err));
        _exit(126);
    }
    execve(argv[0], argv, env);
    dprintf(2, "cannot start %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

int spawn_start(struct spawn *s, unsigned index, const char *worker, uint64_t seed, struct message *m)
{
    struct spawn_worker *c = &s->worker[index];
    int say[2] = {-1, -1}, go[2] = {-1, -1}, errors[2] = {-1, -1};
    memset(c, 0, sizeof *c);
    c->page = memfd_create("heapgauge", MFD_CLOEXEC);
    if (c->page < 0 || ftruncate(c->page, sizeof(struct gauge)) != 0 || pipe2(say, O_CLOEXEC) != 0 ||
        pipe2(go, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0 ||
        !(c->gauge = os_map_file(c->page, sizeof(struct gauge), true)))
        return message_set(m, -errno, "cannot make a worker's pipes: %s", strerror(errno));
    static struct settings_arguments arguments;
    static char program[PATH_MAX]; /* as static as the arguments, which point to it */
    int wrong = spawn_arguments(s, &arguments, index, seed, m);
    if (wrong)
        return wrong;
    snprintf(program, sizeof program, "%s", worker);
    arguments.argv[0] = program;
    char **env = spawn_environment(s, seed);
    if (!env || (index == 0 && spawn_record_environment(s, env))) {
        free(env);
        return message_set(m, -ENOMEM, "no memory for a worker's environment");
    }
    c->pid = fork();
    if (c->pid == 0)
        spawn_become(s->cell, arguments.argv, env, say[1], go[0], c->page, errors[1]);
    int err = errno;
    free(env);
    close(say[1]);
    close(go[0]);
    close(errors[1]);
    c->say = say[0];
    c->go = go[1];
    c->errors = errors[0];
    if (c->pid < 0)
        return message_set(m, -err, "cannot start a worker: %s", strerror(err));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)c->pid);
    c->statm = open(path, O_RDONLY | O_CLOEXEC);
    fcntl(c->say, F_SETFL, O_NONBLOCK);
    fcntl(c->errors, F_SETFL, O_NONBLOCK);
    return 0;
}
