/* gil.c: the parameters of rc gil (rc_gil.h). */
#include "gc/about.h"
#include "policy.h"

#define PARAMS(P, S)                                                                            \
    P(S, FLAG, freelists, "1", "", "keep dead objects for the next of their kind")              \
    P(S, NS, interval, "5ms", "1us-10s", "how long a waiter waits before it asks for the lock") \
    P(S, CHOICE, immortal, "off", "off|3.12|3.14",                                              \
      "None, small ints and interned strings are never counted: as CPython 3.12 and 3.13, or 3.14, have it")

enum { GIL_IMMORTAL_OFF, GIL_IMMORTAL_312, GIL_IMMORTAL_314 }; /* in the order of the choices */
PARAM_STRUCT(rc_gil_params, PARAMS)

#ifdef HG_ABOUT
const struct param rc_gil_table[] = PARAM_ROWS(rc_gil_params, PARAMS);

const char *rc_gil_worker(const void *params);
const char *rc_gil_worker(const void *params)
{
    static const char *const worker[] = {
        [GIL_IMMORTAL_OFF] = "gil", [GIL_IMMORTAL_312] = "gil312", [GIL_IMMORTAL_314] = "gil314"};
    return worker[((const struct rc_gil_params *)params)->immortal];
}
#elif HG_RC == HG_RC_GIL || HG_RC == HG_RC_GIL312 || HG_RC == HG_RC_GIL314
static void gil_read(const void *params, struct policy_options *out)
{
    const struct rc_gil_params *p = params;
    *out = (struct policy_options){
        .freelists = p->freelists != 0, .immortal = HG_RC != HG_RC_GIL, .interval_ns = p->interval};
}

const struct policy policy_here = {"gil", gil_read};
#endif
