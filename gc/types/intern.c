/* intern.c: the table of interned strings: one str object for equal texts.
 *
 * The table does not count its references, as CPython's before 3.12: an interned string dies with its last
 * reference and takes itself out. With immortal objects it stays for good, as 3.12's. Open addressing with
 * backward-shift deletion, at most half full; memory comes from the measured allocator, as CPython's table
 * does. Locking: a mutex without a GIL. A dying string is still in the table until intern_forget; intern
 * takes a reference only when there is one to share (rc_try_inc_dying), in the lock. */
#include "types.h"

struct intern_table {
    pthread_mutex_t mutex;
    size_t used, room; /* room: power of two */
    struct str_object **slot;
};

static struct intern_table intern_table;

static void intern_lock(struct intern_table *t)
{
#if !RC_GIL_HELD
    pthread_mutex_lock(&t->mutex);
#else
    (void)t;
#endif
}

static void intern_unlock(struct intern_table *t)
{
#if !RC_GIL_HELD
    pthread_mutex_unlock(&t->mutex);
#else
    (void)t;
#endif
}

int intern_open(struct runtime *r)
{
    struct intern_table *t = &intern_table;
    *t = (struct intern_table){.mutex = PTHREAD_MUTEX_INITIALIZER, .room = 1024};
    t->slot = mem_alloc(t->room * sizeof *t->slot);
    if (!t->slot)
        return -ENOMEM;
    memset(t->slot, 0, t->room * sizeof *t->slot);
    r->types.intern = t;
    r->types.intern_hits = r->types.intern_misses = 0;
    return 0;
}

/* Immortal strings live in the table alone: they go with it. Others belong to their holders. */
void intern_close(struct runtime *r)
{
    struct intern_table *t = r->types.intern;
    if (!t)
        return;
    for (size_t i = 0; i < t->room; i++) {
        struct str_object *s = t->slot[i];
        if (s && rc_is_immortal(&s->head))
            mem_free(s);
        else if (s)
            s->interned = 0;
    }
    mem_free(t->slot);
    r->types.intern = NULL;
}

/* It was computed before the string came here. */
static int64_t intern_hash(const struct str_object *s)
{
    return __atomic_load_n(&s->hash, __ATOMIC_RELAXED);
}

static size_t intern_home(const struct intern_table *t, const struct str_object *s)
{
    return (size_t)((uint64_t)intern_hash(s) * 0x9e3779b97f4a7c15u >> 20) & (t->room - 1);
}

bool intern_is_valid(void)
{
    const struct intern_table *t = &intern_table;
    size_t used = 0, mask = t->room - 1;
    for (size_t i = 0; i < t->room; i++) {
        const struct str_object *s = t->slot[i];
        if (!s)
            continue;
        used++;
        size_t at = intern_home(t, s);
        while (t->slot[at] && t->slot[at] != s)
            at = (at + 1) & mask;
        if (at != i || __atomic_load_n(&s->interned, __ATOMIC_RELAXED) != 1)
            return false;
    }
    return used == t->used;
}

static int intern_grow(struct intern_table *t)
{
    size_t old_room = t->room;
    struct str_object **old = t->slot, **fresh = mem_alloc(2 * old_room * sizeof *fresh);
    if (!fresh)
        return -ENOMEM;
    memset(fresh, 0, 2 * old_room * sizeof *fresh);
    t->slot = fresh;
    t->room = 2 * old_room;
    for (size_t i = 0; i < old_room; i++) {
        if (!old[i])
            continue;
        size_t at = intern_home(t, old[i]);
        while (fresh[at])
            at = (at + 1) & (t->room - 1);
        fresh[at] = old[i];
    }
    mem_free(old);
    return 0;
}

struct str_object *intern_enter(struct str_object *s)
{
    struct runtime *r = &runtime_global;
    struct intern_table *t = r->types.intern;
    struct str_object *dying = NULL;
    rc_mark_shared(&s->head); /* the table may be asked for a reference to it when it has none */
    intern_lock(t);
    size_t at = intern_home(t, s);
    for (; t->slot[at]; at = (at + 1) & (t->room - 1)) {
        struct str_object *other = t->slot[at];
        if (other == s)
            break; /* another thread has just interned this very object */
        if (intern_hash(other) != intern_hash(s) || !str_equal(&other->head, &s->head))
            continue;
        if (!rc_try_inc_dying(&other->head)) {
            dying = other; /* its last reference is gone: s takes its place */
            break;
        }
        r->types.intern_hits++;
        intern_unlock(t);
        rc_dec(&s->head);
        return other;
    }
    if (t->slot[at] != s) {
        if (dying)
            __atomic_store_n(&dying->interned, 0, __ATOMIC_RELEASE);
        else
            t->used++;
        t->slot[at] = s;
        __atomic_store_n(&s->interned, 1, __ATOMIC_RELEASE);
        r->types.intern_misses++;
        hg_seed(intern_used, t->used++);
        hg_assert_whole(intern_is_valid());
        if (t->used * 2 > t->room && intern_grow(t) != 0 && t->used + 2 > t->room) {
            /* No memory to grow and no room: out again, not interned. */
            t->slot[at] = NULL;
            t->used--;
            s->interned = 0;
        } else if (r->options.immortal) {
            rc_set_immortal(&s->head);
            r->base_live++; /* from now on it is the runtime's */
            atomic_fetch_add_explicit(&r->base_bytes, object_bytes(&s->head), memory_order_relaxed);
        }
    }
    intern_unlock(t);
    return s;
}

void intern_forget(struct str_object *s)
{
    struct intern_table *t = &intern_table;
    intern_lock(t);
    size_t mask = t->room - 1, at = intern_home(t, s);
    while (t->slot[at] && t->slot[at] != s)
        at = (at + 1) & mask;
    if (t->slot[at] == s) {
        /* Entries behind that may move closer to their home close the gap. */
        for (size_t next = (at + 1) & mask; t->slot[next]; next = (next + 1) & mask) {
            size_t home = intern_home(t, t->slot[next]);
            if (((next - home) & mask) >= ((next - at) & mask)) {
                t->slot[at] = t->slot[next];
                at = next;
            }
        }
        t->slot[at] = NULL;
        t->used--;
    }
    intern_unlock(t);
}
