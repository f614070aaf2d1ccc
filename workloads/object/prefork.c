/* prefork.c: a server that loads its data and then forks its workers: what of the parent's pages a worker
 * copies, by cause. The heap is `heap` records {"n": i, "t": (i, [i])} in one list, made without a collection
 * in between; then one collection; freeze=1 moves all that is left to the permanent generation, immortal=1
 * makes every object of a record immortal (it stays tracked: a collection writes its header).
 *
 * Each cause has workers of its own, forked from the same parent at once, so that no page is counted for two:
 * reading looks up the "n" of every record, or of a part of them spread evenly (count writes), collecting is
 * full collections (header writes, or none), churning makes and drops lists. Figure: Private_Dirty of the
 * worker, less what it was just after the fork. A worker writes nothing but its answer into a pipe, and dies
 * with its parent, which waits for it as long as the sample may last. An operation is one record read, one
 * record collected over, or one list. Of several processes each has a share of the records and lists, and
 * workers of its own. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                                       \
    P(S, COUNT, heap, "200k", "1-100M", "records in the parent's heap")                                    \
    P(S, FLAG, freeze, "0", "", "before the fork all goes to the permanent generation")                    \
    P(S, FLAG, immortal, "0", "", "before the fork all objects of the records become immortal")            \
    P(S, COUNT, workers, "2", "1-256", "workers forked for each cause")                                    \
    P(S, REAL, read, "1", "0-1", "part of the records that a worker reads once; 0: no worker reads")       \
    P(S, COUNT, collect, "1", "0-1000", "full collections of a worker in its turn; 0: no worker collects") \
    P(S, COUNT, churn, "100k", "0-1G", "lists that a worker makes and drops in its turn; 0: no worker does")
PARAM_STRUCT(prefork_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_prefork = {
    .name = "prefork",
    .level = LEVEL_OBJECT,
    .flags = WORKLOAD_ONE_THREAD | WORKLOAD_SEEDLESS,
    .params = PARAM_TABLE(prefork_params, PARAMS),
    .summary =
        "a parent loads a heap and forks workers: pages that each copies by reading, by a collection, by "
        "new objects; not what they share by other means",
    .small = {"heap=50,workers=1,churn=50", "heap=50,freeze=1,read=0.3,collect=2,workers=2,churn=50",
              "heap=5,collect=0,churn=0"},
};

#else

#include "object.h"

#include "gc/collect/collector.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 256

enum cause { CAUSE_READ, CAUSE_COLLECT, CAUSE_CHURN, CAUSES };

struct answer {
    uint64_t private_bytes, ops, sum, failed;
};

struct prefork {
    struct object *root[3]; /* the list of records, "n", "t" */
    bool immortal;          /* the records are, now */
    uint64_t private_bytes[CAUSES];
    uint64_t unanswered;
    int status; /* of the last worker without an answer, as waitpid gives it */
    int error;
};

/* A figure of smaps_rollup in bytes; UINT64_MAX when it cannot be read. */
static uint64_t private_dirty(void)
{
    char text[4096];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    if (fd < 0)
        return UINT64_MAX;
    for (ssize_t got; n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)got;
    close(fd);
    text[n] = '\0';
    const char *at = strstr(text, "\nPrivate_Dirty:");
    return at ? strtoull(at + strlen("\nPrivate_Dirty:"), NULL, 10) << 10 : UINT64_MAX;
}

/* Whether a count can be switched off, and on again. */
static bool prefork_can_immortal(void)
{
    return HG_RC != HG_RC_GIL && HG_RC != HG_RC_TRACING;
}

static int prefork_setup(struct workload_sample *s)
{
    const struct prefork_params *p = s->params;
    if (p->immortal && !prefork_can_immortal())
        return message_set(s->message, -ENOTSUP,
                           "prefork: immortal=1 needs counts that can be switched off: gil:immortal=3.12, "
                           "gil:immortal=3.14, objlock, atomic or biased, not %s",
                           HG_RC == HG_RC_GIL ? "gil, which counts every object"
                                              : "tracing, which counts none");
    struct prefork *w = workload_scratch(sizeof *w);
    if (!w || heap_root_add(s->runtime, "prefork", w->root, 3) != 0)
        return object_no_memory(s);
    if (private_dirty() == UINT64_MAX)
        return message_set(s->message, -ENOTSUP, "prefork: /proc/self/smaps_rollup cannot be read");
    s->state = w;
    return 0;
}

/* The number of the first of this process's share: processes have one after the other. */
static uint64_t prefork_first(const struct workload_sample *s, uint64_t count)
{
    uint64_t k = s->first_worker, rest = count % s->workers;
    return count / s->workers * k + (k < rest ? k : rest);
}

