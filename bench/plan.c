/* plan.c: see plan.h. */
#include "plan.h"

#include "../workloads/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int plan_add(struct plan *p, const struct cell *cell, unsigned group, bool baseline, const char *refused)
{
    struct plan_cell *more = realloc(p->cell, (p->cells + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    p->cell = more;
    struct plan_cell *c = &p->cell[p->cells++];
    c->cell = *cell;
    c->group = group;
    c->baseline = baseline;
    p->groups = group + 1 > p->groups ? group + 1 : p->groups;
    snprintf(c->refused, sizeof c->refused, "%s", refused ? refused : "");
    return 0;
}

static void plan_shuffle(unsigned *items, size_t count, struct rng *r)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        unsigned swap = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swap;
    }
}

static uint64_t plan_seed(uint64_t seed, unsigned group, unsigned block)
{
    return rng_mix(seed + rng_mix(((uint64_t)group << 32) + block)) >> 16;
}

static void plan_oracles(struct plan *p, unsigned shard, unsigned shards)
{
    unsigned position = 0;
    for (unsigned c = 0; c < p->cells; c++) {
        const struct plan_cell *cell = &p->cell[c];
        if (!cell->cell.gc || cell->refused[0])
            continue;
        if (shards <= 1 || cell->group % shards == shard)
            p->sample[p->samples++] = (struct plan_sample){.cell = c,
                                                           .block = p->blocks,
                                                           .position = position,
                                                           .seed = plan_seed(p->seed, cell->group, 0),
                                                           .oracle = true};
        position++;
    }
}

int plan_order(struct plan *p, unsigned blocks, uint64_t seed, unsigned shard, unsigned shards)
{
    struct rng r;
    p->blocks = blocks;
    p->seed = seed;
    p->samples = 0;
    size_t most = (2 * (size_t)blocks + 1) * p->cells;
    p->sample = calloc(most ? most : 1, sizeof *p->sample);
    unsigned *groups = calloc(p->groups + 1, sizeof *groups);
    unsigned *members = calloc(2 * (size_t)p->cells + 1, sizeof *members);
    if (!p->sample || !groups || !members) {
        free(groups);
        free(members);
        return -ENOMEM;
    }
    rng_seed(&r, seed);
    for (unsigned block = 0; block < blocks; block++) {
        unsigned position = 0;
        for (unsigned g = 0; g < p->groups; g++)
            groups[g] = g;
        plan_shuffle(groups, p->groups, &r);
        for (unsigned g = 0; g < p->groups; g++) {
            size_t count = 0;
            for (unsigned c = 0; c < p->cells; c++)
                if (p->cell[c].group == groups[g]) {
                    members[count++] = c;
                    if (p->cell[c].baseline && !p->cell[c].refused[0])
                        members[count++] = c;
                }
            plan_shuffle(members, count, &r);
            for (size_t i = 0; i < count; i++, position++)
                if (shards <= 1 || groups[g] % shards == shard)
                    p->sample[p->samples++] = (struct plan_sample){
                        .cell = members[i],
                        .block = block,
                        .position = position,
                        .seed = plan_seed(seed, groups[g], block),
                    };
        }
    }
    if (p->oracle)
        plan_oracles(p, shard, shards);
    free(groups);
    free(members);
    return 0;
}

void plan_free(struct plan *p)
{
    free(p->cell);
    free(p->sample);
    memset(p, 0, sizeof *p);
}
