/* registry.c: see registry.h. Tables are mapped, not taken from the measured allocator: they stand for what a
 * real runtime gets from walking its allocator's pages. */
#include "state.h"

#include "alloc/base/os.h"

#if !RC_GIL_HELD
static struct os_account registry_account;

static void registry_link(struct thread *t, uint32_t slot)
{
    atomic_store_explicit(registry_at(t, slot), (uintptr_t)t->slot_free << 1 | 1, memory_order_relaxed);
    t->slot_free = slot;
}

/* Takes back what other threads emptied. The acquire pairs with their releasing count. */
static void registry_take_back(struct thread *t)
{
    uint64_t lost = atomic_load_explicit(&t->slots_lost, memory_order_acquire), found = 0;
    for (uint32_t slot = t->chunks * REGISTRY_CHUNK; slot-- > 0 && found < lost;) {
        if (atomic_load_explicit(registry_at(t, slot), memory_order_relaxed) == REGISTRY_LOST) {
            registry_link(t, slot);
            found++;
        }
    }
    atomic_fetch_sub_explicit(&t->slots_lost, found, memory_order_relaxed);
}

/* False: no memory. */
bool registry_refill(struct thread *t)
{
    if (atomic_load_explicit(&t->slots_lost, memory_order_relaxed) * 4 >
        (uint64_t)t->chunks * REGISTRY_CHUNK) {
        registry_take_back(t);
        if (t->slot_free != REGISTRY_NO_SLOT)
            return true;
    }
    if (!t->chunk &&
        !(t->chunk = os_map(&registry_account, REGISTRY_CHUNKS * sizeof *t->chunk, 0, OS_RESERVE)))
        return false;
    if (t->chunks == REGISTRY_CHUNKS)
        return false;
    struct registry_chunk *chunk = os_map(&registry_account, sizeof *chunk, 0, 0);
    if (!chunk)
        return false;
    t->chunk[t->chunks++] = chunk;
    for (uint32_t i = REGISTRY_CHUNK; i-- > 0;)
        registry_link(t, (t->chunks - 1) * REGISTRY_CHUNK + i);
    hg_seed(registry_slot, t->slot_free = (t->chunks - 1) * REGISTRY_CHUNK + 1);
    return true;
}

void registry_remove_other(struct object *o)
{
    struct thread *t = runtime_global.threads.at[o->home];
    atomic_store_explicit(registry_at(t, REGISTRY_SLOT(o)), REGISTRY_LOST, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->slots_lost, 1, memory_order_release);
}

int registry_each(struct runtime *r, object_visit *visit, void *arg)
{
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        for (uint32_t slot = 0; t && slot < t->chunks * REGISTRY_CHUNK; slot++) {
            uintptr_t v = atomic_load_explicit(registry_at(t, slot), memory_order_relaxed);
            if (v & 1)
                continue;
            struct object *o = (struct object *)v;
            if (!o->type) /* on a free list */
                continue;
            int stop = visit(o, arg);
            if (stop)
                return stop;
        }
    }
    return 0;
}

static uintptr_t registry_value(const struct thread *t, uint32_t slot)
{
    return atomic_load_explicit(registry_at((struct thread *)t, slot), memory_order_relaxed);
}

uint64_t registry_count(const struct thread *t)
{
    uint64_t count = 0;
    for (uint32_t slot = 0; slot < t->chunks * REGISTRY_CHUNK; slot++)
        count += !(registry_value(t, slot) & 1);
    return count;
}

bool registry_is_valid(const struct thread *t)
{
    uint64_t slots = (uint64_t)t->chunks * REGISTRY_CHUNK, lost = 0, linked = 0;
    for (uint32_t slot = t->slot_free; slot != REGISTRY_NO_SLOT; linked++) {
        uintptr_t v = slot < slots ? registry_value(t, slot) : REGISTRY_LOST;
        if (!(v & 1) || v == REGISTRY_LOST || linked == slots)
            return false;
        slot = (uint32_t)(v >> 1);
    }
    for (uint32_t slot = 0; slot < slots; slot++) {
        uintptr_t v = registry_value(t, slot);
        lost += v == REGISTRY_LOST;
        if (!(v & 1) && (((struct object *)v)->home != t->index || REGISTRY_SLOT((struct object *)v) != slot))
            return false;
    }
    return lost == atomic_load_explicit(&t->slots_lost, memory_order_relaxed) &&
           lost + linked + registry_count(t) == slots;
}

void registry_close(struct thread *t)
{
    for (uint32_t i = 0; i < t->chunks; i++)
        os_unmap(&registry_account, t->chunk[i], sizeof *t->chunk[i]);
    if (t->chunk)
        os_unmap(&registry_account, t->chunk, REGISTRY_CHUNKS * sizeof *t->chunk);
    t->chunk = NULL;
    t->chunks = 0;
    t->slot_free = REGISTRY_NO_SLOT;
}
#else
typedef int registry_unused; /* under a GIL the collector's lists say where the objects are */
#endif
