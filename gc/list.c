/* list.c: the tables of list.h, for the front and for workers. */
#include "list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A worker of another name, and a check of its parameters: few have them. */
#define POLICY_EXTERN(ident, flags, summary)        \
    extern const struct param rc_##ident##_table[]; \
    const char *rc_##ident##_worker(const void *params) __attribute__((weak));
POLICIES(POLICY_EXTERN)

#define POLICY_INFO(ident, flags, summary) {#ident, flags, rc_##ident##_table, summary, rc_##ident##_worker},
const struct policy_info policy_list[] = {POLICIES(POLICY_INFO){NULL, 0, NULL, NULL, NULL}};

#define COLLECTOR_EXTERN(ident, flags, summary)                                              \
    extern const struct param gc_##ident##_table[];                                          \
    int gc_##ident##_check(const void *params, const int64_t threshold[3], const char *text, \
                           struct message *m) __attribute__((weak));
COLLECTORS(COLLECTOR_EXTERN)

#define COLLECTOR_INFO(ident, flags, summary) \
    {#ident, flags, gc_##ident##_table, summary, gc_##ident##_check},
const struct collector_info collector_list[] = {COLLECTORS(COLLECTOR_INFO){NULL, 0, NULL, NULL, NULL}};

const char *policy_worker(const struct policy_info *policy, const void *params)
{
    return policy->worker ? policy->worker(params) : policy->name;
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
            if (collector->check)
                err = collector->check(params, value, (const char *)params + p->offset, m);
            if (err)
                return err;
        }
    }
    return 0;
}
