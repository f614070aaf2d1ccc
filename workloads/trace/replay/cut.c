/* cut.c: see cut.h. */
#include "cut.h"

static int64_t plus(int64_t a, int64_t b) /* a forged trace may overflow: it only gets other epochs */
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static void path_step(struct cut_path *p, int64_t change)
{
    p->net = plus(p->net, change);
    p->most = p->net > p->most ? p->net : p->most;
    p->least = p->net < p->least ? p->net : p->least;
}

static void cut_begin(struct cut *c)
{
    c->epoch++;
    c->recorded = c->sum = (struct cut_path){0, 0, 0};
}

/* Takes the operation into the epoch. False when the workers could stray too far with it there. */
static bool cut_take(struct cut *c, unsigned worker, int64_t change)
{
    struct cut_worker *w = &c->worker[worker];
    if (w->epoch != c->epoch)
        *w = (struct cut_worker){.epoch = c->epoch};
    struct cut_path before = w->path;
    path_step(&w->path, change);
    path_step(&c->recorded, change);
    c->sum.most = plus(c->sum.most, minus(w->path.most, before.most));
    c->sum.least = plus(c->sum.least, minus(w->path.least, before.least));
    return minus(c->sum.most, c->recorded.most) <= c->slack &&
           minus(c->recorded.least, c->sum.least) <= c->slack;
}

bool cut_op(struct cut *c, unsigned worker, int64_t change)
{
    uint64_t before = c->epoch;
    if (!c->epoch || c->forced || (c->order == ORDER_STRICT && worker != c->last))
        cut_begin(c);
    if (!cut_take(c, worker, change) && c->order == ORDER_LIVE) {
        cut_begin(c);
        cut_take(c, worker, change);
    }
    c->last = worker;
    c->forced = false;
    return c->epoch != before;
}
