/* runtime.c: opens and closes the runtime of this worker, and reports what it counted. On top of the room:
 * knows every collector, and what each policy does at a thread's coming and going. */
#include "runtime.h"
#include "list.h"
#include "gc/collect/collector.h"
#include "gc/collect/tracing.h"
#include "gc/runtime/lock.h"
#include "gc/runtime/qsbr.h"

#include "alloc/base/os.h"

/* --- the collector -------------------------------------------------------------------------------------- */

/* Weak: a collector that this policy cannot run is not compiled into its worker. */
#define COLLECTOR_EXTERN(ident, flags, summary) \
    extern const struct collector collector_##ident __attribute__((weak));
COLLECTORS(COLLECTOR_EXTERN)

#define COLLECTOR_POINTER(ident, flags, summary) &collector_##ident,
static const struct collector *const collectors[] = {COLLECTORS(COLLECTOR_POINTER)};

static int runtime_open_collector(struct runtime *r, const struct runtime_config *config, struct message *m)
{
    const struct collector_info *info = config->collector ? config->collector : &collector_list[0];
    const struct collector *ops = collectors[info - collector_list];
    if ((info->flags & GC_NEEDS_GIL) && !RC_GIL_HELD)
        return message_set(m, -ENOTSUP,
                           "gc %s links objects into lists, which needs the GIL: take rc gil, or another gc",
                           info->name);
    if ((info->flags & GC_NEEDS_NOGIL) && RC_GIL_HELD)
        return message_set(m, -ENOTSUP,
                           "gc %s is for runtimes without a GIL: take rc atomic, objlock or biased",
                           info->name);
    bool traces = (info->flags & GC_NEEDS_TRACING) != 0, counts = HG_RC != HG_RC_TRACING;
    if (traces == counts && info != &collector_list[0])
        return message_set(m, -ENOTSUP, "gc %s and rc %s do not go together", info->name, policy_here.name);
    if (!ops)
        return message_set(m, -ENOTSUP, "gc %s is not in this worker", info->name);
#if RC_GIL_HELD
    gc_list_init(&r->gc.default_list);
    r->gc.young_list = &r->gc.default_list;
#endif
    r->gc.limit = INT64_MAX;
    r->gc.one = 1;
    r->gc.ops = ops;
    r->gc.trigger = ops->trigger;
    r->gc.safepoint = ops->safepoint;
    return ops->open(r, config->collector_params, m);
}

/* --- the policy ----------------------------------------------------------------------------------------- */

#if HG_RC == HG_RC_BIASED
#define POLICY_HOOKS       biased_hooks
#define policy_free_all(r) biased_free_all(r)
#elif HG_RC == HG_RC_TRACING
static const struct thread_hooks no_hooks; /* the policies with a GIL keep nothing a thread */
#define POLICY_HOOKS       no_hooks
#define policy_free_all(r) tracing_free_all(r)
#elif RC_GIL_HELD
static const struct thread_hooks no_hooks;
#define POLICY_HOOKS       no_hooks
#define policy_free_all(r) ((void)(r))
#else
#define POLICY_HOOKS       lock_hooks
#define policy_free_all(r) ((void)(r))
#endif

/* --- open ----------------------------------------------------------------------------------------------- */

static void runtime_read_params(struct runtime *r, const void *params)
{
    char defaults[PARAM_STRUCT_MAX] __attribute__((aligned(16)));
    for (const struct policy_info *i = policy_list; !params && i->name; i++)
        if (strcmp(i->name, policy_here.name) == 0) {
            param_defaults(i->params, defaults);
            params = defaults;
        }
    policy_here.read(params, &r->options);
#if RC_GIL_HELD
    gil_init(&r->gil, r->options.interval_ns);
    r->freelists.on = r->options.freelists;
    r->freelists.tuple_items = r->python.freelist_tuples;
#endif
}

static void runtime_open_mutexes(struct runtime *r)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&r->threads.mutex, NULL);
    pthread_mutex_init(&r->types.mutex, NULL);
    heap_roots_open(&r->roots);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->stop.stopped, &attr);
    pthread_cond_init(&r->stop.started, &attr);
    pthread_condattr_destroy(&attr);
}

