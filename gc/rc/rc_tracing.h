/* rc_tracing.h: no counting at all: increments and decrements are nothing, and the collector alone finds out
 * what is dead (collect/tracing.c). The floor for what counting costs.
 *
 *   offset 0  i64 mark    0: not reached   1: reached in this collection   TRACING_IMMORTAL: never freed
 *          8  type *
 *
 * Every object is entered in one table when it is made; the table's memory is reserved once, so that entering
 * cannot fail. One thread at a time runs, as under a GIL. */
#ifndef HG_GC_RC_RC_TRACING_H
#define HG_GC_RC_RC_TRACING_H

#define RC_GIL_HELD 1

#define RC_HEADER int64_t refcount;

struct object {
    RC_HEADER
    struct type *type;
};

#define TRACING_IMMORTAL    ((int64_t)3 << 30)
#define TRACING_OBJECTS_MAX ((size_t)1 << 30)

extern struct object **tracing_table;
extern size_t tracing_count;

int tracing_table_open(void); /* -ENOMEM */
void tracing_table_close(void);

static inline void rc_init(struct object *o)
{
    o->refcount = 0;
    if (likely(tracing_count < TRACING_OBJECTS_MAX))
        tracing_table[tracing_count++] = o;
}

static inline void rc_inc(struct object *o)
{
    (void)o;
}

static inline void rc_dec(struct object *o)
{
    (void)o;
}

static inline bool rc_is_immortal(const struct object *o)
{
    return o->refcount == TRACING_IMMORTAL;
}

static inline void rc_set_immortal(struct object *o)
{
    o->refcount = TRACING_IMMORTAL;
}

static inline bool rc_try_inc(struct object *o)
{
    (void)o;
    return true;
}

/* Weak references to the dead are cleared before anything is freed. */
static inline bool rc_try_inc_dying(struct object *o)
{
    (void)o;
    return true;
}

static inline void rc_mark_shared(struct object *o)
{
    (void)o;
}

/* A finaliser has run before its object is freed; freeing cannot be stopped any more. */
static inline void rc_revive(struct object *o)
{
    (void)o;
}

static inline bool rc_unrevive(struct object *o)
{
    (void)o;
    return true;
}

static inline bool rc_can_reuse(const struct object *o)
{
    (void)o;
    return true;
}

static inline int64_t rc_count(const struct object *o)
{
    (void)o;
    return 1;
}

static inline void rc_set_count(struct object *o, int64_t n)
{
    (void)o, (void)n;
}

static inline void rc_inc_stack(struct object *o)
{
    (void)o;
}

static inline void rc_dec_stack(struct object *o)
{
    (void)o;
}

#endif
