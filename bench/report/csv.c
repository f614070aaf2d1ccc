/* csv.c: summary.csv, a row a cell: medians of the figures, the ratio with its interval, what failed. */
#include "bench/report/html/page.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The key's median is a column. */
static bool is_column(enum schema_key key)
{
    return schema_rows[key].place & PLACE_CSV;
}

static void put_cell(FILE *f, const struct report_page *page, const struct report_cell *cell)
{
    const struct report_work *w = &page->data->work[cell->work];
    const char *const words[] = {cell->id, w->name, cell->alloc, cell->rc, cell->gc, w->place};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        report_put_csv(f, words[i]);
        fputc(',', f);
    }
    fprintf(f, "%lld,%lld,%zu,%zu,", (long long)cell->threads, (long long)cell->processes, cell->samples,
            cell->ok);
    report_put_csv(f, cell->status ? cell->status : "ok");
    fputc(',', f);
    report_put_csv(f, cell->reason ? cell->reason : "");
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++) {
        if (!is_column(key))
            continue;
        fputc(',', f);
        report_put_csv_number(f, report_median(cell, report_metric_of(key)));
    }
    const struct report_lbo *lbo = &page->lbo[cell - page->data->cell];
    const double bounds[] = {lbo->wall.estimate, lbo->wall.lo, lbo->wall.hi,
                             lbo->cpu.estimate,  lbo->cpu.lo,  lbo->cpu.hi};
    for (unsigned i = 0; i < 6; i++) {
        fputc(',', f);
        report_put_csv_number(f, bounds[i]);
    }
    const struct report_comparison *row = report_row_of(page->found, cell);
    fputc(',', f);
    report_put_csv(f, row ? row->base->label : "");
    double figure[] = {row ? exp(row->log_ratio.estimate) : NAN, row ? exp(row->log_ratio.lo) : NAN,
                       row ? exp(row->log_ratio.hi) : NAN,
                       row && row->n >= STATS_MIN ? row->p_adjusted : NAN};
    for (unsigned i = 0; i < 4; i++) {
        fputc(',', f);
        report_put_csv_number(f, figure[i]);
    }
    fprintf(f, ",%s,", row && row->n ? report_verdict(page->found, row) : "");
    const char *const more[] = {cell->python, cell->name, cell->thp};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        report_put_csv(f, more[i]);
        if (i + 1 < sizeof more / sizeof *more)
            fputc(',', f);
    }
    if (report_is_partial(page->data))
        fprintf(f, ",%zu of %zu", page->data->taken, page->data->planned);
    fputc('\n', f);
}

int report_summary(const struct report_page *page, const char *dir, struct message *m)
{
    char *text = NULL, path[4096 + 64];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return message_set(m, -ENOMEM, "out of memory");
    fputs("cell_id,workload,alloc,rc,gc,place,threads,processes,samples,ok,status,reason", f);
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
        if (is_column(key))
            fprintf(f, ",%s", schema_rows[key].path);
    fputs(",lbo_wall,lbo_wall_ci_low,lbo_wall_ci_high,lbo_cpu,lbo_cpu_ci_low,lbo_cpu_ci_high", f);
    fputs(",baseline,throughput_ratio,ratio_ci_low,ratio_ci_high,p_adjusted,verdict,python,name,thp", f);
    fputs(report_is_partial(page->data) ? ",partial_run\n" : "\n", f);
    for (size_t i = 0; i < page->data->cells; i++)
        put_cell(f, page, &page->data->cell[i]);
    int err = fclose(f) ? message_set(m, -ENOMEM, "out of memory") : 0;
    snprintf(path, sizeof path, "%s/summary.csv", dir);
    if (!err)
        err = run_write_file(path, text, size, m);
    free(text);
    return err;
}
