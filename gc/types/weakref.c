/* weakref.c: as CPython's: an object's weakrefs hang in a list of its own, the plain one (no callback,
 * shared) first, newer ones with callbacks before older ones.
 *
 * Under a GIL nothing more is needed. Without one a bucket of mutexes, chosen by the referent's address,
 * guards the lists and the weakrefs' referent pointers. The referent of a live weakref may be dying:
 * weakref_get takes a reference only if there is one left to share (rc_try_inc_dying), under that mutex,
 * which a dying object's dealloc takes too before it goes on. */
#include "types.h"

/* --- the guard ------------------------------------------------------------------------------------------ */

#if RC_GIL_HELD
static void weakref_lock(const struct object *o)
{
    (void)o;
}

static void weakref_unlock(const struct object *o)
{
    (void)o;
}
#else
#define WEAKREF_BUCKETS 64
static pthread_mutex_t weakref_mutex[WEAKREF_BUCKETS] = {[0 ... WEAKREF_BUCKETS - 1] =
                                                             PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t *weakref_bucket(const struct object *o)
{
    return &weakref_mutex[((uintptr_t)o >> 5) * 0x9e3779b97f4a7c15u >> 58];
}

static void weakref_lock(const struct object *o)
{
    pthread_mutex_lock(weakref_bucket(o));
}

static void weakref_unlock(const struct object *o)
{
    pthread_mutex_unlock(weakref_bucket(o));
}
#endif

/* Locks the bucket of w's referent; NULL when it has none any more. */
static struct object *weakref_lock_referent(struct weakref *w)
{
    for (;;) {
        struct object *o = __atomic_load_n(&w->referent, __ATOMIC_ACQUIRE);
        if (!o)
            return NULL;
        weakref_lock(o);
        if (__atomic_load_n(&w->referent, __ATOMIC_ACQUIRE) == o)
            return o;
        weakref_unlock(o); /* cleared meanwhile */
    }
}

/* In the lock. */
static void weakref_unlink(struct weakref *w, struct object *o)
{
    struct weakref **list = object_weaklist(o);
    if (*list == w)
        *list = w->next;
    if (w->prev)
        w->prev->next = w->next;
    if (w->next)
        w->next->prev = w->prev;
    w->prev = w->next = NULL;
    __atomic_store_n(&w->referent, NULL, __ATOMIC_RELEASE);
}

void weakref_clear(struct weakref *w)
{
    struct object *o = weakref_lock_referent(w);
    if (o) {
        weakref_unlink(w, o);
        weakref_unlock(o);
    }
}

/* --- life ----------------------------------------------------------------------------------------------- */

static size_t weakref_bytes(const struct object *o)
{
    (void)o;
    return sizeof(struct weakref) + runtime_global.python.weakref_extra_bytes;
}

/* Its referent is borrowed and its callback no object: there is nothing to visit. */
static int weakref_traverse(struct object *o, object_visit *visit, void *arg)
{
    (void)o;
    (void)visit;
    (void)arg;
    return 0;
}

static void weakref_clear_slot(struct object *o)
{
    weakref_clear((struct weakref *)o);
    ((struct weakref *)o)->callback = NULL;
}

static void weakref_dealloc(struct object *o)
{
    gc_untrack(o);
    weakref_clear((struct weakref *)o);
    gc_delete(o, weakref_bytes(o));
}

struct type type_weakref = {.name = "weakref",
                            .id = TYPE_WEAKREF,
                            .flags = TYPE_GC,
                            .basic_bytes = sizeof(struct weakref),
                            .traverse = weakref_traverse,
                            .clear = weakref_clear_slot,
                            .dealloc = weakref_dealloc,
                            .bytes = weakref_bytes};

struct object *weakref_new(struct object *o, weakref_callback *callback, void *arg)
{
    struct weakref **list = object_weaklist(o);
    struct weakref *plain;
    if (!callback) {
        weakref_lock(o);
        plain = *list;
        if (plain && !plain->callback && rc_try_inc_dying(&plain->head)) {
            weakref_unlock(o);
            return &plain->head;
        }
        weakref_unlock(o);
    }
    struct weakref *w = gc_new(&type_weakref, weakref_bytes(NULL));
    if (unlikely(!w))
        return NULL;
    rc_mark_shared(o); /* both may be asked for a reference by who has none */
    rc_mark_shared(&w->head);
    w->referent = o;
    w->callback = callback;
    w->arg = arg;
    w->prev = w->next = NULL;
    weakref_lock(o);
    plain = *list && !(*list)->callback ? *list : NULL;
    if (callback && plain) {
        w->prev = plain;
        w->next = plain->next;
        if (w->next)
            w->next->prev = w;
        plain->next = w;
    } else {
        w->next = *list;
        if (w->next)
            w->next->prev = w;
        *list = w;
    }
    weakref_unlock(o);
    gc_track(&w->head);
    return &w->head;
}

struct object *weakref_get(struct object *o)
{
    struct object *referent = weakref_lock_referent((struct weakref *)o);
    if (!referent)
        return NULL;
    bool alive = rc_try_inc_dying(referent);
    weakref_unlock(referent);
    return alive ? referent : NULL;
}

static void weakref_call(struct weakref *w)
{
    weakref_callback *callback = w->callback;
    w->callback = NULL; /* it runs once */
    callback(w, w->arg);
}

/* Takes the first weakref out of o's list. *alive: with a new reference, so that the callback can run without
 * the lock; the others are dying elsewhere, wait for nothing but the end of their referent pointer, and may
 * not be touched any more. */
static struct weakref *weakref_take_first(struct object *o, bool *alive)
{
    weakref_lock(o);
    struct weakref *w = *object_weaklist(o);
    if (w) {
        *alive = rc_try_inc_dying(&w->head);
        weakref_unlink(w, o);
    }
    weakref_unlock(o);
    return w;
}

/* First all are cleared, then called: a callback must not find the object through another weakref. */
#if RC_GIL_HELD
/* As CPython does it, where several wait in a tuple, which the collector counts like any other; from 3.13
 * on a single one does, too. */
void object_clear_weakrefs(struct object *o)
{
    struct weakref **list = object_weaklist(o);
    size_t count = 0;
    if (*list && !(*list)->callback)
        weakref_unlink(*list, o);
    for (struct weakref *w = *list; w; w = w->next)
        count++;
    if (count == 0)
        return;
    if (count == 1 && !runtime_global.python.weakrefs_wait_in_tuple) {
        struct weakref *w = *list;
        weakref_unlink(w, o);
        if (rc_count(&w->head) > 0)
            weakref_call(w);
        return;
    }
    struct object *waiting = tuple_new(count * 2);
    for (size_t i = 0; i < count; i++) {
        bool alive = false;
        struct weakref *w = weakref_take_first(o, &alive);
        if (alive && waiting)
            tuple_init_item(waiting, i * 2, &w->head);
        else if (alive)
            rc_dec(&w->head); /* no memory: cleared, not called */
    }
    for (size_t i = 0; waiting && i < count; i++)
        if (tuple_item(waiting, i * 2))
            weakref_call((struct weakref *)tuple_item(waiting, i * 2));
    rc_xdec(waiting);
}
#else
/* The cleared ones wait in a list through next, in order. */
void object_clear_weakrefs(struct object *o)
{
    struct weakref *first = NULL, **end = &first;
    bool alive = false;
    for (struct weakref *w; (w = weakref_take_first(o, &alive));) {
        if (alive && w->callback) {
            *end = w;
            end = &w->next;
        } else if (alive) {
            rc_dec(&w->head);
        }
    }
    while (first) {
        struct weakref *w = first;
        first = w->next;
        w->next = NULL;
        weakref_call(w);
        rc_dec(&w->head);
    }
}
#endif

void object_forget_weakrefs(struct object *o)
{
    bool alive = false;
    for (struct weakref *w; (w = weakref_take_first(o, &alive));)
        if (alive)
            rc_dec(&w->head);
}
