/* heapmap.c: see heapmap.h. The columns are those of worker/heapmap.c. */
#include "heapmap.h"

#include "plot.h"

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

enum heapmap_state { HEAPMAP_FULL, HEAPMAP_LIVE, HEAPMAP_FREE, HEAPMAP_EMPTY, HEAPMAP_LOST, HEAPMAP_STATES };
static const char *const heapmap_states[HEAPMAP_STATES] = {"full pools", "live in partial", "free in partial",
                                                           "empty", "lost to alignment"};

struct heapmap_panel {
    double t_ms;
    unsigned arenas;
    uint64_t empty, partial, full; /* pools */
    uint64_t bytes[HEAPMAP_STATES];
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

/* A box of the picture: panel, row, from, to, kind (-2 lost, -1 no live block, 0..1 how full). */
static void heapmap_box(struct plot *plot, unsigned panel, const struct heapmap_row *arena, uint64_t from,
                        uint64_t bytes, double kind)
{
    double scale = (double)HEAPMAP_COLUMNS / (double)arena->bytes, x = (double)from * scale,
           to = x + (double)bytes * scale;
    if (arena->arena >= HEAPMAP_ARENAS_MAX || !bytes)
        return;
    fprintf(plot->data, "%u %llu %.3f %.3f %.4f\n", panel, arena->arena, x, to, kind);
    fprintf(plot->csv, "%s,%llu,%.3f,%.3f,%.4f\n", arena->phase, arena->arena, x, to, kind);
}

/* What an arena lost lies before its first pool, and the rest at its end. */
static void heapmap_lost(struct plot *plot, unsigned panel, const struct heapmap_row *arena, uint64_t first)
{
    uint64_t head = first < arena->lost ? first : arena->lost, tail = arena->lost - head;
    heapmap_box(plot, panel, arena, 0, head, -2);
    heapmap_box(plot, panel, arena, arena->bytes - tail, tail, -2);
}

static void heapmap_count(struct heapmap_panel *panel, const struct heapmap_row *r)
{
    if (r->is_arena) {
        panel->arenas++;
        panel->bytes[HEAPMAP_LOST] += r->lost;
        panel->bytes[HEAPMAP_EMPTY] += r->bytes - r->lost;
        return;
    }
    if (!r->used) {
        panel->empty++;
        return;
    }
    panel->bytes[HEAPMAP_EMPTY] -= r->bytes;
    if (r->used == r->capacity) {
        panel->full++;
        panel->bytes[HEAPMAP_FULL] += r->bytes;
    } else {
        panel->partial++;
        panel->bytes[HEAPMAP_LIVE] += r->used * r->class_bytes;
        panel->bytes[HEAPMAP_FREE] += r->bytes - r->used * r->class_bytes;
    }
}

/* An arena's bytes and what is in it must make sense before anything is counted from them. */
static bool heapmap_is_sound(const struct heapmap_row *r, const struct heapmap_row *arena)
{
    if (r->is_arena)
        return r->bytes > 0 && r->lost <= r->bytes;
    return arena->bytes && r->address >= arena->address && r->bytes <= arena->bytes &&
           r->address - arena->address <= arena->bytes - r->bytes && r->used <= r->capacity &&
           (!r->used || r->class_bytes <= r->bytes / r->capacity);
}

static int heapmap_read(FILE *in, const char *csv, struct plot *plot, struct heapmap_panel *panel,
                        struct message *m)
{
    char *line = malloc(HEAPMAP_LINE_MAX);
    struct heapmap_row r, arena = {0};
    unsigned number = 0, phase = HEAPMAP_PHASES;
    bool lost_is_drawn = true;
    int err = line ? 0 : message_set(m, -ENOMEM, "no memory for the heap map");
    while (!err && fgets(line, HEAPMAP_LINE_MAX, in)) {
        if (number++ == 0)
            continue;
        if (!heapmap_parse(line, &r) || !heapmap_is_sound(&r, &arena)) {
            err = message_set(m, -EINVAL, "%s:%u: not a line of a heap map", csv, number);
            break;
        }
        if (!lost_is_drawn)
            heapmap_lost(plot, phase, &arena, r.is_arena ? arena.bytes : r.address - arena.address);
        lost_is_drawn = !r.is_arena;
        for (phase = 0; phase < HEAPMAP_PHASES && strcmp(r.phase, heapmap_phases[phase]) != 0;)
            phase++;
        if (phase == HEAPMAP_PHASES) {
            err = message_set(m, -EINVAL, "%s:%u: no phase '%s'", csv, number, r.phase);
            break;
        }
        panel[phase].t_ms = (double)r.t_ns / 1e6;
        heapmap_count(&panel[phase], &r);
        if (r.is_arena) {
            arena = r;
            heapmap_box(plot, phase, &arena, 0, arena.bytes, -1);
        } else {
            heapmap_box(plot, phase, &arena, r.address - arena.address, r.bytes,
                        r.used ? (double)r.used / (double)r.capacity : -1);
        }
    }
    if (!err && !lost_is_drawn)
        heapmap_lost(plot, phase, &arena, arena.bytes);
    free(line);
    return err;
}

/* The panel below: bytes by state, a bar a moment, time downwards; its rows are moments, its kinds states. */
static void heapmap_bars(struct plot *plot, const struct heapmap_panel *panel)
{
    char text[64];
    double widest = 0;
    plot_array(plot, "MOMENT", HEAPMAP_PHASES);
    plot_array(plot, "STATE", HEAPMAP_STATES);
    for (unsigned i = 0; i < HEAPMAP_STATES; i++)
        plot_array_text(plot, "STATE", i + 1, heapmap_states[i]);
    for (unsigned i = 0; i < HEAPMAP_PHASES; i++) {
        double from = 0;
        snprintf(text, sizeof text, "%s, %.1f ms", heapmap_phases[i], panel[i].t_ms);
        plot_array_text(plot, "MOMENT", i + 1, text);
        for (unsigned k = 0; k < HEAPMAP_STATES; k++) {
            double to = from + (double)panel[i].bytes[k] / (1 << 20);
            fprintf(plot->data, "%d %u %.4f %.4f %u\n", HEAPMAP_PHASES, i, from, to, k);
            fprintf(plot->csv, "%s,%s,,,%llu\n", heapmap_phases[i], heapmap_states[k],
                    (unsigned long long)panel[i].bytes[k]);
            from = to;
        }
        widest = from > widest ? from : widest;
    }
    plot_number(plot, "MIB", widest > 0 ? widest : 1);
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
        fprintf(plot->csv, "phase,arena,from,to,full\n"); /* and below, for a moment and a state, its bytes */
        err = heapmap_read(in, csv, plot, panel, m);
        heapmap_settings(plot, title, panel);
        heapmap_bars(plot, panel);
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
