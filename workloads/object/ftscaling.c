/* ftscaling.c: one kind of work a run, on private data (after CPython's Tools/ftscalingbench): only what
 * the kind itself shares, a constant or a function, is shared. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                         \
    P(S, CHOICE, kind, "create_object",                                                      \
      "create_object|create_closure|create_dict|list_append|constants|generator|calls|loop", \
      "what is done; loop: nothing but the step itself, the floor")                          \
    P(S, COUNT, ops, "5M", "1-100G", "times, over all threads")
PARAM_STRUCT(ftscaling_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_ftscaling = {
    .name = "ftscaling",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(ftscaling_params, PARAMS),
    .summary = "one kind of interpreter work on private data, after CPython's ftscalingbench; no "
               "interpreter",
    .small = {"kind=create_object,ops=50", "kind=create_closure,ops=50", "kind=create_dict,ops=50",
              "kind=list_append,ops=50", "kind=constants,ops=50", "kind=generator,ops=50",
              "kind=calls,ops=50"},
};

#else

#include "sharing.h"

enum { FT_OBJECT, FT_CLOSURE, FT_DICT, FT_APPEND, FT_CONSTANTS, FT_GENERATOR, FT_CALLS, FT_LOOP };

struct ftscaling {
    struct type *type;
    struct object *constant[2], *function;
};

static int ftscaling_setup(struct workload_sample *s)
{
    struct ftscaling *w = workload_scratch(sizeof *w);
    if (!w || heap_root_add(s->runtime, "ftscaling", w->constant, 3) != 0)
        return object_no_memory(s);
    int err = object_setup(s, 1, w);
    if (err)
        return err;
    struct object *name = str_new("constant", 8);
    w->type = type_new_instance_type("ftscaling.object", 2, 0, 0, NULL);
    w->constant[0] = sharing_tuple(1);
    w->constant[1] = name ? str_intern(name) : NULL;
    w->function = w->type ? instance_new(w->type) : NULL;
    if (!w->function || !w->constant[0] || !w->constant[1])
        return object_no_memory(s);
    sharing_set_deferred(w->function, true);
    return 0;
}

static struct object *ftscaling_make(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    struct ftscaling *w = t->sample->state;
    struct object *o = NULL, *v = int_new((int64_t)(bits & 0xffff));
    bool whole = v != NULL;
    switch (((const struct ftscaling_params *)t->sample->params)->kind) {
    case FT_OBJECT:
        if (whole && (o = instance_new(w->type)))
            instance_set(o, 0, v);
        break;
    case FT_CLOSURE: /* a function that holds a cell that holds the value */
        if (whole && (o = instance_new(w->type))) {
            struct object *cell = tuple_new(1);
            if (cell) {
                rc_inc(v);
                tuple_init_item(cell, 0, v);
                instance_set(o, 1, cell);
            }
            whole = cell != NULL;
            rc_xdec(cell);
        }
        break;
    case FT_DICT:
        if (whole && (o = dict_new()))
            whole = dict_put(o, w->constant[1], v) == 0 && dict_put(o, v, v) == 0;
        break;
    case FT_APPEND: /* to a list that is begun again after a thousand */
        if (own->table[0] && list_size(own->table[0]) < 1000) {
            o = own->table[0];
            rc_inc(o);
        } else if ((o = list_new(0))) {
            object_replace(t, &own->table[0], o);
            rc_inc(o);
        }
        whole = whole && o && list_append(o, v) == 0;
        break;
    case FT_CONSTANTS:
        o = w->constant[bits & 1];
        rc_inc(o);
        break;
    case FT_GENERATOR: /* a frame that is resumed: its slot gets the next value */
        if (!own->table[0])
            object_replace(t, &own->table[0], instance_new(w->type));
        if (whole && (o = own->table[0])) {
            rc_inc(o);
            instance_set(o, 0, v);
        }
        break;
    default: /* a call: the function from the stack, three arguments in a tuple */
        rc_inc_stack(w->function);
        if (whole && (o = tuple_new(3))) {
            for (unsigned i = 0; i < 3; i++) {
                rc_inc(v);
                tuple_init_item(o, i, v);
            }
        }
        rc_dec_stack(w->function);
    }
    rc_xdec(v);
    if (!whole) {
        rc_xdec(o);
        return NULL;
    }
    return o;
}

static bool ftscaling_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    own->sum += bits & 0xffff;
    if (((const struct ftscaling_params *)t->sample->params)->kind == FT_LOOP)
        return true;
    struct object *o = ftscaling_make(t, own, bits);
    if (!o)
        return false;
    rc_dec(o);
    return true;
}

static void ftscaling_run(struct workload_thread *t)
{
    object_run(t, ((const struct ftscaling_params *)t->sample->params)->ops, ftscaling_step);
}

static void ftscaling_drain(struct workload_thread *t)
{
    struct ftscaling *w = t->sample->state;
    object_drain(t);
    if (t->index != 0)
        return;
    sharing_set_deferred(w->function, false);
    object_drop_all(w->constant, 2);
    object_drop_all(&w->function, 1);
}

const struct workload workload_ftscaling = {
    .setup = ftscaling_setup, .run = ftscaling_run, .drain = ftscaling_drain, .kept = object_kept_none};

#endif
