/* compare.c: heapgauge compare: one metric of every configuration against a baseline, paired over blocks,
 * with the noise that limits how far to believe it; or the cells of one run against the same cells of an
 * earlier one. The metric "lbo" is not against a baseline: it gives for every configuration how far it is
 * from the least time that any took without its collector. */
#include "cmd.h"
#include "bench/report/collectors.h"
#include "bench/report/inherited.h"
#include "bench/report/noise.h"
#include "bench/report/text.h"
#include "bench/result/run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COMPARE_OPTIONS(P, S)                                                                               \
    P(S, TEXT, baseline, "", "",                                                                            \
      "the configuration that ratios are against, for example alloc=system, rc=gil, gc=none, python=3.14, " \
      "thp=never, "                                                                                         \
      "parallel=1x1, "                                                                                      \
      "or several of them; by default that of the run")                                                     \
    P(S, TEXT, metric, "throughput", "",                                                                    \
      "what is compared: throughput wall cpu heap-peak peak-rss held settled heap-live external max-pause " \
      "p99-pause "                                                                                          \
      "p99.9-pause "                                                                                        \
      "total-pause mmu-10ms gc-share uncollected uncollected-bytes references reclaim max-reclaim "         \
      "malloc-p99 free-p99 faults instructions, a sample's key, or lbo: lower-bound overhead")              \
    P(S, TEXT, fail_above, "", "",                                                                          \
      "exit 1 if the whole confidence interval is worse than this, for example 5%")                         \
    P(S, FLAG, json, "0", "", "print the comparisons as one JSON object")
PARAM_STRUCT(compare_options, COMPARE_OPTIONS)

const struct param *cmd_compare_options(void)
{
    static const struct param table[] = PARAM_ROWS(compare_options, COMPARE_OPTIONS);
    return table;
}

struct compare {
    struct compare_options o;
    const struct report_metric *metric;
    struct baseline baseline;
    double fail_above; /* a difference of logs; NaN: not asked for */
    struct run run[2];
    struct report_data data[2];
    char *inherited[2]; /* by their workers; NULL: the folder does not have it */
    unsigned runs;
    struct report_comparisons found;
    struct report_lbo *lbo; /* of data[0], when that is the metric */
};

static const struct report_data *compare_now(const struct compare *c)
{
    return &c->data[c->runs - 1];
}

/* "5%" or "5": per cent. */
static int compare_percent(const char *text, double *out, struct message *m)
{
    char *end;
    double percent = strtod(text, &end);
    if (*end == '%')
        end++;
    if (end == text || *end || !(percent >= 0) || percent > 1000 || !strchr("0123456789.", *text))
        return message_set(m, -EINVAL, "--fail-above: '%.100s' is not a percentage from 0 to 1000 (5%%)",
                           text);
    *out = log1p(percent / 100);
    return 0;
}

static int compare_load(struct compare *c, char **dir, int dirs, struct message *m)
{
    int err = 0;
    for (int i = 0; !err && i < dirs; i++) {
        err = run_load(&c->run[i], dir[i], true, m);
        if (err)
            break;
        if (c->run[i].torn)
            fprintf(stderr, "heapgauge: %s: a torn last line was left out\n", dir[i]);
        err = report_data_make(&c->data[i], c->run[i].sample, c->run[i].samples);
        if (err)
            message_set(m, err, "out of memory");
        else
            report_data_plan(&c->data[i], run_planned(&c->run[i], "samples_planned"),
                             run_planned(&c->run[i], "blocks"));
        c->inherited[i] = report_inherited_of_run(c->run[i].run);
        c->runs++;
    }
    return err;
}

/* Two folders whose workers inherited other variables differ in more than their configurations. */
static bool compare_inherited_differ(const struct compare *c)
{
    return c->inherited[0] && c->inherited[1] && strcmp(c->inherited[0], c->inherited[1]) != 0;
}

static const char *compare_inherited(const struct compare *c, unsigned i)
{
    return c->inherited[i] && *c->inherited[i] ? c->inherited[i] : "none";
}

static bool compare_is_lbo(const struct compare *c)
{
    return strcmp(c->o.metric, "lbo") == 0;
}

