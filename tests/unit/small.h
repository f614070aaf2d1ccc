/* small.h: the small runs that the workloads of one level describe (workloads/about.h). A workload that reads
 * a file has none and tests of its own; any other without one fails. */
#ifndef HG_TESTS_UNIT_SMALL_H
#define HG_TESTS_UNIT_SMALL_H

#include "workloads/about.h"

#define SMALL_MAX 512

struct small {
    const char *name, *params;
    size_t index; /* in workload_list */
};

static struct small small[SMALL_MAX];
static size_t small_count;

static void small_collect(enum workload_level level)
{
    small_count = 0;
    for (size_t i = 0; workload_list[i]; i++) {
        const struct workload_info *info = workload_list[i];
        if (info->level != level || info->check)
            continue;
        if (!info->small[0])
            fail_msg("workload %s: its description has no .small to test it with", info->name);
        for (size_t k = 0; k < WORKLOAD_SMALL_MAX && info->small[k]; k++) {
            assert_true(small_count < SMALL_MAX);
            small[small_count++] = (struct small){info->name, info->small[k], i};
        }
    }
    assert_true(small_count > 0);
}

#endif
