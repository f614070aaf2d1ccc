/* text.h: figures as people read them, and text of records made harmless for where it goes. Records may come
 * from anywhere: no word of theirs reaches a terminal, an HTML page or a CSV file but through these. */
#ifndef HG_BENCH_REPORT_TEXT_H
#define HG_BENCH_REPORT_TEXT_H

#include "data.h"

#include <stdio.h>

/* At most `width` columns (0: all); control characters, escapes among them, become '?'. Returns the columns
 * written. */
size_t report_put_plain(FILE *out, const char *text, size_t width);
void report_put_html(FILE *out, const char *text);
/* One field, quoted where it must be; text that a spreadsheet would take for a formula gets a leading quote
 * mark. */
void report_put_csv(FILE *out, const char *text);
void report_put_csv_number(FILE *out, double value); /* empty for a NaN */

/* A figure in at most 8 columns, "-" for a NaN: "12.3 M", "1.23 ms", "123 MiB", "1.023". */
struct report_figure {
    char text[32];
};
struct report_figure report_figure(double value, enum schema_unit unit);
/* A ratio in 5 columns: "0.981", "12.30". */
struct report_figure report_ratio(double value);
/* "12.3 %" of 0.123, in 6 columns. */
struct report_figure report_share(double value);
/* "0.981-1.023" of an interval of logs; "no CI". */
struct report_figure report_interval(struct stats_interval log_ratio);
/* "+2.3 %" of a difference of logs. */
struct report_figure report_percent(double log_difference);
/* "1 thread", "gil generational, 4 threads, 2 processes, place cores". Holds words of the record: print it by
 * report_put_*. */
struct report_where {
    char text[160];
};
struct report_where report_where(const struct report_work *w);
/* The first line of whatever is made of a run that is not whole; empty of one that is. */
struct report_where report_partial(const struct report_data *d);
/* The work's name at the left and where at the right of a line. */
void report_put_heading(FILE *out, const struct report_work *w, size_t width);

#endif
