/* types.h: what the kinds offer to the runtime and to each other. */
#ifndef HG_GC_TYPES_H
#define HG_GC_TYPES_H

#include "../trash.h"

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

/* Pointers that readers without a lock may see (biased), plain otherwise. */
#if HG_RC == HG_RC_BIASED
#define field_load(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define field_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#else
#define field_load(p)     (*(p))
#define field_store(p, v) ((void)(*(p) = (v)))
#endif

#endif
