/* watch.c: see watch.h. */
#include "watch.h"

#include "alloc/base/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void watch_start(struct watch_timeline *w, uint64_t step_ns)
{
    memset(w, 0, sizeof *w);
    w->step_ns = step_ns;
    w->start_ns = w->next_ns = os_now_ns();
}

static void watch_thin(struct watch_timeline *w)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < w->points; i += 2)
        w->at[kept++] = w->at[i];
    w->points = kept;
    w->step_ns *= 2;
}

void watch_add(struct watch_timeline *w, struct watch_point point, bool always)
{
    uint64_t now = os_now_ns();
    if (!always && now < w->next_ns)
        return;
    if (w->points == WATCH_POINTS_MAX)
        watch_thin(w);
    point.t_ns = now - w->start_ns - w->stopped_ns;
    w->at[w->points++] = point;
    w->next_ns = now + w->step_ns;
}

bool watch_statm(int statm_fd, uint64_t *rss_bytes)
{
    char text[128];
    ssize_t n = pread(statm_fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return false;
    text[n] = '\0';
    unsigned long long size, resident;
    if (sscanf(text, "%llu %llu", &size, &resident) != 2)
        return false;
    *rss_bytes = resident * os_page_bytes();
    return resident != 0;
}

struct watch_field {
    const char *name;
    uint64_t *bytes;
};

/* The numbers after "NAME:" in /proc/PID/FILE, in bytes (the kernel writes kB). False when the first of them is
 * not there. */
static bool watch_fields(pid_t pid, const char *file, const struct watch_field *field, unsigned fields)
{
    char line[256];
    snprintf(line, sizeof line, "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(line, "re");
    if (!f)
        return false;
    bool found = false;
    while (fgets(line, sizeof line, f))
        for (unsigned i = 0; i < fields; i++) {
            size_t n = strlen(field[i].name);
            if (strncmp(line, field[i].name, n) == 0 && line[n] == ':') {
                *field[i].bytes = strtoull(line + n + 1, NULL, 10) * 1024;
                found |= i == 0;
            }
        }
    fclose(f);
    return found;
}

bool watch_exact(pid_t pid, struct watch_memory *out)
{
    *out = (struct watch_memory){0};
    const struct watch_field fields[] = {{"Rss", &out->rss_bytes},
                                         {"Pss", &out->pss_bytes},
                                         {"LazyFree", &out->lazy_free_bytes},
                                         {"AnonHugePages", &out->anon_huge_bytes}};
    return watch_fields(pid, "smaps_rollup", fields, 4);
}

bool watch_high_water(pid_t pid, uint64_t *bytes)
{
    const struct watch_field field = {"VmHWM", bytes};
    return watch_fields(pid, "status", &field, 1);
}

bool watch_high_water_reset(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, "5", 1) == 1;
    if (fd >= 0)
        close(fd);
    return done;
}