int runtime_open(struct runtime **out, const struct runtime_config *config, struct message *m)
{
    struct runtime *r = &runtime_global;
    if (r->open)
        return message_set(m, -EBUSY, "a runtime is open in this process already");
    memset(r, 0, sizeof *r);
    r->memory.plain = *config->alloc;
    r->python = config->python ? *config->python : python_list[0];
    r->outside = (struct runtime_outside){config->pause, config->pause_arg, config->watch, config->watch_arg,
                                          config->look};
    r->threads.hooks = &POLICY_HOOKS;
    runtime_open_mutexes(r);
    runtime_read_params(r, config->policy_params);
    r->open = true;
    int err = runtime_open_collector(r, config, m);
#if HG_RC == HG_RC_TRACING
    if (!err && tracing_table_open() != 0)
        err = message_set(m, -ENOMEM, "no memory for the table of objects");
#endif
    if (err) {
        r->open = false;
        return err;
    }
    if (thread_attach(r, 0) != 0) {
        if (r->gc.ops->close)
            r->gc.ops->close(r);
        r->open = false;
        return message_set(m, -ENOMEM, "no memory for the runtime");
    }
    if (types_open(r) != 0) {
        runtime_close(r);
        return message_set(m, -ENOMEM, "the allocator has no memory for the runtime's first objects");
    }
    r->base_live = 0;
    r->base_live = runtime_live_objects(r);
    r->base_bytes = 0;
    r->base_bytes = runtime_live_bytes(r);
    strict_open();
    *out = r;
    return 0;
}

/* --- close ---------------------------------------------------------------------------------------------- */

struct leftovers {
    struct object **at;
    size_t count, room;
};

static int runtime_count_tracked(struct object *o, void *arg)
{
    (void)o;
    ++*(size_t *)arg;
    return 0;
}

/* Takes a reference to each, marks it finalised: nothing of the user's runs any more. */
static int runtime_hold(struct object *o, void *arg)
{
    struct leftovers *l = arg;
    rc_inc(o);
#if RC_GIL_HELD
    gc_head_of(o)->prev |= GC_PREV_FINALIZED;
#else
    atomic_fetch_or_explicit(&o->gc_bits, GC_FINALIZED, memory_order_relaxed);
#endif
    l->at[l->count++] = o;
    return 0;
}

static struct os_account runtime_account;

/* A tuple has no clear, but below its items must not be dropped after they are gone. */
static void runtime_empty_tuple(struct tuple_object *t)
{
    for (int64_t i = 0; i < t->size; i++) {
        struct object *item = t->item[i];
        t->item[i] = NULL;
        rc_xdec(item);
    }
}

/* Everything that is still tracked is garbage now, cyclic or held by places that are gone: breaks all of
 * it. */
static void runtime_free_leftovers(struct runtime *r)
{
    struct leftovers l = {0};
    gc_each_tracked(r, runtime_count_tracked, &l.room);
    if (l.room == 0 || !(l.at = os_map(&runtime_account, l.room * sizeof *l.at, 0, 0)))
        return;
    gc_each_tracked(r, runtime_hold, &l);
    for (size_t i = 0; i < l.count; i++) {
        l.at[i]->type->del = NULL;
        if (l.at[i]->type->id == TYPE_WEAKREF)
            ((struct weakref *)l.at[i])->callback = NULL;
    }
    for (size_t i = 0; i < l.count; i++) {
        if (l.at[i]->type->clear)
            l.at[i]->type->clear(l.at[i]);
        else if (l.at[i]->type == &type_tuple)
            runtime_empty_tuple((struct tuple_object *)l.at[i]);
    }
    for (size_t i = 0; i < l.count; i++) {
        /* What a root held was never given back: that reference goes too. */
        if (!rc_is_immortal(l.at[i]))
            rc_set_count(l.at[i], 1);
        rc_dec(l.at[i]);
    }
    os_unmap(&runtime_account, l.at, l.room * sizeof *l.at);
}

void runtime_close(struct runtime *r)
{
    strict_close();
    r->gc.limit = INT64_MAX;
    atomic_store_explicit(&r->gc.collecting, true, memory_order_relaxed);
    if (!thread_self)
        thread_attach(r, 0);
    runtime_free_leftovers(r);
    policy_free_all(r);
    types_close(r);
    policy_free_all(r); /* what was given up since: small ints that had readers without a lock */
    if (r->gc.ops->close)
        r->gc.ops->close(r);
    gc_garbage_close(r);
    heap_roots_close(&r->roots);
#if RC_GIL_HELD
    gil_drop(r, thread_self);
#endif
    thread_close_all(r);
#if RC_GIL_HELD
    gil_destroy(&r->gil);
#endif
    pthread_cond_destroy(&r->stop.started);
    pthread_cond_destroy(&r->stop.stopped);
    pthread_mutex_destroy(&r->types.mutex);
    pthread_mutex_destroy(&r->threads.mutex);
    r->open = false;
}

/* --- threads, figures ----------------------------------------------------------------------------------- */

