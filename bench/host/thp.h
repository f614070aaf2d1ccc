/* thp.h: transparent huge pages for one worker: what of a setting this machine can give, and how. A process
 * can do without them (prctl PR_SET_THP_DISABLE, from Linux 3.15 on), can do without those it did not ask for
 * (PR_THP_DISABLE_EXCEPT_ADVISED, from Linux 6.18 on), and can ask for them on its own maps (madvise); it
 * cannot have what the machine's setting forbids, nor ask for an allocator that is not ours.
 *
 *   never     PR_SET_THP_DISABLE: none, asked for or not. Everywhere
 *   madvise   on those maps alone whose owner asks. Machine `madvise`: as it is; `always`: from Linux 6.18
 *             on; `never`: not
 *   always    on all maps. Machine `always`: as it is; `madvise`: allocators whose maps are all ours, which we
 *             ask for; `never`: not
 *   inherit   as heapgauge itself was started
 * Reference: Linux Documentation/admin-guide/mm/transhuge.rst, PR_SET_THP_DISABLE(2const). */
#ifndef HG_BENCH_HOST_THP_H
#define HG_BENCH_HOST_THP_H

#include "alloc/base/message.h"

#include <stdbool.h>

enum thp { THP_INHERIT, THP_NEVER, THP_MADVISE, THP_ALWAYS, THPS };
extern const char *const thp_words[THPS];

/* THPS for a word that is none. */
enum thp thp_of(const char *word);

struct thp_machine {
    bool there;        /* the kernel has them */
    enum thp pmd;      /* the setting for the size of a page table's page, which is what "huge" is */
    bool small_always; /* another size is given without being asked for */
    bool can_disable, can_except; /* what prctl takes */
};
/* root: where /sys stands, "" is this machine; what prctl takes is tried on this process and set back. */
void thp_machine_read(struct thp_machine *out, const char *root);

struct thp_plan {
    bool set;                     /* else what is inherited stays */
    unsigned long disable, flags; /* of PR_SET_THP_DISABLE */
    bool advise;                  /* the worker asks for huge pages on all of its maps */
};
/* maps_ours: whether all memory of the allocator is mapped through os.h. 0, or -ENOTSUP with a message that
 * says why not and what would do. */
int thp_plan(struct thp_plan *out, enum thp wanted, const struct thp_machine *machine, const char *alloc,
             bool maps_ours, struct message *m);
/* In the process that becomes the worker, which keeps it. 0 or -errno. */
int thp_apply(const struct thp_plan *plan);
/* Whether this process is without them by its parent's will; false, too, where that is not known. */
bool thp_is_disabled(void);

#endif
