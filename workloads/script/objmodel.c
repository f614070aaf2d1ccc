/* objmodel.c: what can be known of an object script without running it: objscript_check follows what each
 * root holds, so that an append to an int is refused before anything is started.
 *
 * Some things depend on when the collector runs: a root that a finaliser may write ("wild") can hold one
 * thing or another from then on, and what such a root leads to is unknown. An operation on an unknown object
 * is let through; when it changes one, the contents of all containers become unknown. So a script that is
 * refused is wrong on every collector; a fault that is let through is reported by the run.
 *
 * Used by the front and by tests, never by a worker: memory is from malloc. */
#include "objscript.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum kind { K_NONE, K_INT, K_FLOAT, K_STR, K_TUPLE, K_LIST, K_DICT, K_NODE, K_WEAK, K_UNKNOWN };
static const char *const holds[] = {"None",   "an int", "a float",          "a str",    "a tuple", "a list",
                                    "a dict", "a node", "a weak reference", "something"};

struct thing {
    enum kind kind;
    uint32_t count, room; /* items of a tuple, list or node */
    struct thing **item;
    struct thing *made_before;
};

/* The keys that are in some dict: open addressing, at most half full. A removed key stays with present
 * false. */
struct entry {
    const struct thing *dict;
    const char *key;
    bool present;
};

struct model {
    const struct objscript *s;
    struct message *m;
    struct thing **root;
    bool *wild;
    struct thing *made;
    struct entry *entry;
    size_t entries, entry_room;
    bool contents_unknown, no_memory;
};

static struct thing constant[] = {{.kind = K_NONE}, {.kind = K_INT}, {.kind = K_FLOAT}, {.kind = K_STR}};
static struct thing unknown = {.kind = K_UNKNOWN};

static struct thing *thing_new(struct model *d, enum kind kind, uint32_t count)
{
    struct thing *t = calloc(1, sizeof *t);
    struct thing **item = calloc((size_t)count + 1, sizeof(struct thing *));
    if (!t || !item) {
        d->no_memory = true;
        free(t);
        free(item);
        return &unknown;
    }
    *t = (struct thing){.kind = kind, .count = count, .room = count, .item = item, .made_before = d->made};
    d->made = t;
    for (uint32_t i = 0; i < count; i++)
        item[i] = &constant[K_NONE];
    return t;
}