int runtime_thread_attach(struct runtime *r, unsigned index)
{
    return thread_attach(r, index);
}

void runtime_thread_detach(struct runtime *r)
{
    if (thread_self)
        thread_detach(r);
}

void runtime_watch(void)
{
    thread_break(thread_self, BREAK_WATCH);
}

uint64_t runtime_live_objects(struct runtime *r)
{
    uint64_t live = runtime_containers_made(r), kept = 0;
    for (unsigned i = 0; i < r->threads.count; i++) {
        if (!r->threads.at[i])
            continue;
        live +=
            r->threads.at[i]->made_plain - r->threads.at[i]->freed_plain - r->threads.at[i]->freed_containers;
#if !RC_GIL_HELD
        kept += freelist_count(&r->threads.at[i]->freelists);
#endif
    }
#if RC_GIL_HELD
    kept = freelist_count(&r->freelists);
#endif
    return live - kept - r->base_live;
}

uint64_t runtime_containers_made(struct runtime *r)
{
    uint64_t made = 0;
    unsigned threads =
        __atomic_load_n(&r->threads.count, __ATOMIC_ACQUIRE); /* pairs with thread_attach, as below */
    for (unsigned i = 0; i < threads; i++) {
        struct thread *t = __atomic_load_n(&r->threads.at[i], __ATOMIC_ACQUIRE);
        made += t ? atomic_load_explicit(&t->made_containers, memory_order_relaxed) : 0;
    }
    return made;
}

void runtime_thread_bytes(uint64_t *live_bytes, uint64_t *allocated_bytes)
{
    const struct thread *t = thread_self;
    *live_bytes = thread_live_bytes(t);
    *allocated_bytes = t->made_bytes;
}

uint64_t runtime_live_bytes(struct runtime *r)
{
    uint64_t live = 0;
    for (unsigned i = 0; i < r->threads.count; i++)
        if (r->threads.at[i])
            live += r->threads.at[i]->made_bytes - r->threads.at[i]->freed_bytes;
    return live - r->base_bytes;
}

bool runtime_collects(const struct runtime *r)
{
    return r->gc.ops != &collector_none;
}

uint64_t runtime_collect(struct runtime *r)
{
    return gc_collect(r, 2);
}

void runtime_report(struct runtime *r, const struct alloc_sink *sink)
{
    sink->integer(sink->arg, "gc.live_objects", runtime_live_objects(r));
    if (r->gc.ops->report)
        r->gc.ops->report(r, sink);
#if RC_GIL_HELD
    sink->integer(sink->arg, "gil.switches", r->gil.switches);
    sink->integer(sink->arg, "gil.forced", r->gil.forced);
    sink->integer(sink->arg, "gil.waits", atomic_load_explicit(&r->gil.waits.count, memory_order_relaxed));
    sink->integer(sink->arg, "gil.wait_total_ns",
                  atomic_load_explicit(&r->gil.waits.total_ns, memory_order_relaxed));
    sink->integer(sink->arg, "gil.wait_p99_ns", waits_quantile(&r->gil.waits, 0.99));
#else
    uint64_t taken = 0;
    for (unsigned i = 0; i < r->threads.count; i++)
        taken += r->threads.at[i] ? r->threads.at[i]->mutexes_taken : 0;
    sink->integer(sink->arg, "lock.acquisitions", taken);
    sink->integer(sink->arg, "lock.contended", atomic_load_explicit(&lock_waits.count, memory_order_relaxed));
    sink->integer(sink->arg, "lock.wait_total_ns",
                  atomic_load_explicit(&lock_waits.total_ns, memory_order_relaxed));
    sink->integer(sink->arg, "lock.wait_p99_ns", waits_quantile(&lock_waits, 0.99));
    if (HG_RC == HG_RC_OBJLOCK) {
        sink->integer(sink->arg, "lock.count_contended",
                      atomic_load_explicit(&lock_count_waits.count, memory_order_relaxed));
        sink->integer(sink->arg, "lock.count_wait_total_ns",
                      atomic_load_explicit(&lock_count_waits.total_ns, memory_order_relaxed));
    }
    sink->integer(sink->arg, "stop.count", r->stop.count);
    sink->integer(sink->arg, "stop.total_ns", r->stop.total_ns);
    sink->integer(sink->arg, "stop.max_ns", r->stop.max_ns);
#endif
    if (r->types.intern_hits + r->types.intern_misses) {
        sink->integer(sink->arg, "intern.hits", r->types.intern_hits);
        sink->integer(sink->arg, "intern.misses", r->types.intern_misses);
    }
}
