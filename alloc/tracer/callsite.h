/* callsite.h: where a block was asked for: the return addresses on the stack, outermost last, kept once each
 * (interned) and known by a small number. Used by debug() and trace().
 *
 * A stack is walked by its frame pointers: [frame] = the caller's frame, [frame+8] = where it returns to, on
 * x86-64 and aarch64 alike. Our own code keeps frame pointers; foreign code may not, and then the register
 * holds anything: a walk therefore follows only what is aligned, goes up, and lies within this thread's stack
 * (which is mapped memory, so that reading it is safe), and ends where that ends. On a stack that is not the
 * thread's own (a coroutine's, a signal's) it is one frame long.
 *
 * Functions marked CALLSITE_WRAPPER are never counted as frames: so that the site of trace(debug(X)) is the
 * program's line in both layers.
 *
 * Sites are of the process, are never given back, and cost 24 + 8 bytes a frame. Number 0 is "unknown": what
 * one gets when there is no memory for a new one. All functions may be called by any thread at once; a lookup
 * takes no lock, a new site takes one. */
#ifndef HG_ALLOC_TRACER_CALLSITE_H
#define HG_ALLOC_TRACER_CALLSITE_H

#include "alloc/alloc.h"
#include "alloc/base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define CALLSITE_FRAMES_MAX 64
#define CALLSITE_COUNT_MAX  (1u << 20) /* sites beyond are counted as unknown */

#define CALLSITE_WRAPPER __attribute__((section("hg_wrappers")))

struct callsite {
    uint64_t hash;
    struct callsite *next; /* in its bucket; written before the site is published */
    uint32_t id, frames;
    void *frame[]; /* return addresses, innermost first */
};

/* The site that calls the function in which this stands (which is CALLSITE_WRAPPER). count is 1 to
 * CALLSITE_FRAMES_MAX. */
#define CALLSITE_HERE(count) \
    callsite_of(count, __builtin_frame_address(0), __builtin_extract_return_addr(__builtin_return_address(0)))

struct callsite_cached {
    void *address;
    uint32_t id;
};
#define CALLSITE_CACHE_SLOTS 256
extern _Thread_local struct callsite_cached callsite_cache[CALLSITE_CACHE_SLOTS];

uint32_t callsite_walk_and_find(unsigned count, const void *frame, void *return_address);

static inline uint32_t callsite_of(unsigned count, const void *frame, void *return_address)
{
    if (likely(count == 1)) {
        uintptr_t a = (uintptr_t)return_address;
        const struct callsite_cached *c = &callsite_cache[(a ^ a >> 8) % CALLSITE_CACHE_SLOTS];
        if (likely(c->address == return_address))
            return c->id;
    }
    return callsite_walk_and_find(count, frame, return_address);
}

/* Walks alone; returns how many frames were found (at least 1). */
unsigned callsite_walk(void **out, unsigned count, const void *frame, void *return_address);
/* The number of the site with these frames; a new one when there was none. */
uint32_t callsite_intern(void *const *frames, unsigned count);
/* The site of a number that callsite_intern gave, or NULL for 0 and for what was never given. */
const struct callsite *callsite_get(uint32_t id);
/* Numbers given so far are below this. */
uint32_t callsite_limit(void);
uint64_t callsite_memory_bytes(void);

/* Around fork(), see alloc.h: keeps the lock's state sane in the child. */

void callsite_fork(enum alloc_fork phase);

#endif
