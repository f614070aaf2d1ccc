/* import.h: traces that other tools have written become an .hgt. A form is recognised by what it holds, from
 * a file or a pipe; docs/trace-format.md says for each how it is made and what it lacks. An importer is one
 * file, and one row of IMPORTERS. */
#ifndef HG_WORKLOADS_TRACE_IMPORT_IMPORT_H
#define HG_WORKLOADS_TRACE_IMPORT_IMPORT_H

#include "calls.h"

#define IMPORTERS(I) I(mtrace) I(valgrind) I(heaptrack) I(memory_replay) I(ltrace)

struct importer {
    const char *name; /* META's source, and for messages */
    const char *hint; /* how to make one that has calls in it */
    bool ends;        /* it says when threads end */
    /* Whether a line (without its end) can be of this form and of no other. */
    bool (*claims)(struct line line);
    void *(*open)(void); /* what `line` keeps; NULL without a message when there is no memory */
    /* 0, or -errno with a message in c->m. */
    int (*line)(void *state, struct calls *c, struct line line);
    /* At the end: what is still open counts as dropped. note: a sentence for the user, or none. */
    int (*close)(void *state, struct calls *c, struct message *note);
};
#define IMPORTER_DECLARE(name) extern const struct importer importer_##name;
IMPORTERS(IMPORTER_DECLARE)

/* refuse.c: what is recognised and cannot become a trace, or must be unpacked first: its reason in m, and
 * true. */
bool import_refused(const char *name, struct line head, struct message *m);

/* Imports the file (- is standard input) into f. With partial, what comes before the place where a packed
 * file was cut off. warning: a sentence for the user about what was left out, or empty. 0 or -errno with a
 * message. */
int import_file(const char *path, bool partial, struct file_out *f, struct message *warning,
                struct message *m);

#endif
