// links: gc/list.c bench/stat/stats.c
/* scaling.c: how `private` scales from one thread to two under each policy: runs policy/scaling of every
 * policy and tells, with exact 95 % intervals over its rounds,
 *
 *   machine    what a loop that only computes gains from a second thread: no policy can gain more
 *   private    what `private` gains: the goal for biased is 1.9 where the machine gives 2
 *   of ideal   the one over the other
 *   cpu        without a GIL: 2 x processor time an operation with one thread over that with two, which is
 *              what it would gain with both processors to itself
 *   of ideal   the same over the loop's */
#include "gc/about.h"
#include "interval.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIGURES = 8 };

int main(void)
{
    char folder[2048];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0)
        return 1;
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';
    printf("2 threads over 1 %18s %18s %18s %18s %18s\n", "machine", "private", "of ideal", "cpu",
           "of ideal");
    for (int p = 0; policy_list[p].name; p++) {
        char command[4096], line[512];
        double wall[2][INTERVAL_ROUNDS_MAX], cpu[2][INTERVAL_ROUNDS_MAX];
        size_t rounds = 0;
        if (policy_list[p].flags & RC_TRACING)
            continue; /* nothing dies without a collection: another workload */
        snprintf(command, sizeof command, "'%s/policy/scaling-%s'", folder, policy_list[p].name);
        FILE *f = popen(command, "r");
        while (f && fgets(line, sizeof line, f) && rounds < INTERVAL_ROUNDS_MAX) {
            double v[FIGURES];
            if (sscanf(line, "round %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4],
                       &v[5], &v[6], &v[7]) != FIGURES)
                continue;
            for (unsigned k = 0; k < 2; k++) {
                wall[k][rounds] = v[2 * k] / v[2 * k + 1];
                cpu[k][rounds] = 2 * v[4 + 2 * k] / v[5 + 2 * k];
            }
            rounds++;
        }
        if (!f || pclose(f) != 0 || rounds < STATS_MIN) {
            fprintf(stderr, "scaling: the program of %s failed\n", policy_list[p].name);
            return 1;
        }
        printf("%-16s %18s %18s %18s", policy_list[p].name, interval_tell(wall[0], rounds, 2).text,
               interval_tell(wall[1], rounds, 2).text, interval_ratio(wall[1], wall[0], rounds, 2).text);
        if (!(policy_list[p].flags & RC_GIL))
            printf(" %18s %18s", interval_tell(cpu[1], rounds, 2).text,
                   interval_ratio(cpu[1], cpu[0], rounds, 2).text);
        putchar('\n');
        fflush(stdout);
    }
    return 0;
}
