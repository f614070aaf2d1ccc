/* hgo_generate.c: see the header. The generator keeps a model of what each root holds (kinds, lengths, items,
 * keys) so that it never appends to an int. A root that a finaliser may write is "wild" from then on: what it
 * holds depends on when the collector runs, so it is only copied, stored and overwritten.
 *
 * Each script has a character of its own: how often each kind of act comes, how small the thresholds are.
 * Acts aim at what a collector can get wrong: cycles through every container, chains deeper than the
 * trashcan's limit, several weak references to one node, free lists that fill and overflow, tuples and dicts
 * that are untracked and tracked again, objects that come back to life, frozen heaps. */
#include "hgo_generate.h"
#include "alloc/base/rng.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(struct text *t, const char *format, ...)
{
    for (;;) {
        va_list args;
        va_start(args, format);
        int n = vsnprintf(t->data ? t->data + t->bytes : NULL, t->room - t->bytes, format, args);
        va_end(args);
        if (n < 0)
            abort();
        if (t->data && t->bytes + (size_t)n < t->room) {
            t->bytes += (size_t)n;
            return;
        }
        t->room = (t->room + (size_t)n + 64) * 2;
        t->data = realloc(t->data, t->room);
        if (!t->data)
            abort();
    }
}

enum kind { K_PLAIN, K_OPAQUE, K_TUPLE, K_LIST, K_DICT, K_NODE, K_WEAK };
#define KEYS 12 /* names that dicts use: few, so that entries are replaced */

struct thing {
    enum kind kind;
    unsigned count, room;
    struct thing **item; /* of a dict: by key, NULL where there is none */
    struct thing *made_before;
};

enum act {
    ACT_PLAIN,
    ACT_CONTAINER,
    ACT_TUPLE,
    ACT_NODE,
    ACT_FILL,
    ACT_TAKE,
    ACT_MOVE,
    ACT_WEAK,
    ACT_FIN,
    ACT_CYCLE,
    ACT_CHAIN,
    ACT_GROW,
    ACT_CHURN,
    ACT_DEAD,
    ACT_COLLECT,
    ACT_THRESHOLD,
    ACT_FREEZE,
    ACT_SWITCH,
    ACTS
};

struct generator {
    struct text *out;
    struct rng rng;
    unsigned roots, operations;
    struct thing **root;
    bool *wild;
    struct thing *made; /* all of them, to give them back at the end */
    struct thing plain, opaque;
    unsigned weight[ACTS], weights;
    unsigned stat_every, threshold_max;
    bool frozen, disabled;
    bool legacy; /* finalisers may be legacy ones: what they hold in cycles stays in gc.garbage */
};

static unsigned below(struct generator *g, unsigned n)
{
    return (unsigned)rng_below(&g->rng, n);
}

static bool chance(struct generator *g, unsigned percent)
{
    return below(g, 100) < percent;
}

#define EMIT(g, ...) (text_add((g)->out, __VA_ARGS__), emitted(g))
static void emitted(struct generator *g)
{
    g->operations++;
    if (below(g, g->stat_every) == 0) {
        text_add(g->out, "stat\n");
        g->operations++;
    }
}

static struct thing *thing_new(struct generator *g, enum kind kind, unsigned count)
{
    struct thing *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->kind = kind;
    t->made_before = g->made;
    g->made = t;
    t->count = t->room = count;
    t->item = calloc(count + 1, sizeof(struct thing *));
    if (!t->item)
        abort();
    for (unsigned i = 0; kind == K_NODE && i < count; i++)
        t->item[i] = &g->plain;
    return t;
}

static void thing_append(struct thing *t, struct thing *item)
{
    if (t->count == t->room) {
        t->room = t->room * 2 + 4;
        t->item = realloc(t->item, t->room * sizeof(struct thing *));
        if (!t->item)
            abort();
    }
    t->item[t->count++] = item;
}