static int compare_prepare_lbo(struct compare *c, int dirs, char **dir, struct message *m)
{
    c->fail_above = NAN;
    if (dirs != 1)
        return message_set(m, -EINVAL, "compare: --metric lbo is about one folder of results");
    if (c->o.baseline[0] || c->o.fail_above[0])
        return message_set(m, -EINVAL, "compare: --metric lbo has no baseline; leave out --%s",
                           c->o.baseline[0] ? "baseline" : "fail-above");
    int err = compare_load(c, dir, dirs, m);
    if (!err && report_lbo_make(&c->lbo, &c->data[0]))
        err = message_set(m, -ENOMEM, "out of memory");
    bool any = false;
    for (size_t w = 0; !err && w < c->data[0].works; w++)
        any = any || report_lbo_any(c->lbo, &c->data[0], &c->data[0].work[w]);
    if (!err && !any)
        err =
            message_set(m, -EINVAL,
                        "compare: no lower-bound overhead: no workload ran under two collectors or policies "
                        "with one allocator, with gc.cost_wall_ns or gc.cost_cpu_ns");
    return err;
}

static int compare_prepare(struct compare *c, int dirs, char **dir, struct message *m)
{
    c->fail_above = NAN;
    if (dirs < 1 || dirs > 2)
        return message_set(m, -EINVAL, "compare: one folder of results, or two (the earlier one first)");
    c->metric = report_metric_find(c->o.metric, m);
    if (!c->metric)
        return -EINVAL;
    int err = c->o.fail_above[0] ? compare_percent(c->o.fail_above, &c->fail_above, m) : 0;
    if (!err && dirs == 2 && c->o.baseline[0])
        err = message_set(m, -EINVAL,
                          "compare: with two folders the first is the baseline; leave out --baseline");
    if (!err)
        err = baseline_parse(&c->baseline, c->o.baseline, "--baseline", m);
    c->baseline.chosen = baseline_names(&c->baseline);
    if (!err)
        err = compare_load(c, dir, dirs, m);
    if (!err && c->baseline.chosen)
        err = report_baseline_there(&c->data[0], &c->baseline, m);
    const char *of_run = !err && !c->baseline.chosen ? record_text(c->run[0].run, "baseline") : NULL;
    if (of_run && baseline_parse(&c->baseline, of_run, "baseline", NULL))
        memset(&c->baseline, 0, sizeof c->baseline);
    if (err)
        return err;
    err = dirs == 2 ? report_compare_runs(&c->found, &c->data[0], &c->data[1], c->metric)
                    : report_compare(&c->found, &c->data[0], &c->baseline, c->metric);
    if (err)
        return message_set(m, err, "out of memory");
    size_t rows = 0;
    for (size_t i = 0; i < c->found.rows; i++)
        rows += !c->found.row[i].control && c->found.row[i].n > 0;
    if (rows == 0 && c->baseline.chosen)
        return message_set(
            m, -EINVAL,
            "compare: nothing to compare with that baseline: no workload has it beside another "
            "configuration with %s",
            c->metric->path);
    if (rows == 0 && compare_inherited_differ(c))
        return message_set(m, -EINVAL,
                           "compare: nothing to compare: no configuration is in both folders; their workers "
                           "inherited other variables: %.300s in the first, %.300s in the second",
                           compare_inherited(c, 0), compare_inherited(c, 1));
    if (rows == 0)
        return message_set(m, -EINVAL,
                           "compare: nothing to compare: no two configurations of one workload have %s",
                           c->metric->path);
    return 0;
}

/* By how much a row is worse than its baseline (a difference of logs, above 0 is worse). */
static double compare_loss(const struct compare *c, const struct report_comparison *row)
{
    return c->metric->more_is_better ? -row->log_ratio.estimate : row->log_ratio.estimate;
}

static bool compare_is_worse(const struct compare *c, const struct report_comparison *row)
{
    return !row->control && row->verdict == (c->metric->more_is_better ? STATS_LOWER : STATS_HIGHER);
}

static bool compare_crosses(const struct compare *c, const struct report_comparison *row)
{
    return isfinite(c->fail_above) && compare_is_worse(c, row) && compare_loss(c, row) > c->fail_above;
}

/* --- text ----------------------------------------------------------------------------------------------- */

