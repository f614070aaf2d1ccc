/* cpython_collect.c: the time of a full collection for each object, beside CPython 3.11's on the same graph.
 *
 * Nodes of two slots (a class with __slots__ there, an instance type here): slot 0 makes a ring of all, slot 1 goes
 * to a neighbour ("near") or to a node anywhere ("far"). Live: a list holds them all. Dead: the list is gone, and the
 * collection frees them. Young: every 700 new nodes are collected by collect(0) and live. Each figure is from a process of its own, the two sides in turn; told is the median
 * of the rounds on either side and their ratio. The goal is a ratio of at most 0.7.
 *
 *   cpython_collect [OBJECTS...] */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../../alloc/os.h"
#include "../../alloc/spec.h"
#include "../../gc/state.h"
#include "../../workloads/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 5, LIVE_REPEATS = 3, YOUNG = 700 };

struct job {
    size_t objects;
    bool far, dead;
};

/* The node that slot 1 of node i leads to. */
static size_t second(const struct job *job, struct rng *rng, size_t i)
{
    return job->far ? rng_below(rng, job->objects) : (i + job->objects - 2) % job->objects;
}

static double cpython(const struct job *job)
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
    if (job->dead) {
        Py_DECREF(all);
        uint64_t start = os_now_ns();
        if ((size_t)PyGC_Collect() < job->objects)
            exit(1);
        return (double)(os_now_ns() - start) / (double)job->objects;
    }
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < LIVE_REPEATS; i++) {
        uint64_t start = os_now_ns();
        PyGC_Collect();
        uint64_t ns = os_now_ns() - start;
        best = ns < best ? ns : best;
    }
    return (double)best / (double)job->objects;
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

static double ours(const struct job *job)
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
    if (job->dead) {
        rc_dec(all);
        uint64_t start = os_now_ns();
        if (gc_collect(r, 2) != job->objects)
            exit(1);
        return (double)(os_now_ns() - start) / (double)job->objects;
    }
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < LIVE_REPEATS; i++) {
        uint64_t start = os_now_ns();
        gc_collect(r, 2);
        uint64_t ns = os_now_ns() - start;
        best = ns < best ? ns : best;
    }
    return (double)best / (double)job->objects;
}

/* Young collections: 700 new nodes that live, then collect(0); the time of the collections alone. */
static double cpython_young(const struct job *job)
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
            uint64_t start = os_now_ns();
            Py_DECREF(PyObject_CallOneArg(collect, zero));
            ns += os_now_ns() - start;
        }
    }
    return (double)ns / (double)job->objects;
}

static double ours_young(const struct job *job)
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
            uint64_t start = os_now_ns();
            gc_collect(r, 0);
            ns += os_now_ns() - start;
        }
    }
    return (double)ns / (double)job->objects;
}

static double in_child(double (*measure)(const struct job *), const struct job *job)
{
    int ends[2];
    double result = 0;
    if (pipe(ends))
        abort();
    pid_t child = fork();
    if (child == 0) {
        result = measure(job);
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

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    size_t sizes[16] = {100000, 1000000, 4000000}, count = 3;
    for (int i = 1; i < argc && i < 16; i++) {
        sizes[i - 1] = strtoull(argv[i], NULL, 10);
        count = (size_t)i;
    }
    static const char *const kinds[] = {"live near", "live far", "dead near", "dead far", "young"};
    printf("collection, ns an object       cpython  heapgauge  ratio\n");
    for (size_t i = 0; i < count; i++) {
        for (int kind = 0; kind < 5; kind++) {
            struct job job = {sizes[i], kind & 1, kind >> 1 & 1};
            double real[ROUNDS], own[ROUNDS];
            for (int round = 0; round < ROUNDS; round++) {
                real[round] = in_child(kind == 4 ? cpython_young : cpython, &job);
                own[round] = in_child(kind == 4 ? ours_young : ours, &job);
            }
            qsort(real, ROUNDS, sizeof *real, by_value);
            qsort(own, ROUNDS, sizeof *own, by_value);
            printf("%8zu %-10s            %8.1f   %8.1f  %5.2f\n", job.objects, kinds[kind], real[ROUNDS / 2],
                   own[ROUNDS / 2], own[ROUNDS / 2] / real[ROUNDS / 2]);
            fflush(stdout);
        }
    }
    return 0;
}
