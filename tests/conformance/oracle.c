/* oracle.c: every collector of this policy on random object scripts, beside a tracing oracle that knows
 * nothing of collectors:
 *   - nothing that the roots reach is ever freed: the allocator under the runtime keeps a table of live
 *     blocks, and every few steps a walk from the roots finds each object that it meets in that table before
 *     it touches it;
 *   - every dead cycle is freed in the end: after the script all roots are dropped, and nothing may be left;
 *   - old garbage is found by automatic collections alone, while the program goes on;
 *   - no finaliser runs twice.
 *
 * With the parameters of settings[] below, a collector that has no row there with its defaults.
 *
 *   oracle [FIRST COUNT OPERATIONS]      default 1 20 3000 */
#include "hgo_generate.h"
#include "alloc/base/os.h"
#include "alloc/spec.h"
#include "gc/runtime.h"
#include "workloads/script/objrun.h"

#include <stdio.h>
#include <stdlib.h>

/* --- a table of addresses: open addressing, no removal within a probe run ------------------------------- */

struct set {
    uintptr_t *slot; /* 0: free; 1: removed */
    size_t used, room;
};

static uintptr_t *set_find(const struct set *s, uintptr_t p)
{
    uintptr_t *removed = NULL;
    for (size_t i = (p * 0x9e3779b97f4a7c15u >> 20) & (s->room - 1);; i = (i + 1) & (s->room - 1)) {
        if (s->slot[i] == p)
            return &s->slot[i];
        if (s->slot[i] == 1 && !removed)
            removed = &s->slot[i];
        if (s->slot[i] == 0)
            return removed ? removed : &s->slot[i];
    }
}

static bool set_has(const struct set *s, uintptr_t p)
{
    return s->room && *set_find(s, p) == p;
}

static void set_add(struct set *s, uintptr_t p)
{
    if (s->used * 2 >= s->room) {
        struct set wider = {calloc(s->room * 2 + 1024, sizeof(uintptr_t)), 0, s->room ? s->room * 2 : 1024};
        if (!wider.slot)
            abort();
        for (size_t i = 0; i < s->room; i++)
            if (s->slot[i] > 1) {
                *set_find(&wider, s->slot[i]) = s->slot[i];
                wider.used++;
            }
        free(s->slot);
        *s = wider;
    }
    uintptr_t *at = set_find(s, p);
    s->used += *at == 0;
    *at = p;
}

static void set_remove(struct set *s, uintptr_t p)
{
    uintptr_t *at = set_find(s, p);
    if (*at != p) {
        fprintf(stderr, "oracle: a block is freed that is not live\n");
        abort();
    }
    *at = 1;
}

static void set_clear(struct set *s)
{
    free(s->slot);
    *s = (struct set){0};
}

/* --- the allocator under the runtime -------------------------------------------------------------------- */

static struct set live;

/* ctx is the allocator below: the C library's, or a backend where the collector is to walk over its heap. */
static void *live_malloc(void *ctx, size_t size)
{
    const struct alloc *below = ctx;
    void *p = below->malloc(below->ctx, size);
    if (p)
        set_add(&live, (uintptr_t)p);
    return p;
}

static void *live_calloc(void *ctx, size_t count, size_t size)
{
    void *p = live_malloc(ctx, count * size);
    return p ? memset(p, 0, count * size) : p;
}

static void live_free(void *ctx, void *p)
{
    const struct alloc *below = ctx;
    if (!p)
        return;
    set_remove(&live, (uintptr_t)p);
    below->free(below->ctx, p);
}

static void *live_realloc(void *ctx, void *p, size_t size)
{
    const struct alloc *below = ctx;
    if (p)
        set_remove(&live, (uintptr_t)p);
    void *q = below->realloc(below->ctx, p, size);
    if (q || p)
        set_add(&live, (uintptr_t)(q ? q : p));
    return q;
}

static struct alloc_stack below;
static struct alloc below_second;
static const struct backend live_backend;

static struct alloc live_alloc(struct alloc *on)
{
    return (struct alloc){.ctx = on,
                          .malloc = live_malloc,
                          .calloc = live_calloc,
                          .realloc = live_realloc,
                          .free = live_free,
                          .backend = on->backend->second ? &live_backend : NULL};
}

