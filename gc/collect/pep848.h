/* pep848.h: the parameters of pep848, which both its versions read: pep848.c is the author's, pep848_draft.c
 * the draft's. */
#ifndef HG_GC_COLLECT_PEP848_H
#define HG_GC_COLLECT_PEP848_H

#include "gc/about.h"

enum { PEP848_AUTHOR, PEP848_DRAFT }; /* of the choice version */

#define PEP848_PARAMS(P, S)                                                                                 \
    P(S, CHOICE, version, "author", "author|draft", "as the PEP's author has it in C, or as its text does") \
    P(S, TEXT, thresholds, "", "",                                                                          \
      "A/B/C: KiB (draft: kB) between two collections, aging half-spaces, no use; empty is 1000/10/10, "    \
      "draft 2000/10/10")                                                                                   \
    P(S, CHOICE, bytes, "gc", "gc|all", "which bytes start a collection: of container objects, or all")     \
    P(S, CHOICE, first, "young", "young|increment", "author: what the first collection is")                 \
    P(S, CHOICE, closure, "tag", "tag|old",                                                                 \
      "author: what an old object leads to: also young objects, in every second cycle, or old ones alone")  \
    P(S, CHOICE, work, "examined", "examined|survivors",                                                    \
      "author: what an increment takes off the work due: all it examined, or what survived")                \
    P(S, CHOICE, grace, "lost", "lost|kept",                                                                \
      "author: whether an increment that finds no old objects ends the grace of 100,000 objects")           \
    P(S, CHOICE, limit, "inside", "inside|outside",                                                         \
      "draft: where marking tests for work left: at each object, or as the pseudocode has it")              \
    P(S, CHOICE, aging, "filled", "filled|one",                                                             \
      "draft: aging spaces at the start: as many as thresholds say, or one as the pseudocode has it")       \
    P(S, CHOICE, roots, "cycle", "cycle|increment",                                                         \
      "draft: when roots are marked: once a cycle, or at every increment")
PARAM_STRUCT(gc_pep848_params, PEP848_PARAMS)

/* The most that threshold 1 may be. */
#define PEP848_AGING_SPACES_MAX      (1 << 16)
#define PEP848_AUTHOR_THRESHOLD1_MAX (2 * PEP848_AGING_SPACES_MAX)
#define PEP848_DRAFT_HALF_SPACES_MAX 2048

#ifndef HG_ABOUT
#include "cycles.h"

#if RC_GIL_HELD
extern const struct collector collector_pep848_draft;
#endif
#endif
#endif
