/* list.c: growth as CPython's list_resize: room for about an eighth more, in steps of 4.
 *
 * Without a GIL every change happens in a critical section on the list; what a change drops is dropped after
 * it, since a dealloc may run anything. Under biased, readers that are not the owner take the lock the first
 * time and mark the list shared; from then on items leave it marked for late freeing and old arrays go through
 * qsbr, and reads need no lock. */
#include "types.h"
#include "../lock.h"

static struct list_object *list_of(struct object *o)
{
    return (struct list_object *)o;
}

/* --- the item array ------------------------------------------------------------------------------------- */

#if HG_RC == HG_RC_BIASED
#include "../qsbr.h"

/* Eight bytes before the items tell readers how many there is room for, as CPython's free-threaded build. */
static struct object **list_array_new(struct object **old, int64_t old_room, int64_t room)
{
    (void)old_room;
    int64_t *a = mem_realloc(old ? (int64_t *)old - 1 : NULL, sizeof *a + (size_t)room * 8);
    if (!a)
        return NULL;
    a[0] = room;
    return (struct object **)(a + 1);
}

static void list_array_free(struct object **item)
{
    if (item)
        mem_free((int64_t *)item - 1);
}
#else
static struct object **list_array_new(struct object **old, int64_t old_room, int64_t room)
{
    (void)old_room;
    return mem_realloc(old, (size_t)room * 8);
}

static void list_array_free(struct object **item)
{
    if (item)
        mem_free(item);
}
#endif

/* In the critical section. size is set by the caller. */
static int list_set_room(struct list_object *l, int64_t room)
{
    int64_t old_room = l->allocated;
#if HG_RC == HG_RC_BIASED
    if (rc_is_shared_container(&l->head)) {
        struct object **fresh = room ? list_array_new(NULL, 0, room) : NULL, **old = l->item;
        if (room && !fresh)
            return -ENOMEM;
        if (fresh && old)
            memcpy(fresh, old, 8 * (size_t)(l->size < room ? l->size : room));
        field_store(&l->item, fresh);
        l->allocated = room;
        owned_made(8 * (size_t)room);
        owned_freed(8 * (size_t)old_room);
        if (old)
            qsbr_free((int64_t *)old - 1);
        return 0;
    }
#endif
    if (room == 0) {
        list_array_free(l->item);
        l->item = NULL;
    } else {
        struct object **item = list_array_new(l->item, l->allocated, room);
        if (!item)
            return -ENOMEM;
        field_store(&l->item, item);
    }
    l->allocated = room;
    owned_made(8 * (size_t)room);
    owned_freed(8 * (size_t)old_room);
    return 0;
}

static int list_resize(struct list_object *l, int64_t size)
{
    if (l->allocated >= size && size >= l->allocated >> 1) {
        field_store(&l->size, size);
        return 0;
    }
    int64_t room = (size + (size >> 3) + 6) & ~(int64_t)3;
    if (size - l->size > room - size)
        room = (size + 3) & ~(int64_t)3;
    if (size == 0)
        room = 0;
    int err = list_set_room(l, room);
    if (!err)
        field_store(&l->size, size);
    return err;
}

/* --- life ----------------------------------------------------------------------------------------------- */

static size_t list_bytes(const struct object *o)
{
    const struct list_object *l = (const struct list_object *)o;
    return sizeof *l + 8 * (size_t)l->allocated;
}

static int list_traverse(struct object *o, object_visit *visit, void *arg)
{
    struct list_object *l = list_of(o);
    for (int64_t i = l->size; i-- > 0;) {
        if (l->item[i]) {
            int stop = visit(l->item[i], arg);
            if (stop)
                return stop;
        }
    }
    return 0;
}

static void list_drop(struct list_object *l, struct object **item, int64_t size)
{
    (void)l;
    for (int64_t i = size; i-- > 0;) {
#if HG_RC == HG_RC_BIASED
        if (item[i] && rc_is_shared_container(&l->head))
            rc_mark_shared(item[i]);
#endif
        rc_xdec(item[i]);
    }
}

static void list_clear_items(struct object *o)
{
    struct list_object *l = list_of(o);
    struct critical c;
    critical_begin(&c, o);
    struct object **item = l->item;
    int64_t size = l->size;
    owned_freed(8 * (size_t)l->allocated);
    field_store(&l->size, (int64_t)0);
    field_store(&l->item, (struct object **)NULL);
    l->allocated = 0;
    critical_end(&c);
    list_drop(l, item, size);
#if HG_RC == HG_RC_BIASED
    if (item && rc_is_shared_container(o)) {
        qsbr_free((int64_t *)item - 1);
        return;
    }
#endif
    list_array_free(item);
}

