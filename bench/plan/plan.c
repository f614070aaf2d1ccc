/* plan.c: see plan.h. */
#include "plan.h"

#include "alloc/base/rng.h"
#include "alloc/base/words.h"
#include "bench/stat/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy that lives as long as the plan; NULL: no memory. */
static const struct settings *plan_keep(struct plan *p, const struct settings *settings)
{
    struct settings **more = realloc(p->settings, (p->additions + 1) * sizeof *more);
    if (!more)
        return NULL;
    p->settings = more;
    struct settings *s = more[p->additions] = malloc(sizeof *s);
    if (!s)
        return NULL;
    p->additions++;
    *s = *settings;
    return s;
}

static int plan_add_cell(struct plan *p, const struct cell *cell, const struct settings *settings,
                         const char *refused)
{
    struct plan_cell *more = realloc(p->cell, (p->cells + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    p->cell = more;
    struct plan_cell *c = &p->cell[p->cells++];
    c->cell = *cell;
    c->group = p->groups;
    c->settings = settings;
    c->baseline = false;
    snprintf(c->refused, sizeof c->refused, "%s", refused ? refused : "");
    return 0;
}

/* What stands twice in a list is measured twice, the second under a name of its own; a name that was given is
 * not given twice. 0 or -EINVAL with a message. */
static int plan_number(struct words *alloc, struct message *m)
{
    static struct config config[WORDS_MAX];
    for (unsigned i = 0; i < alloc->count; i++) {
        int err = config_parse(&config[i], *alloc->word[i] ? alloc->word[i] : "system", m);
        if (err)
            return err;
    }
    for (unsigned i = alloc->count; i-- > 0;) { /* from behind: those before have the text as written */
        unsigned n = 1;
        for (unsigned k = 0; k < i; k++)
            n += strcmp(config[k].text, config[i].text) == 0;
        if (n > 1 && config[i].named)
            return message_set(m, -EINVAL, "%.300s stands twice: give each a name of its own",
                               config[i].text);
        if (n > 1)
            config_number(&config[i], n);
        alloc->word[i] = config[i].text;
    }
    return 0;
}

/* What tables call a configuration is its own in the whole run. 0 or -EINVAL with a message. */
static int plan_check_name(const struct plan *p, const struct cell *cell, struct message *m)
{
    const struct config *new = &cell->config;
    for (unsigned i = 0; i < p->cells; i++) {
        const struct config *old = &p->cell[i].cell.config;
        if (strcmp(old->name, new->name) == 0 && strcmp(old->text, new->text) != 0)
            return message_set(
                m, -EINVAL,
                "two configurations are called '%.100s', %.300s and %.300s: give each a name of its "
                "own in its braces, as=NAME",
                new->name, old->text, new->text);
    }
    return 0;
}

/* The pairs of threads and processes, at most `room`; whether they make one group. */
static int plan_pairs(const struct settings *a, const char *dashes, unsigned (*pair)[2], unsigned room,
                      unsigned *count, bool *together, struct message *m)
{
    static const unsigned most[2] = {CELL_THREADS_MAX, CELL_PROCESSES_MAX};
    unsigned threads[WORDS_MAX], processes[WORDS_MAX], thread_counts, process_counts;
    char name[3][32];
    snprintf(name[0], sizeof name[0], "%sthreads", dashes);
    snprintf(name[1], sizeof name[1], "%sprocesses", dashes);
    snprintf(name[2], sizeof name[2], "%sparallel", dashes);
    *together = a->parallel[0] != 0;
    *count = 0;
    if (*together && (strcmp(a->threads, "1") != 0 || strcmp(a->processes, "1") != 0))
        return message_set(m, -EINVAL, "%s gives the numbers of threads and processes: leave out %s and %s",
                           name[2], name[0], name[1]);
    if (*together)
        return words_pairs(a->parallel, name[2], most, pair, count, m);
    int err = words_numbers(a->threads, name[0], most[0], threads, &thread_counts, m);
    if (!err)
        err = words_numbers(a->processes, name[1], most[1], processes, &process_counts, m);
    for (unsigned t = 0; !err && t < thread_counts; t++)
        for (unsigned i = 0; i < process_counts && *count < room; i++, (*count)++) {
            pair[*count][0] = threads[t];
            pair[*count][1] = processes[i];
        }
    return err;
}

int plan_add(struct plan *p, const struct settings *settings, bool of_suite, const struct place *places,
             struct message *m)
{
    static struct words alloc, rc, gc, thp, python;
    static struct cell cell;
    static unsigned pair[WORDS_MAX * WORDS_MAX][2];
    const char *dashes = of_suite ? "" : "--"; /* before a setting's name in messages */
    const struct settings *a = plan_keep(p, settings);
    if (!a)
        return message_set(m, -ENOMEM, "no memory for the plan");
    const struct {
        struct words *words;
        const char *text, *name;
    } axis[] = {{&alloc, a->alloc, "alloc"},
                {&rc, a->rc, "rc"},
                {&gc, a->gc, "gc"},
                {&thp, a->thp, "thp"},
                {&python, a->python, "python"}};
    unsigned pairs;
    bool together;
    if (p->additions == 1)
        thp_machine_read(&p->machine, "");
    int err = plan_pairs(a, dashes, pair, WORDS_MAX * WORDS_MAX, &pairs, &together, m);
    for (unsigned i = 0; i < sizeof axis / sizeof *axis && !err; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%s", dashes, axis[i].name);
        err = words_split(axis[i].words, axis[i].text, name, m);
    }
    if (!err)
        err = plan_number(&alloc, m);
    for (unsigned k = 0; k < pairs && !err; k++) {
        for (unsigned i = 0; i < alloc.count * rc.count * gc.count * thp.count * python.count && !err; i++) {
            struct cell_words words = {a->workload,
                                       alloc.word[i / python.count / thp.count / gc.count / rc.count],
                                       rc.word[i / python.count / thp.count / gc.count % rc.count],
                                       gc.word[i / python.count / thp.count % gc.count],
                                       a->place,
                                       thp.word[i / python.count % thp.count],
                                       pair[k][0],
                                       pair[k][1],
                                       python.word[i % python.count]};
            err = cell_make(&cell, &words, places, m);
            if (err && (err != -ENOTSUP || !of_suite))
                break;
            if (!err) /* which is the machine's: no mistake of the user's */
                err = cell_thp(&cell, &p->machine, m);
            const char *refused = err ? m->text : NULL;
            if (together && cell.processes > 1 && cell.workload->level != LEVEL_OBJECT)
                return message_set(
                    m, -EINVAL,
                    "%sparallel compares like with like, but several processes of workload %s do all of its "
                    "work each: only object workloads divide it",
                    dashes, cell.workload->name);
            if ((err = plan_check_name(p, &cell, m)))
                break;
            err = plan_add_cell(p, &cell, a, refused);
            if (err)
                message_set(m, err, "no memory for the plan");
        }
        p->groups += !together;
    }
    p->groups += together;
    return err;
}

/* Of the cells first .. end-1, which are a group: those that the baseline names (NULL: none), best matches
 * alone. A name that all of several have tells none apart. Returns whether it named any. */
static bool plan_mark_named(struct plan *p, unsigned first, unsigned end, const struct baseline *b)
{
    enum baseline_match best = BASELINE_OTHER;
    unsigned marked = 0;
    for (unsigned pass = 0; b && pass < 2; pass++)
        for (unsigned i = first; i < end; i++) {
            struct baseline_axes axes = cell_axes(&p->cell[i].cell);
            enum baseline_match match = baseline_matches(b, &axes);
            if (pass == 0)
                best = match > best ? match : best;
            else
                marked += p->cell[i].baseline = match == best && best != BASELINE_OTHER;
        }
    for (unsigned i = first; marked == end - first && marked > 1 && i < end; i++)
        p->cell[i].baseline = false;
    return best != BASELINE_OTHER;
}

/* The configuration that is `system` in the group: by that text, else the first that is so under a name;
 * NULL: none. */
static const char *plan_system(const struct plan *p, unsigned first, unsigned end)
{
    const char *found = NULL;
    for (unsigned i = first; i < end; i++) {
        const char *text = p->cell[i].cell.config.text;
        if (config_is_plain(text, "system") && (!found || strcmp(text, "system") == 0))
            found = text;
    }
    return found;
}

/* Where none is marked: system where there are other allocators, too, else the first that can work. Nothing
 * is compared where only one can, and nothing need run twice. */
static void plan_mark_default(struct plan *p, unsigned first, unsigned end)
{
    bool several = false, any = false;
    unsigned can_work = 0;
    for (unsigned i = first; i < end; i++)
        can_work += !p->cell[i].refused[0];
    if (can_work < 2)
        return;
    for (unsigned i = first; i < end; i++) {
        any = any || p->cell[i].baseline;
        several = several || strcmp(p->cell[i].cell.config.text, p->cell[first].cell.config.text) != 0;
    }
    const char *system = plan_system(p, first, end);
    for (unsigned i = first; several && !any && system && i < end; i++)
        p->cell[i].baseline = strcmp(p->cell[i].cell.config.text, system) == 0;
    for (unsigned i = first; i < end; i++)
        any = any || p->cell[i].baseline;
    for (unsigned i = first; !any && i < end; i++)
        any = p->cell[i].baseline = !p->cell[i].refused[0];
}

bool plan_has_baseline(const struct plan *p, unsigned first, const struct baseline *b)
{
    bool any = false;
    for (unsigned i = first; i < p->cells && !any; i++) {
        struct baseline_axes axes = cell_axes(&p->cell[i].cell);
        any = baseline_matches(b, &axes) != BASELINE_OTHER;
    }
    return any;
}

unsigned plan_mark_baseline(struct plan *p, unsigned first, const struct baseline *b)
{
    unsigned named = 0;
    for (unsigned end; first < p->cells; first = end) {
        for (end = first + 1; end < p->cells && p->cell[end].group == p->cell[first].group;)
            end++;
        named += plan_mark_named(p, first, end, b);
        plan_mark_default(p, first, end);
    }
    return named;
}

const char *plan_labels(const struct plan *p, unsigned first, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = first; i < p->cells; i++) {
        char label[256], other[256];
        bool known = false;
        cell_label(&p->cell[i].cell, label, sizeof label);
        for (unsigned k = first; k < i && !known; k++) {
            cell_label(&p->cell[k].cell, other, sizeof other);
            known = strcmp(label, other) == 0;
        }
        if (!known && n + strlen(label) + 6 > size) {
            snprintf(out + n, size - n, " ...");
            break;
        }
        if (!known)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", label);
    }
    return out;
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

static bool plan_wants_tails(const struct plan *p, const struct plan_cell *c)
{
    uint64_t every = c->settings->latency, tails = c->settings->tails;
    if (tails == TAILS_NEVER || every == 1) /* 1: all samples have them */
        return false;
    return tails == TAILS_ALWAYS || (every && p->blocks >= STATS_MIN);
}

static bool plan_wants_oracle(const struct plan *p, const struct plan_cell *c)
{
    (void)p;
    return c->cell.gc && c->settings->oracle;
}

/* A sample more of each cell that wants one, like the sample given. */
static void plan_extra(struct plan *p, bool wants(const struct plan *, const struct plan_cell *),
                       struct plan_sample like, unsigned *position, unsigned shard, unsigned shards)
{
    for (unsigned c = 0; c < p->cells; c++) {
        const struct plan_cell *cell = &p->cell[c];
        if (cell->refused[0] || !wants(p, cell))
            continue;
        like.cell = c;
        like.block = p->blocks;
        like.position = (*position)++;
        like.seed = plan_seed(p->seed, cell->group, 0);
        if (shards <= 1 || cell->group % shards == shard)
            p->sample[p->samples++] = like;
    }
}

int plan_order(struct plan *p, unsigned blocks, uint64_t seed, unsigned shard, unsigned shards)
{
    struct rng r;
    p->blocks = blocks;
    p->seed = seed;
    p->samples = 0;
    size_t most = (2 * (size_t)blocks + 2) * p->cells;
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
                    if (p->cell[c].baseline && !p->cell[c].refused[0] && !p->baseline_once)
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
    unsigned position = 0;
    plan_extra(p, plan_wants_oracle, (struct plan_sample){.oracle = true}, &position, shard, shards);
    plan_extra(p, plan_wants_tails, (struct plan_sample){.tails = true}, &position, shard, shards);
    free(groups);
    free(members);
    return 0;
}

void plan_free(struct plan *p)
{
    for (unsigned i = 0; i < p->additions; i++)
        free(p->settings[i]);
    free(p->settings);
    free(p->cell);
    free(p->sample);
    memset(p, 0, sizeof *p);
}
