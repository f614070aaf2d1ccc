/* file_out.h: how every file that our programs make is written.
 *
 * A plain file is written beside its place, under a temporary name, and renamed when it is whole: until then,
 * and after a failure, what was there before stays. An existing file keeps its mode. A symbolic link is
 * followed, also to a file that is not there yet. A device, a FIFO and an open descriptor (-, /dev/stdout,
 * /dev/stderr, /dev/fd/N, /proc/self/fd/N, and another process's /proc/PID/fd/N) are written in place.
 * Refused: anything else, a file that belongs to another user (also as root), and a file that holds something
 * and does not begin as what we write does.
 *
 * Never allocates: it also runs inside a program whose malloc is ours. One thread for each struct. */
#ifndef HG_ALLOC_BASE_FILE_OUT_H
#define HG_ALLOC_BASE_FILE_OUT_H

#include "message.h"

#include <stdbool.h>
#include <stddef.h>

/* What may be replaced: a file that begins with one of these; with none, any. */
struct file_kind {
    const char *name; /* "an .hgt trace" */
    const char *begins[8];
};

#define FILE_OUT_PATH 4096

struct file_out {
    int fd; /* to write to; -1 when closed */
    bool in_place;
    char path[FILE_OUT_PATH]; /* of the file itself, links followed */
    char temporary[FILE_OUT_PATH + 48];
    const char *name; /* the caller's, for messages; must outlive this */
};

/* true, at a program's beginning: a reader that went away and a limit on the size of files are errors where the
 * writing is, not signals. false, in a child that is to be another program: as they were. */
void file_out_signals(bool errors);

/* Each returns 0 or -errno with a message (m may be NULL). An open FIFO waits for its reader. */
int file_out_open(struct file_out *f, const char *name, const struct file_kind *kind, struct message *m);
int file_out_write(struct file_out *f, const void *data, size_t bytes); /* all of it; no message */
int file_out_done(struct file_out *f, struct message *m); /* fsync, rename; after an error as file_out_drop */
void file_out_drop(struct file_out *f);                   /* nothing stays */

/* Whether file_out_open would take it, found out without opening or making it. */
int file_out_check(const char *name, const struct file_kind *kind, struct message *m);

/* A device, FIFO or descriptor: there is nothing beside it, and it cannot be read back. */
bool file_out_in_place(const char *name);

/* The name by which a child that does not inherit our descriptors finds the same file. 0 or -errno. */
int file_out_for_child(const char *name, char *out, size_t size, struct message *m);

#endif
