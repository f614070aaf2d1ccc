/* strict.c: see strict.h. */
#include "strict.h"

#ifdef HG_STRICT
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    uint64_t stop_every, fail_every;
    _Atomic uint64_t allocations;
    bool open;
} strict;

static _Thread_local uint64_t strict_safepoints;

static uint64_t strict_number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    char *end;
    if (!text || !*text)
        return fallback;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*end || errno || *text == '-') {
        fprintf(stderr, "heapgauge: %s='%.80s' is not a whole number\n", name, text);
        abort();
    }
    return n;
}

void strict_open(void)
{
    strict.stop_every = strict_number("HEAPGAUGE_STRICT_STOP", 1);
    strict.fail_every = strict_number("HEAPGAUGE_STRICT_FAIL", 0);
    strict.open = true;
}

void strict_close(void)
{
    strict.open = false;
}

bool strict_fails(void)
{
    return strict.open && strict.fail_every &&
           (atomic_fetch_add_explicit(&strict.allocations, 1, memory_order_relaxed) + 1) %
                   strict.fail_every ==
               0;
}

bool strict_stops(void)
{
    return strict.open && strict.stop_every && ++strict_safepoints % strict.stop_every == 0;
}

void strict_bury(void *p, size_t bytes)
{
    if (bytes)
        memset(p, STRICT_DEAD, bytes);
}

void strict_dig(const void *p, size_t bytes, int64_t count, const char *type)
{
    const unsigned char *byte = p;
    if (count != 0) {
        fprintf(stderr, "heapgauge: a dead %s has been counted: its count is %lld\n", type, (long long)count);
        abort();
    }
    for (size_t i = 0; i < bytes; i++)
        if (byte[i] != STRICT_DEAD) {
            fprintf(stderr, "heapgauge: a dead %s has been written to: byte %zu of its %zu is 0x%02x\n", type,
                    i, bytes, byte[i]);
            abort();
        }
}
#else
typedef int strict_unused; /* another build */
#endif
