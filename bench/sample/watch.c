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
    for (unsigned i = 0; i < w->points; i += 2, kept++) {
        w->t_ns[kept] = w->t_ns[i];
        w->rss_bytes[kept] = w->rss_bytes[i];
        w->live_bytes[kept] = w->live_bytes[i];
        w->allocated_bytes[kept] = w->allocated_bytes[i];
    }
    w->points = kept;
    w->step_ns *= 2;
}

void watch_add(struct watch_timeline *w, uint64_t rss_bytes, uint64_t live_bytes, uint64_t allocated_bytes,
               bool always)
{
    uint64_t now = os_now_ns();
    if (!always && now < w->next_ns)
        return;
    if (w->points == WATCH_POINTS_MAX)
        watch_thin(w);
    unsigned i = w->points++;
    w->t_ns[i] = now - w->start_ns;
    w->rss_bytes[i] = rss_bytes;
    w->live_bytes[i] = live_bytes;
    w->allocated_bytes[i] = allocated_bytes;
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

/* The number after "NAME:" in a file of /proc, in bytes (the kernel writes kB). */
static bool watch_field(const char *path, const char *name, uint64_t *bytes)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    char line[256];
    bool found = false;
    size_t n = strlen(name);
    while (!found && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            *bytes = strtoull(line + n + 1, NULL, 10) * 1024;
            found = true;
        }
    fclose(f);
    return found;
}

bool watch_exact(pid_t pid, uint64_t *rss_bytes)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    return watch_field(path, "Rss", rss_bytes);
}

bool watch_proportional(pid_t pid, uint64_t *pss_bytes)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    return watch_field(path, "Pss", pss_bytes);
}

bool watch_high_water(pid_t pid, uint64_t *bytes)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return watch_field(path, "VmHWM", bytes);
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
