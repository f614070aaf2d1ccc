/* csv.c: summary.csv, a row a cell: medians of the figures, the ratio with its interval, what failed. */
#include "bench/report/html/page.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const summary_keys[] = {
    "ops_per_s",
    "wall_ns",
    "cpu_ns",
    "memory.baseline_rss_bytes",
    "memory.peak_rss_bytes",
    "memory.vm_hwm_bytes",
    "memory.peak_live_requested_bytes",
    "memory.peak_live_usable_bytes",
    "memory.held_bytes",
    "fragmentation.internal",
    "fragmentation.external",
    "fragmentation.residency",
    "fragmentation.jw1",
    "fragmentation.jw2",
    "fragmentation.jw3",
    "fragmentation.jw4",
    "fragmentation.return_to_os_100ms",
    "fragmentation.return_to_os_1s",
    "pauses.count",
    "pauses.total_ns",
    "pauses.p50_ns",
    "pauses.p99_ns",
    "pauses.p99_9_ns",
    "pauses.max_ns",
    "pauses.mmu.1ms",
    "pauses.mmu.10ms",
    "pauses.mmu.100ms",
    "gc.share",
    "gc.cost_wall_ns",
    "gc.cost_cpu_ns",
    "gc.uncollected_peak",
    "gc.uncollected_peak_bytes",
    "gc.uncollected_mean",
    "gc.references",
    "gc.allocated",
    "gc.references_per_object",
    "gc.reclaim.count",
    "gc.reclaim.waiting",
    "gc.reclaim.p50_ns",
    "gc.reclaim.p99_ns",
    "gc.reclaim.max_ns",
    "gc.reclaim.p50_objects",
    "gc.reclaim.max_objects",
    "latency.request.p50_ns",
    "latency.request.p99_ns",
    "latency.request.p99_9_ns",
    "latency.request.max_ns",
    "latency.request_metered_100ms.p50_ns",
    "latency.request_metered_100ms.p99_ns",
    "latency.request_metered_100ms.p99_9_ns",
    "latency.request_metered_100ms.max_ns",
    "latency.request_metered_full.p50_ns",
    "latency.request_metered_full.p99_ns",
    "latency.request_metered_full.p99_9_ns",
    "latency.request_metered_full.max_ns",
    "os.minor_faults",
    "os.involuntary_switches",
};
#define SUMMARY_KEYS (sizeof summary_keys / sizeof *summary_keys)

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
    for (size_t i = 0; i < SUMMARY_KEYS; i++) {
        struct report_metric metric = {summary_keys[i], summary_keys[i], "", UNIT_COUNT, false, "", ""};
        fputc(',', f);
        report_put_csv_number(f, report_median(cell, &metric));
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
    fprintf(f, ",%s\n", row && row->n ? report_verdict(page->found, row) : "");
}

int report_summary(const struct report_page *page, const char *dir, struct message *m)
{
    char *text = NULL, path[4096 + 64];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return message_set(m, -ENOMEM, "out of memory");
    fputs("cell_id,workload,alloc,rc,gc,place,threads,processes,samples,ok,status,reason", f);
    for (size_t i = 0; i < SUMMARY_KEYS; i++)
        fprintf(f, ",%s", summary_keys[i]);
    fputs(",lbo_wall,lbo_wall_ci_low,lbo_wall_ci_high,lbo_cpu,lbo_cpu_ci_low,lbo_cpu_ci_high", f);
    fputs(",baseline,throughput_ratio,ratio_ci_low,ratio_ci_high,p_adjusted,verdict\n", f);
    for (size_t i = 0; i < page->data->cells; i++)
        put_cell(f, page, &page->data->cell[i]);
    int err = fclose(f) ? message_set(m, -ENOMEM, "out of memory") : 0;
    snprintf(path, sizeof path, "%s/summary.csv", dir);
    if (!err)
        err = store_write_file(path, text, size, m);
    free(text);
    return err;
}
