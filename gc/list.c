/* list.c: the tables of list.h; the front links this file alone of gc/. */
#include "list.h"

#define POLICY_INFO(ident, name, flags, PARAMS, summary) \
    {name, flags, PARAM_TABLE(rc_##ident##_params, PARAMS), summary},
const struct policy_info policy_list[] = {POLICIES(POLICY_INFO){NULL, 0, NULL, NULL}};

#define COLLECTOR_INFO(ident, name, flags, PARAMS, summary) \
    {name, flags, PARAM_TABLE(gc_##ident##_params, PARAMS), summary},
const struct collector_info collector_list[] = {COLLECTORS(COLLECTOR_INFO){NULL, 0, NULL, NULL}};
