/* list.c: the tables of list.h; the front links this file alone of gc/. */
#include "list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_INFO(ident, name, flags, PARAMS, summary) \
    {name, flags, PARAM_TABLE(rc_##ident##_params, PARAMS), summary},
const struct policy_info policy_list[] = {POLICIES(POLICY_INFO){NULL, 0, NULL, NULL}};

#define COLLECTOR_INFO(ident, name, flags, PARAMS, summary) \
    {name, flags, PARAM_TABLE(gc_##ident##_params, PARAMS), summary},
const struct collector_info collector_list[] = {COLLECTORS(COLLECTOR_INFO){NULL, 0, NULL, NULL}};

const char *policy_worker(const struct policy_info *policy, const void *params)
{
    static const char *const gil[] = {
        [GIL_IMMORTAL_OFF] = "gil", [GIL_IMMORTAL_312] = "gil312", [GIL_IMMORTAL_314] = "gil314"};
    const struct rc_gil_params *p = params;
    return policy == &policy_list[0] ? gil[p->immortal] : policy->name;
}

int gc_thresholds_parse(const char *owner, const char *text, int64_t threshold[3], struct message *m)
{
    if (!*text)
        return 0;
    int64_t value[3];
    const char *at = text;
    for (unsigned i = 0; i < 3; i++) {
        char *end;
        errno = 0;
        value[i] = strtoll(at, &end, 10);
        if (end == at || *at < '0' || *at > '9' || *end != (i < 2 ? '/' : 0))
            return message_set(m, -EINVAL, "%s: thresholds '%s' is not A/B/C, three whole numbers", owner,
                               text);
        if (errno || value[i] > GC_THRESHOLD_MAX)
            return message_set(m, -EINVAL, "%s: thresholds '%s' is out of range: each is 0 to %" PRId64,
                               owner, text, (int64_t)GC_THRESHOLD_MAX);
        at = end + 1;
    }
    memcpy(threshold, value, sizeof value);
    return 0;
}

/* Parameters that are text are found by name: any collector may have them. */
int collector_check(const struct collector_info *collector, const void *params, struct message *m)
{
    for (const struct param *p = collector->params; p->name; p++) {
        int64_t value[3] = {0};
        if (strcmp(p->name, "thresholds") == 0) {
            int err = gc_thresholds_parse(collector->name, (const char *)params + p->offset, value, m);
            if (err)
                return err;
            if (strcmp(collector->name, "pep848") == 0 && value[1] > PEP848_HALF_SPACES_MAX)
                return message_set(m, -EINVAL,
                                   "pep848: thresholds '%s' is out of range: at most %d aging half-spaces",
                                   (const char *)params + p->offset, PEP848_HALF_SPACES_MAX);
        }
    }
    return 0;
}
