/* parts.c: see parts.h. */
#include "parts.h"

#include <errno.h>
#include <string.h>

#define END_OF_PART ((uint64_t)REPLAY_EPOCH << REPLAY_KIND_SHIFT)

int parts_open(struct parts *p, struct replay *r, enum replay_order order)
{
    unsigned n = r->workers;
    *p = (struct parts){.r = r, .cut = {.order = order}};
    p->tables_bytes = n * (sizeof *p->worker + sizeof *p->cut.worker + sizeof *p->before + sizeof *p->now);
    p->tables = workload_scratch(p->tables_bytes);
    if (!p->tables)
        return -ENOMEM;
    p->worker = p->tables;
    p->cut.worker = (void *)(p->worker + n);
    p->before = (void *)(p->cut.worker + n);
    p->now = (void *)(p->before + n);
    return 0;
}

void parts_close(struct parts *p)
{
    if (p->tables)
        os_unmap(&os_harness, p->tables, p->tables_bytes);
    p->tables = NULL;
}

void parts_begin(struct parts *p)
{
    memset(p->worker, 0, p->r->workers * sizeof *p->worker);
    p->nows = p->befores = 0;
    p->of_events = false;
    p->cut.forced = true;
    p->r->epochs.count = p->r->epochs.first_workers = 0;
}

static int epoch_end_here(struct parts *p)
{
    struct epochs *e = &p->r->epochs;
    for (uint32_t i = 0; i < p->befores; i++)
        *p->before[i] |= (uint64_t)p->nows << REPLAY_SLOT_SHIFT;
    if (e->count == 0)
        e->first_workers = p->nows;
    for (uint32_t i = 0; i < p->nows; i++) {
        struct replay_list *words = &p->r->worker[p->now[i]].words;
        if (words->count == words->capacity)
            return -ENOBUFS;
        uint64_t *word = (uint64_t *)words->at + words->count++;
        *word = END_OF_PART;
        p->before[i] = p->worker[p->now[i]].last = word;
    }
    p->befores = p->nows;
    p->nows = 0;
    return ++e->count == UINT32_MAX ? -EOVERFLOW : 0;
}

/* What comes next of this worker's is in `epoch`. */
static void part_next(struct parts *p, unsigned worker, uint32_t epoch)
{
    struct part_worker *w = &p->worker[worker];
    if (w->last)
        *w->last |= epoch;
    else
        p->r->worker[worker].first_epoch = epoch;
    w->epoch = epoch + 1;
}

static void part_take(struct parts *p, unsigned worker)
{
    uint32_t epoch = p->r->epochs.count;
    if (p->worker[worker].epoch == epoch + 1)
        return;
    p->now[p->nows++] = worker;
    part_next(p, worker, epoch);
}

int parts_call(struct parts *p, unsigned worker, int64_t change)
{
    if (cut_op(&p->cut, worker, change) && p->nows) {
        int err = epoch_end_here(p);
        if (err)
            return err;
    }
    p->of_events = false;
    part_take(p, worker);
    return 0;
}

int parts_event(struct parts *p)
{
    int err = p->nows && !p->of_events ? epoch_end_here(p) : 0;
    p->of_events = p->cut.forced = true;
    if (!err)
        part_take(p, 0);
    return err;
}

void parts_birth(struct parts *p, unsigned worker, uint64_t *word)
{
    p->worker[worker] = (struct part_worker){.last = word};
}

void parts_death(struct parts *p, unsigned worker)
{
    part_next(p, worker, p->r->epochs.count);
    p->worker[worker].last = &p->nowhere;
}

int parts_end(struct parts *p)
{
    int err = p->nows ? epoch_end_here(p) : 0;
    for (unsigned i = 0; i < p->r->workers && !err; i++)
        part_next(p, i, p->r->epochs.count);
    return err;
}

int parts_of_one(struct parts *p, uint64_t peak_words)
{
    struct replay_list *words = &p->r->worker[0].words;
    struct epochs *e = &p->r->epochs;
    uint64_t *at = words->at;
    if (words->capacity - words->count < 2)
        return -ENOBUFS;
    e->count = peak_words ? 2 : 1;
    e->first_workers = 1;
    p->r->worker[0].first_epoch = 0;
    if (peak_words) {
        memmove(at + peak_words + 1, at + peak_words, (words->count - peak_words) * sizeof *at);
        at[peak_words] = END_OF_PART | UINT64_C(1) << REPLAY_SLOT_SHIFT | 1;
        words->count++;
    }
    at[words->count++] = END_OF_PART | e->count;
    return 0;
}
