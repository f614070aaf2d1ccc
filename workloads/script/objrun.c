/* objrun.c: see objrun.h. A node of K slots is an instance of a type made for K, which can be referenced
 * weakly and carries two words beside its slots: the root that its finaliser writes, and whether it has run.
 * "fin" and "del" change its type to the twin that has a finaliser, or a legacy one, as an assignment to
 * __class__ does in Python.
 *
 * What the collector sees at the start is nothing: objects that making the types has left are untracked, and
 * a full collection sets the counts to 0 and empties the free lists. */
#include "objrun.h"
#include "alloc/base/os.h"

#include <errno.h>

struct objrun_type {
    uint32_t slots;
    struct type *plain, *fin, *del;
};

static struct objrun *running; /* finalisers and callbacks have no other way to it */
static struct gc_stats stats_at_start[3];

/* Takes the reference. The new value is there before the old one is dropped. */
static void root_set(struct objrun *run, uint32_t root, struct object *value)
{
    struct object *old = run->root[root];
    run->root[root] = value;
    rc_dec(old);
}

static struct object *new_reference(struct object *o)
{
    rc_inc(o);
    return o;
}

struct node_words {
    uint32_t revive, finalised;
};

static struct node_words *words_of(struct object *node)
{
    return instance_payload(node);
}

static void node_finalize(struct object *o)
{
    struct node_words *words = words_of(o);
    running->finalised++;
    running->finalised_again += words->finalised++;
    if (words->revive != OBJSCRIPT_NO_ROOT)
        root_set(running, words->revive, new_reference(o));
}

static void node_del(struct object *o)
{
    (void)o;
    if (running)
        running->finalised++;
}

static void weak_called(struct weakref *w, void *arg)
{
    (void)w, (void)arg;
    running->callbacks++;
}

static int untrack(struct object *o, void *arg)
{
    (void)arg;
    gc_untrack(o);
    return 0;
}

static struct objrun_type *type_of(struct objrun *run, uint32_t slots)
{
    size_t lo = 0, hi = run->type_count;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        if (run->type[middle].slots < slots)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < run->type_count && run->type[lo].slots == slots ? &run->type[lo] : NULL;
}

static bool has_del(const struct objscript *s)
{
    for (uint32_t i = 0; i < s->step_count; i++)
        if (s->step[i].op == OBJSCRIPT_DEL)
            return true;
    return false;
}

static int make_types(struct objrun *run)
{
    const struct objscript *s = run->script;
    for (uint32_t i = 0; i < s->step_count; i++) {
        uint32_t slots = s->step[i].number;
        if (s->step[i].op != OBJSCRIPT_NODE || type_of(run, slots))
            continue;
        struct type *plain =
            type_new_instance_type("node", slots, sizeof(struct node_words), TYPE_WEAK, NULL);
        struct type *fin =
            type_new_instance_type("node", slots, sizeof(struct node_words), TYPE_WEAK, node_finalize);
        struct type *del = type_new_instance_type("node", slots, sizeof(struct node_words), TYPE_WEAK, NULL);
        if (!plain || !fin || !del)
            return -ENOMEM; /* the others go with the runtime */
        if (has_del(s))
            type_set_del(del, node_del);
        size_t at = run->type_count++;
        for (; at > 0 && run->type[at - 1].slots > slots; at--)
            run->type[at] = run->type[at - 1];
        run->type[at] = (struct objrun_type){slots, plain, fin, del};
    }
    return 0;
}

