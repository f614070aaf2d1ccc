/* plot.h: pictures by gnuplot: each a script of scripts/plot, a file of settings and a file of numbers, drawn
 * as .svg and .png with the .csv of its figures beside them.
 *
 * gnuplot can run commands of the shell from within strings, so nothing of a record reaches it but numbers
 * and text that plot_text has cut down to harmless characters. It runs by fork and exec in a folder of its
 * own; what it made is then renamed into DIR/plots. Without gnuplot the .csv files are made all the same. */
#ifndef HG_BENCH_REPORT_PLOT_H
#define HG_BENCH_REPORT_PLOT_H

#include "alloc/base/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct plot {
    char name[80];      /* of its files; [a-z0-9-] */
    const char *script; /* "throughput" */
    size_t section;     /* of the report: the caller's own number */
    char title[256];    /* as the record has it: to be escaped */
    char finding[512];  /* one sentence */
    char caption[512];  /* n, how the intervals were made */
    bool drawn, partial;
    /* While it is being made: */
    FILE *settings, *data, *csv;
};

struct plots {
    char folder[4096], making[4096 + 32];
    struct plot *item;
    size_t count;
    bool partial;      /* of a run that is not whole: titles say so */
    char trouble[512]; /* why the last one was not drawn; "" when all were */
};

int plots_open(struct plots *p, const char *dir, struct message *m);

/* Starts a picture; stem is any text, made into an unused name. Write settings, data and csv, then plot_draw.
 * The pointer is good until the next plot_begin. NULL with a message. */
struct plot *plot_begin(struct plots *p, const char *script, const char *stem, struct message *m);
/* Runs gnuplot. 0 also when that failed (see trouble); -errno with a message when the files could not be
 * written. */
int plot_draw(struct plots *p, struct plot *plot, struct message *m);
/* Gives up a picture that turned out to have nothing to show. */
void plot_drop(struct plots *p, struct plot *plot);

/* Moves everything into place. */
int plots_finish(struct plots *p, struct message *m);
void plots_free(struct plots *p);

/* Settings. */
void plot_text(struct plot *p, const char *name, const char *text);
void plot_number(struct plot *p, const char *name, double value);
/* NAME[i] = ... of arrays that are announced by plot_array. Indices from 1. */
void plot_array(struct plot *p, const char *name, size_t size);
void plot_array_text(struct plot *p, const char *name, size_t i, const char *text);
void plot_array_number(struct plot *p, const char *name, size_t i, double value);

#endif