/* {"n": i, "t": (i, [i])}; NULL without memory. */
static struct object *prefork_record(struct prefork *w, uint64_t i)
{
    struct object *n = int_new((int64_t)i), *list = list_new(1), *tuple = tuple_new(2), *d = dict_new();
    bool whole = n && list && tuple && d;
    if (whole) {
        rc_inc(n);
        list_init_item(list, 0, n);
        rc_inc(n);
        tuple_init_item(tuple, 0, n);
        tuple_init_item(tuple, 1, list);
        tuple_filled(tuple);
        list = NULL; /* the tuple's now */
        whole = dict_put(d, w->root[1], n) == 0 && dict_put(d, w->root[2], tuple) == 0;
    }
    rc_xdec(n);
    rc_xdec(list);
    rc_xdec(tuple);
    if (whole)
        return d;
    rc_xdec(d);
    return NULL;
}

/* Makes all objects of all records immortal, or counted again as they were. The runtime's own ints stay as
 * they are. */
static void prefork_set_immortal(struct workload_thread *t, bool immortal)
{
    struct prefork *w = t->sample->state;
    uint64_t count = object_share(t, ((const struct prefork_params *)t->sample->params)->heap);
    for (uint64_t i = 0; i < count; i++) {
        struct object *d = list_get(w->root[0], i);
        struct object *n = dict_get(d, w->root[1]), *tuple = dict_get(d, w->root[2]);
        const struct {
            struct object *o;
            int64_t references; /* those within the heap; the ones just taken go uncounted */
        } all[] = {{d, 1}, {tuple, 1}, {tuple_item(tuple, 1), 1}, {n, 3}};
        bool is_own = int_value(n) <= SMALL_INT_MAX;
        if (is_own)
            rc_dec(n);
        for (size_t k = 0; k < array_length(all) - is_own; k++) {
            if (immortal)
                rc_set_immortal(all[k].o);
            else
                rc_set_count(all[k].o, all[k].references);
        }
        /* Nobody owns it now, and who is first to use it marks it as shared: that is the parent. */
        if (immortal)
            rc_dec(dict_get(d, w->root[1]));
    }
    w->immortal = immortal;
}

static void prefork_prepare(struct workload_thread *t)
{
    const struct prefork_params *p = t->sample->params;
    struct prefork *w = t->sample->state;
    struct runtime *r = t->sample->runtime;
    uint64_t first = prefork_first(t->sample, p->heap), count = object_share(t, p->heap);
    gc_enable(r, false);
    if (!object_replace(t, &w->root[0], list_new(0)) || !object_replace(t, &w->root[1], str_new("n", 1)) ||
        !object_replace(t, &w->root[2], str_new("t", 1)))
        return;
    for (uint64_t i = 0; i < count; i++) {
        struct object *d = prefork_record(w, first + i);
        bool added = d && list_append(w->root[0], d) == 0;
        rc_xdec(d);
        if (!added) {
            t->failed_allocs++;
            return;
        }
        thread_safepoint();
    }
    gc_collect(r, 2);
    if (p->freeze)
        gc_freeze(r);
    if (p->immortal)
        prefork_set_immortal(t, true);
    object_publish(t, 0);
}

/* Whether a worker reads record i of all: `read` of them, spread evenly. */
static bool prefork_reads(const struct prefork_params *p, uint64_t i)
{
    return (uint64_t)((double)(i + 1) * p->read) > (uint64_t)((double)i * p->read);
}

static void prefork_read(struct workload_thread *t, struct answer *a)
{
    const struct prefork_params *p = t->sample->params;
    struct prefork *w = t->sample->state;
    uint64_t first = prefork_first(t->sample, p->heap), count = object_share(t, p->heap);
    for (uint64_t i = 0; i < count; i++) {
        if (!prefork_reads(p, first + i))
            continue;
        struct object *d = list_get(w->root[0], i), *n = dict_get(d, w->root[1]);
        a->sum += (uint64_t)int_value(n);
        a->ops++;
        rc_dec(n);
        rc_dec(d);
    }
}

static void prefork_collect(struct workload_thread *t, struct answer *a)
{
    const struct prefork_params *p = t->sample->params;
    for (uint64_t i = 0; i < p->collect; i++) {
        a->sum += gc_collect(t->sample->runtime, 2);
        a->ops += object_share(t, p->heap);
    }
}

static void prefork_churn(struct workload_thread *t, struct answer *a)
{
    const struct prefork_params *p = t->sample->params;
    uint64_t first = prefork_first(t->sample, p->churn), count = object_share(t, p->churn);
    for (; a->ops < count; a->ops++) {
        struct object *n = int_new((int64_t)(first + a->ops) + 1000), *list = n ? list_new(1) : NULL;
        if (list) {
            a->sum += (uint64_t)int_value(n);
            list_init_item(list, 0, n);
            n = NULL;
        } else {
            a->failed++;
        }
        rc_xdec(n);
        rc_xdec(list);
    }
}