static int live_second(struct alloc *a, const struct alloc *first, struct message *m)
{
    const struct alloc *on = first->ctx;
    int err = on->backend->second(&below_second, on, m);
    *a = live_alloc(&below_second);
    a->backend = &live_backend;
    return err;
}

static int live_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg,
                     bool blocks)
{
    const struct alloc *on = ctx;
    return on->backend->walk(on->ctx, visit, arg, blocks);
}

static void live_close(struct alloc *a)
{
    struct alloc *on = a->ctx;
    on->backend->close(on);
}

static const struct backend live_backend = {
    .name = "live", .close = live_close, .walk = live_walk, .second = live_second};

/* --- the walk ------------------------------------------------------------------------------------------- */

struct walk {
    struct set seen;
    struct object **todo;
    size_t count, room;
    bool freed_reached;
};

static bool is_static(const struct object *o)
{
    return o == &object_none || o == &type_type.head;
}

static int walk_visit(struct object *o, void *arg)
{
    struct walk *w = arg;
    if (is_static(o) || set_has(&w->seen, (uintptr_t)o))
        return 0;
    /* the block begins at the object, or before it where there is a GC head: one of the two is live */
    if (!set_has(&live, (uintptr_t)o) && !set_has(&live, (uintptr_t)o - GC_HEAD_BYTES)) {
        w->freed_reached = true;
        return 1;
    }
    set_add(&w->seen, (uintptr_t)o);
    if (w->count == w->room) {
        w->room = w->room * 2 + 256;
        w->todo = realloc(w->todo, w->room * sizeof(struct object *));
        if (!w->todo)
            abort();
    }
    w->todo[w->count++] = o;
    return 0;
}

static bool reachable_is_live(struct objrun *run)
{
    struct walk w = {0};
    for (uint32_t i = 0; i < run->script->roots; i++)
        walk_visit(run->root[i], &w);
    while (w.count && !w.freed_reached) {
        struct object *o = w.todo[--w.count];
        if (o->type->traverse)
            o->type->traverse(o, walk_visit, &w);
    }
    free(w.todo);
    set_clear(&w.seen);
    return !w.freed_reached;
}

/* --- scripts on a collector ----------------------------------------------------------------------------- */

static struct runtime *open_runtime(const struct collector_info *info, const char *params)
{
    static unsigned char values[PARAM_STRUCT_MAX];
    static struct alloc counted;
    struct message m = {""};
    struct runtime *r;
    struct spec spec;
    struct runtime_config config = {
        .alloc = &counted, .collector = info, .collector_params = values, .threads = 1};
    int err = param_parse(info->params, values, info->name, params, &m);
    err = err ? err : spec_parse(&spec, strstr(params, "find=walk") ? "pools" : "system", &m);
    err = err ? err : alloc_open(&below, &spec, &m);
    counted = live_alloc(&below.layer[0]);
    err = err ? err : runtime_open(&r, &config, &m);
    if (err) {
        fprintf(stderr, "oracle: %s\n", m.text);
        exit(1);
    }
    return r;
}

static void close_runtime(struct runtime *r)
{
    runtime_close(r);
    alloc_close(&below);
}

static void no_stat(void *arg, const char *line)
{
    (void)arg, (void)line;
}

/* What went wrong, or NULL. */
static const char *run_script(const struct collector_info *info, const char *params,
                              const struct objscript *s)
{
    struct message m = {""};
    struct objrun run;
    const char *wrong = NULL;
    struct runtime *r = open_runtime(info, params);
    if (objrun_open(&run, r, s, &m))
        return "no memory";
    while (run.next < s->step_count && !wrong) {
        if (objrun_steps(&run, 67, no_stat, NULL, &m)) {
            printf("# %s\n", m.text);
            wrong = "a step failed";
        } else if (!reachable_is_live(&run))
            return "a reachable object was freed"; /* and nothing of this heap can be trusted */
    }
    uint64_t again = 0;
    gc_unfreeze(r);
    gc_enable(r, true);
    while (objrun_drop(&run) + gc_collect(r, 2) > 0)
        ;
    again = run.finalised_again;
    objrun_close(&run);
    if (!wrong && again)
        wrong = "a finaliser ran twice";
    if (!wrong && strcmp(info->name, "none") != 0 && runtime_live_objects(r) != 0)
        wrong = "garbage is left";
    close_runtime(r);
    if (!wrong && strcmp(info->name, "none") != 0)
        for (size_t i = 0; i < live.room; i++)
            if (live.slot[i] > 1)
                wrong = "a block is left";
    return wrong;
}

