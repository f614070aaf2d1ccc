/* report_samples.h: samples made by hand for the tests of bench/report. */
#ifndef TESTS_UNIT_REPORT_SAMPLES_H
#define TESTS_UNIT_REPORT_SAMPLES_H

#include "bench/result/sample.h"

#include <assert.h>
#include <stdlib.h>

struct made {
    struct sample *sample[256];
    size_t count;
};

/* One ok sample of churn; its cell is told by what is given. */
static inline struct sample *made_add(struct made *m, const char *alloc, const char *rc, int threads,
                                      int block, double ops_per_s)
{
    struct sample *s = calloc(1, sizeof *s);
    assert(s && m->count < 256);
    m->sample[m->count++] = s;
    sample_set_text(s, cell_workload, "churn");
    sample_set_text(s, cell_alloc, alloc);
    sample_set_text(s, cell_rc, rc);
    sample_set_text(s, cell_gc, "none");
    sample_set_text(s, cell_place, "none");
    sample_set_text(s, cell_id, alloc);
    record_set_integer(sample_parts(s), "cell.params.live", 777);
    sample_set(s, cell_threads, threads);
    sample_set(s, cell_processes, 1);
    sample_set(s, block, block);
    sample_set(s, position, (int64_t)m->count);
    sample_set(s, status, SAMPLE_OK);
    sample_set(s, ops_per_s, ops_per_s);
    sample_set(s, wall_ns, 1000000000);
    return s;
}

static inline void made_free(struct made *m)
{
    for (size_t i = 0; i < m->count; i++) {
        sample_clear(m->sample[i]);
        free(m->sample[i]);
    }
    m->count = 0;
}

#endif