static void list_dealloc(struct object *o)
{
    struct list_object *l = list_of(o);
    gc_untrack(o);
    if (trash_begin(o, (uint64_t)l->size))
        return;
    if (l->item) {
        list_drop(l, l->item, l->size);
        owned_freed(8 * (size_t)l->allocated);
#if HG_RC == HG_RC_BIASED
        if (rc_is_shared_container(o))
            qsbr_free((int64_t *)l->item - 1);
        else
#endif
            list_array_free(l->item);
    }
    struct freelists *f = FREELISTS;
    if (f->on && f->lists < FREELIST_LISTS && rc_can_reuse(o)) {
        object_retire(o, sizeof *l + GC_HEAD_BYTES);
        f->list[f->lists++] = l;
    } else {
        gc_delete(o, sizeof *l);
    }
    trash_end();
}

struct type type_list = {.name = "list",
                         .id = TYPE_LIST,
                         .flags = TYPE_GC,
                         .basic_bytes = sizeof(struct list_object),
                         .traverse = list_traverse,
                         .clear = list_clear_items,
                         .dealloc = list_dealloc,
                         .bytes = list_bytes};

struct object *list_new(size_t size)
{
    struct freelists *f = FREELISTS;
    struct list_object *l;
    if (size > PTRDIFF_MAX / 16)
        return NULL;
    if (likely(f->lists > 0)) {
        l = f->list[--f->lists];
        object_reuse(&l->head, sizeof *l + GC_HEAD_BYTES);
    } else if (!(l = gc_new(&type_list, sizeof *l))) {
        return NULL;
    }
    l->size = l->allocated = 0;
    l->item = NULL;
    if (size) {
        if (list_set_room(l, (int64_t)size) != 0) {
            rc_dec(&l->head);
            return NULL;
        }
        memset(l->item, 0, 8 * size);
        l->size = (int64_t)size;
    }
    gc_track(&l->head);
    return &l->head;
}

void list_clear_freelist(struct freelists *f)
{
    while (f->lists > 0)
        freelist_give_back(&f->list[--f->lists]->head);
}

/* --- use ------------------------------------------------------------------------------------------------ */

int list_append(struct object *o, struct object *item)
{
    struct list_object *l = list_of(o);
    struct critical c;
    rc_inc(item);
    critical_begin(&c, o);
    int64_t n = l->size;
    int err = 0;
    if (likely(n < l->allocated)) {
        field_store(&l->item[n], item);
        field_store(&l->size, n + 1);
    } else if (!(err = list_resize(l, n + 1))) {
        field_store(&l->item[n], item);
    }
    critical_end(&c);
    if (unlikely(err))
        rc_dec(item);
    return err;
}

int list_set(struct object *o, size_t i, struct object *item)
{
    struct list_object *l = list_of(o);
    struct object *old = NULL;
    struct critical c;
    rc_inc(item);
    critical_begin(&c, o);
    bool in_range = i < (size_t)l->size;
    if (likely(in_range)) {
        old = l->item[i];
        field_store(&l->item[i], item);
    }
#if HG_RC == HG_RC_BIASED
    if (old && rc_is_shared_container(o))
        rc_mark_shared(old);
#endif
    critical_end(&c);
    if (unlikely(!in_range)) {
        rc_dec(item);
        return -EINVAL;
    }
    rc_xdec(old);
    return 0;
}

struct object *list_get(struct object *o, size_t i)
{
    struct list_object *l = list_of(o);
    struct object *item = NULL;
#if HG_RC == HG_RC_BIASED
    if (rc_owned_or_shared_container(o)) {
        struct object **array = field_load(&l->item);
        if (i >= (size_t)field_load(&l->size) || !array || i >= (size_t)((int64_t *)array)[-1])
            return NULL;
        item = field_load(&array[i]);
        if (likely(item && rc_try_inc(item))) {
            if (likely(field_load(&l->item) == array && field_load(&array[i]) == item))
                return item;
            rc_dec(item);
        }
        item = NULL;
    }
#endif
    struct critical c;
    critical_begin(&c, o);
    if (likely(i < (size_t)l->size)) {
        item = l->item[i];
        if (likely(item != NULL)) {
            rc_inc(item);
#if HG_RC == HG_RC_BIASED
            rc_mark_shared(item);
#endif
        }
    }
#if HG_RC == HG_RC_BIASED
    rc_mark_shared_container(o);
#endif
    critical_end(&c);
    return item;
}

struct object *list_pop(struct object *o)
{
    struct list_object *l = list_of(o);
    struct object *item = NULL;
    struct critical c;
    critical_begin(&c, o);
    if (l->size > 0) {
        int64_t n = l->size - 1;
        item = l->item[n];
        field_store(&l->item[n], (struct object *)NULL);
        if (list_resize(l, n) != 0)
            field_store(&l->size, n); /* could not shrink: the room stays */
#if HG_RC == HG_RC_BIASED
        if (item && rc_is_shared_container(o))
            rc_mark_shared(item);
#endif
    }
    critical_end(&c);
    return item;
}

int list_clear(struct object *o)
{
    list_clear_items(o);
    return 0;
}

size_t list_size(struct object *o)
{
    return (size_t)__atomic_load_n(&list_of(o)->size, __ATOMIC_RELAXED);
}
