/* tally.c: see tally.h. */
#include "tally.h"

#include "alloc/base/os.h"
#include "workloads/trace/format/spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct spool_tally *tally; /* NULL: heapgauge is not there any more, or never was */
static __thread unsigned thread_calls;

static void tally_add(uint64_t *to, uint64_t n)
{
    if (tally)
        __atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

static void tally_flush(void)
{
    tally_add(&tally->calls, thread_calls);
    thread_calls = 0;
}

void tally_begin(bool wanted, bool forked)
{
    const char *path = getenv(SPOOL_ENV_TALLY);
    int fd = path && !forked ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        tally = os_map_file_piece(fd, 0, sizeof *tally);
        close(fd);
    }
    thread_calls = 0;
    if (!wanted)
        tally_add(&tally->processes, 1);
    else if (!forked)
        tally_add(&tally->begun, 1);
}

void tally_call(void)
{
    if (++thread_calls >= SPOOL_TALLY_STEP)
        tally_flush();
}

void tally_exec(int by)
{
    tally_add(&tally->execs, (uint64_t)(int64_t)by);
}

__attribute__((destructor)) static void tally_end(void)
{
    tally_flush();
}
