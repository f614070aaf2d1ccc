/* hgt.c: what reader and writer share: the tables of ids and threads, and the checksum. See hgt.h. */
#include "hgt.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <string.h>

const char *const hgt_kind_names[HGT_KINDS] = {"malloc", "calloc", "realloc", "free", "aligned"};

#define IDS_FIRST 4096u

static int hgt_ids_room(struct hgt_ids *ids, uint64_t capacity)
{
    size_t bytes = capacity * sizeof *ids->block;
    struct hgt_block *more =
        ids->block ? os_remap(&os_harness, ids->block, ids->capacity * sizeof *ids->block, bytes)
                   : os_map(&os_harness, bytes, 0, OS_RESERVE);
    if (!more)
        return -ENOMEM;
    ids->block = more;
    ids->capacity = (uint32_t)capacity;
    return 0;
}

static int hgt_ids_grow(struct hgt_ids *ids)
{
    uint64_t capacity = ids->capacity ? (uint64_t)ids->capacity * 2 : IDS_FIRST;
    if (capacity > HGT_IDS_MAX)
        capacity = HGT_IDS_MAX;
    return capacity <= ids->capacity ? -EOVERFLOW : hgt_ids_room(ids, capacity);
}

int hgt_ids_reserve(struct hgt_ids *ids, uint32_t count)
{
    int err = ids->capacity < count ? hgt_ids_room(ids, count) : 0;
    if (!err && ids->block)
        os_populate(&os_harness, ids->block, count * sizeof *ids->block);
    return err;
}

int hgt_ids_apply(struct hgt_ids *ids, struct hgt_op *op)
{
    bool gives = op->kind == HGT_FREE || op->kind == HGT_REALLOC;
    if (gives) {
        if (op->id >= ids->count || ids->block[op->id].next != HGT_LIVE)
            return -ENOENT;
        struct hgt_block *b = &ids->block[op->id];
        op->size_then = b->size;
        op->owner = b->owner;
        ids->live_bytes -= b->size;
        if (op->kind == HGT_FREE) {
            b->next = ids->dead;
            ids->dead = op->id + 1;
            ids->live_blocks--;
        } else {
            b->size = op->size;
            ids->live_bytes += op->size;
        }
    } else {
        if (ids->dead) {
            op->id = ids->dead - 1;
            ids->dead = ids->block[op->id].next;
        } else {
            int err = ids->count == ids->capacity ? hgt_ids_grow(ids) : 0;
            if (err)
                return err;
            op->id = ids->count++;
        }
        op->size_then = 0;
        op->owner = op->thread;
        ids->block[op->id] = (struct hgt_block){op->size, op->thread, HGT_LIVE};
        ids->live_bytes += op->size;
        ids->live_blocks++;
    }
    ids->ops++;
    if (ids->live_bytes > ids->peak_live_bytes) {
        ids->peak_live_bytes = ids->live_bytes;
        ids->peak_op = ids->ops;
    }
    if (ids->live_blocks > ids->peak_live_blocks)
        ids->peak_live_blocks = ids->live_blocks;
    return 0;
}

void hgt_ids_free(struct hgt_ids *ids)
{
    if (ids->block)
        os_unmap(&os_harness, ids->block, ids->capacity * sizeof *ids->block);
    *ids = (struct hgt_ids){0};
}

enum { THREAD_NOT_SEEN, THREAD_ALIVE, THREAD_ENDED };

int hgt_threads_open(struct hgt_threads *t)
{
    *t = (struct hgt_threads){.state = os_map(&os_harness, HGT_THREADS_MAX, 0, 0)};
    return t->state ? 0 : -ENOMEM;
}

int hgt_threads_apply(struct hgt_threads *t, const struct hgt_op *op)
{
    if (op->event == HGT_GAP)
        return 0;
    uint8_t *state = &t->state[op->thread];
    if (op->event == HGT_BIRTH && *state == THREAD_ALIVE)
        return -EEXIST;
    if (op->event == HGT_END) {
        if (*state != THREAD_ALIVE)
            return -ESRCH;
        *state = THREAD_ENDED;
        t->alive--;
        t->ended++;
        return 0;
    }
    if (*state == THREAD_ALIVE)
        return 0;
    if (op->event == HGT_CALL && *state == THREAD_ENDED)
        return -ESRCH;
    *state = THREAD_ALIVE;
    t->total++;
    if (++t->alive > t->most_alive)
        t->most_alive = t->alive;
    if (op->thread >= t->count)
        t->count = op->thread + 1;
    return 0;
}

void hgt_threads_clear(struct hgt_threads *t)
{
    memset(t->state, THREAD_NOT_SEEN, HGT_THREADS_MAX);
    *t = (struct hgt_threads){.state = t->state};
}

void hgt_threads_close(struct hgt_threads *t)
{
    if (t->state)
        os_unmap(&os_harness, t->state, HGT_THREADS_MAX);
    t->state = NULL;
}

uint32_t hgt_crc(uint32_t crc, const void *data, size_t bytes)
{
    static uint32_t table[256];
    if (!__atomic_load_n(&table[255],
                         __ATOMIC_ACQUIRE)) /* every thread that comes first writes the same words */
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (unsigned bit = 0; bit < 8; bit++)
                c = (c >> 1) ^ (c & 1 ? 0x82f63b78u : 0);
            __atomic_store_n(&table[i], c, __ATOMIC_RELEASE);
        }
    const uint8_t *p = data;
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++)
        crc = table[(crc ^ p[i]) & 255] ^ (crc >> 8);
    return ~crc;
}
