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
    if (!largest || !combine_number(largest, &max, &end) || *end)
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

/* Every point that the record has of the distribution, anew. */
static void combine_points(const struct combined *h, struct record *into)
{
    char key[160];
    int64_t one;
    for (unsigned i = 0; i < HIST_POINTS; i++) {
        snprintf(key, sizeof key, "%s.%s_%s", h->prefix, hist_points[i].name, h->unit);
        if (record_integer(into, key, &one))
            record_set_integer(into, key, (int64_t)hist_quantile_ns(&h->hist, hist_points[i].ppm));
    }
}

void combine_free(struct combine *c)
{
    while (c->count)
        free(c->of[--c->count]);
}

/* --- other figures -------------------------------------------------------------------------------------- */

enum combine_rule { RULE_FIRST, RULE_SUM, RULE_MEAN, RULE_LEAST, RULE_MOST };

/* The first line whose words begin and end the key. Percentiles without a distribution are those of the worst
 * process. */
static const struct {
    const char *begins, *ends;
    enum combine_rule rule;
} combine_rules[] = {
    {"probe.start_ns", "", RULE_LEAST},
    {"probe.end_ns", "", RULE_MOST},
    {"probe.", ".largest_free", RULE_MOST},
    {"probe.", "", RULE_SUM},
    {"pauses.mmu.", "", RULE_LEAST},
    {"pauses.bmu.", "", RULE_LEAST},
    {"pauses.mmu_mean.", "", RULE_MEAN},
    {"gc.share", "", RULE_MEAN},
    {"gc.cost_wall_ns", "", RULE_MEAN}, /* one process stands still, the others run on */
    {"gc.uncollected", "", RULE_FIRST}, /* peaks of different moments */
    {"gc.references_per_object", "", RULE_FIRST},
    {"", "max_ns", RULE_MOST},
    {"", "max_objects", RULE_MOST},
    {"", "p50_ns", RULE_MOST},
    {"", "p50_objects", RULE_MOST},
    {"", "p90_ns", RULE_MOST},
    {"", "p99_ns", RULE_MOST},
    {"", "p99_9_ns", RULE_MOST},
    {"", "p99_99_ns", RULE_MOST},
    {"ops_per_s", "", RULE_FIRST},
    {"ops", "", RULE_SUM},
    {"cpu_ns", "", RULE_SUM},
    {"os.", "", RULE_SUM},
    {"latency.", "", RULE_SUM},
    {"pauses.", "", RULE_SUM},
    {"gc.", "", RULE_SUM},
    {"gil.", "", RULE_SUM},
    {"lock.", "", RULE_SUM},
    {"stop.", "", RULE_SUM},
    {"intern.", "", RULE_SUM},
};

static enum combine_rule combine_rule(const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < sizeof combine_rules / sizeof *combine_rules; i++) {
        size_t begins = strlen(combine_rules[i].begins), ends = strlen(combine_rules[i].ends);
        if (begins + ends <= n && strncmp(key, combine_rules[i].begins, begins) == 0 &&
            strcmp(key + n - ends, combine_rules[i].ends) == 0)
            return combine_rules[i].rule;
    }
    return RULE_FIRST;
}

/* Workers are not trusted: a sum may wrap, but stays defined. */
static int64_t combine_sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* A figure of the nth other process goes into what is there of those before it. */
static void combine_figure(struct record *into, const struct record *said, const char *key, unsigned nth)
{
    enum combine_rule rule = combine_rule(key);
    double there = 0, more;
    int64_t a = 0, b = 0;
    if (rule == RULE_FIRST || !record_number(said, key, &more))
        return;
    bool known = record_number(into, key, &there); /* else it is of what none before did: a cause of pauses */
    bool whole = record_integer(said, key, &b) && (!known || record_integer(into, key, &a));
    if (!known || (rule == RULE_LEAST && more < there) || (rule == RULE_MOST && more > there)) {
        a = b;
        there = more;
    } else if (rule == RULE_SUM) {
        a = combine_sum(a, b);
        there += more;
    } else if (rule == RULE_MEAN) {
        a += (b - a) / (int64_t)(nth + 1);
        there += (more - there) / (nth + 1);
    }
    if (whole)
        record_set_integer(into, key, a);
    else
        record_set_real(into, key, there);
}

