/* runtime.h: the page's tables on what only object-level workloads have: collectors side by side with all
 * that belongs to a pause, and requests as they took (simple) and as one would have waited who came on time
 * (metered). */
#ifndef HG_BENCH_REPORT_HTML_RUNTIME_H
#define HG_BENCH_REPORT_HTML_RUNTIME_H

#include "page.h"

/* What the columns mean; nothing when no work has such a table. */
void report_html_runtime_legend(FILE *f, const struct report_page *page);
/* The tables of a work that has any. */
void report_html_runtime(FILE *f, const struct report_page *page, size_t work);

#endif
