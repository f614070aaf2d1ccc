/* list.c: growth as CPython's list_resize: room for about an eighth more, in steps of 4.
 *
 * Without a GIL every change happens in a critical section on the list; what a change drops is dropped after
 * it, since a dealloc may run anything. Under biased, reads need no lock (PEP 703): by the owner always, by
 * others once the list is marked shared, which the first of them does in the lock. From then on old arrays go
 * through qsbr, and items that leave are marked, so that their memory does too. A reader takes the array, the
 * item, a reference, and looks again whether both are still there. */
#include "container.h"

static struct list_object *list_of(struct object *o)
{
    return (struct list_object *)o;
}

#define LIST_BODY_BYTES (sizeof(struct list_object) - offsetof(struct list_object, size))

/* --- the item array ------------------------------------------------------------------------------------- */

/* Under biased, eight bytes before the items hold how many there is room for, for readers, as in CPython's
 * free-threaded build. */
#if HG_RC == HG_RC_BIASED
#define ARRAY_HEAD 1
#else
#define ARRAY_HEAD 0
#endif

static void *list_array_block(struct object **item)
{
    return item ? item - ARRAY_HEAD : NULL;
}

static struct object **list_array_new(struct object **old, int64_t room)
{
    struct object **a = mem_realloc(list_array_block(old), 8 * ((size_t)room + ARRAY_HEAD));
    if (!a)
        return NULL;
    if (ARRAY_HEAD)
        *(int64_t *)a = room;
    return a + ARRAY_HEAD;
}

static void list_array_free(struct object **item, bool readers)
{
    if (!item)
        return;
    if (readers)
        qsbr_free(list_array_block(item));
    else
        mem_free(list_array_block(item));
}

/* In the critical section. size is set by the caller. */
static int list_set_room(struct list_object *l, int64_t room)
{
    struct object **old = l->item, **fresh = NULL;
    bool readers = container_has_readers(&l->head);
    int64_t old_room = l->allocated;
    if (room && !(fresh = list_array_new(readers ? NULL : old, room)))
        return -ENOMEM;
    if (readers && fresh && old)
        memcpy(fresh, old, 8 * (size_t)(l->size < room ? l->size : room));
    field_store(&l->item, fresh);
    l->allocated = room;
    if (readers || !room)
        list_array_free(old, readers);
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

static void list_clear_items(struct object *o)
{
    struct list_object *l = list_of(o);
    struct critical c;
    critical_begin(&c, o);
    container_touch(o);
    bool readers = container_has_readers(o);
    struct object **item = l->item;
    int64_t size = l->size;
    owned_freed(8 * (size_t)l->allocated);
    for (int64_t i = 0; readers && i < size; i++)
        container_drops(o, item[i]);
    field_store(&l->size, (int64_t)0);
    field_store(&l->item, (struct object **)NULL);
    l->allocated = 0;
    critical_end(&c);
    for (int64_t i = size; i-- > 0;)
        rc_xdec(item[i]);
    list_array_free(item, readers);
}

/* Who reads l without its lock has a reference to it: there are none now. */
static void list_dealloc(struct object *o)
{
    struct list_object *l = list_of(o);
    gc_untrack(o);
    if (trash_begin(o, (uint64_t)l->size))
        return;
    if (l->item) {
        for (int64_t i = l->size; i-- > 0;)
            rc_xdec(l->item[i]);
        strict_bury(l->item, 8 * (size_t)l->allocated);
        list_array_free(l->item, false);
        owned_freed(8 * (size_t)l->allocated);
    }
    struct freelists *f = FREELISTS;
    if (f->on && f->lists < FREELIST_LISTS && rc_can_reuse(o)) {
        object_retire(o, &l->size, LIST_BODY_BYTES);
        f->list[f->lists++] = l;
    } else {
        gc_delete(o, sizeof *l);
    }
    trash_end();
}

static void list_clear_freelist(struct freelists *f)
{
    while (f->lists > 0)
        freelist_give_back(&f->list[--f->lists]->head, sizeof(struct list_object));
}

struct type type_list = {.name = "list",
                         .id = TYPE_LIST,
                         .flags = TYPE_GC,
                         .basic_bytes = sizeof(struct list_object),
                         .traverse = list_traverse,
                         .clear = list_clear_items,
                         .dealloc = list_dealloc,
                         .clear_freelist = list_clear_freelist,
                         .bytes = list_bytes};

struct object *list_new(size_t size)
{
    struct freelists *f = FREELISTS;
    struct list_object *l;
    if (size > PTRDIFF_MAX / 16)
        return NULL;
    if (likely(f->lists > 0)) {
        l = f->list[--f->lists];
        object_reuse(&l->head, &type_list, &l->size, LIST_BODY_BYTES);
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

/* --- use ------------------------------------------------------------------------------------------------ */

int list_append(struct object *o, struct object *item)
{
    struct list_object *l = list_of(o);
    struct critical c;
    rc_inc(item);
    critical_begin(&c, o);
    container_touch(o);
    int64_t n = l->size;
    int err = 0;
    if (unlikely(n >= l->allocated)) {
        int64_t room = ((n + 1) + ((n + 1) >> 3) + 6) & ~(int64_t)3;
        err = list_set_room(l, room);
    }
    if (likely(!err)) {
        field_store(&l->item[n], item);
        field_store(&l->size, n + 1);
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
    container_touch(o);
    bool in_range = i < (size_t)l->size;
    if (likely(in_range)) {
        old = l->item[i];
        container_drops(o, old);
        field_store(&l->item[i], item);
    }
    critical_end(&c);
    if (unlikely(!in_range)) {
        rc_dec(item);
        return -EINVAL;
    }
    rc_xdec(old);
    return 0;
}

#if HG_RC == HG_RC_BIASED
/* Without the lock: *item a new reference; false: try with it. The size is read after the array, and bounded
 * by what the array itself holds. */
static bool list_get_unlocked(struct list_object *l, size_t i, struct object **item)
{
    if (!rc_owned_or_shared_container(&l->head))
        return false;
    struct object **array = field_load(&l->item);
    *item = NULL;
    if (i >= (size_t)field_load(&l->size) || !array || i >= (size_t)((int64_t *)array)[-1])
        return true;
    struct object *found = field_load(&array[i]);
    if (unlikely(!found || !rc_try_inc(found)))
        return false;
    if (unlikely(field_load(&l->item) != array || field_load(&array[i]) != found)) {
        rc_dec(found);
        return false;
    }
    *item = found;
    return true;
}
#endif

struct object *list_get(struct object *o, size_t i)
{
    struct list_object *l = list_of(o);
    struct object *item = NULL;
#if HG_RC == HG_RC_BIASED
    if (likely(list_get_unlocked(l, i, &item)))
        return item;
#endif
    struct critical c;
    critical_begin(&c, o);
    container_touch(o);
    if (likely(i < (size_t)l->size))
        item = l->item[i];
    if (likely(item != NULL)) {
        rc_inc(item);
        rc_mark_shared(item);
    }
    critical_end(&c);
    return item;
}

struct object *list_pop(struct object *o)
{
    struct list_object *l = list_of(o);
    struct object *item = NULL;
    struct critical c;
    critical_begin(&c, o);
    container_touch(o);
    if (l->size > 0) {
        int64_t n = l->size - 1;
        item = l->item[n];
        container_drops(o, item);
        field_store(&l->item[n], (struct object *)NULL);
        if (list_resize(l, n) != 0)
            field_store(&l->size, n); /* could not shrink: the room stays */
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
