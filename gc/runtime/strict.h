/* strict.h: the strict build (make MODE=strict, -DHG_STRICT=1): the same runtime, made to fail where it is
 * wrong. Empty in all other builds.
 *
 *   dead memory   every byte of a dead object is STRICT_DEAD before its block goes back to the allocator.
 *                 What free lists keep is filled too, but for header, link and length, and looked at when it
 *                 is used again: a byte that changed, or a count that did, is a use after free, reported
 *                 before the process is ended. Blocks that readers without a lock may still look at
 *                 (biased, qsbr.h) stay as they are until nobody can.
 *   safepoints    at every safepoint the GIL is handed over to a waiting thread, or the world is stopped and
 *                 started. HEAPGAUGE_STRICT_STOP=N: at every N-th of a thread (1); 0 = at none.
 *   allocations   HEAPGAUGE_STRICT_FAIL=N: every N-th of the process fails, counted from when the runtime is
 *                 open (0 = none does). */
#ifndef HG_GC_RUNTIME_STRICT_H
#define HG_GC_RUNTIME_STRICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRICT_DEAD 0xdb

#ifdef HG_STRICT
void strict_open(void); /* reads both variables; a value that is no number ends the process */
void strict_close(void);
bool strict_fails(void); /* is this the allocation that fails? */
bool strict_stops(void); /* at this safepoint of the calling thread */
void strict_bury(void *p, size_t bytes);
/* Ends the process when a byte of [p, p + bytes) has changed since strict_bury, or count is not 0. */
void strict_dig(const void *p, size_t bytes, int64_t count, const char *type);
#else
#define strict_open()                     ((void)0)
#define strict_close()                    ((void)0)
#define strict_fails()                    false
#define strict_bury(p, bytes)             ((void)(p), (void)(bytes))
#define strict_dig(p, bytes, count, type) ((void)(p), (void)(bytes), (void)(count), (void)(type))
#endif

#endif
