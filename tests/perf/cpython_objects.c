/* cpython_objects.c: making, filling and dropping small objects, beside CPython 3.11's C API on one thread,
 * in one process, turn by turn. Both have their free lists, and both take memory from a pymalloc: CPython its
 * own. Told are the processor times of each and the paired ratios ours/theirs over the rounds, with exact 95
 * % intervals. The goal is at most 0.8.
 *
 *   tuple      a 3-tuple of a small int, an int that is not cached and a float; dropped at once
 *   held       the same, put into a table of 10,000 where it replaces the oldest
 *   list       an empty list, three appends, dropped
 *   dict       an empty dict, two str keys put, dropped */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "alloc/spec.h"
#include "gc/collect/collector.h"
#include "gc/runtime.h"
#include "clock.h"
#include "interval.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 15, STEPS = 200000, HELD = 10000 };

static PyObject *py_held[HELD], *py_key[2];
static struct object *our_held[HELD], *our_key[2];

static PyObject *py_tuple(long i)
{
    PyObject *t = PyTuple_New(3);
    PyTuple_SET_ITEM(t, 0, PyLong_FromLong(i & 127));
    PyTuple_SET_ITEM(t, 1, PyLong_FromLong(i + 1000));
    PyTuple_SET_ITEM(t, 2, PyFloat_FromDouble((double)i));
    return t;
}

static struct object *our_tuple(int64_t i)
{
    struct object *t = tuple_new(3);
    tuple_init_item(t, 0, int_new(i & 127));
    tuple_init_item(t, 1, int_new(i + 1000));
    tuple_init_item(t, 2, float_new((double)i));
    return t;
}

static void py_run_tuple(void)
{
    for (long i = 0; i < STEPS; i++)
        Py_DECREF(py_tuple(i));
}

static void our_run_tuple(void)
{
    for (int64_t i = 0; i < STEPS; i++)
        rc_dec(our_tuple(i));
}

static void py_run_held(void)
{
    for (long i = 0; i < STEPS; i++) {
        PyObject *old = py_held[i % HELD];
        py_held[i % HELD] = py_tuple(i);
        Py_XDECREF(old);
    }
}

static void our_run_held(void)
{
    for (int64_t i = 0; i < STEPS; i++) {
        struct object *old = our_held[i % HELD];
        our_held[i % HELD] = our_tuple(i);
        rc_xdec(old);
    }
}

static void py_run_list(void)
{
    for (long i = 0; i < STEPS; i++) {
        PyObject *l = PyList_New(0);
        for (long j = 0; j < 3; j++) {
            PyObject *n = PyLong_FromLong(j);
            PyList_Append(l, n);
            Py_DECREF(n);
        }
        Py_DECREF(l);
    }
}

static void our_run_list(void)
{
    for (int64_t i = 0; i < STEPS; i++) {
        struct object *l = list_new(0);
        for (int64_t j = 0; j < 3; j++) {
            struct object *n = int_new(j);
            list_append(l, n);
            rc_dec(n);
        }
        rc_dec(l);
    }
}

static void py_run_dict(void)
{
    for (long i = 0; i < STEPS; i++) {
        PyObject *d = PyDict_New();
        PyDict_SetItem(d, py_key[0], Py_None);
        PyDict_SetItem(d, py_key[1], Py_None);
        Py_DECREF(d);
    }
}

static void our_run_dict(void)
{
    for (int64_t i = 0; i < STEPS; i++) {
        struct object *d = dict_new();
        dict_put(d, our_key[0], &object_none);
        dict_put(d, our_key[1], &object_none);
        rc_dec(d);
    }
}

static const struct {
    const char *name;
    void (*cpython)(void), (*ours)(void);
} rows[] = {{"tuple", py_run_tuple, our_run_tuple},
            {"held", py_run_held, our_run_held},
            {"list", py_run_list, our_run_list},
            {"dict", py_run_dict, our_run_dict}};

static double timed(void (*run)(void))
{
    uint64_t start = clock_cpu_ns();
    run();
    return (double)(clock_cpu_ns() - start) / STEPS;
}

int main(void)
{
    static struct alloc_stack stack;
    struct message m;
    struct spec spec;
    struct runtime *r;
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    if (PyStatus_Exception(Py_InitializeFromConfig(&config)) || spec_parse(&spec, "pymalloc", &m) ||
        alloc_open(&stack, &spec, &m))
        return 1;
    PyGC_Disable();
    struct runtime_config ours = {.alloc = &stack.layer[0], .collector = &collector_list[0], .threads = 1};
    if (runtime_open(&r, &ours, &m))
        return 1;
    py_key[0] = PyUnicode_InternFromString("name");
    py_key[1] = PyUnicode_InternFromString("value");
    our_key[0] = str_intern(str_new("name", 4));
    our_key[1] = str_intern(str_new("value", 5));
    printf("%-15s %21s %21s %18s\n", "ns an object", "cpython", "heapgauge", "ratio");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double theirs[ROUNDS], own[ROUNDS];
        rows[i].cpython();
        rows[i].ours();
        for (int round = 0; round < ROUNDS; round++) {
            theirs[round] = timed(rows[i].cpython);
            own[round] = timed(rows[i].ours);
        }
        printf("%-15s %21s %21s %18s\n", rows[i].name, interval_tell(theirs, ROUNDS, 1).text,
               interval_tell(own, ROUNDS, 1).text, interval_ratio(own, theirs, ROUNDS, 2).text);
    }
    return 0;
}
