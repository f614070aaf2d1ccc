/* page.h: report.html, one file with everything in it: tables, pictures as inline SVG, the machine. No
 * script, nothing loaded from anywhere; readable on a phone and in the dark. Every word of a record is
 * escaped. */
#ifndef HG_BENCH_REPORT_HTML_PAGE_H
#define HG_BENCH_REPORT_HTML_PAGE_H

#include "bench/report/figures/figures.h"
#include "bench/report/lbo.h"
#include "bench/result/run.h"

struct report_page {
    const struct run *run;
    const struct report_data *data;
    const struct report_comparisons *found; /* throughput */
    const struct baseline *baseline;
    const struct report_lbo *lbo; /* [data->cells] */
    const struct plots *plots;    /* finished: the pictures are in plots->folder */
};

/* Writes DIR/report.html. 0, or -errno with a message. */
int report_html(const struct report_page *page, const char *dir, struct message *m);
/* Writes DIR/summary.csv: a row a cell. */
int report_summary(const struct report_page *page, const char *dir, struct message *m);

#endif