static struct thing *held(struct generator *g, unsigned root)
{
    return g->wild[root] ? &g->opaque : g->root[root];
}

static unsigned any_root(struct generator *g)
{
    return below(g, g->roots);
}

/* A root that holds a thing of one of these kinds (a mask), or -1. */
static int find_root(struct generator *g, unsigned kinds)
{
    unsigned first = any_root(g);
    for (unsigned i = 0; i < g->roots; i++) {
        unsigned r = (first + i) % g->roots;
        if (kinds & 1u << held(g, r)->kind)
            return (int)r;
    }
    return -1;
}
#define ONE(kind) (1u << (kind))

/* An int, float or str: nothing that a collector looks at. */
static void act_plain(struct generator *g)
{
    unsigned r = any_root(g);
    g->root[r] = &g->plain;
    switch (below(g, 3)) {
    case 0:
        EMIT(g, "int %u %d\n", r, (int)below(g, 2000) - 500);
        break;
    case 1:
        EMIT(g, "float %u %u.5\n", r, below(g, 1000));
        break;
    default:
        EMIT(g, "str %u %u\n", r, below(g, 40));
    }
}

static void make(struct generator *g, unsigned r, enum kind kind, unsigned slots)
{
    g->root[r] = thing_new(g, kind, kind == K_NODE ? slots : kind == K_DICT ? KEYS : 0);
    if (kind == K_NODE)
        EMIT(g, "node %u %u\n", r, slots);
    else
        EMIT(g, "%s %u\n", kind == K_LIST ? "list" : "dict", r);
}

static void make_tuple(struct generator *g, unsigned r, unsigned count, const unsigned *from)
{
    struct thing *t = thing_new(g, K_TUPLE, count);
    text_add(g->out, "tuple %u", r);
    for (unsigned i = 0; i < count; i++) {
        t->item[i] = held(g, from[i]);
        text_add(g->out, " %u", from[i]);
    }
    EMIT(g, "\n");
    g->root[r] = t;
}

/* Lengths around the end of the tuple free lists come now and then. */
static void act_tuple(struct generator *g)
{
    unsigned from[24], count = chance(g, 80) ? below(g, 5) : below(g, 24);
    bool same = chance(g, 30);
    int nested = chance(g, 40) ? find_root(g, ONE(K_TUPLE)) : -1;
    for (unsigned i = 0; i < count; i++)
        from[i] = same && i ? from[0] : nested >= 0 && chance(g, 50) ? (unsigned)nested : any_root(g);
    make_tuple(g, any_root(g), count, from);
}

static void store(struct generator *g, unsigned into, unsigned value)
{
    struct thing *t = held(g, into), *item = held(g, value);
    if (t->kind == K_LIST && (t->count == 0 || chance(g, 60))) {
        thing_append(t, item);
        EMIT(g, "append %u %u\n", into, value);
    } else if (t->kind == K_LIST || (t->kind == K_NODE && t->count)) {
        unsigned i = below(g, t->count);
        t->item[i] = item;
        EMIT(g, "set %u %u %u\n", into, i, value);
    } else if (t->kind == K_DICT) {
        unsigned key = below(g, KEYS);
        t->item[key] = item;
        EMIT(g, "put %u k%u %u\n", into, key, value);
    }
}

static void act_fill(struct generator *g)
{
    int into = find_root(g, ONE(K_LIST) | ONE(K_DICT) | ONE(K_NODE));
    if (into >= 0)
        store(g, (unsigned)into, chance(g, 15) ? (unsigned)into : any_root(g));
}

