/* file.h: the spool's file, which a process writes by memory alone. All that asks the kernel for more than memory
 * is done when the file is opened: a program may put itself under a seccomp filter afterwards, under which it can
 * do nothing but allocate, or close descriptors that it did not open (daemons do).
 *
 * The file is long from the beginning, and nearly all of it a hole; a window of it is mapped at once. A segment is
 * taken by having its pages filled in (madvise), which fails where writing would be a SIGBUS: on a full disk. Only
 * after a window of FILE_WINDOW_BYTES, or a smaller one where the process's limits want that, another is mapped
 * with system calls of other kinds. */
#ifndef HG_WORKLOADS_TRACE_RECORD_FILE_H
#define HG_WORKLOADS_TRACE_RECORD_FILE_H

#include "workloads/trace/format/spool.h"

#include <stdbool.h>
#include <stdint.h>

#define FILE_WINDOW_BYTES ((uint64_t)16 << 30)

/* Creates BASE.PID.N with the first N that is free. 0 or -errno; the header is zero but for its segments. */
int file_open(const char *base, struct spool_header **header);

/* A segment of zeros. 0, or -errno: -EPERM when the program has confined itself and what was made ready is used
 * up. Any thread. */
int file_segment(uint64_t **out);
/* It is full: its memory is given back, its contents are in the file. */
void file_full(uint64_t *segment);

/* In a forked child: the parent's file is left alone. No system call but munmap. */
void file_forget(void);

/* The program has put itself under a seccomp filter: from here on not even madvise is called. */
bool file_is_confined(void);

#endif
