/* types.h: what the kinds offer to the runtime and to each other. */
#ifndef HG_GC_TYPES_H
#define HG_GC_TYPES_H

#include "gc/runtime/trash.h"

int int_open(struct runtime *r);
void int_close(struct runtime *r);
int tuple_open(struct runtime *r);
void tuple_close(struct runtime *r);
void type_close_all(struct runtime *r);

void float_clear_freelist(struct freelists *f);
void tuple_clear_freelist(struct freelists *f);
void list_clear_freelist(struct freelists *f);
void dict_clear_freelist(struct freelists *f);

/* The interning table (intern.c). */
int intern_open(struct runtime *r);
void intern_close(struct runtime *r);
void intern_forget(struct str_object *s); /* a dying interned string */

/* Readers without a lock, which biased alone has: pointers that they may see, and how a container is used.
 *   container_touch(c)        in c's lock, first of all: a thread that is not c's owner marks c as shared
 *   container_has_readers(c)  c is shared: old arrays of it go through qsbr
 *   container_drops(c, o)     in c's lock: o is about to leave c */
#if HG_RC == HG_RC_BIASED
#include "gc/runtime/qsbr.h"
#define field_load(p)            __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define field_store(p, v)        __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define container_touch(c)       rc_touch_container(c)
#define container_has_readers(c) rc_is_shared_container(c)
static inline void container_drops(const struct object *c, struct object *o)
{
    if (o && rc_is_shared_container(c))
        rc_mark_readers(o);
}
#else
#define field_load(p)            (*(p))
#define field_store(p, v)        ((void)(*(p) = (v)))
#define container_touch(c)       ((void)(c))
#define container_has_readers(c) ((void)(c), false)
#define container_drops(c, o)    ((void)(c), (void)(o))
#define qsbr_free(p)             mem_free(p)
#endif

#endif