static void act_take(struct generator *g)
{
    int from = find_root(g, ONE(K_LIST) | ONE(K_TUPLE) | ONE(K_NODE) | ONE(K_DICT));
    if (from < 0)
        return;
    struct thing *t = held(g, (unsigned)from);
    if (t->kind == K_DICT) {
        unsigned key = below(g, KEYS);
        if (t->item[key])
            EMIT(g, "unput %u k%u\n", (unsigned)from, key);
        t->item[key] = NULL;
    } else if (t->count && t->kind == K_LIST && chance(g, 40)) {
        t->count--;
        EMIT(g, "pop %u\n", (unsigned)from);
    } else if (t->count) {
        unsigned i = below(g, t->count), r = any_root(g);
        g->root[r] = t->item[i];
        EMIT(g, "get %u %u %u\n", r, (unsigned)from, i);
    }
}

static void drop(struct generator *g, unsigned r)
{
    g->root[r] = &g->plain;
    EMIT(g, "drop %u\n", r);
}

static void act_move(struct generator *g)
{
    unsigned r = any_root(g), s = any_root(g);
    if (chance(g, 60)) {
        drop(g, r);
        return;
    }
    g->root[r] = held(g, s);
    EMIT(g, "copy %u %u\n", r, s);
}

/* With a callback or without. */
static const char *weak_word(struct generator *g)
{
    return chance(g, 35) ? "ref" : "weak";
}

static void act_weak(struct generator *g)
{
    int node = find_root(g, ONE(K_NODE));
    for (unsigned n = 1 + below(g, 3); node >= 0 && n > 0 && held(g, (unsigned)node)->kind == K_NODE; n--) {
        unsigned r = any_root(g);
        g->root[r] = thing_new(g, K_WEAK, 0);
        EMIT(g, "%s %u %d\n", weak_word(g), r, node);
    }
}

/* Targets are few, so that one resurrected node throws out another. */
static void act_fin(struct generator *g)
{
    int node = find_root(g, ONE(K_NODE));
    if (node < 0)
        return;
    if (g->legacy && chance(g, 25)) {
        EMIT(g, "del %d\n", node);
        return;
    }
    if (chance(g, 50)) {
        EMIT(g, "fin %d\n", node);
        return;
    }
    unsigned target = below(g, 1 + g->roots / 4);
    g->wild[target] = true;
    EMIT(g, "fin %d %u\n", node, target);
}

/* A ring through nodes, lists, dicts and tuples; kept in one root or none. */
static void act_cycle(struct generator *g)
{
    unsigned first = any_root(g), last = any_root(g), link = any_root(g);
    if (first == last || last == link || first == link || g->wild[first] || g->wild[last] || g->wild[link])
        return;
    make(g, first, (enum kind[]){K_LIST, K_DICT, K_NODE}[below(g, 3)], 1 + below(g, 3));
    g->root[last] = g->root[first];
    EMIT(g, "copy %u %u\n", last, first);
    for (unsigned n = below(g, chance(g, 10) ? 60 : 6); n > 0; n--) {
        if (chance(g, 25)) {
            make_tuple(g, link, 1 + below(g, 2), (unsigned[]){last, last});
        } else {
            make(g, link, (enum kind[]){K_LIST, K_DICT, K_NODE}[below(g, 3)], 1 + below(g, 3));
            store(g, link, last);
        }
        if (held(g, link)->kind == K_NODE && chance(g, 25))
            EMIT(g, g->legacy && chance(g, 20) ? "del %u\n" : "fin %u\n", link);
        g->root[last] = g->root[link];
        EMIT(g, "copy %u %u\n", last, link);
    }
    store(g, first, last);
    drop(g, link);
    drop(g, last);
    if (chance(g, 70))
        drop(g, first);
}