static bool prefork_has(const struct prefork_params *p, enum cause cause)
{
    return cause == CAUSE_READ ? p->read > 0 : cause == CAUSE_COLLECT ? p->collect > 0 : p->churn > 0;
}

/* In the child: it never returns. What handles crashes in the parent is not for the child, whose end the
 * parent reports; and what looks at the parent's memory must not see the child's. */
static _Noreturn void prefork_child(struct workload_thread *t, enum cause cause, pid_t parent, int out)
{
    static void (*const work[])(struct workload_thread *, struct answer *) = {
        [CAUSE_READ] = prefork_read, [CAUSE_COLLECT] = prefork_collect, [CAUSE_CHURN] = prefork_churn};
    static const int crash[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    for (size_t i = 0; i < array_length(crash); i++)
        signal(crash[i], SIG_DFL);
    t->sample->look = NULL;
    struct answer a = {0};
    uint64_t before = private_dirty();
    work[cause](t, &a);
    uint64_t after = private_dirty();
    a.private_bytes = after > before ? after - before : 0;
    _exit(write(out, &a, sizeof a) == (ssize_t)sizeof a ? 0 : 1);
}

/* A worker's answer, and how it ended; false: not well. */
static bool prefork_answer(int fd, pid_t pid, struct answer *a, int *status)
{
    ssize_t n;
    while ((n = read(fd, a, sizeof *a)) < 0 && errno == EINTR)
        ;
    close(fd);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)sizeof *a && *status == 0;
}

/* Forks the workers of a cause, and takes their answers. */
static void prefork_cause(struct workload_thread *t, enum cause cause)
{
    const struct prefork_params *p = t->sample->params;
    struct prefork *w = t->sample->state;
    pid_t pid[WORKERS_MAX], parent = getpid();
    int fd[WORKERS_MAX], status;
    uint64_t started = 0;
    for (; started < p->workers; started++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) {
            w->error = errno;
            break;
        }
        pid[started] = fork();
        if (pid[started] == 0)
            prefork_child(t, cause, parent, ends[1]);
        fd[started] = ends[0];
        if (pid[started] < 0)
            w->error = errno;
        close(ends[1]);
        if (pid[started] < 0) {
            close(ends[0]);
            break;
        }
    }
    for (uint64_t i = 0; i < started; i++) {
        struct answer a;
        if (!prefork_answer(fd[i], pid[i], &a, &status)) {
            w->unanswered++;
            w->status = status;
            continue;
        }
        w->private_bytes[cause] += a.private_bytes;
        t->ops += a.ops;
        t->checksum += a.sum;
        t->failed_allocs += a.failed;
    }
}

static void prefork_run(struct workload_thread *t)
{
    if (t->failed_allocs)
        return;
    for (enum cause cause = 0; cause < CAUSES; cause++)
        if (prefork_has(t->sample->params, cause))
            prefork_cause(t, cause);
    object_publish(t, t->ops);
}

static void prefork_drain(struct workload_thread *t)
{
    struct prefork *w = t->sample->state;
    if (w->immortal)
        prefork_set_immortal(t, false);
    gc_unfreeze(t->sample->runtime);
    gc_enable(t->sample->runtime, true);
    object_drop_all(w->root, 3);
    object_publish(t, t->ops);
}

static int prefork_verify(struct workload_sample *s)
{
    const struct prefork *w = s->state;
    if (w->error)
        return message_set(s->message, -w->error, "prefork: not every worker could be forked: %s",
                           strerror(w->error));
    if (w->unanswered)
        return message_set(s->message, -EIO, "prefork: workers without an answer: %llu, the last of %s %d",
                           (unsigned long long)w->unanswered,
                           WIFSIGNALED(w->status) ? "signal" : "exit status",
                           WIFSIGNALED(w->status) ? WTERMSIG(w->status) : WEXITSTATUS(w->status));
    return 0;
}

static void prefork_finish(struct workload_sample *s)
{
    static const char *const key[] = {[CAUSE_READ] = "prefork.read_private_bytes",
                                      [CAUSE_COLLECT] = "prefork.collect_private_bytes",
                                      [CAUSE_CHURN] = "prefork.churn_private_bytes"};
    const struct prefork_params *p = s->params;
    const struct prefork *w = s->state;
    s->note(s, "prefork.workers", p->workers);
    for (enum cause cause = 0; cause < CAUSES; cause++)
        if (prefork_has(p, cause))
            s->note(s, key[cause], w->private_bytes[cause] / p->workers);
}

const struct workload workload_prefork = {
    .setup = prefork_setup,
    .prepare = prefork_prepare,
    .run = prefork_run,
    .drain = prefork_drain,
    .kept = object_kept_none,
    .verify = prefork_verify,
    .finish = prefork_finish,
};

#endif
