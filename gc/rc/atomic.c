/* atomic.c: the parameters of rc atomic (rc_atomic.h). */
#include "gc/about.h"
#include "policy.h"

#define PARAMS(P, S)                                                               \
    P(S, FLAG, freelists, "1", "", "keep dead objects for the next of their kind") \
    P(S, FLAG, immortal, "1", "", "None, small ints and interned strings are never counted")

PARAM_STRUCT(rc_atomic_params, PARAMS)

#ifdef HG_ABOUT
const struct param rc_atomic_table[] = PARAM_ROWS(rc_atomic_params, PARAMS);
#elif HG_RC == HG_RC_ATOMIC
static void atomic_read(const void *params, struct policy_options *out)
{
    const struct rc_atomic_params *p = params;
    *out = (struct policy_options){.freelists = p->freelists != 0, .immortal = p->immortal != 0};
}

const struct policy policy_here = {"atomic", atomic_read};
#endif