/* A chain longer than the trashcan's limit that then falls, with weak references and finalisers in it. */
static void act_chain(struct generator *g)
{
    unsigned head = any_root(g), link = any_root(g), weak = any_root(g), keep = any_root(g);
    if (head == link || head == weak || link == weak || keep == head || keep == link || keep == weak ||
        g->wild[head] || g->wild[link] || g->wild[keep])
        return;
    make(g, head, K_NODE, 1);
    make(g, keep, K_LIST, 0);
    for (unsigned n = 20 + below(g, 150); n > 0; n--) {
        if (chance(g, 30)) {
            make_tuple(g, link, 1, &head);
        } else {
            make(g, link, (enum kind[]){K_NODE, K_NODE, K_LIST, K_DICT}[below(g, 4)], 1 + below(g, 2));
            if (g->root[link]->kind == K_NODE && g->root[link]->count > 1 && chance(g, 50))
                EMIT(g, "set %u 1 %u\n", link, keep), g->root[link]->item[1] = g->root[keep];
            if (g->root[link]->kind == K_LIST)
                thing_append(g->root[link], g->root[head]), EMIT(g, "append %u %u\n", link, head);
            else if (g->root[link]->kind == K_NODE)
                g->root[link]->item[0] = g->root[head], EMIT(g, "set %u 0 %u\n", link, head);
            else
                g->root[link]->item[0] = g->root[head], EMIT(g, "put %u k0 %u\n", link, head);
        }
        if (g->root[link]->kind == K_NODE && chance(g, 15)) {
            for (unsigned k = 1 + below(g, 3); k > 0; k--) {
                g->root[weak] = thing_new(g, K_WEAK, 0);
                EMIT(g, "%s %u %u\n", weak_word(g), weak, link);
                thing_append(g->root[keep], held(g, weak));
                EMIT(g, "append %u %u\n", keep, weak);
            }
            if (chance(g, 50))
                EMIT(g, "fin %u\n", link);
        }
        g->root[head] = g->root[link];
        EMIT(g, "copy %u %u\n", head, link);
    }
    drop(g, link);
    if (chance(g, 80))
        drop(g, head);
}

static void act_grow(struct generator *g)
{
    int list = find_root(g, ONE(K_LIST));
    unsigned r = any_root(g);
    if (list < 0 || r == (unsigned)list || g->wild[r])
        return;
    enum kind kind = (enum kind[]){K_LIST, K_DICT, K_NODE, K_NODE}[below(g, 4)];
    for (unsigned n = below(g, 120); n > 0; n--) {
        make(g, r, kind, 2);
        if (chance(g, 30))
            store(g, r, (unsigned)list);
        thing_append(held(g, (unsigned)list), g->root[r]);
        EMIT(g, "append %d %u\n", list, r);
    }
}

/* Objects that die by their count, more than a free list holds. */
static void act_churn(struct generator *g)
{
    int list = find_root(g, ONE(K_LIST));
    unsigned r = any_root(g), n = below(g, 110), length = 1 + below(g, 3);
    if (list < 0 || r == (unsigned)list || g->wild[r])
        return;
    enum kind kind = (enum kind[]){K_LIST, K_DICT, K_TUPLE}[below(g, 3)];
    for (unsigned i = 0; i < n; i++) {
        if (kind == K_TUPLE)
            make_tuple(g, r, length, (unsigned[]){any_root(g), any_root(g), any_root(g)});
        else
            make(g, r, kind, 0);
        if (chance(g, 80)) {
            thing_append(held(g, (unsigned)list), g->root[r]);
            EMIT(g, "append %d %u\n", list, r);
        }
    }
    if (chance(g, 60))
        drop(g, (unsigned)list);
}

