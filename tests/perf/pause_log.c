// links: bench/stat/stats.c

/* pause_log.c: what the log of pauses costs: runs policy/pause_log-gil and tells the ratio of processor time
 * with the log to that without, over its pairs (Hodges-Lehmann, 95 % interval). The goal: less than 1 %. */
#include "bench/stat/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAIRS_MAX = 1000 };

static void tell(const char *name, const double *ratio, size_t pairs, double pauses, double ns)
{
    struct stats_interval ci = stats_hodges_lehmann(ratio, pairs);
    printf("%-8s time with the log / without: %.4f (95 %% CI %.4f-%.4f, %zu pairs of %.0f ms and %.0f "
           "pauses); goal 1.01\n",
           name, exp(ci.estimate), exp(ci.lo), exp(ci.hi), pairs, ns / 1e6, pauses);
}

int main(void)
{
    static double ratio[PAIRS_MAX];
    char path[4096], name[32], last[32] = "";
    double pauses = 0, on, off, sum_pauses = 0, sum_ns = 0;
    size_t pairs = 0;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
    if (n <= 0)
        return 1;
    path[n] = '\0';
    strcpy(strrchr(path, '/'), "/policy/pause_log-gil");
    FILE *f = popen(path, "r");
    if (!f)
        return 1;
    for (bool more = true; more;) {
        more = fscanf(f, "%31s %lf %lf %lf", name, &pauses, &on, &off) == 4;
        if (pairs && (!more || strcmp(name, last) != 0)) {
            tell(last, ratio, pairs, sum_pauses / (double)pairs, sum_ns / (double)pairs);
            pairs = 0;
            sum_pauses = sum_ns = 0;
        }
        if (!more || pairs == PAIRS_MAX)
            continue;
        strcpy(last, name);
        ratio[pairs++] = log(on / off);
        sum_pauses += pauses;
        sum_ns += off;
    }
    return pclose(f) != 0;
}
