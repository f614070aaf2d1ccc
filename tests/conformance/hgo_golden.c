/* hgo_golden.c: see hgo_golden.h. */
#include "hgo_golden.h"
#include "hgo_cpython.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hgo_golden_print(uint64_t first, unsigned count, unsigned operations)
{
    printf("# CPython %s, its stat lines for generated object scripts; see hgo_golden.h\n",
           hgo_cpython_release);
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct text out = {0};
        struct hgo_golden g = hgo_golden_of(hgo_cpython_run, seed, operations, &out);
        if (strstr(out.data, "error ")) {
            fprintf(stderr, "hgo-conform: seed %llu: %s", g.seed, strstr(out.data, "error "));
            return 1;
        }
        if (!strstr(out.data, "killed by "))
            printf("%llu %u %016llx %u %016llx %s", g.seed, g.operations, g.script, g.lines, g.stats, g.last);
        free(out.data);
    }
    return 0;
}