/* Dead rings of two nodes that come back to life, or whose weak references are told. */
static void act_dead(struct generator *g)
{
    unsigned a = any_root(g), b = any_root(g);
    if (a == b || g->wild[a] || g->wild[b])
        return;
    for (unsigned n = 1 + below(g, 12); n > 0 && !g->wild[a] && !g->wild[b]; n--) {
        make(g, a, K_NODE, 2);
        make(g, b, K_NODE, 1 + below(g, 2));
        g->root[a]->item[0] = g->root[b];
        EMIT(g, "set %u 0 %u\n", a, b);
        g->root[b]->item[0] = g->root[a];
        EMIT(g, "set %u 0 %u\n", b, a);
        if (chance(g, 30))
            EMIT(g, "set %u 1 %u\n", a, any_root(g)), g->root[a]->item[1] = &g->opaque;
        if (chance(g, 20)) {
            unsigned target = below(g, 1 + g->roots / 4);
            g->wild[target] = true;
            EMIT(g, "fin %u %u\n", a, target);
        } else if (chance(g, 20)) {
            EMIT(g, g->legacy && chance(g, 20) ? "del %u\n" : "fin %u\n", a);
        }
        if (!g->wild[b] && chance(g, 25)) {
            unsigned w = any_root(g);
            if (w != a && w != b) {
                EMIT(g, "%s %u %u\n", weak_word(g), w, b);
                g->root[w] = thing_new(g, K_WEAK, 0);
                if (chance(g, 40) && !g->wild[b])
                    g->root[b]->item[0] = &g->opaque, EMIT(g, "set %u 0 %u\n", b, w);
            }
        }
    }
    if (!g->wild[a])
        drop(g, a);
    if (!g->wild[b])
        drop(g, b);
}

static void act_threshold(struct generator *g)
{
    if (chance(g, 10))
        EMIT(g, "threshold 0 %u %u\n", below(g, 10), below(g, 10));
    else
        EMIT(g, "threshold %u %u %u\n", 1 + below(g, g->threshold_max), below(g, 12), below(g, 12));
}

static void act_freeze(struct generator *g)
{
    EMIT(g, g->frozen ? "unfreeze\n" : "freeze\n");
    g->frozen = !g->frozen;
}

static void act_switch(struct generator *g)
{
    EMIT(g, g->disabled ? "enable\n" : "disable\n");
    g->disabled = !g->disabled;
}

static void act(struct generator *g, enum act a)
{
    switch (a) {
    case ACT_PLAIN:
        act_plain(g);
        break;
    case ACT_CONTAINER:
        make(g, any_root(g), chance(g, 50) ? K_LIST : K_DICT, 0);
        break;
    case ACT_TUPLE:
        act_tuple(g);
        break;
    case ACT_NODE:
        make(g, any_root(g), K_NODE, below(g, chance(g, 5) ? 40 : 5));
        break;
    case ACT_FILL:
        act_fill(g);
        break;
    case ACT_TAKE:
        act_take(g);
        break;
    case ACT_MOVE:
        act_move(g);
        break;
    case ACT_WEAK:
        act_weak(g);
        break;
    case ACT_FIN:
        act_fin(g);
        break;
    case ACT_CYCLE:
        act_cycle(g);
        break;
    case ACT_CHAIN:
        act_chain(g);
        break;
    case ACT_GROW:
        act_grow(g);
        break;
    case ACT_CHURN:
        act_churn(g);
        break;
    case ACT_DEAD:
        act_dead(g);
        break;
    case ACT_COLLECT:
        EMIT(g, "collect %u\n", below(g, 3));
        break;
    case ACT_THRESHOLD:
        act_threshold(g);
        break;
    case ACT_FREEZE:
        act_freeze(g);
        break;
    default:
        /* a disabled collector is dull: switch it on again soon */
        if (g->disabled || chance(g, 30))
            act_switch(g);
    }
}

/* Usual weights; each script multiplies them by its own 0 to 4. */
static const unsigned usual_weight[ACTS] = {
    [ACT_PLAIN] = 8,  [ACT_CONTAINER] = 25, [ACT_TUPLE] = 25,   [ACT_NODE] = 25, [ACT_FILL] = 60,
    [ACT_TAKE] = 25,  [ACT_MOVE] = 25,      [ACT_WEAK] = 8,     [ACT_FIN] = 8,   [ACT_CYCLE] = 6,
    [ACT_CHAIN] = 1,  [ACT_GROW] = 2,       [ACT_CHURN] = 2,    [ACT_DEAD] = 6,  [ACT_COLLECT] = 1,
    [ACT_FREEZE] = 1, [ACT_SWITCH] = 1,     [ACT_THRESHOLD] = 1};

