/* run.h: run folders. One holds run.json and samples.jsonl (one object a line, appended whole and fsynced).
 * Input is never trusted: a torn last line is dropped with a warning, any other bad line is an error that
 * names file and line. Functions return 0 or -errno with a message. */
#ifndef HG_BENCH_RESULT_RUN_H
#define HG_BENCH_RESULT_RUN_H

#include "sample.h"

struct run_file; /* a run folder opened for writing */
/* Creates the folder with run.json (written to a temporary name, fsynced, renamed). -EEXIST when it holds a
 * run already. */
int run_create(struct run_file **out, const char *dir, const struct record *run, struct message *m);
/* Opens an existing one to go on (a torn last line is cut off, and the message then reports it; else it is
 * empty). One process at a time: -EBUSY. */
int run_open(struct run_file **out, const char *dir, struct message *m);
/* A line with its newline, as sample_format makes it. */
int run_append(struct run_file *s, const char *line, size_t size, struct message *m);
void run_close(struct run_file *s);

struct run { /* a run folder read whole */
    char dir[4096];
    struct record *run;
    struct sample **sample;
    size_t samples;
    bool torn; /* the last line was dropped */
};
/* figures: of samples, as sample_read takes it: a big run takes a third of the memory. */
int run_load(struct run *out, const char *dir, bool figures, struct message *m);
void run_unload(struct run *run);

/* Writes text to a file, by file_out.h. */
int run_write_file(const char *path, const char *text, size_t size, struct message *m);

/* A number of its run.json that counts something; 0 where it is not there. */
size_t run_planned(const struct run *run, const char *key);

#endif