/* --- old garbage is found while the program goes on ----------------------------------------------------- */

static unsigned found;

static void count_found(struct object *o)
{
    (void)o;
    found++;
}

static void pair(struct type *type, struct object **a)
{
    struct object *x = instance_new(type), *y = instance_new(type);
    instance_set(x, 0, y);
    instance_set(y, 0, x);
    rc_dec(y);
    *a = x;
}

enum { PAIRS = 100, LIVE = 4000, ROUNDS_MAX = 600, ROUND = 2000 };

/* 100 cycles among 4000 live ones grow old and die. The program makes 2000 cycles a round, half of which die
 * young; its heap grows by the others. */
static const char *old_garbage(const struct collector_info *info, const char *params, unsigned *rounds)
{
    struct runtime *r = open_runtime(info, params);
    struct type *plain = type_new_instance_type("plain", 1, 0, 0, NULL);
    struct type *last = type_new_instance_type("last", 1, 0, 0, count_found);
    struct object *heap = list_new(0), *old = list_new(0), *o;
    heap_root_add(r, "heap", &heap, 1);
    heap_root_add(r, "old", &old, 1);
    found = 0;
    for (unsigned i = 0; i < LIVE; i++) {
        pair(i % (LIVE / PAIRS) == 0 ? last : plain, &o);
        list_append(i % (LIVE / PAIRS) == 0 ? old : heap, o);
        rc_dec(o);
        thread_safepoint();
    }
    for (unsigned i = 0; i < 10 * ROUND; i++) { /* until they are old */
        rc_dec(instance_new(plain));
        pair(plain, &o);
        list_append(heap, o);
        rc_dec(o);
        thread_safepoint();
    }
    rc_dec(list_get(old, 0));
    list_clear(old);
    unsigned before = found;
    for (*rounds = 0; *rounds < ROUNDS_MAX && found < 2 * PAIRS; ++*rounds) {
        for (unsigned i = 0; i < ROUND; i++) {
            pair(plain, &o);
            if (i % 2 == 0)
                list_append(heap, o);
            rc_dec(o);
            thread_safepoint();
        }
    }
    unsigned all = found;
    heap_root_remove(r, &heap);
    heap_root_remove(r, &old);
    rc_dec(heap);
    rc_dec(old);
    gc_collect(r, 2);
    uint64_t left = runtime_live_objects(r);
    rc_dec(&plain->head);
    rc_dec(&last->head);
    close_runtime(r);
    return before            ? "live objects were finalised"
           : all < 2 * PAIRS ? "old garbage is not found"
           : left            ? "garbage is left"
                             : NULL;
}

struct setting {
    const char *collector, *params;
};