void hgo_generate(struct text *out, uint64_t seed, unsigned operations)
{
    struct generator g = {.out = out};
    rng_seed(&g.rng, seed);
    g.roots = 5 + below(&g, chance(&g, 30) ? 100 : 25);
    g.root = calloc(g.roots, sizeof(struct thing *));
    g.wild = calloc(g.roots, sizeof *g.wild);
    if (!g.root || !g.wild)
        abort();
    for (unsigned i = 0; i < g.roots; i++)
        g.root[i] = &g.plain;
    g.opaque.kind = K_OPAQUE;
    g.legacy = chance(&g, 25);
    g.stat_every = 20 + below(&g, 60);
    g.threshold_max = (unsigned[]){12, 60, 300, 900}[below(&g, 4)];
    for (unsigned a = 0; a < ACTS; a++) {
        g.weight[a] = usual_weight[a] * below(&g, 5);
        g.weights += g.weight[a];
    }
    text_add(out, "# seed %llu\nhgo 1\nroots %u\n", (unsigned long long)seed, g.roots);
    if (chance(&g, 75))
        act_threshold(&g);
    while (g.operations < operations) {
        unsigned a = 0, pick = below(&g, g.weights + 1);
        while (a + 1 < ACTS && pick >= g.weight[a])
            pick -= g.weight[a++];
        act(&g, (enum act)a);
        if (g.disabled && chance(&g, 2))
            act_switch(&g);
    }
    text_add(out, "stat\ncollect 2\nstat\n");
    for (struct thing *t = g.made, *before; t; t = before) {
        before = t->made_before;
        free(t->item);
        free(t);
    }
    free(g.root);
    free(g.wild);
}

/* --- shrinking: a script as an array of lines, some of them left out ------------------------------------ */
struct lines {
    char **line;
    bool *out;
    size_t count;
};

static void join(const struct lines *l, struct text *text)
{
    text->bytes = 0;
    text_add(text, "%s", "");
    for (size_t i = 0; i < l->count; i++)
        if (!l->out[i])
            text_add(text, "%s\n", l->line[i]);
}

static void split(const struct text *script, struct lines *l, char *copy)
{
    memcpy(copy, script->data, script->bytes + 1);
    for (char *at = copy, *newline; *at; at = newline + 1) {
        newline = strchr(at, '\n');
        if (!newline)
            break;
        *newline = 0;
        l->line[l->count++] = at;
    }
}

/* Leaves out lines first .. first+size-1; true when the difference is still there. */
static bool try_without(struct lines *l, size_t first, size_t size, struct text *scratch,
                        hgo_differs *differs, void *arg)
{
    bool any = false;
    bool *before = malloc(l->count);
    if (!before)
        abort();
    memcpy(before, l->out, l->count);
    for (size_t i = first; i < first + size && i < l->count; i++) {
        any |= !l->out[i];
        l->out[i] = true;
    }
    bool still = false;
    if (any) {
        join(l, scratch);
        still = differs(arg, scratch);
    }
    if (!still)
        memcpy(l->out, before, l->count);
    free(before);
    return still;
}

void hgo_shrink(struct text *script, hgo_differs *differs, void *arg)
{
    struct lines l = {0};
    size_t room = script->bytes + 1;
    char *copy = malloc(room);
    l.line = malloc(room * sizeof *l.line);
    l.out = calloc(room, sizeof *l.out);
    struct text scratch = {0};
    if (!copy || !l.line || !l.out)
        abort();
    split(script, &l, copy);
    for (size_t size = l.count / 2 ? l.count / 2 : 1;; size = size > 1 ? size / 2 : 1) {
        bool removed = false;
        for (size_t first = 0; first < l.count; first += size)
            removed |= try_without(&l, first, size, &scratch, differs, arg);
        if (size == 1 && !removed)
            break;
    }
    join(&l, script);
    free(scratch.data);
    free(l.out);
    free(l.line);
    free(copy);
}
