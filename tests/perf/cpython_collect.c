/* cpython_collect.c: the time of a collection for each object, beside CPython 3.11's on the same graph.
 *
 * Nodes of two slots (a class with __slots__ there, an instance type here): slot 0 makes a ring of all, slot
 * 1 goes to a neighbour ("near") or to a node anywhere ("far"). Live: a list holds them all, the best of a
 * few full collections counts. Dead: then the list goes, and the next collection frees them. Young: every 700
 * new nodes are collected by collect(0) and live; not told above a million, as it does not depend on how many
 * there are.
 *
 * Each figure is CPU time of a process of its own, and a round is a pair of them, the two sides in turn
 * first. Told: the medians of both sides, the ratio ours/theirs (Hodges-Lehmann of the rounds' pairs) with
 * its exact 95 % interval. The goal is at most 0.7.
 *
 *   cpython_collect [OBJECTS...] */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "alloc/spec.h"
#include "bench/stat/stats.h"
#include "gc/collect/collector.h"
#include "gc/runtime.h"
#include "alloc/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 8, ROUNDS_LARGE = 6, LARGE = 2000000, LIVE_REPEATS = 2, YOUNG = 700, YOUNG_MAX = 1000000 };

struct job {
    size_t objects;
    bool far;
};

/* Of the process, which has one thread: what others take from the cores is not the collection's. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ns an object. */
struct result {
    double live, dead;
};

/* The node that slot 1 of node i leads to. */
static size_t second(const struct job *job, struct rng *rng, size_t i)
{
    return job->far ? rng_below(rng, job->objects) : (i + job->objects - 2) % job->objects;
}

static struct result result_of(const struct job *job, uint64_t live_ns, uint64_t dead_ns)
{
    return (struct result){(double)live_ns / (double)job->objects, (double)dead_ns / (double)job->objects};
}

static struct result cpython(const struct job *job)
{
    PyConfig config;
    struct rng rng;
    rng_seed(&rng, job->objects);
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    if (PyStatus_Exception(Py_InitializeFromConfig(&config)) ||
        PyRun_SimpleString("class Node:\n    __slots__ = ('a', 'b')\n"))
        exit(1);
    PyGC_Disable();
    PyObject *type = PyObject_GetAttrString(PyImport_AddModule("__main__"), "Node");
    PyObject *all = PyList_New((Py_ssize_t)job->objects);
    for (size_t i = 0; i < job->objects; i++)
        PyList_SET_ITEM(all, i, PyObject_CallNoArgs(type));
    for (size_t i = 0; i < job->objects; i++) {
        PyObject **slot = (PyObject **)(PyList_GET_ITEM(all, i) + 1);
        slot[0] = Py_NewRef(PyList_GET_ITEM(all, (i + 1) % job->objects));
        slot[1] = Py_NewRef(PyList_GET_ITEM(all, second(job, &rng, i)));
    }
    PyGC_Enable();
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < LIVE_REPEATS; i++) {
        uint64_t start = cpu_ns();
        PyGC_Collect();
        uint64_t ns = cpu_ns() - start;
        best = ns < best ? ns : best;
    }
    Py_DECREF(all);
    uint64_t start = cpu_ns();
    if ((size_t)PyGC_Collect() < job->objects)
        exit(1);
    return result_of(job, best, cpu_ns() - start);
}

static struct runtime *open_runtime(void)
{
    static struct alloc_stack stack;
    struct message m;
    struct spec spec;
    struct runtime *r;
    static unsigned char params[PARAM_STRUCT_MAX];
    const struct collector_info *info = collector_list;
    while (strcmp(info->name, "generational") != 0)
        info++;
    param_defaults(info->params, params);
    if (spec_parse(&spec, "pymalloc", &m) || alloc_open(&stack, &spec, &m))
        exit(1);
    struct runtime_config config = {
        .alloc = &stack.layer[0], .collector = info, .collector_params = params, .threads = 1};
    if (runtime_open(&r, &config, &m))
        exit(1);
    gc_enable(r, false);
    return r;
}

static struct result ours(const struct job *job)
{
    struct rng rng;
    struct runtime *r = open_runtime();
    rng_seed(&rng, job->objects);
    struct type *type = type_new_instance_type("node", 2, 0, 0, NULL);
    struct object *all = list_new(job->objects);
    for (size_t i = 0; i < job->objects; i++)
        list_init_item(all, i, instance_new(type));
    struct object **node = ((struct list_object *)all)->item;
    for (size_t i = 0; i < job->objects; i++) {
        instance_set(node[i], 0, node[(i + 1) % job->objects]);
        instance_set(node[i], 1, node[second(job, &rng, i)]);
    }
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < LIVE_REPEATS; i++) {
        uint64_t start = cpu_ns();
        gc_collect(r, 2);
        uint64_t ns = cpu_ns() - start;
        best = ns < best ? ns : best;
    }
    rc_dec(all);
    uint64_t start = cpu_ns();
    if (gc_collect(r, 2) != job->objects)
        exit(1);
    return result_of(job, best, cpu_ns() - start);
}

