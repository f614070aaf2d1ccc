/* calls.h: from the calls of a foreign file, which name blocks by addresses, to the operations of a trace.
 * Every importer ends here, and what does not fit is counted as a recording's is: `unmatched` (a free or
 * realloc of a block that was not seen), `conflicts` (an address handed out again without a free that was
 * seen: a free is put in), `failed` (calls that returned NULL), `dropped` (calls of which too little is
 * known). Memory is what the live blocks, the threads and the processes take. One thread. */
#ifndef HG_WORKLOADS_TRACE_IMPORT_CALLS_H
#define HG_WORKLOADS_TRACE_IMPORT_CALLS_H

#include "alloc/base/file_out.h"
#include "alloc/base/ptrmap.h"
#include "source.h"
#include "workloads/trace/format/hgt.h"

#define CALLS_SPACES_MAX 4096u

/* A thread of the foreign file, and the address space that it lives in. */
struct calls_thread {
    uint64_t tid;
    uint32_t number; /* of the trace */
    uint32_t space;
    bool own_space; /* it began a process */
    bool is_there;  /* was born, or has called something */
};

struct calls {
    struct source *source; /* for messages: name and line */
    struct file_out *out;
    struct message *m;
    struct hgt_writer writer;
    uint64_t unmatched, conflicts, failed, dropped, ops;

    bool births;        /* the form says when threads end: then the trace has their births and ends */
    struct ptrmap tids; /* tid -> number */
    struct calls_thread *thread; /* by number */
    uint32_t threads, threads_room;
    uint32_t *ended; /* numbers to be used again, with room for all */
    uint32_t ended_count;
    struct ptrmap *space; /* address -> id, one map a process */
    uint32_t spaces;
};

/* All of these: 0 or -errno with a message in c->m. meta: as hgt_write_open's. */
int calls_open(struct calls *c, struct source *source, struct file_out *out, const char *meta,
               size_t meta_bytes, struct message *m);
void calls_close(struct calls *c);

/* -EINVAL with "FILE: line N: ...". */
__attribute__((format(printf, 2, 3))) int calls_bad(const struct calls *c, const char *format, ...);
/* A word for a message: bounded, and without what a terminal would obey. Good until the next call but one. */
const char *calls_shown(struct line word);

/* The thread of a tid, a new one when it is not known: born here, but for the first of all. The tid may come
 * back for another thread after calls_thread_end. Its address stays good until the next calls_thread. */
int calls_thread(struct calls *c, uint64_t tid, struct calls_thread **out);
int calls_thread_end(struct calls *c, uint64_t tid);
/* The thread goes on in an address space of its own, empty (a forked child, another program after exec). */
int calls_new_space(struct calls *c, struct calls_thread *t);

/* kind: HGT_MALLOC, HGT_CALLOC or HGT_ALIGNED. An alignment that the format cannot hold makes a malloc of it.
 * Address 0: it failed. */
int calls_allocate(struct calls *c, const struct calls_thread *t, enum hgt_kind kind, uint64_t address,
                   uint64_t size, uint64_t align);
int calls_free(struct calls *c, const struct calls_thread *t, uint64_t address);
int calls_realloc(struct calls *c, const struct calls_thread *t, uint64_t from, uint64_t to, uint64_t size);

/* A realloc in two halves, between which other threads' calls may stand. */
struct calls_moving {
    uint64_t from; /* 0: none */
    uint32_t id;
    bool known;
};
void calls_realloc_from(struct calls *c, const struct calls_thread *t, uint64_t from,
                        struct calls_moving *moving);
int calls_realloc_to(struct calls *c, const struct calls_thread *t, const struct calls_moving *moving,
                     uint64_t to, uint64_t size);

/* The block stays where it was, as it was: what became of the call is not known, or it failed. */
int calls_realloc_stays(struct calls *c, const struct calls_thread *t, const struct calls_moving *moving);

/* For a form that names blocks by something else: the operation as it is. */
int calls_write(struct calls *c, struct hgt_op *op);

#endif