static const struct setting settings[] = {
    {"none", ""},
    {"generational", "version=3.11"},
    {"generational", "version=3.11,thresholds=1/1/1"},
    {"generational", "version=3.13,thresholds=20/3/3"},
    {"incremental", "version=3.14.0"},
    {"incremental", "version=3.14.0,thresholds=10/2/0"},
    {"incremental", "version=3.14.1,thresholds=10/2/0"},
    {"incremental", "version=3.14.1,thresholds=50/10/0"},
    {"generational", "trigger=bytes,thresholds=1/3/3"},
    {"pep848", ""},
    {"pep848", "thresholds=1/4/0"},
    {"pep848", "thresholds=1/0/0"},
    {"pep848", "thresholds=1/2/0,closure=old,first=increment"},
    {"pep848", "thresholds=1/4/0,work=survivors,grace=kept,bytes=all"},
    {"pep848", "version=draft"},
    {"pep848", "version=draft,thresholds=1/4/0"},
    {"pep848", "version=draft,thresholds=1/2/0,limit=outside,roots=increment"},
    {"pep848", "version=draft,thresholds=1/4/0,limit=outside"},
    {"pep848", "version=draft,thresholds=1/4/0,roots=increment,bytes=all"},
    {"pep848", "version=draft,thresholds=1/4/0,aging=one"},
    {"pep848", "version=draft,thresholds=2/10/0,aging=one,bytes=all"},
    {"pep848", "version=draft,thresholds=1/0/0"},
    {"stw", ""},
    {"stw", "thresholds=1/0/0"},
    {"stw", "thresholds=1/0/0,alive=0"},
    {"stw", "gate=rss"},
    {"stw", "find=walk"},
    {"stw", "thresholds=1/0/0,find=walk"},
    {"stw", "thresholds=1/0/0,find=walk,alive=0"},
    {"tracing", ""},
    {"tracing", "min=20,growth=0"},
};

static const struct collector_info *find_collector(const char *name)
{
    unsigned allowed = HG_RC == HG_RC_TRACING ? GC_NEEDS_TRACING
                       : RC_GIL_HELD          ? GC_NEEDS_GIL
                                              : GC_NEEDS_NOGIL;
    for (const struct collector_info *c = collector_list; c->name; c++)
        if (strcmp(c->name, name) == 0 && !(c->flags & ~allowed))
            return c;
    return NULL;
}

static bool has_setting(const char *collector)
{
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
        if (strcmp(settings[k].collector, collector) == 0)
            return true;
    return false;
}

struct check {
    uint64_t first; /* seed */
    unsigned count, operations;
    unsigned tests, bad;
};

/* False: what the roots reach was freed, or garbage stayed; no other script is worth a try then. */
static bool check_scripts(struct check *c, const struct collector_info *info, const char *params)
{
    const char *wrong = NULL;
    uint64_t seed = c->first;
    for (; seed < c->first + c->count && !wrong; seed++) {
        struct text text = {0};
        struct objscript s;
        struct message m = {""};
        hgo_generate(&text, seed, c->operations);
        wrong =
            objscript_parse(&s, text.data, text.bytes, "script", &m) ? m.text : run_script(info, params, &s);
        objscript_close(&s);
        free(text.data);
    }
    printf("%sok %u - %s %s: reachable objects stay, dead ones go\n", wrong ? "not " : "", ++c->tests,
           info->name, params);
    if (wrong)
        printf("# seed %llu: %s\n", (unsigned long long)seed - 1, wrong);
    c->bad += wrong != NULL;
    fflush(stdout);
    return !wrong;
}

static bool check_setting(struct check *c, const struct collector_info *info, const char *params)
{
    if (!check_scripts(c, info, params))
        return false;
    if (strcmp(info->name, "none") == 0)
        return true;
    unsigned rounds = 0;
    const char *wrong = old_garbage(info, params, &rounds);
    printf("%sok %u - %s %s: old garbage is found in %u rounds\n", wrong ? "not " : "", ++c->tests,
           info->name, params, rounds);
    if (wrong)
        printf("# %s\n", wrong);
    c->bad += wrong != NULL;
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    struct check c = {.first = 1, .count = 20, .operations = 3000};
    bool going = true;
    if (argc == 4)
        c = (struct check){.first = strtoull(argv[1], NULL, 10),
                           .count = (unsigned)strtoul(argv[2], NULL, 10),
                           .operations = (unsigned)strtoul(argv[3], NULL, 10)};
    for (size_t k = 0; going && k < sizeof settings / sizeof *settings; k++) {
        const struct collector_info *info = find_collector(settings[k].collector);
        going = !info || check_setting(&c, info, settings[k].params);
    }
    /* One without a row: with its defaults. */
    for (const struct collector_info *i = collector_list; going && i->name; i++)
        if (!has_setting(i->name) && find_collector(i->name))
            going = check_setting(&c, i, "");
    set_clear(&live);
    printf("1..%u\n", c.tests);
    return c.bad != 0;
}