int objrun_open(struct objrun *run, struct runtime *r, const struct objscript *script, struct message *m)
{
    *run = (struct objrun){.script = script, .runtime = r};
    size_t nodes = 0;
    for (uint32_t i = 0; i < script->step_count; i++)
        nodes += script->step[i].op == OBJSCRIPT_NODE;
    run->root_bytes = (script->roots + 1) * sizeof(struct object *);
    run->type_bytes = (nodes + 1) * sizeof *run->type;
    run->root = os_map(&os_harness, run->root_bytes, 0, OS_POPULATE);
    run->type = os_map(&os_harness, run->type_bytes, 0, 0);
    if (!run->root || !run->type || make_types(run) || heap_root_add(r, "script", run->root, script->roots)) {
        objrun_close(run);
        return message_set(m, -ENOMEM, "%s: no memory for %u roots", script->name, script->roots);
    }
    for (uint32_t i = 0; i < script->roots; i++)
        run->root[i] = new_reference(&object_none);
    running = run;
    gc_each_tracked(r, untrack, NULL);
    gc_collect(r, 2);
    gc_get_stats(r, stats_at_start);
    return 0;
}

uint32_t objrun_drop(struct objrun *run)
{
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < run->script->roots; i++) {
        if (run->root[i] != &object_none) {
            root_set(run, i, new_reference(&object_none));
            dropped++;
        }
    }
    return dropped + (uint32_t)gc_garbage_clear(run->runtime);
}

void objrun_close(struct objrun *run)
{
    if (running == run) {
        for (uint32_t i = 0; i < run->script->roots; i++)
            rc_dec(run->root[i]);
        heap_root_remove(run->runtime, run->root);
        running = NULL;
    }
    for (size_t i = 0; i < run->type_count; i++) {
        rc_dec(&run->type[i].plain->head);
        rc_dec(&run->type[i].fin->head);
        rc_dec(&run->type[i].del->head);
    }
    if (run->root)
        os_unmap(&os_harness, run->root, run->root_bytes);
    if (run->type)
        os_unmap(&os_harness, run->type, run->type_bytes);
    *run = (struct objrun){0};
}

static int count_tracked(struct object *o, void *arg)
{
    struct objscript_stat *stat = arg;
    switch (o->type->id) {
    case TYPE_LIST:
        stat->tracked_list++;
        break;
    case TYPE_DICT:
        stat->tracked_dict++;
        break;
    case TYPE_TUPLE:
        stat->tracked_tuple++;
        break;
    case TYPE_WEAKREF:
        stat->tracked_weak++;
        break;
    case TYPE_INSTANCE:
        stat->tracked_node++;
        break;
    default:
        break;
    }
    return 0;
}

void objrun_stat(struct objrun *run, struct objscript_stat *stat)
{
    struct gc_stats stats[3];
    int64_t counts[3];
    gc_get_stats(run->runtime, stats);
    gc_counts(run->runtime, counts);
    *stat = (struct objscript_stat){.finalised = run->finalised, .callbacks = run->callbacks};
    for (unsigned i = 0; i < 3; i++) {
        stat->counts[i] = (long)counts[i];
        stat->collections[i] = stats[i].collections - stats_at_start[i].collections;
        stat->collected[i] = stats[i].collected - stats_at_start[i].collected;
        stat->uncollectable[i] = stats[i].uncollectable - stats_at_start[i].uncollectable;
    }
    gc_each_tracked(run->runtime, count_tracked, stat);
}

/* --- operations ----------------------------------------------------------------------------------------- */

struct act {
    struct objrun *run;
    const struct objscript_step *at;
    struct message *m;
};

static const char *holds(const struct object *o)
{
    switch (o->type->id) {
    case TYPE_INT:
        return "an int";
    case TYPE_FLOAT:
        return "a float";
    case TYPE_STR:
        return "a str";
    case TYPE_TUPLE:
        return "a tuple";
    case TYPE_LIST:
        return "a list";
    case TYPE_DICT:
        return "a dict";
    case TYPE_WEAKREF:
        return "a weak reference";
    case TYPE_INSTANCE:
        return "a node";
    default:
        return "None";
    }
}

static int fault(const struct act *a, uint32_t root, const char *needs)
{
    return objscript_fault(a->run->script, a->at, a->m, root, holds(a->run->root[root]), needs);
}

static int no_memory(const struct act *a)
{
    return message_set(a->m, -ENOMEM, "%s:%u: no memory", a->run->script->name, a->at->line);
}