static void compare_print_row(const struct compare *c, const struct report_comparison *row)
{
    char label[512];
    snprintf(label, sizeof label, "%s%s", row->control ? "A/A " : "", row->cell->shown);
    fputs("  ", stdout);
    if (strlen(label) > 22) {
        report_put_plain(stdout, label, 78);
        printf("\n  %22s", "");
    } else {
        size_t n = report_put_plain(stdout, label, 22);
        printf("%*s", (int)(22 - n), "");
    }
    if (row->n == 0) {
        printf(" no block with both values\n");
        return;
    }
    char note[96];
    if (row->control)
        snprintf(note, sizeof note, "noise %s",
                 report_percent(row->log_ratio.hi - row->log_ratio.estimate).text);
    else if (row->verdict == STATS_INCONCLUSIVE)
        snprintf(note, sizeof note, "inconclusive (>%s)", report_percent(row->detectable).text + 1);
    else if (row->verdict == STATS_SAME)
        snprintf(note, sizeof note, "no difference (<%s)", report_percent(row->margin).text + 1);
    else
        snprintf(note, sizeof note, "%s", report_verdict(&c->found, row));
    if (row->control && row->n < STATS_MIN)
        snprintf(note, sizeof note, "no CI");
    printf(" %6s %11s %3zu %5s  %s%s\n", report_ratio(exp(row->log_ratio.estimate)).text,
           report_interval(row->log_ratio).text, row->n,
           row->control || row->n < STATS_MIN ? "-" : report_ratio(row->p_adjusted).text, note,
           compare_crosses(c, row) ? " !" : "");
}

static void compare_print_noise(const struct compare *c, size_t work)
{
    struct report_noise n = report_noise_of(compare_now(c), work, &c->found);
    printf("  noise:");
    if (n.control && n.control->n >= STATS_MIN)
        printf(" A/A %s;", n.aa_excludes_1 ? "EXCLUDES 1" : "includes 1");
    else
        printf(" %s;", n.control ? "A/A under 6 blocks" : "no A/A arm");
    if (isfinite(n.lag1))
        printf(" autocorrelation %+.2f%s;", n.lag1, n.correlated ? " HIGH" : "");
    if (isfinite(n.drift))
        printf(" drift %s%s;", report_percent(n.drift).text, n.drifting ? " HIGH" : "");
    if (isfinite(n.steal_share))
        printf(" steal %s%s", report_share(n.steal_share).text, n.stolen ? " HIGH" : "");
    else
        printf(" steal unknown");
    if (isfinite(n.switches_per_s))
        printf("\n         involuntary switches %.0f/s", n.switches_per_s);
    putchar('\n');
}

static bool compare_row_is_of(const struct compare *c, const struct report_comparison *row, size_t work)
{
    const struct report_data *now = compare_now(c);
    const struct report_work *w = &now->work[work];
    if (c->runs == 1 || !row->control)
        return row->cell >= &now->cell[w->first] && row->cell < &now->cell[w->first] + w->cells;
    const struct report_work *of = &c->data[0].work[row->cell->work]; /* the earlier run's A/A arm */
    return strcmp(of->family, w->family) == 0 && of->threads == w->threads && of->processes == w->processes;
}

static void compare_print_geometric(const struct compare *c)
{
    /* Configurations that have a row in at least two works. */
    const struct report_comparisons *f = &c->found;
    bool titled = false;
    size_t total = 0;
    for (size_t i = 0; i < f->rows; i++)
        total += f->row[i].n;
    double *d = calloc(total + 1, sizeof *d);
    size_t *n = calloc(f->rows + 1, sizeof *n);
    for (size_t i = 0; d && n && i < f->rows; i++) {
        const char *label = f->row[i].cell->label, *base = f->row[i].base->label;
        size_t works = 0, values = 0;
        bool seen = f->row[i].control || f->row[i].withheld == WITHHELD_UNFIT;
        for (size_t j = 0; j < f->rows && !seen; j++) {
            const struct report_comparison *row = &f->row[j];
            if (row->control || row->n == 0 || row->withheld == WITHHELD_UNFIT ||
                strcmp(row->cell->label, label) != 0 || strcmp(row->base->label, base) != 0)
                continue;
            seen = j < i;
            memcpy(d + values, row->d, row->n * sizeof *d);
            values += n[works++] = row->n;
        }
        if (seen || works < 2)
            continue;
        struct stats_interval g = stats_geometric(d, n, works, 1);
        if (!titled)
            printf("geometric mean over workloads (blocks resampled within each)\n");
        titled = true;
        fputs("  ", stdout);
        size_t used = report_put_plain(stdout, label, 36);
        printf("%*s %6s %11s  of %zu workloads\n", used < 22 ? (int)(22 - used) : 0, "",
               report_ratio(exp(g.estimate)).text, report_interval(g).text, works);
    }
    if (titled)
        putchar('\n');
    free(d);
    free(n);
}