/* Of a key of the record itself: it, or what is below it, has any. */
static bool combine_has_rules(const char *name)
{
    for (size_t i = 0; i < sizeof combine_rules / sizeof *combine_rules; i++)
        if (strncmp(combine_rules[i].begins, name, strlen(name)) == 0)
            return true;
    return false;
}

/* All figures under the key ("" is the record). */
static void combine_under(struct record *into, const struct record *said, const char *key, unsigned nth)
{
    char below[160];
    size_t n = record_array_size(said, key);
    const char **names = record_keys(said, key);
    for (size_t i = 0; i < n; i++) {
        snprintf(below, sizeof below, "%s.%zu", key, i);
        combine_under(into, said, below, nth);
    }
    for (size_t i = 0; names && names[i]; i++) {
        snprintf(below, sizeof below, "%s%s%s", key, *key ? "." : "", names[i]);
        if (*key || combine_has_rules(below))
            combine_under(into, said, below, nth);
    }
    if (!n && names && !names[0])
        combine_figure(into, said, key, nth);
    free(names);
}

/* What the kernel counts for some processes alone is not known of all. */
static void combine_counters(struct record *into, struct record *const *said, unsigned count)
{
    const char **names = record_keys(into, "counters");
    for (size_t i = 0; names && names[i]; i++) {
        char key[160];
        int64_t sum, part = 0;
        snprintf(key, sizeof key, "counters.%s", names[i]);
        bool all = record_integer(into, key, &sum);
        for (unsigned k = 0; k < count && all; k++, sum = combine_sum(sum, part))
            all = record_integer(said[k], key, &part);
        if (all)
            record_set_integer(into, key, sum);
        else
            record_set_null(into, key);
    }
    free(names);
}

/* Of a record: its checksum, or false. */
static bool combine_checksum(const struct record *said, uint64_t *sum)
{
    const char *text = record_text(said, "checksum");
    char *end;
    *sum = text ? strtoull(text, &end, 16) : 0;
    return text && *text && *end == '\0';
}

static void combine_checksums(struct record *into, struct record *const *said, unsigned count)
{
    uint64_t sum, part = 0;
    char text[32];
    bool all = combine_checksum(into, &sum);
    for (unsigned i = 0; i < count && all; i++, sum += part)
        all = combine_checksum(said[i], &part);
    if (!all)
        return;
    snprintf(text, sizeof text, "%016llx", (unsigned long long)sum);
    record_set_text(into, "checksum", text);
}

/* Figures that are made of others. */
static void combine_ratios(struct record *into)
{
    int64_t start, end;
    double ops, references, objects;
    if (record_integer(into, "probe.start_ns", &start) && record_integer(into, "probe.end_ns", &end) &&
        end > start && record_number(into, "ops", &ops)) {
        record_set_integer(into, "wall_ns", end - start);
        record_set_real(into, "ops_per_s", ops * 1e9 / (double)(end - start));
    }
    if (record_number(into, "gc.references", &references) && record_number(into, "gc.allocated", &objects) &&
        objects > 0)
        record_set_real(into, "gc.references_per_object", references / objects);
}

void combine_records(const struct combine *c, struct record *into, struct record *const *said, unsigned count)
{
    combine_checksums(into, said, count);
    combine_counters(into, said, count);
    for (unsigned i = 0; i < count; i++)
        combine_under(into, said[i], "", i + 1);
    for (unsigned i = 0; i < c->count; i++)
        combine_points(c->of[i], into);
    combine_ratios(into);
}
