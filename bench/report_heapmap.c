/* report_heapmap.c: see report_heapmap.h. The columns are those of child_heapmap.c. */
#include "report_heapmap.h"

#include "report_plot.h"

#include <errno.h>
#include <stdint.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define HEAPMAP_PHASES     3
#define HEAPMAP_ARENAS_MAX 48 /* rows of a panel; more would be hairlines */
#define HEAPMAP_COLUMNS    64 /* an arena is drawn this wide */
#define HEAPMAP_LINE_MAX   (1 << 17)

static const char *const heapmap_phases[HEAPMAP_PHASES] = {"begin", "peak", "drained"};

struct heapmap_panel {
    double t_ms;
    unsigned arenas;
    uint64_t empty, partial, full, lost_bytes, bytes;
};

struct heapmap_row { /* one line of the file */
    char phase[16];
    unsigned long long t_ns, arena, address, bytes, class_bytes, used, capacity, lost;
    bool is_arena;
};

static bool heapmap_parse(const char *line, struct heapmap_row *r)
{
    char pool[24];
    r->is_arena = false;
    if (sscanf(line, "%15[a-z],%llu,%llu,%23[0-9],%llx,%llu,%llu,%llu,%llu,%llu,", r->phase, &r->t_ns,
               &r->arena, pool, &r->address, &r->bytes, &r->class_bytes, &r->used, &r->capacity,
               &r->lost) == 10)
        return true;
    r->is_arena = true;
    return sscanf(line, "%15[a-z],%llu,%llu,,%llx,%llu,%llu,%llu,%llu,%llu,", r->phase, &r->t_ns, &r->arena,
                  &r->address, &r->bytes, &r->class_bytes, &r->used, &r->capacity, &r->lost) == 9;
}

/* A box of the picture: panel, row, from, to, kind (-2 arena not covered by pools, -1 no block, 0..1 how full). */
static void heapmap_box(struct plot *plot, unsigned panel, const struct heapmap_row *r,
                        const struct heapmap_row *arena)
{
    double from = 0, to = HEAPMAP_COLUMNS, kind = -2;
    if (!r->is_arena) {
        from = (double)(r->address - arena->address) / (double)arena->bytes * HEAPMAP_COLUMNS;
        to = from + (double)r->bytes / (double)arena->bytes * HEAPMAP_COLUMNS;
        kind = r->capacity && r->used ? (double)r->used / (double)r->capacity : -1;
    }
    fprintf(plot->data, "%u %llu %.3f %.3f %.4f\n", panel, r->arena, from, to, kind);
    fprintf(plot->csv, "%s,%llu,%.3f,%.3f,%.4f\n", r->phase, r->arena, from, to, kind);
}

static void heapmap_count(struct heapmap_panel *panel, const struct heapmap_row *r)
{
    if (r->is_arena) {
        panel->arenas++;
        panel->bytes += r->bytes;
        panel->lost_bytes += r->lost;
    } else if (!r->used) {
        panel->empty++;
    } else if (r->used == r->capacity) {
        panel->full++;
    } else {
        panel->partial++;
    }
}

static int heapmap_read(FILE *in, const char *csv, struct plot *plot, struct heapmap_panel *panel,
                        struct message *m)
{
    char *line = malloc(HEAPMAP_LINE_MAX);
    struct heapmap_row r, arena = {0};
    unsigned number = 0;
    int err = line ? 0 : message_set(m, -ENOMEM, "no memory for the heap map");
    while (!err && fgets(line, HEAPMAP_LINE_MAX, in)) {
        if (number++ == 0)
            continue;
        if (!heapmap_parse(line, &r) || (!r.is_arena && (r.address < arena.address || !arena.bytes))) {
            err = message_set(m, -EINVAL, "%s:%u: not a line of a heap map", csv, number);
            break;
        }
        if (r.is_arena)
            arena = r;
        for (unsigned i = 0; i < HEAPMAP_PHASES; i++)
            if (strcmp(r.phase, heapmap_phases[i]) == 0) {
                panel[i].t_ms = (double)r.t_ns / 1e6;
                heapmap_count(&panel[i], &r);
                if (r.arena < HEAPMAP_ARENAS_MAX)
                    heapmap_box(plot, i, &r, &arena);
            }
    }
    free(line);
    return err;
}

static void heapmap_settings(struct plot *plot, const char *title, const struct heapmap_panel *panel)
{
    char text[256];
    unsigned rows = 1;
    plot_text(plot, "TITLE0", title);
    plot_array(plot, "PANEL", HEAPMAP_PHASES);
    for (unsigned i = 0; i < HEAPMAP_PHASES; i++) {
        unsigned shown = panel[i].arenas < HEAPMAP_ARENAS_MAX ? panel[i].arenas : HEAPMAP_ARENAS_MAX;
        rows = shown > rows ? shown : rows;
        snprintf(text, sizeof text, "%s, %.1f ms: %u arenas%s, %llu pools full, %llu partial, %llu empty",
                 heapmap_phases[i], panel[i].t_ms, panel[i].arenas,
                 panel[i].arenas > shown ? " (first 48 drawn)" : "", (unsigned long long)panel[i].full,
                 (unsigned long long)panel[i].partial, (unsigned long long)panel[i].empty);
        plot_array_text(plot, "PANEL", i + 1, text);
    }
    plot_number(plot, "ROWS", rows);
    snprintf(plot->title, sizeof plot->title, "%s", title);
}

int report_heapmap(const char *csv, const char *title, char *path, size_t size, struct message *m)
{
    struct heapmap_panel panel[HEAPMAP_PHASES] = {0};
    static struct plots plots;
    char dir[PATH_MAX];
    const char *slash = strrchr(csv, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - csv) : 1, slash ? csv : ".");
    FILE *in = fopen(csv, "re");
    if (!in)
        return message_set(m, -errno, "cannot read %s: %s", csv, strerror(errno));
    int err = plots_open(&plots, dir[0] ? dir : "/", m);
    struct plot *plot = err ? NULL : plot_begin(&plots, "heapmap", slash ? slash + 1 : csv, m);
    if (plot) {
        fprintf(plot->csv, "phase,arena,from,to,full\n");
        err = heapmap_read(in, csv, plot, panel, m);
        heapmap_settings(plot, title, panel);
        if (!err)
            err = plot_draw(&plots, plot, m);
        if (!err && !plot->drawn)
            err = message_set(m, -EIO, "the heap map was not drawn: %.800s", plots.trouble);
        snprintf(path, size, "%s/plots/%s.svg", dir, plot->name);
        if (!err)
            err = plots_finish(&plots, m);
    } else if (!err) {
        err = -EIO;
    }
    fclose(in);
    plots_free(&plots);
    return err;
}