static void compare_print_inherited(const struct compare *c)
{
    if (compare_inherited_differ(c)) {
        printf("WARNING: workers inherited other variables: ");
        report_put_plain(stdout, compare_inherited(c, 0), 0);
        printf(" in the first, ");
        report_put_plain(stdout, compare_inherited(c, 1), 0);
        printf(" in the second.\n");
    } else if (c->inherited[0] && *c->inherited[0]) {
        printf("inherited by all workers: ");
        report_put_plain(stdout, c->inherited[0], 0);
        putchar('\n');
    }
}

static void compare_print_header(const struct compare *c)
{
    for (unsigned i = 0; i < c->runs; i++)
        if (report_is_partial(&c->data[i])) {
            printf("%s", report_partial(&c->data[i]).text);
            fputs(c->runs == 2 ? i ? " (the later)\n" : " (the earlier)\n" : "\n", stdout);
        }
    static const char rest[] = "ratio to the baseline of the same block";
    int used = printf("%s (%s), %s is better;", c->metric->title, c->metric->path,
                      c->metric->more_is_better ? "more" : "less");
    putchar(used + sizeof rest > 80 ? '\n' : ' ');
    if (c->runs == 2) {
        printf("ratio of ");
        report_put_plain(stdout, c->run[1].dir, 200);
        printf(" to ");
        report_put_plain(stdout, c->run[0].dir, 200);
        printf("\nThe two ran at different times: what drifted between them is in the ratio.\n");
    } else {
        printf("%s\n", rest);
    }
    compare_print_inherited(c);
    putchar('\n');
}

static void compare_print_failed(const struct report_data *now, size_t work)
{
    const struct report_work *w = &now->work[work];
    for (size_t i = w->first; i < w->first + w->cells; i++) {
        const struct report_cell *cell = &now->cell[i];
        if (!cell->status || cell->ok)
            continue;
        fputs("  ", stdout);
        size_t used = report_put_plain(stdout, cell->shown, 44);
        printf("%*s  ", used < 22 ? (int)(22 - used) : 0, "");
        used = report_put_plain(stdout, cell->status, 20);
        if (cell->reason && *cell->reason) {
            fputs(": ", stdout);
            report_put_plain(stdout, cell->reason, 52 - used);
        }
        putchar('\n');
    }
}

static void compare_print(const struct compare *c)
{
    const struct report_data *now = compare_now(c);
    compare_print_header(c);
    for (size_t w = 0; w < now->works; w++) {
        bool titled = false;
        for (size_t i = 0; i < c->found.rows; i++) {
            const struct report_comparison *row = &c->found.row[i];
            if (!compare_row_is_of(c, row, w) || (row->n == 0 && (row->control || !row->cell->ok)))
                continue;
            if (!titled) {
                report_put_heading(stdout, &now->work[w], 80);
                printf("  %-22s %6s %11s %3s %5s\n", "configuration", "ratio", "95 % CI", "n", "p");
            }
            titled = true;
            compare_print_row(c, row);
        }
        compare_print_failed(now, w);
        if (titled) {
            compare_print_noise(c, w);
            if (report_is_pause(c->metric))
                report_beside_pauses(stdout, now, w, c->metric);
            putchar('\n');
        }
    }
    if (c->runs == 1 && !report_is_partial(now))
        compare_print_geometric(c);
    size_t tested = c->found.tested, needed = stats_blocks_needed(tested);
    printf("95 %% CI: exact signed-rank (Hodges-Lehmann); p: Holm over %zu comparison%s\n", tested,
           tested == 1 ? "" : "s");
    if (tested && compare_now(c)->blocks < needed)
        printf("So many comparisons take %zu blocks before any can be significant.\n", needed);
    printf("no difference (<x): the CI lies within x: the A/A noise, from 1 %% to 10 %%\n"
           "inconclusive (>x): x is the smallest effect that this run finds 4 times in 5\n");
    if (report_is_pause(c->metric))
        printf("gc: share of wall time in the collector; waiting: most dead objects not freed;\n"
               "refs: references followed per container allocated; reclaim: median time from\n"
               "a cycle's death to its freeing, longest: the longest\n");
}

/* --- JSON ----------------------------------------------------------------------------------------------- */

static void compare_json_partial(const struct compare *c, struct record *r)
{
    bool partial = false;
    for (unsigned i = 0; i < c->runs; i++)
        partial = partial || report_is_partial(&c->data[i]);
    record_set_bool(r, "partial", partial);
}

