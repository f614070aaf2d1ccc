/* hgo_golden.h: golden files: what a real CPython gave for generated scripts, kept for where that version
 * is not installed. Text:
 *
 *   # CPython 3.14.10
 *   SEED OPERATIONS SCRIPT LINES STATS LAST    of each script: its hash, how many stat lines, their hash (16
 *                                              digits of FNV-1a), and the last line
 *
 * "make golden PYTHON=3.14" makes one again, with the real one from scripts/oracle; where a script's hash
 * differs the generator is another than then. */
#ifndef HG_TESTS_HGO_GOLDEN_H
#define HG_TESTS_HGO_GOLDEN_H

#include "hgo_child.h"

struct hgo_golden {
    unsigned long long seed;
    unsigned operations, lines;
    unsigned long long script, stats;
    const char *last; /* within the output that was read; ends at its newline */
};

/* Of what `run` gives for that script. out is the caller's, to free. */
struct hgo_golden hgo_golden_of(hgo_script_run *run, uint64_t seed, unsigned operations, struct text *out);

/* Prints the file of the CPython that this program is linked with. A script that CPython dies of is left
 * out. */
int hgo_golden_print(uint64_t first, unsigned count, unsigned operations);

#endif
