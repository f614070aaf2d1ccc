/* lives.c: see lives.h. */
#include "lives.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The harness's histograms have one writer; few calls are timed. */
static void latency_of_all(struct workload_thread *t, enum op_kind op, uint64_t ns)
{
    struct lives *l = ((struct life *)t)->lives;
    pthread_mutex_lock(&l->lock);
    l->outer->latency(&l->outer->thread[0], op, ns);
    pthread_mutex_unlock(&l->lock);
}

struct lives *lives_open(struct workload_sample *s, unsigned workers, void *state, lives_work *work)
{
    struct lives *l = workload_scratch(sizeof *l);
    if (!l)
        return NULL;
    l->of = workload_scratch(workers * sizeof *l->of);
    if (!l->of) {
        os_unmap(&os_harness, l, sizeof *l);
        return NULL;
    }
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    l->workers = workers;
    l->work = work;
    l->outer = s;
    l->sample = *s;
    l->sample.state = state;
    l->sample.latency = latency_of_all;
    for (unsigned i = 0; i < workers; i++) {
        l->of[i].lives = l;
        l->of[i].t = (struct workload_thread){.sample = &l->sample,
                                              .alloc = s->alloc,
                                              .gauge = &l->of[i].gauge,
                                              .index = i,
                                              .until_latency = s->thread[0].until_latency,
                                              .seed = s->thread[0].seed};
    }
    return l;
}

void lives_close(struct lives *l)
{
    if (!l)
        return;
    os_unmap(&os_harness, l->of, l->workers * sizeof *l->of);
    os_unmap(&os_harness, l, sizeof *l);
}

static void *life_thread(void *arg)
{
    struct life *life = arg;
    struct lives *l = life->lives;
    if (l->work(&life->t, life->begin))
        return NULL;
    pthread_mutex_lock(&l->lock);
    uint64_t round = l->ended_rounds;
    l->resting++;
    pthread_cond_broadcast(&l->changed);
    while (l->ended_rounds == round)
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

void lives_start(struct lives *l, unsigned worker, uint64_t begin)
{
    struct life *life = &l->of[worker];
    life->begin = begin;
    int err = pthread_create(&life->thread, NULL, life_thread, life);
    if (err) { /* the others wait for it, and there is no way back */
        dprintf(STDERR_FILENO, "trace: threads=recorded: cannot start thread %u of the recording: %s\n",
                worker, strerror(err));
        abort();
    }
    life->alive = true;
    l->started++;
}

void lives_join(struct lives *l, unsigned worker)
{
    pthread_join(l->of[worker].thread, NULL);
    l->of[worker].alive = false;
}

void lives_await_rest(struct lives *l)
{
    uint64_t alive = 0;
    for (unsigned i = 1; i < l->workers; i++)
        alive += l->of[i].alive;
    pthread_mutex_lock(&l->lock);
    while (l->resting < alive)
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

void lives_end(struct lives *l)
{
    pthread_mutex_lock(&l->lock);
    l->ended_rounds++;
    l->resting = 0;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    for (unsigned i = 1; i < l->workers; i++)
        if (l->of[i].alive)
            lives_join(l, i);
}

void lives_collect(struct lives *l, uint64_t live_bytes, uint64_t allocated_bytes)
{
    struct workload_thread *all = &l->outer->thread[0];
    for (unsigned i = 0; i < l->workers; i++) {
        struct workload_thread *t = &l->of[i].t;
        all->ops += t->ops;
        all->checksum += t->checksum;
        all->faults += t->faults;
        all->failed_allocs += t->failed_allocs;
        t->ops = t->checksum = t->faults = t->failed_allocs = 0;
    }
    gauge_publish(all->gauge, live_bytes, allocated_bytes, all->ops);
}