static void compare_json_row(const struct compare *c, struct record *r, size_t i)
{
    const struct report_comparison *row = &c->found.row[i];
    const struct report_data *of = c->runs == 2 && row->control ? &c->data[0] : compare_now(c);
    const struct report_work *w = &of->work[row->cell->work];
    static const char *const verdicts[] = {"no-interval", "inconclusive", "no-difference",
                                           "lower",       "higher",       "withheld"};
    char key[96];
#define COMPARE_KEY(name) (snprintf(key, sizeof key, "comparisons.%zu." name, i), key)
    record_set_text(r, COMPARE_KEY("workload"), w->name);
    record_set_integer(r, COMPARE_KEY("threads"), row->cell->threads);
    record_set_integer(r, COMPARE_KEY("processes"), row->cell->processes);
    record_set_text(r, COMPARE_KEY("place"), w->place);
    record_set_text(r, COMPARE_KEY("cell"), row->cell->label);
    record_set_text(r, COMPARE_KEY("cell_id"), row->cell->id);
    record_set_text(r, COMPARE_KEY("base"), row->base->label);
    record_set_text(r, COMPARE_KEY("base_id"), row->base->id);
    record_set_bool(r, COMPARE_KEY("control"), row->control);
    record_set_integer(r, COMPARE_KEY("n"), (int64_t)row->n);
    record_set_integer(r, COMPARE_KEY("skipped"), (int64_t)row->skipped);
    record_set_real(r, COMPARE_KEY("ratio"), exp(row->log_ratio.estimate));
    record_set_real(r, COMPARE_KEY("ci.0"), exp(row->log_ratio.lo));
    record_set_real(r, COMPARE_KEY("ci.1"), exp(row->log_ratio.hi));
    record_set_real(r, COMPARE_KEY("sign_ci.0"), exp(row->sign.lo));
    record_set_real(r, COMPARE_KEY("sign_ci.1"), exp(row->sign.hi));
    record_set_real(r, COMPARE_KEY("p"), row->n ? row->p : NAN);
    record_set_real(r, COMPARE_KEY("p_adjusted"), row->n && !row->control ? row->p_adjusted : NAN);
    record_set_real(r, COMPARE_KEY("margin"), expm1(row->margin));
    record_set_real(r, COMPARE_KEY("detectable"), expm1(row->detectable));
    record_set_real(r, COMPARE_KEY("autocorrelation"), row->lag1);
    record_set_real(r, COMPARE_KEY("drift"), expm1(row->drift));
    record_set_text(r, COMPARE_KEY("verdict"), verdicts[row->verdict]);
    record_set_text(r, COMPARE_KEY("words"), report_verdict(&c->found, row));
    record_set_bool(r, COMPARE_KEY("crossed"), compare_crosses(c, row));
#undef COMPARE_KEY
}

static void compare_json_noise(const struct compare *c, struct record *r, size_t work)
{
    const struct report_data *now = compare_now(c);
    struct report_noise n = report_noise_of(now, work, &c->found);
    char key[96];
#define NOISE_KEY(name) (snprintf(key, sizeof key, "noise.%zu." name, work), key)
    record_set_text(r, NOISE_KEY("workload"), now->work[work].name);
    record_set_integer(r, NOISE_KEY("threads"), now->work[work].threads);
    record_set_bool(r, NOISE_KEY("aa_excludes_1"), n.aa_excludes_1);
    record_set_real(r, NOISE_KEY("autocorrelation"), n.lag1);
    record_set_real(r, NOISE_KEY("autocorrelation_limit"), n.lag1_limit);
    record_set_real(r, NOISE_KEY("drift"), expm1(n.drift));
    record_set_real(r, NOISE_KEY("steal_share"), n.steal_share);
    record_set_real(r, NOISE_KEY("involuntary_switches_per_s"), n.switches_per_s);
    record_set_bool(r, NOISE_KEY("correlated"), n.correlated);
    record_set_bool(r, NOISE_KEY("drifting"), n.drifting);
    record_set_bool(r, NOISE_KEY("stolen"), n.stolen);
#undef NOISE_KEY
}

