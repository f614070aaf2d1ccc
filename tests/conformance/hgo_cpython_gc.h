/* hgo_cpython_gc.h: where a CPython of 3.11 to 3.15 with a GIL keeps its collector's state, and when a
 * collection that an allocation asked for runs. Include after hgo_cpython.c's own Python headers. */
#ifndef HG_TESTS_HGO_CPYTHON_GC_H
#define HG_TESTS_HGO_CPYTHON_GC_H

#if PY_VERSION_HEX >= 0x030e0000 && PY_VERSION_HEX < 0x030e0500
#error "3.14.0 to 3.14.4 have the incremental collector: no generations to read"
#endif

static struct _gc_runtime_state *gc_state(void)
{
    return &PyInterpreterState_Get()->gc;
}

/* The latest figures of a generation, which are sums since the start. */
static struct gc_generation_stats *gc_latest_stats(int generation)
{
#if PY_VERSION_HEX >= 0x030f0000
    struct gc_stats *stats = gc_state()->generation_stats;
    if (generation == 0)
        return &stats->young.items[stats->young.index];
    return &stats->old[generation - 1].items[stats->old[generation - 1].index];
#else
    return &gc_state()->generation_stats[generation];
#endif
}

/* As in a fresh interpreter without an object. */
static void gc_forget(void)
{
    struct _gc_runtime_state *gc = gc_state();
#if PY_VERSION_HEX >= 0x030f0000
    memset(gc->generation_stats, 0, sizeof *gc->generation_stats);
#else
    memset(gc->generation_stats, 0, sizeof gc->generation_stats);
#endif
#if PY_VERSION_HEX >= 0x030c0000 /* the arguments of the call that collected */
    for (int i = 0; i < NUM_GENERATIONS; i++)
        gc->generations[i].count = 0;
    gc->long_lived_total = gc->long_lived_pending = 0;
#endif
}

/* From 3.12 on an allocation asks for a collection, and the evaluation loop runs it; this is the C API's way
 * into that. */
static void gc_safepoint(void)
{
#if PY_VERSION_HEX >= 0x030c0000
    if (PyErr_CheckSignals())
        abort(); /* no signal handler is installed */
#endif
}

#endif
