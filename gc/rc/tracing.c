/* tracing.c: the parameters of rc tracing (rc_tracing.h). */
#include "gc/about.h"
#include "policy.h"

#define PARAMS(P, S)                                                               \
    P(S, FLAG, freelists, "1", "", "keep dead objects for the next of their kind") \
    P(S, NS, interval, "5ms", "1us-10s", "how long a waiter waits before it asks for the lock")

PARAM_STRUCT(rc_tracing_params, PARAMS)

#ifdef HG_ABOUT
const struct param rc_tracing_table[] = PARAM_ROWS(rc_tracing_params, PARAMS);
#elif HG_RC == HG_RC_TRACING
static void tracing_read(const void *params, struct policy_options *out)
{
    const struct rc_tracing_params *p = params;
    /* No free lists: what is in the table is alive or swept. */
    *out = (struct policy_options){.immortal = true, .interval_ns = p->interval};
}

const struct policy policy_here = {"tracing", tracing_read};
#endif