/* Young collections: 700 new nodes that live, then collect(0); the time of the collections alone. */
static struct result cpython_young(const struct job *job)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    if (PyStatus_Exception(Py_InitializeFromConfig(&config)) ||
        PyRun_SimpleString("class Node:\n    __slots__ = ('a', 'b')\n"))
        exit(1);
    PyObject *type = PyObject_GetAttrString(PyImport_AddModule("__main__"), "Node");
    PyObject *collect = PyObject_GetAttrString(PyImport_ImportModule("gc"), "collect");
    PyObject *all = PyList_New((Py_ssize_t)job->objects), *zero = PyLong_FromLong(0);
    uint64_t ns = 0;
    PyGC_Disable();
    for (size_t i = 0; i < job->objects; i++) {
        PyObject *o = PyObject_CallNoArgs(type);
        PyList_SET_ITEM(all, i, o);
        ((PyObject **)(o + 1))[0] = Py_NewRef(o);
        ((PyObject **)(o + 1))[1] = Py_NewRef(PyList_GET_ITEM(all, i ? i - 1 : 0));
        if (i % YOUNG == YOUNG - 1) {
            uint64_t start = cpu_ns();
            Py_DECREF(PyObject_CallOneArg(collect, zero));
            ns += cpu_ns() - start;
        }
    }
    return result_of(job, ns, 0);
}

static struct result ours_young(const struct job *job)
{
    struct runtime *r = open_runtime();
    struct type *type = type_new_instance_type("node", 2, 0, 0, NULL);
    struct object *all = list_new(job->objects);
    uint64_t ns = 0;
    for (size_t i = 0; i < job->objects; i++) {
        struct object *o = instance_new(type);
        list_init_item(all, i, o);
        instance_set(o, 0, o);
        instance_set(o, 1, ((struct list_object *)all)->item[i ? i - 1 : 0]);
        if (i % YOUNG == YOUNG - 1) {
            uint64_t start = cpu_ns();
            gc_collect(r, 0);
            ns += cpu_ns() - start;
        }
    }
    return result_of(job, ns, 0);
}

typedef struct result collect_run(const struct job *job);

static struct result in_child(collect_run *run, const struct job *job)
{
    int ends[2];
    struct result result = {0, 0};
    if (pipe(ends))
        abort();
    pid_t child = fork();
    if (child == 0) {
        result = run(job);
        _exit(write(ends[1], &result, sizeof result) != sizeof result);
    }
    close(ends[1]);
    bool read_all = child > 0 && read(ends[0], &result, sizeof result) == sizeof result;
    close(ends[0]);
    waitpid(child, NULL, 0);
    if (!read_all) {
        fprintf(stderr, "collect: a run failed\n");
        exit(1);
    }
    return result;
}

static void tell(const struct job *job, const char *kind, const double *real, const double *own,
                 size_t rounds)
{
    double log_ratio[ROUNDS];
    for (size_t i = 0; i < rounds; i++)
        log_ratio[i] = log(own[i] / real[i]);
    struct stats_interval x = stats_hodges_lehmann(log_ratio, rounds);
    printf("%8zu %-10s %10.1f %10.1f   %5.2f  %.2f-%.2f\n", job->objects, kind, stats_median(real, rounds),
           stats_median(own, rounds), exp(x.estimate), exp(x.lo), exp(x.hi));
    fflush(stdout);
}

/* dead: NULL when the measures tell of live ones alone. */
static void compare(const struct job *job, collect_run *on_python, collect_run *on_us, const char *live,
                    const char *dead)
{
    struct {
        double live[ROUNDS], dead[ROUNDS];
    } real, own;
    size_t rounds = job->objects > LARGE ? ROUNDS_LARGE : ROUNDS;
    for (size_t i = 0; i < rounds; i++) {
        struct result first = in_child(i % 2 ? on_us : on_python, job);
        struct result second = in_child(i % 2 ? on_python : on_us, job);
        struct result r = i % 2 ? second : first, o = i % 2 ? first : second;
        real.live[i] = r.live;
        real.dead[i] = r.dead;
        own.live[i] = o.live;
        own.dead[i] = o.dead;
    }
    tell(job, live, real.live, own.live, rounds);
    if (dead)
        tell(job, dead, real.dead, own.dead, rounds);
}

int main(int argc, char **argv)
{
    size_t sizes[16] = {100000, 1000000, 4000000}, count = 3;
    for (int i = 1; i < argc && i < 16; i++) {
        sizes[i - 1] = strtoull(argv[i], NULL, 10);
        count = (size_t)i;
    }
    printf("collection, ns an object  cpython  heapgauge  ratio  95 %% CI\n");
    for (size_t i = 0; i < count; i++) {
        compare(&(struct job){sizes[i], false}, cpython, ours, "live near", "dead near");
        compare(&(struct job){sizes[i], true}, cpython, ours, "live far", "dead far");
        if (sizes[i] <= YOUNG_MAX)
            compare(&(struct job){sizes[i], false}, cpython_young, ours_young, "young", NULL);
    }
    return 0;
}
