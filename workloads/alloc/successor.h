/* successor.h: threads that a workload itself starts, as its own nature: larson's successors, thread churn.
 * Each runs on a stack of the workload's scratch memory, so that what the C library allocates for a thread
 * (its TLS vector) is all that is not the workload's. One at a time for each harness thread, which waits for
 * it. */
#ifndef HG_WORKLOADS_ALLOC_SUCCESSOR_H
#define HG_WORKLOADS_ALLOC_SUCCESSOR_H

#include "workloads/workload.h"

#if defined(HG_ASAN) || defined(HG_TSAN)
#define SUCCESSOR_STACK_BYTES ((size_t)2 << 20) /* a sanitizer's own state lies there too */
#else
#define SUCCESSOR_STACK_BYTES ((size_t)256 << 10)
#endif

/* Runs body(arg) in a thread of its own and waits for its end. When none can be had, runs it here and returns
 * false: the work is done and the checksum stays, the shape does not. */
static inline bool successor_run(void *stack, void *(*body)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t id;
    pthread_attr_init(&attr);
    bool started = pthread_attr_setstack(&attr, stack, SUCCESSOR_STACK_BYTES) == 0 &&
                   pthread_create(&id, &attr, body, arg) == 0;
    pthread_attr_destroy(&attr);
    if (started)
        pthread_join(id, NULL);
    else
        body(arg);
    return started;
}

#endif
