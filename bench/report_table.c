/* report_table.c: see report_table.h. */
#include "report_table.h"

void report_table(FILE *out, struct record *const *sample, size_t samples, const char *baseline)
{
    (void)baseline;
    for (size_t i = 0; i < samples; i++) {
        const char *workload = record_text(sample[i], "cell.workload"),
                   *alloc = record_text(sample[i], "cell.alloc");
        const char *status = record_text(sample[i], "status"), *reason = record_text(sample[i], "reason");
        double rate = 0, peak = 0, jw2 = 0;
        record_number(sample[i], "ops_per_s", &rate);
        record_number(sample[i], "memory.peak_rss_bytes", &peak);
        record_number(sample[i], "fragmentation.jw2", &jw2);
        fprintf(out, "%-12s %-20s %8.2f M/s %8.1f MiB %6.3f %s %s\n", workload, alloc, rate / 1e6,
                peak / 1048576, jw2, status, reason ? reason : "");
    }
}
