/* settings.h: the one table of what a measurement can be set to. A row is a setting: its name, type,
 * default on the command line, default in a suite file, range, where it is given, and what it does. The
 * rows make the options of heapgauge run and heapgauge suite, the keys of suite files, a worker's
 * arguments (written and read from the same rows), --help, the manual page, the shell completion, and the
 * settings{} of run.json. To add a setting is one row and the place that uses it.
 *
 * All settings travel as one struct settings: from the words of a user, through the plan and the session,
 * to the worker. The fields are typed as parameters are (alloc/base/param.h). Reached by the front and by
 * the workers: it allocates nothing. */
#ifndef HG_BENCH_PLAN_SETTINGS_H
#define HG_BENCH_PLAN_SETTINGS_H

#include "alloc/base/param.h"

/* Where a setting is given. */
enum {
    IN_RUN = 1,        /* option of heapgauge run */
    IN_SUITE_VERB = 2, /* option of heapgauge suite */
    IN_SUITE = 4,      /* key of [suite] in a suite file */
    IN_SECTION =
        8, /* key of every other section; one that is in both takes [suite]'s value where it is left out */
    IN_WORKER = 16, /* argument of a worker */
    IN_ECHO = 32    /* in settings{} of run.json */
};

/* S(name, TYPE, default on the command line, default in a suite file, range, where, help) */
#define SETTINGS(S)                                                                                          \
    S(workload, WORDS, "", "", "", IN_RUN | IN_SECTION | IN_WORKER,                                          \
      "the workload and its parameters, for example churn:live=100k,size=16-512; heapgauge list workloads "  \
      "prints all")                                                                                          \
    S(alloc, WORDS, "system", "system", "", IN_RUN | IN_SECTION | IN_WORKER,                                 \
      "the allocators to compare, separated by commas, for example system,pools,preload:jemalloc; "          \
      "heapgauge list allocs prints all. Braces behind one set variables of its workers and its name in "    \
      "tables; what has a comma stands in quotes: preload:jemalloc{MALLOC_CONF=\"narenas:2\",as=two}")       \
    S(rc, WORDS, "", "", "", IN_RUN | IN_SECTION | IN_WORKER,                                                \
      "the reference counting policies of an object workload, separated by commas, for example gil,biased; " \
      "heapgauge list rc prints all")                                                                        \
    S(gc, WORDS, "", "", "", IN_RUN | IN_SECTION | IN_WORKER,                                                \
      "the cycle collectors of an object workload with their parameters, separated by commas, for example "  \
      "generational,none; heapgauge list gc prints all; by default the one that belongs to the policy")      \
    S(threads, TEXT, "1", "1", "", IN_RUN | IN_SECTION | IN_WORKER,                                          \
      "the number of threads of each process, or a list of numbers that are measured one after another, "    \
      "for "                                                                                                 \
      "example 1,2,4")                                                                                       \
    S(processes, TEXT, "1", "1", "", IN_RUN | IN_SECTION | IN_WORKER,                                        \
      "the number of processes that work side by side in one sample, or a list of numbers")                  \
    S(parallel, TEXT, "", "", "", IN_RUN | IN_SECTION,                                                       \
      "pairs of threads x processes that are compared with one another, for example 1x1,2x1,1x2; takes the " \
      "place "                                                                                               \
      "of threads and processes")                                                                            \
    S(census, FLAG, "0", "0", "", IN_RUN | IN_SECTION | IN_WORKER,                                           \
      "count the objects in the heap at the peak by type, and report which types grew (object workloads)")   \
    S(place, TEXT, "none", "none", "", IN_RUN | IN_SECTION,                                                  \
      "which processors the threads are bound to: none, compact, cores, scatter or numa:N")                  \
    S(python, WORDS, "", "", "", IN_RUN | IN_SECTION | IN_WORKER,                                            \
      "the CPython that the runtime of an object workload is, a list of 3.11, 3.12, 3.13, 3.14.0, 3.14, "    \
      "3.15, "                                                                                               \
      "3.14t, 3.15t: sets the policy and the collector that are not given, and the rules of "                \
      "docs/cpython.md")                                                                                     \
    S(thp, TEXT, "inherit", "inherit", "", IN_RUN | IN_SECTION,                                              \
      "transparent huge pages of the workers, a list of inherit, never, madvise and always; what this "      \
      "machine cannot give is not-applicable, with the reason")                                              \
    S(samples, COUNT, "1", "1", "1-10000", IN_RUN,                                                           \
      "how many samples of each configuration are taken, in blocks of random order; 6 or more give a "       \
      "confidence "                                                                                          \
      "interval")                                                                                            \
    S(quick, FLAG, "0", "0", "", IN_SUITE_VERB,                                                              \
      "run only 2 blocks: a quick look without confidence intervals")                                        \
    S(title, TEXT, "", "", "", IN_SUITE, "one line about what the suite is for")                             \
    S(blocks, COUNT, "0", "6", "0-1000", IN_SUITE_VERB | IN_SUITE,                                           \
      "how many times every configuration is run; on the command line, 0 takes the number that the suite "   \
      "file "                                                                                                \
      "gives")                                                                                               \
    S(baseline, TEXT, "", "", "", IN_RUN | IN_SUITE_VERB | IN_SUITE | IN_SECTION,                            \
      "the configuration that the others are compared with, for example alloc=system or "                    \
      "rc=gil,parallel=1x1; by default system where it is one of them, else the first. It runs twice in "    \
      "every "                                                                                               \
      "block, as the default does from 6 samples on")                                                        \
    S(shard, TEXT, "1/1", "1/1", "", IN_SUITE_VERB | IN_ECHO,                                                \
      "run only part I of N parts of the suite, to divide it over N machines, for example 2/3")              \
    S(trace, TEXT, "", "", "", IN_SUITE_VERB,                                                                \
      "the recorded program that takes the place of @trace@ in the suite file, for example server.hgt; "     \
      "sections "                                                                                            \
      "that need one are skipped without it")                                                                \
    S(seed, COUNT, "1", "1", "0-4G", IN_RUN | IN_SUITE_VERB,                                                 \
      "the start of every random sequence: the same seed does the same work in the same order")              \
    S(settle, NS, "1s", "100ms", "0s-3600s", IN_RUN | IN_SUITE | IN_ECHO,                                    \
      "how long memory is watched after the workload has freed everything, for example 100ms or 10m; 0s "    \
      "does not wait")                                                                                       \
    S(settle_load, COUNT, "0", "0", "0-1M", IN_RUN | IN_SUITE | IN_WORKER | IN_ECHO,                         \
      "what the program still does meanwhile: so many blocks are allocated and freed every 10 ms; 0 leaves " \
      "it idle")                                                                                             \
    S(latency, COUNT, "1009", "1009", "0-1G", IN_RUN | IN_SUITE_VERB | IN_WORKER | IN_ECHO,                  \
      "time every Nth operation; 0 times none, 1 all")                                                       \
    S(tails, CHOICE, "auto", "auto", "auto|always|never", IN_RUN | IN_SUITE | IN_ECHO,                       \
      "whether one more sample of each configuration is taken, without other figures, in which every "       \
      "operation is timed: its rare slow ones and the slowest; auto takes it from 6 samples on, and where "  \
      "the others time some")                                                                                \
    S(oracle, COUNT, "0", "0", "0-100k", IN_RUN | IN_SUITE | IN_WORKER | IN_ECHO,                            \
      "take one more sample of each configuration of an object workload, without times, that counts its "    \
      "garbage "                                                                                             \
      "exactly at this many points; 0 takes none")                                                           \
    S(timeout, NS, "300s", "300s", "1ms-24000s", IN_RUN | IN_SUITE_VERB | IN_ECHO,                           \
      "end a sample that takes longer than this, for example 60s")                                           \
    S(memory_limit, BYTES, "0", "0", "", IN_RUN | IN_SUITE_VERB | IN_ECHO,                                   \
      "end a sample that has more resident memory than this, for example 4G; 0 takes three quarters of the " \
      "machine's memory")                                                                                    \
    S(heapmap, TEXT, "", "", "", IN_RUN | IN_WORKER,                                                         \
      "write a map of the heap after each phase to this file, and draw it (one configuration, one sample)")  \
    S(pauses, TEXT, "", "", "", IN_RUN | IN_WORKER,                                                          \
      "write every pause to this file, as CSV (one configuration of an object workload, one sample)")        \
    S(heap_snapshot, TEXT, "", "", "", IN_RUN | IN_WORKER,                                                   \
      "write every object to FILE.begin, FILE.peak and FILE.drained, for heapgauge heap (one configuration " \
      "of an "                                                                                               \
      "object workload, one sample)")                                                                        \
    S(out, TEXT, "", "", "", IN_RUN | IN_SUITE_VERB,                                                         \
      "the folder that keeps the run, which must not hold one yet; heapgauge run keeps nothing without it, " \
      "heapgauge suite takes results/DATE-HOST")                                                             \
    S(resume, TEXT, "", "", "", IN_SUITE_VERB,                                                               \
      "the folder of a run of this suite that was interrupted: run only the samples that it lacks")          \
    S(json, FLAG, "0", "0", "", IN_RUN | IN_SUITE_VERB,                                                      \
      "print the samples as JSON in place of the table, one object in each line")                            \
    S(quiet, FLAG, "0", "0", "", IN_RUN | IN_SUITE_VERB, "print no progress on standard error")              \
    /* What the front alone decides, for one process of one sample. */                                       \
    S(level, CHOICE, "alloc", "alloc", "alloc|object", IN_WORKER, "the level of the workload")               \
    S(process, COUNT, "0", "0", "0-1023", IN_WORKER, "which of the processes of the sample this is, from 0") \
    S(work_seed, COUNT, "1", "1", "", IN_WORKER, "the seed of this sample's work")                           \
    S(cpus, WORDS, "", "", "", IN_WORKER, "the processors that threads 0, 1, ... are bound to")              \
    S(node, TEXT, "", "", "", IN_WORKER, "the NUMA node that all memory comes from")                         \
    S(advise_huge, FLAG, "0", "0", "", IN_WORKER, "ask for huge pages on every map")                         \
    S(every_call, FLAG, "0", "0", "", IN_WORKER, "report how long operations took, and no other figure")     \
    S(library, WORDS, "", "", "", IN_WORKER, "the library that must serve malloc; none is the C library")    \
    SETTINGS_DEBUG(S)

