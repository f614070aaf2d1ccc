/* clock.h: processor time of the calling thread: on a quiet machine the same as wall time for a loop that
 * never waits, on one that others use, too, the better figure. */
#ifndef HG_TESTS_PERF_CLOCK_H
#define HG_TESTS_PERF_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