static struct entry *entry_find(const struct entry *table, size_t room, const struct thing *dict,
                                const char *key)
{
    uint64_t hash = (uintptr_t)dict * 0x9e3779b97f4a7c15u;
    for (const char *c = key; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    for (size_t i = (hash ^ hash >> 32) & (room - 1);; i = (i + 1) & (room - 1)) {
        const struct entry *e = &table[i];
        if (!e->dict || (e->dict == dict && strcmp(e->key, key) == 0))
            return (struct entry *)e;
    }
}

static bool entry_put(struct model *d, const struct thing *dict, const char *key)
{
    if (d->entries * 2 >= d->entry_room) {
        size_t room = d->entry_room ? d->entry_room * 2 : 64;
        struct entry *wider = calloc(room, sizeof *wider);
        if (!wider)
            return false;
        for (size_t i = 0; i < d->entry_room; i++)
            if (d->entry[i].dict)
                *entry_find(wider, room, d->entry[i].dict, d->entry[i].key) = d->entry[i];
        free(d->entry);
        d->entry = wider;
        d->entry_room = room;
    }
    struct entry *e = entry_find(d->entry, d->entry_room, dict, key);
    d->entries += !e->dict;
    *e = (struct entry){dict, key, true};
    return true;
}

static struct thing *held(const struct model *d, uint32_t root)
{
    return d->wild[root] ? &unknown : d->root[root];
}

/* 0 when the root holds one of the kinds (a mask) or something unknown. */
static int need(struct model *d, const struct objscript_step *at, uint32_t root, unsigned kinds,
                const char *needs)
{
    enum kind kind = held(d, root)->kind;
    if (kind == K_UNKNOWN || kinds & 1u << kind)
        return 0;
    return objscript_fault(d->s, at, d->m, root, holds[kind], needs);
}

static int change_item(struct model *d, const struct objscript_step *at, struct thing *t)
{
    switch ((enum objscript_op)at->op) {
    case OBJSCRIPT_APPEND:
        if (t->count == t->room) {
            uint32_t room = t->room * 2 + 4;
            struct thing **wider = realloc(t->item, room * sizeof(struct thing *));
            if (!wider) {
                d->no_memory = true;
                return 0;
            }
            t->item = wider;
            t->room = room;
        }
        t->item[t->count++] = held(d, at->other);
        return 0;
    case OBJSCRIPT_POP:
        if (t->count == 0)
            return objscript_fault(d->s, at, d->m, at->root, "an empty list", "an item");
        t->count--;
        return 0;
    case OBJSCRIPT_SET:
        if (at->number >= t->count)
            return objscript_fault_index(d->s, at, d->m, t->count);
        t->item[at->number] = held(d, at->other);
        return 0;
    case OBJSCRIPT_PUT:
        d->no_memory |= !entry_put(d, t, d->s->keys + at->first);
        return 0;
    default: {
        struct entry *e =
            d->entry_room ? entry_find(d->entry, d->entry_room, t, d->s->keys + at->first) : NULL;
        if (!e || !e->present)
            return objscript_fault_key(d->s, at, d->m);
        e->present = false;
        return 0;
    }
    }
}

/* append, pop, set, put, unput */
static int change(struct model *d, const struct objscript_step *at)
{
    static const unsigned kinds[OBJSCRIPT_OP_COUNT] = {[OBJSCRIPT_APPEND] = 1u << K_LIST,
                                                       [OBJSCRIPT_POP] = 1u << K_LIST,
                                                       [OBJSCRIPT_SET] = 1u << K_LIST | 1u << K_NODE,
                                                       [OBJSCRIPT_PUT] = 1u << K_DICT,
                                                       [OBJSCRIPT_UNPUT] = 1u << K_DICT};
    const char *needs = at->op == OBJSCRIPT_SET                                ? "a list or a node"
                        : at->op == OBJSCRIPT_PUT || at->op == OBJSCRIPT_UNPUT ? "a dict"
                                                                               : "a list";
    struct thing *t = held(d, at->root);
    int err = need(d, at, at->root, kinds[at->op], needs);
    if (t->kind == K_UNKNOWN)
        d->contents_unknown = true;
    return err || d->contents_unknown ? err : change_item(d, at, t);
}

static int take(struct model *d, const struct objscript_step *at)
{
    struct thing *t = held(d, at->other), *item = &unknown;
    int err =
        need(d, at, at->other, 1u << K_LIST | 1u << K_TUPLE | 1u << K_NODE, "a list, a tuple or a node");
    if (err)
        return err;
    if (t->kind != K_UNKNOWN && !(d->contents_unknown && t->kind == K_LIST) && at->number >= t->count)
        return objscript_fault_index(d->s, at, d->m, t->count);
    if (t->kind != K_UNKNOWN && (!d->contents_unknown || t->kind == K_TUPLE))
        item = t->item[at->number];
    d->root[at->root] = item;
    return 0;
}

static int make(struct model *d, const struct objscript_step *at)
{
    struct thing *t = &constant[K_NONE];
    int err = 0;
    switch ((enum objscript_op)at->op) {
    case OBJSCRIPT_INT:
        t = &constant[K_INT];
        break;
    case OBJSCRIPT_FLOAT:
        t = &constant[K_FLOAT];
        break;
    case OBJSCRIPT_STR:
        t = &constant[K_STR];
        break;
    case OBJSCRIPT_TUPLE:
        t = thing_new(d, K_TUPLE, at->number);
        for (uint32_t i = 0; i < at->number && t->kind == K_TUPLE; i++)
            t->item[i] = held(d, d->s->items[at->first + i]);
        break;
    case OBJSCRIPT_LIST:
        t = thing_new(d, K_LIST, 0);
        break;
    case OBJSCRIPT_DICT:
        t = thing_new(d, K_DICT, 0);
        break;
    case OBJSCRIPT_NODE:
        t = thing_new(d, K_NODE, at->number);
        break;
    case OBJSCRIPT_WEAK:
    case OBJSCRIPT_REF:
        err = need(d, at, at->other, 1u << K_NODE, "a node");
        t = thing_new(d, K_WEAK, 0);
        break;
    case OBJSCRIPT_COPY:
        t = held(d, at->other);
        break;
    default:
        break;
    }
    d->root[at->root] = t;
    return err;
}

static int follow(struct model *d, const struct objscript_step *at)
{
    int err;
    switch ((enum objscript_op)at->op) {
    case OBJSCRIPT_APPEND:
    case OBJSCRIPT_POP:
    case OBJSCRIPT_SET:
    case OBJSCRIPT_PUT:
    case OBJSCRIPT_UNPUT:
        return change(d, at);
    case OBJSCRIPT_GET:
        return take(d, at);
    case OBJSCRIPT_FIN:
        err = need(d, at, at->root, 1u << K_NODE, "a node");
        if (!err && at->other != OBJSCRIPT_NO_ROOT)
            d->wild[at->other] = true;
        return err;
    case OBJSCRIPT_DEL:
        return need(d, at, at->root, 1u << K_NODE, "a node");
    default:
        return at->root == OBJSCRIPT_NO_ROOT ? 0 : make(d, at);
    }
}

static void model_close(struct model *d)
{
    for (struct thing *t = d->made, *before; t; t = before) {
        before = t->made_before;
        free(t->item);
        free(t);
    }
    free(d->entry);
    free(d->root);
    free(d->wild);
}

int objscript_check(const char *path, struct message *m)
{
    struct objscript s;
    int err = objscript_read(&s, path, m);
    if (err)
        return err;
    struct model d = {.s = &s, .m = m};
    d.root = calloc((size_t)s.roots + 1, sizeof(struct thing *));
    d.wild = calloc((size_t)s.roots + 1, sizeof *d.wild);
    d.no_memory = !d.root || !d.wild;
    for (uint32_t i = 0; i < s.roots && !d.no_memory; i++)
        d.root[i] = &constant[K_NONE];
    for (uint32_t i = 0; i < s.step_count && !err && !d.no_memory; i++)
        err = follow(&d, &s.step[i]);
    if (!err && d.no_memory)
        err = message_set(m, -ENOMEM, "%s: no memory to check it", path);
    model_close(&d);
    objscript_close(&s);
    return err;
}
