/* cmd.h: the one visible list of verbs: V(ident, "name", "usage", "summary"). <ident>.c holds
 * cmd_<ident>(), which runs the verb, and cmd_<ident>_options(), the table of its options; --help, the
 * manual page and the shell completion are made from both. */
#ifndef HG_BENCH_CMD_CMD_H
#define HG_BENCH_CMD_CMD_H

#include "option.h"

#define COMMANDS(V)                                                                                         \
    V(run, "run", "--workload W --alloc A[,A...] [options]", "run cells and print or store their samples")  \
    V(suite, "suite", "NAME|FILE.ini [options]", "run a suite of cells into a run folder")                  \
    V(record, "record", "-o F.hgt [--children] -- PROGRAM ARGS...", "record a program's allocations")       \
    V(trace, "trace", "info F.hgt [--json] | import FILE|- -o F.hgt | export F.hgt [-o F.txt]",             \
      "look into a recorded trace, turn it into text and back, or import one of mtrace, ltrace, valgrind, " \
      "heaptrack or Android's memory_replay")                                                               \
    V(report, "report", "DIR [--baseline alloc=system]",                                                    \
      "table, report.html, summary.csv and plots of a run")                                                 \
    V(compare, "compare", "DIR [DIR2] [options]",                                                           \
      "compare one metric of every configuration with a baseline; prints a confidence interval and a "      \
      "verdict")                                                                                            \
    V(preload, "preload", "ALLOC [options] -- PROGRAM ARGS...",                                             \
      "a program of the user's on one of our backends, or on a library, under the variables in its braces") \
    V(check, "check", "--alloc A[,A...] [options]", "is this allocator correct?")                           \
    V(sites, "sites", "FILE [OLDER] [options]",                                                             \
      "who held memory, from a snapshot of trace(), or what changed since another")                         \
    V(heap, "heap", "census FILE | diff OLDER FILE | object FILE ADDRESS | dot FILE [options]",             \
      "ask a heap snapshot: types, changes, who holds an object, a graph")                                  \
    V(where, "where", "PID", "function and line of addresses in a process, read from standard input")       \
    V(completion, "completion", "bash", "print the completion of this command line for a shell")            \
    V(list, "list", "[allocs|workloads|rc|gc|suites|plots] [--json]", "what there is, with every parameter")

#define COMMAND_DECLARE(ident, name, usage, summary)                \
    int cmd_##ident(const struct command *, int argc, char **argv); \
    const struct param *cmd_##ident##_options(void);
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#endif
