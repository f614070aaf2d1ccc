/* policy.h: which refcount policy this program is compiled for (-DHG_RC=HG_RC_GIL ...), and what its
 * parameters ask of the runtime. A new one takes a number here, its header in rc.h, and a file of its own
 * (gc/about.h). */
#ifndef HG_GC_RC_POLICY_H
#define HG_GC_RC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define HG_RC_GIL     1
#define HG_RC_GIL312  2 /* gil:immortal=3.12, as in 3.12 and 3.13 */
#define HG_RC_GIL314  3 /* gil:immortal=3.14 */
#define HG_RC_ATOMIC  4
#define HG_RC_OBJLOCK 5
#define HG_RC_BIASED  6
#define HG_RC_TRACING 7 /* no counts */

#if !defined HG_RC && !defined HG_ABOUT
#error "compile gc/ with -DHG_RC=HG_RC_<policy>"
#endif

struct policy_options {
    bool freelists;
    bool immortal;        /* small ints, None, classes and interned strs are never counted */
    bool deferred;        /* classes are not counted by their instances */
    uint64_t interval_ns; /* of the GIL */
};

struct policy {
    const char *name; /* in list.h */
    void (*read)(const void *params, struct policy_options *out);
};
extern const struct policy policy_here;

#endif