static struct object *make_str(uint32_t length)
{
    char *text;
    struct object *o = str_new_raw(length, &text);
    if (o)
        memset(text, 'x', length);
    return o;
}

static struct object *make_tuple(const struct act *a)
{
    struct object *o = tuple_new(a->at->number);
    for (uint32_t i = 0; o && i < a->at->number; i++)
        tuple_init_item(o, i, new_reference(a->run->root[a->run->script->items[a->at->first + i]]));
    return o;
}

static struct object *make_node(const struct act *a)
{
    struct object *o = instance_new(type_of(a->run, a->at->number)->plain);
    if (!o)
        return NULL;
    for (uint32_t i = 0; i < a->at->number; i++)
        ((struct instance_object *)o)->slot[i] = new_reference(&object_none);
    *words_of(o) = (struct node_words){OBJSCRIPT_NO_ROOT, 0};
    return o;
}

static int make(const struct act *a)
{
    struct object *o = NULL, *referent;
    switch ((enum objscript_op)a->at->op) {
    case OBJSCRIPT_INT:
        o = int_new(a->at->value.integer);
        break;
    case OBJSCRIPT_FLOAT:
        o = float_new(a->at->value.real);
        break;
    case OBJSCRIPT_STR:
        o = make_str(a->at->number);
        break;
    case OBJSCRIPT_TUPLE:
        o = make_tuple(a);
        break;
    case OBJSCRIPT_LIST:
        o = list_new(0);
        break;
    case OBJSCRIPT_DICT:
        o = dict_new();
        break;
    case OBJSCRIPT_NODE:
        o = make_node(a);
        break;
    default: /* weak, ref */
        referent = a->run->root[a->at->other];
        if (referent->type->id != TYPE_INSTANCE)
            return fault(a, a->at->other, "a node");
        o = weakref_new(referent, a->at->op == OBJSCRIPT_WEAK ? weak_called : NULL, NULL);
    }
    if (!o)
        return no_memory(a);
    root_set(a->run, a->at->root, o);
    return 0;
}

static int set_item(const struct act *a)
{
    struct object *o = a->run->root[a->at->root], *value = a->run->root[a->at->other];
    uint32_t i = a->at->number;
    if (o->type->id == TYPE_LIST) {
        if (i >= list_size(o))
            return objscript_fault_index(a->run->script, a->at, a->m, list_size(o));
        list_set(o, i, value);
    } else if (o->type->id == TYPE_INSTANCE) {
        if (i >= o->type->slots)
            return objscript_fault_index(a->run->script, a->at, a->m, o->type->slots);
        instance_set(o, i, value);
    } else {
        return fault(a, a->at->root, "a list or a node");
    }
    return 0;
}

static int get_item(const struct act *a)
{
    struct object *o = a->run->root[a->at->other], *value;
    uint32_t i = a->at->number;
    size_t size;
    if (o->type->id == TYPE_LIST) {
        size = list_size(o);
        value = list_get(o, i);
    } else if (o->type->id == TYPE_TUPLE) {
        size = tuple_size(o);
        value = i < size ? new_reference(tuple_item(o, i)) : NULL;
    } else if (o->type->id == TYPE_INSTANCE) {
        size = o->type->slots;
        value = i < size ? instance_get(o, i) : NULL;
    } else {
        return fault(a, a->at->other, "a list, a tuple or a node");
    }
    if (i >= size)
        return objscript_fault_index(a->run->script, a->at, a->m, size);
    root_set(a->run, a->at->root, value ? value : new_reference(&object_none));
    return 0;
}

static int put_item(const struct act *a)
{
    struct object *o = a->run->root[a->at->root];
    if (o->type->id != TYPE_DICT)
        return fault(a, a->at->root, "a dict");
    const char *text = a->run->script->keys + a->at->first;
    struct object *key = str_new(text, strlen(text));
    if (!key)
        return no_memory(a);
    int err = 0;
    if (a->at->op == OBJSCRIPT_PUT)
        err = dict_put(o, key, a->run->root[a->at->other]) ? no_memory(a) : 0;
    else if (dict_remove(o, key))
        err = objscript_fault_key(a->run->script, a->at, a->m);
    rc_dec(key);
    return err;
}