static int compare_json(const struct compare *c)
{
    struct record *r = record_new();
    if (!r)
        return -ENOMEM;
    record_set_integer(r, "schema", SCHEMA_NUMBER);
    compare_json_partial(c, r);
    record_set_text(r, "metric", c->metric->name);
    record_set_text(r, "key", c->metric->path);
    record_set_bool(r, "more_is_better", c->metric->more_is_better);
    record_set_integer(r, "tested", (int64_t)c->found.tested);
    for (unsigned i = 0; i < c->runs; i++) {
        char key[32];
        snprintf(key, sizeof key, "inherited.%u", i);
        if (c->inherited[i])
            record_set_text(r, key, c->inherited[i]);
        else
            record_set_null(r, key);
    }
    record_set_bool(r, "inherited_differs", compare_inherited_differ(c));
    record_set_integer(r, "blocks_needed", (int64_t)stats_blocks_needed(c->found.tested));
    for (size_t i = 0; i < c->found.rows; i++)
        compare_json_row(c, r, i);
    for (size_t w = 0; w < compare_now(c)->works; w++)
        compare_json_noise(c, r, w);
    const struct report_data *now = compare_now(c);
    for (size_t i = 0, n = 0; report_is_pause(c->metric) && i < now->cells; i++)
        if (now->cell[i].ok)
            report_beside_record(r, n++, &now->cell[i]);
    int err = record_write(r, stdout);
    record_free(r);
    return err;
}

static int compare_print_lbo(const struct compare *c)
{
    if (!c->o.json) {
        if (report_is_partial(&c->data[0]))
            printf("%s\n\n", report_partial(&c->data[0]).text);
        report_lbo_table(stdout, &c->data[0], c->lbo);
        return 0;
    }
    struct record *r = record_new();
    if (!r)
        return -ENOMEM;
    record_set_integer(r, "schema", SCHEMA_NUMBER);
    compare_json_partial(c, r);
    record_set_text(r, "metric", "lbo");
    report_lbo_record(r, &c->data[0], c->lbo);
    int err = record_write(r, stdout);
    record_free(r);
    return err;
}

/* --- the verb ------------------------------------------------------------------------------------------- */

/* The gate: 1 when it is crossed, 2 when it cannot judge, 3 when a cell has nothing to judge by. */
static int compare_gate(const struct compare *c)
{
    size_t judged = 0, crossed = 0, missing = 0;
    if (!isfinite(c->fail_above))
        return EXIT_DONE;
    for (size_t i = 0; i < c->found.rows; i++) {
        const struct report_comparison *row = &c->found.row[i];
        if (row->control)
            continue;
        bool can = row->n >= STATS_MIN && !row->withheld;
        judged += can;
        missing += row->n < STATS_MIN || (!can && row->withheld != WITHHELD_FLOOR);
        if (!compare_crosses(c, row))
            continue;
        crossed++;
        fprintf(stderr, "heapgauge: ");
        report_put_plain(stderr, compare_now(c)->work[row->cell->work].name, 100);
        fprintf(stderr, ": ");
        report_put_plain(stderr, row->cell->label, 100);
        fprintf(stderr, ": %s is %s by a factor of %s (CI %s), over the limit of %s\n", c->metric->title,
                report_verdict(&c->found, row), report_ratio(exp(row->log_ratio.estimate)).text,
                report_interval(row->log_ratio).text, report_percent(c->fail_above).text + 1);
    }
    if (crossed)
        return EXIT_CHECK_FAILED;
    if (judged == 0) {
        struct message m;
        message_set(&m, 0,
                    "--fail-above: cannot be judged: no configuration has %u paired blocks of a run that is "
                    "whole and "
                    "quiet",
                    STATS_MIN);
        return option_refuse(&m);
    }
    if (missing)
        fprintf(
            stderr,
            "heapgauge: %zu of %zu configurations have under %u paired blocks, or no verdict, and were not "
            "judged\n",
            missing, missing + judged, STATS_MIN);
    return missing ? EXIT_SOME_CELLS : EXIT_DONE;
}

int cmd_compare(const struct command *self, int argc, char **argv)
{
    static struct compare c;
    struct message m;
    int dirs, err = option_parse(self, &c.o, argc, argv, &dirs, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    int status;
    bool lbo = compare_is_lbo(&c);
    if (lbo ? compare_prepare_lbo(&c, dirs, argv, &m) : compare_prepare(&c, dirs, argv, &m)) {
        status = option_refuse(&m);
    } else {
        err = 0;
        if (lbo)
            err = compare_print_lbo(&c);
        else if (c.o.json)
            err = compare_json(&c);
        else
            compare_print(&c);
        status = compare_gate(&c);
        if (err || fflush(stdout) || ferror(stdout)) {
            message_set(&m, -EIO, "cannot write the comparison");
            status = option_refuse(&m);
        }
    }
    report_comparisons_free(&c.found);
    free(c.lbo);
    for (unsigned i = 0; i < 2; i++) {
        free(c.inherited[i]);
        report_data_free(&c.data[i]);
        run_unload(&c.run[i]);
    }
    return status;
}
