/* biased.c: the parameters of rc biased (rc_biased.h). */
#include "gc/about.h"
#include "policy.h"

#define PARAMS(P, S)                                                                         \
    P(S, FLAG, freelists, "1", "", "keep dead objects for the next of their kind")           \
    P(S, FLAG, immortal, "1", "", "None, small ints and interned strings are never counted") \
    P(S, FLAG, deferred, "1", "",                                                            \
      "classes and other long-lived shared objects are not counted from stacks and instances")

PARAM_STRUCT(rc_biased_params, PARAMS)

#ifdef HG_ABOUT
const struct param rc_biased_table[] = PARAM_ROWS(rc_biased_params, PARAMS);
#elif HG_RC == HG_RC_BIASED
static void biased_read(const void *params, struct policy_options *out)
{
    const struct rc_biased_params *p = params;
    *out = (struct policy_options){
        .freelists = p->freelists != 0, .immortal = p->immortal != 0, .deferred = p->deferred != 0};
}

const struct policy policy_here = {"biased", biased_read};
#endif
