/* hgo_ours.c: see hgo_ours.h. After the script everything is dropped and collected: closing the runtime then
 * finds what leaked. */
#include "hgo_ours.h"
#include "alloc/spec.h"
#include "gc/runtime.h"
#include "workloads/script/objrun.h"

#include <string.h>

const struct python_rules *hgo_ours_python = &python_list[0];

int hgo_ours_run(const struct objscript *s, hgo_emit *emit, void *arg, struct message *m)
{
    struct spec spec;
    struct alloc_stack stack;
    struct runtime *r;
    struct objrun run;
    unsigned char params[PARAM_STRUCT_MAX];
    const struct collector_info *info = collector_list;
    while (strcmp(info->name, "generational") != 0)
        info++;
    param_defaults(info->params, params);
    int err = spec_parse(&spec, "pymalloc", m);
    if (!err)
        err = alloc_open(&stack, &spec, m);
    if (err)
        return err;
    struct runtime_config config = {.alloc = &stack.layer[0],
                                    .collector = info,
                                    .collector_params = params,
                                    .python = hgo_ours_python,
                                    .threads = 1};
    err = runtime_open(&r, &config, m);
    if (err)
        return err;
    err = objrun_open(&run, r, s, m);
    if (err)
        return err;
    err = objrun_steps(&run, UINT32_MAX, emit, arg, m);
    gc_unfreeze(r);
    while (objrun_drop(&run) + gc_collect(r, 2) > 0)
        ;
    objrun_close(&run);
    uint64_t left = err ? 0 : runtime_live_objects(r);
    runtime_close(r);
    alloc_close(&stack);
    return left ? message_set(m, -1, "%llu objects are left after the script", (unsigned long long)left)
                : err;
}
