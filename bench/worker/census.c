/* census.c: looks into the heap of objects at the barriers between phases, where no thread is attached and
 * none holds a reference outside the workload's roots:
 *
 *   the heap checker    in debug builds, after prepare, run and drain: every count equals the references that
 *                       a walk finds, or the sample is check-failed with the type, the count and what was
 *                       found
 *   --census            objects and bytes by type at the peak (after run, before the drain), what grew since
 *                       the beginning of the measured phase, and which root holds what grew most
 *   --heap-snapshot     FILE.begin, FILE.peak and FILE.drained, for `heapgauge heap` (gc/heap/snapshot.h)
 *
 * All of it is outside the measured phase. The walk maps memory of its own and gives it back before the front
 * goes on; while it does, the gauge shows it and the front reads no memory. */
#include "worker.h"
#include "file_kinds.h"

#include "gc/heap/heap.h"
#include "gc/heap/snapshot.h"

#include <string.h>

static struct {
    struct heap_census begin, peak, growth;
    char leak[512];
    bool have_begin, have_peak;
    uint64_t id; /* of this process's snapshots */
} census;

/* --- the checker ---------------------------------------------------------------------------------------- */

#ifdef HG_DEBUG
struct census_wrong {
    char text[512]; /* the first few */
    unsigned reported;
};

static void census_wrong(void *arg, struct object *o, int64_t counted, uint64_t found)
{
    struct census_wrong *w = arg;
    size_t n = strlen(w->text);
    if (w->reported++ < 4)
        snprintf(w->text + n, sizeof w->text - n, "%s%s: counted %lld, found %llu", n ? "; " : "",
                 o->type->name, (long long)counted, (unsigned long long)found);
}

/* A reference that nobody holds, for the test that the checker finds it. */
static void census_fault(const struct worker_cell *cell, const char *phase)
{
    struct object *lost = strcmp(cell->settings.fault, phase) == 0 ? list_new(0) : NULL;
    (void)lost;
}

static void census_check(struct runtime *r, const struct worker_cell *cell, const char *phase)
{
    struct census_wrong w = {.reported = 0};
    char reason[640];
    census_fault(cell, phase);
    int64_t wrong = heap_check(r, census_wrong, &w);
    if (wrong < 0)
        say_fail("oom", "no memory to check the heap");
    if (wrong)
        say_fail("check-failed",
                 SAY_KEY(reason, "after %s the counts of %lld objects are not the references to them: %s",
                         phase, (long long)wrong, w.text));
}
#else
static void census_check(struct runtime *r, const struct worker_cell *cell, const char *phase)
{
    (void)r;
    (void)cell;
    (void)phase;
}
#endif

/* --- census and snapshots ------------------------------------------------------------------------------- */

static void census_put(void *arg, const char *line, size_t bytes)
{
    worker_file_put(arg, line, bytes);
}

/* A device or a pipe has nothing beside it: it is opened once and takes all of them. */
static void census_snapshot(const struct heap_graph *g, const struct worker_cell *cell, const char *when)
{
    static struct worker_file *all;
    char path[sizeof cell->settings.heap_snapshot + 16];
    bool beside = !file_out_in_place(cell->settings.heap_snapshot);
    snprintf(path, sizeof path, "%s%s%s", cell->settings.heap_snapshot, beside ? "." : "",
             beside ? when : "");
    struct worker_file *f = all ? all : worker_file_open(path, &heap_snapshot_kind);
    heap_snapshot_write(g, census.id, census_put, f);
    if (beside || strcmp(when, "drained") == 0) {
        worker_file_close(f);
        all = NULL;
    } else {
        worker_file_flush(f);
        all = f;
    }
}

static void census_take(const struct heap_graph *g, const char *when)
{
    if (strcmp(when, "begin") == 0) {
        heap_graph_census(g, &census.begin);
        census.have_begin = true;
    } else if (strcmp(when, "peak") == 0 && census.have_begin) {
        heap_graph_census(g, &census.peak);
        heap_growth(&census.begin, &census.peak, &census.growth);
        heap_leak_report(g, &census.growth, census.leak, sizeof census.leak);
        census.have_peak = true;
    }
}

void census_at(struct runtime *r, const struct worker_cell *cell, struct gauge *gauge, const char *when)
{
    static const char *const after[][2] = {{"begin", "prepare"}, {"peak", "run"}, {"drained", "drain"}};
    struct heap_graph g;
    if (!r)
        return;
    /* The front's loads come from another process: they need no order, only to see it while it lasts. */
    atomic_store_explicit(&gauge->walking, 1, memory_order_seq_cst);
    object_thread_begin(r, 0);
    for (size_t i = 0; i < sizeof after / sizeof *after; i++)
        if (strcmp(after[i][0], when) == 0)
            census_check(r, cell, after[i][1]);
    if (cell->settings.census || cell->settings.heap_snapshot[0]) {
        if (heap_graph_make(&g, r) != 0)
            say_fail("oom", "no memory to look into the heap");
        census.id = census.id ? census.id : os_now_ns();
        if (cell->settings.census)
            census_take(&g, when);
        if (cell->settings.heap_snapshot[0])
            census_snapshot(&g, cell, when);
        heap_graph_free(&g);
    }
    object_thread_end(r, 0);
    atomic_store_explicit(&gauge->walking, 0, memory_order_seq_cst);
}

/* --- the report ----------------------------------------------------------------------------------------- */

static void census_say_row(const char *list, size_t i, const struct heap_row *row)
{
    char key[96];
    say_text(SAY_KEY(key, "census.%s.%zu.type", list, i), row->type);
    say_integer(SAY_KEY(key, "census.%s.%zu.count", list, i), row->count);
    say_integer(SAY_KEY(key, "census.%s.%zu.bytes", list, i), row->bytes);
}

/* The rows over the bound are one. */
static void census_say_rows(const char *list, const struct heap_census *c)
{
    struct heap_row rest = {.type = HEAP_OTHERS};
    size_t rows = c->rows <= CENSUS_ROWS ? c->rows : CENSUS_ROWS - 1;
    for (size_t i = 0; i < rows; i++)
        census_say_row(list, i, &c->row[i]);
    for (size_t i = rows; i < c->rows; i++) {
        rest.count += c->row[i].count;
        rest.bytes += c->row[i].bytes;
    }
    if (rows < c->rows)
        census_say_row(list, rows, &rest);
}

void census_report(const struct worker_cell *cell)
{
    if (!cell->settings.census || !census.have_peak)
        return;
    say_integer(SAY(census_objects), census.peak.count);
    say_integer(SAY(census_bytes), census.peak.bytes);
    census_say_rows("types", &census.peak);
    census_say_rows("growth", &census.growth);
    if (census.leak[0])
        say_text(SAY(census_leak), census.leak);
}
