/* sites.c: heapgauge sites FILE [OLDER]: who held memory, from a snapshot that trace() wrote
 * (alloc/tracer/tracer.h), or what changed since an older one. */
#include "cmd.h"

#include "alloc/tracer/tracer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SITES_OPTIONS(P, S)                                                     \
    P(S, CHOICE, by, "line", "line|file|traceback", "group blocks by this")     \
    P(S, FLAG, cumulative, "0", "",                                             \
      "count a block for every frame on its stack, not only for the innermost") \
    P(S, COUNT, limit, "20", "1-1M", "print at most this many rows")
PARAM_STRUCT(sites_options, SITES_OPTIONS)

const struct param *cmd_sites_options(void)
{
    static const struct param table[] = PARAM_ROWS(sites_options, SITES_OPTIONS);
    return table;
}

static int sites_read(struct trace_snapshot *out, const char *path, struct message *m)
{
    FILE *in = fopen(path, "r");
    if (!in)
        return message_set(m, -errno, "%s: %s", path, strerror(errno));
    int err = trace_snapshot_read(out, in, path, m);
    fclose(in);
    return err;
}

int cmd_sites(const struct command *self, int argc, char **argv)
{
    struct sites_options o;
    struct trace_snapshot s = {0}, older = {0};
    struct trace_table table;
    struct message m;
    int files, err = option_parse(self, &o, argc, argv, &files, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (files < 1 || files > 2) {
        message_set(&m, -EINVAL, "usage: heapgauge %s %s", self->name, self->usage);
        return option_refuse(&m);
    }
    static const enum trace_key keys[] = {TRACE_BY_LINE, TRACE_BY_FILE, TRACE_BY_TRACEBACK};
    if (o.cumulative && keys[o.by] == TRACE_BY_TRACEBACK) {
        message_set(&m, -EINVAL,
                    "--cumulative goes with --by line or --by file: a traceback holds all its frames");
        return option_refuse(&m);
    }
    err = sites_read(&s, argv[0], &m);
    if (!err && files == 2)
        err = sites_read(&older, argv[1], &m);
    if (!err && trace_statistics(&table, &s, files == 2 ? &older : NULL, keys[o.by], o.cumulative) != 0)
        err = message_set(&m, -ENOMEM, "no memory for the statistics");
    if (!err) {
        printf("held %llu bytes, peak %llu bytes", (unsigned long long)s.current_bytes,
               (unsigned long long)s.peak_bytes);
        if (files == 2)
            printf(", %+lld bytes since %s", (long long)(s.current_bytes - older.current_bytes), argv[1]);
        putchar('\n');
        trace_table_print(&table, stdout, (size_t)o.limit, files == 2);
        trace_table_free(&table);
    }
    trace_snapshot_free(&s);
    trace_snapshot_free(&older);
    return err ? option_refuse(&m) : EXIT_DONE;
}
