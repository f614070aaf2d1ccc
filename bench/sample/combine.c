/* combine.c: see combine.h. */
#include "combine.h"

#include "bench/stat/hist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- distributions -------------------------------------------------------------------------------------- */

struct combined {
    char prefix[96], unit[16]; /* the figures are PREFIX.p50_UNIT, PREFIX.max_UNIT ... */
    struct hist hist;
};

/* PREFIX.POINT_UNIT; SCHEMA_KEYS when there is none. */
static enum schema_key combine_key(const char *prefix, const char *point, const char *unit)
{
    char path[160];
    int n = snprintf(path, sizeof path, "%s.%s_%s", prefix, point, unit);
    return n < (int)sizeof path ? schema_find(path, (size_t)n) : SCHEMA_KEYS;
}

static struct combined *combine_find(struct combine *c, const char *prefix, const char *unit)
{
    for (unsigned i = 0; i < c->count; i++)
        if (strcmp(c->of[i]->prefix, prefix) == 0 && strcmp(c->of[i]->unit, unit) == 0)
            return c->of[i];
    struct combined *h = c->count < COMBINE_MAX ? calloc(1, sizeof *h) : NULL;
    if (!h || strlen(prefix) >= sizeof h->prefix || strlen(unit) >= sizeof h->unit) {
        free(h);
        return NULL;
    }
    memcpy(h->prefix, prefix, strlen(prefix));
    memcpy(h->unit, unit, strlen(unit));
    c->of[c->count++] = h;
    return h;
}

static bool combine_number(const char *text, uint64_t *out, const char **end)
{
    char *after;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &after, 10);
    *end = after;
    return errno == 0;
}

/* "INDEX:COUNT" */
static bool combine_counter(const char *text, uint64_t *index, uint64_t *n)
{
    const char *end;
    return combine_number(text, index, &end) && *index < HIST_COUNTS && *end == ':' &&
           combine_number(end + 1, n, &end) && *end == '\0';
}

bool combine_hist(struct combine *c, char *text)
{
    char *rest, *prefix = strtok_r(text, " ", &rest), *unit = strtok_r(NULL, " ", &rest),
                *largest = strtok_r(NULL, " ", &rest), *all = rest, *word;
    uint64_t max, index, n;
    const char *end;
    if (!largest || !combine_number(largest, &max, &end) || *end ||
        combine_key(prefix, "max", unit) == SCHEMA_KEYS)
        return false;
    size_t length = strlen(all);
    for (word = strtok_r(all, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (!combine_counter(word, &index, &n))
            return false;
    struct combined *h = combine_find(c, prefix, unit);
    if (!h)
        return false;
    for (word = all; word < all + length; word += strlen(word) + 1)
        if (combine_counter(word, &index, &n))
            h->hist.counts[index] += n;
    if (max > h->hist.max_ns)
        h->hist.max_ns = max;
    return true;
}

/* Every point that the sample has of the distribution, anew. All values together may have points of a latency
 * that those of no process have alone. */
static void combine_points(const struct combined *h, struct sample *into)
{
    bool latency = strncmp(h->prefix, "latency.", 8) == 0;
    unsigned known = hist_points_known(&h->hist);
    for (unsigned i = 0; i < HIST_POINTS; i++) {
        enum schema_key key = combine_key(h->prefix, hist_points[i].name, h->unit);
        if (key < SCHEMA_KEYS && latency && known >> i & 1)
            sample_learn(into, key);
        else if (key < SCHEMA_KEYS && latency)
            sample_forget(into, key);
        if (key < SCHEMA_KEYS && sample_knows(into, key))
            *sample_int(into, key) = (int64_t)hist_quantile_ns(&h->hist, hist_points[i].ppm);
    }
}

void combine_free(struct combine *c)
{
    while (c->count)
        free(c->of[--c->count]);
}

/* --- other figures -------------------------------------------------------------------------------------- */

/* Workers are not trusted: a sum may wrap, but stays defined. */
static int64_t combine_sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* An integer or real of another process goes into what is there of `before` processes. */
static void combine_figure(struct sample *into, const struct sample *said, enum schema_key key,
                           unsigned before)
{
    enum schema_rule rule = schema_rows[key].rule;
    bool whole = schema_rows[key].type == VALUE_INT;
    double there = 0, more;
    if (rule == RULE_FIRST || rule == RULE_FRONT || rule == RULE_WHOLE || !sample_number(said, key, &more))
        return;
    bool known = sample_number(into, key, &there); /* else it is of what none before did: a cause of pauses */
    int64_t a = known && whole ? *sample_int(into, key) : 0, b = whole ? *sample_int(said, key) : 0;
    if (!known || (rule == RULE_LEAST && more < there) ||
        ((rule == RULE_MOST || rule == RULE_QUANTILE) && more > there)) {
        a = b;
        there = more;
    } else if (rule == RULE_SUM || rule == RULE_ALL) {
        a = combine_sum(a, b);
        there += more;
    } else if (rule == RULE_MEAN) {
        a += (b - a) / (int64_t)(before + 1);
        there += (more - there) / (before + 1);
    }
    if (whole)
        *sample_int(into, key) = a;
    else
        *sample_real(into, key) = there;
    sample_learn(into, key);
}

/* What the kernel counts for some processes alone is not known of all. */
static bool combine_all_know(const struct sample *into, struct sample *const *said, unsigned count,
                             enum schema_key key)
{
    bool all = sample_knows(into, key);
    for (unsigned i = 0; i < count; i++)
        all = all && sample_knows(said[i], key);
    return all;
}

static bool combine_checksum(const struct sample *said, uint64_t *sum)
{
    char *end;
    const char *text = sample_text_or(said, checksum, "");
    *sum = strtoull(text, &end, 16);
    return *text && *end == '\0';
}

static int combine_checksums(struct sample *into, struct sample *const *said, unsigned count)
{
    uint64_t sum, part = 0;
    char text[32];
    bool all = combine_checksum(into, &sum);
    for (unsigned i = 0; i < count && all; i++, sum += part)
        all = combine_checksum(said[i], &part);
    if (!all)
        return 0;
    snprintf(text, sizeof text, "%016llx", (unsigned long long)sum);
    return sample_set_text(into, checksum, text);
}

/* Figures that are made of others. */
static void combine_ratios(struct sample *into)
{
    if (sample_has(into, probe_start_ns) && sample_has(into, probe_end_ns) && sample_has(into, ops) &&
        into->probe_end_ns > into->probe_start_ns) {
        sample_set(into, wall_ns, into->probe_end_ns - into->probe_start_ns);
        sample_set(into, ops_per_s, (double)into->ops * 1e9 / (double)into->wall_ns);
    }
    if (sample_has(into, gc_references) && sample_has(into, gc_allocated) && into->gc_allocated > 0)
        sample_set(into, gc_references_per_object, (double)into->gc_references / (double)into->gc_allocated);
}

int combine_samples(const struct combine *c, struct sample *into, struct sample *const *said, unsigned count)
{
    int err = combine_checksums(into, said, count);
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++) {
        if (!schema_is_figure(key))
            continue;
        if (schema_rows[key].rule == RULE_ALL && !combine_all_know(into, said, count, key)) {
            sample_forget(into, key);
            continue;
        }
        unsigned before = sample_knows(into, key);
        for (unsigned i = 0; i < count; i++)
            if (sample_knows(said[i], key))
                combine_figure(into, said[i], key, before++);
    }
    for (unsigned i = 0; i < c->count; i++)
        combine_points(c->of[i], into);
    combine_ratios(into);
    return err;
}
