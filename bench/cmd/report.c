/* report.c: heapgauge report: from a run folder to a table on the terminal, report.html, summary.csv and
 * plots/. */
#include "cmd.h"
#include "bench/report/html/page.h"
#include "bench/report/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_OPTIONS(P, S)                                                                                \
    P(S, TEXT, baseline, "", "",                                                                            \
      "the configuration that ratios are against, for example alloc=system, rc=gil, gc=none, python=3.14, " \
      "thp=never, "                                                                                         \
      "parallel=1x1, "                                                                                      \
      "or several of them; by default that of the run")                                                     \
    P(S, FLAG, quiet, "0", "", "print no table")
PARAM_STRUCT(report_options, REPORT_OPTIONS)

const struct param *cmd_report_options(void)
{
    static const struct param table[] = PARAM_ROWS(report_options, REPORT_OPTIONS);
    return table;
}

/* Everything but the table, into dir. */
static int report_make(const struct report_page *page, struct plots *plots, const char *dir,
                       struct message *m)
{
    int err = plots_open(plots, dir, m);
    if (!err)
        err = report_figures(plots, page->data, page->found, m);
    if (!err)
        err = plots_finish(plots, m);
    if (!err)
        err = report_summary(page, dir, m);
    return err ? err : report_html(page, dir, m);
}

int cmd_report(const struct command *self, int argc, char **argv)
{
    static struct report_options o;
    static struct run run;
    static struct baseline baseline;
    static struct plots plots;
    struct report_data data = {0};
    struct report_comparisons found = {0};
    struct report_lbo *lbo = NULL;
    struct message m;
    int dirs, err = option_parse(self, &o, argc, argv, &dirs, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (dirs != 1) {
        message_set(&m, -EINVAL, "report: one folder of results");
        return option_refuse(&m);
    }
    const char *dir = argv[0];
    err = baseline_parse(&baseline, o.baseline, "--baseline", &m);
    if (!err)
        err = run_load(&run, dir, false, &m);
    baseline.chosen = baseline_names(&baseline);
    if (!err && !baseline.chosen) {
        const char *of_run = record_text(run.run, "baseline");
        if (baseline_parse(&baseline, of_run ? of_run : "", "baseline", NULL))
            memset(&baseline, 0, sizeof baseline);
    }
    if (!err && run.samples == 0)
        err = message_set(&m, -ENODATA, "%s holds no samples", dir);
    if (!err && report_data_make(&data, run.sample, run.samples))
        err = message_set(&m, -ENOMEM, "out of memory");
    if (!err)
        report_data_plan(&data, run_planned(&run, "samples_planned"), run_planned(&run, "blocks"));
    if (!err && baseline.chosen)
        err = report_baseline_there(&data, &baseline, &m);
    if (!err && report_compare(&found, &data, &baseline, report_metric_of(KEY_ops_per_s)))
        err = message_set(&m, -ENOMEM, "out of memory");
    if (!err && report_lbo_make(&lbo, &data))
        err = message_set(&m, -ENOMEM, "out of memory");
    struct report_page page = {&run, &data, &found, &baseline, lbo, &plots};
    if (!err)
        err = report_make(&page, &plots, dir, &m);
    int status = err ? option_refuse(&m) : EXIT_DONE;
    if (!err) {
        if (run.torn)
            fprintf(stderr, "heapgauge: %s: a torn last line was left out\n", dir);
        if (plots.trouble[0])
            fprintf(stderr, "heapgauge: %s\n", plots.trouble);
        if (!o.quiet) {
            report_table_of(stdout, &data, &found, &baseline);
            printf("\n%s/report.html\n", dir);
        }
    }
    plots_free(&plots);
    free(lbo);
    report_comparisons_free(&found);
    report_data_free(&data);
    run_unload(&run);
    return status;
}