#ifdef HG_DEBUG
#define SETTINGS_DEBUG(S)                 \
    S(fault, TEXT, "", "", "", IN_WORKER, \
      "the phase after which a reference is lost: for the test of the heap checker")
#else
#define SETTINGS_DEBUG(S)
#endif

#define SETTINGS_FIELD(name, T, fallback, suite_fallback, range, where, help) param_c_##T name;
struct settings {
    SETTINGS(SETTINGS_FIELD)
};

enum { TAILS_AUTO, TAILS_ALWAYS, TAILS_NEVER }; /* of tails */

/* The rows of one place (one of IN_...), as a table of parameters of struct settings, with the defaults of
 * that place. */
const struct param *settings_table(unsigned where);

/* Every field, whichever place it belongs to, from the defaults of the command line or, for IN_SUITE and
 * IN_SECTION, of a suite file. */
void settings_defaults(struct settings *s, unsigned where);

/* Copies the fields that are given in any of the places `in` and in none of `except`. */
void settings_copy(struct settings *to, const struct settings *from, unsigned in, unsigned except);

/* A worker's arguments: name=value of every row of IN_WORKER whose value is not empty. */
#define SETTINGS_ARGUMENTS_MAX 32
struct settings_arguments {
    char *argv[SETTINGS_ARGUMENTS_MAX + 2]; /* argv[0] is the caller's; ended by NULL */
    char text[65536];
};
/* 0, or -E2BIG with a message. */
int settings_write_arguments(struct settings_arguments *out, const struct settings *s, struct message *m);
/* The defaults and then argv[1..]. -EINVAL with a message for a name that no row has or a value that does
 * not parse. */
int settings_read_arguments(struct settings *s, char *const *argv, struct message *m);

#endif
