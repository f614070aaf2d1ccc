/* protocol.h: what a worker and the front write to each other.
 *
 * The front starts the worker with its cell on the command line (worker options: see main.c) and three
 * descriptors:
 *   HG_FD_SAY   (worker -> front)  lines of text, at most PROTOCOL_LINE_MAX bytes
 *   HG_FD_GO    (front -> worker)  one byte answers each phase line
 *   HG_FD_PAGE                     the control page (struct gauge), mapped shared
 *
 * A line is one of
 *   phase NAME LIVE_REQUESTED LIVE_USABLE     and then the worker waits for its byte. NAMEs in order:
 *                                             baseline begin peak drained exit
 *   set KEY VALUE                             KEY: the dotted path in the sample
 *   ("gc.generations.0.collected");
 *                                             VALUE: an integer, a real, or "text" (no quotes or newlines
 *                                             inside)
 *   hist PREFIX UNIT MAX INDEX:COUNT ...      counters of a histogram (hist.h) whose figures are
 *   PREFIX.p50_UNIT
 *                                             and so on; one that is long takes several lines. Said by
 *                                             workers of which several make the sample, for combine.h
 *   fail STATUS REASON                        STATUS as in the sample; the worker then exits
 * The front trusts none of it: keys are of [a-z0-9_.], depth and number are bounded. */
#ifndef HG_BENCH_WORKER_PROTOCOL_H
#define HG_BENCH_WORKER_PROTOCOL_H

#define HG_FD_SAY  3
#define HG_FD_GO   4
#define HG_FD_PAGE 5

#define PROTOCOL_LINE_MAX  4096
#define PROTOCOL_KEY_DEPTH 8
#define PROTOCOL_LINES_MAX 200000

#define EXIT_FAILURE_TO_SAY 125 /* a worker whose front is gone */

#endif