static int pop_item(const struct act *a)
{
    struct object *o = a->run->root[a->at->root];
    if (o->type->id != TYPE_LIST)
        return fault(a, a->at->root, "a list");
    struct object *last = list_pop(o);
    if (!last)
        return objscript_fault(a->run->script, a->at, a->m, a->at->root, "an empty list", "an item");
    rc_dec(last);
    return 0;
}

static int append_item(const struct act *a)
{
    struct object *o = a->run->root[a->at->root];
    if (o->type->id != TYPE_LIST)
        return fault(a, a->at->root, "a list");
    return list_append(o, a->run->root[a->at->other]) ? no_memory(a) : 0;
}

static int set_finaliser(const struct act *a)
{
    struct object *o = a->run->root[a->at->root];
    if (o->type->id != TYPE_INSTANCE)
        return fault(a, a->at->root, "a node");
    const struct objrun_type *kinds = type_of(a->run, o->type->slots);
    struct type *old = o->type, *type = a->at->op == OBJSCRIPT_DEL ? kinds->del : kinds->fin;
    if (old->flags & TYPE_HEAP) /* else instances do not count their class */
        rc_inc(&type->head);
    o->type = type;
    if (old->flags & TYPE_HEAP)
        rc_dec(&old->head);
    words_of(o)->revive = a->at->op == OBJSCRIPT_DEL ? OBJSCRIPT_NO_ROOT : a->at->other;
    return 0;
}

static int act(const struct act *a)
{
    struct objrun *run = a->run;
    switch ((enum objscript_op)a->at->op) {
    case OBJSCRIPT_APPEND:
        return append_item(a);
    case OBJSCRIPT_POP:
        return pop_item(a);
    case OBJSCRIPT_SET:
        return set_item(a);
    case OBJSCRIPT_GET:
        return get_item(a);
    case OBJSCRIPT_PUT:
    case OBJSCRIPT_UNPUT:
        return put_item(a);
    case OBJSCRIPT_COPY:
        root_set(run, a->at->root, new_reference(run->root[a->at->other]));
        return 0;
    case OBJSCRIPT_DROP:
        root_set(run, a->at->root, new_reference(&object_none));
        return 0;
    case OBJSCRIPT_FIN:
    case OBJSCRIPT_DEL:
        return set_finaliser(a);
    case OBJSCRIPT_COLLECT:
        gc_collect(run->runtime, (int)a->at->number);
        return 0;
    case OBJSCRIPT_FREEZE:
        gc_freeze(run->runtime);
        return 0;
    case OBJSCRIPT_UNFREEZE:
        gc_unfreeze(run->runtime);
        return 0;
    case OBJSCRIPT_THRESHOLD: {
        const int32_t *t = a->at->value.threshold;
        gc_set_thresholds(run->runtime, (int64_t[]){t[0], t[1], t[2]});
        return 0;
    }
    case OBJSCRIPT_DISABLE:
        gc_enable(run->runtime, false);
        return 0;
    case OBJSCRIPT_ENABLE:
        gc_enable(run->runtime, true);
        return 0;
    default:
        return make(a);
    }
}

int objrun_steps(struct objrun *run, uint32_t steps, objrun_emit *emit, void *arg, struct message *m)
{
    uint32_t left = run->script->step_count - run->next, end = run->next + (steps < left ? steps : left);
    while (run->next < end && !run->err) {
        struct act a = {run, &run->script->step[run->next++], m};
        if (a.at->op == OBJSCRIPT_STAT) {
            struct objscript_stat stat;
            char line[OBJSCRIPT_STAT_MAX];
            objrun_stat(run, &stat);
            objscript_stat_print(&stat, line, sizeof line);
            emit(arg, line);
        } else {
            run->err = act(&a);
        }
        thread_safepoint();
    }
    return run->err;
}
