/* cgroup.c: see cgroup.h. */
#include "cgroup.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole of a small file, without its last newline; false when it cannot be read. */
static bool cgroup_file(const char *dir, const char *name, char *buf, size_t size)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return false;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(buf, 1, size - 1, f);
    fclose(f);
    while (n > 0 && buf[n - 1] == '\n')
        n--;
    buf[n] = '\0';
    return n > 0;
}

/* A limit: CGROUP_UNKNOWN for "max", for what is absent, and for version 1's "no limit" (a page-rounded
 * LONG_MAX, or -1). */
static uint64_t cgroup_limit(const char *dir, const char *name)
{
    char text[256], *end;
    if (!cgroup_file(dir, name, text, sizeof text) || text[0] < '0' || text[0] > '9')
        return CGROUP_UNKNOWN;
    uint64_t value = strtoull(text, &end, 10);
    return end == text || value >= (UINT64_C(1) << 62) ? CGROUP_UNKNOWN : value;
}

static void cgroup_tighten(uint64_t *least, uint64_t value)
{
    if (value < *least)
        *least = value;
}

/* "key value" in a file such as cpu.stat. */
static uint64_t cgroup_stat(const char *dir, const char *name, const char *key)
{
    char text[4096];
    if (!cgroup_file(dir, name, text, sizeof text))
        return CGROUP_UNKNOWN;
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoull(line + n + 1, NULL, 10);
    return CGROUP_UNKNOWN;
}

static uint64_t cgroup_quota(const char *dir)
{
    char text[256];
    uint64_t quota, period;
    if (cgroup_file(dir, "cpu.max", text, sizeof text)) {
        if (sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0)
            return CGROUP_UNKNOWN; /* "max 100000" */
    } else {
        quota = cgroup_limit(dir, "cpu.cfs_quota_us");
        period = cgroup_limit(dir, "cpu.cfs_period_us");
        if (quota == CGROUP_UNKNOWN || period == CGROUP_UNKNOWN || period == 0)
            return CGROUP_UNKNOWN;
    }
    return quota > UINT64_MAX / 1000 ? CGROUP_UNKNOWN : quota * 1000 / period;
}

static void cgroup_read_dir(struct cgroup *out, const char *dir)
{
    uint64_t quota = cgroup_quota(dir);
    uint64_t periods = cgroup_stat(dir, "cpu.stat", "nr_throttled");
    uint64_t us = cgroup_stat(dir, "cpu.stat", "throttled_usec");
    uint64_t ns = us == CGROUP_UNKNOWN ? cgroup_stat(dir, "cpu.stat", "throttled_time") : us * 1000;
    if (periods != CGROUP_UNKNOWN &&
        (out->throttled_periods == CGROUP_UNKNOWN || quota < out->quota_millicpus)) {
        out->throttled_periods = periods;
        out->throttled_ns = ns;
    }
    cgroup_tighten(&out->quota_millicpus, quota);
    cgroup_tighten(&out->memory_limit_bytes, cgroup_limit(dir, "memory.max"));
    cgroup_tighten(&out->memory_limit_bytes, cgroup_limit(dir, "memory.limit_in_bytes"));
    cgroup_tighten(&out->memory_high_bytes, cgroup_limit(dir, "memory.high"));
    cgroup_tighten(&out->swap_limit_bytes, cgroup_limit(dir, "memory.swap.max"));
    cgroup_tighten(&out->pids_limit, cgroup_limit(dir, "pids.max"));
}

/* From the group up to the mount point: a child never has more than its parents. In a container the path that
 * the host knows may not exist below the mount; the mount point itself is then the group. */
static void cgroup_read_path(struct cgroup *out, const char *mount, const char *path)
{
    char dir[PATH_MAX];
    if (snprintf(dir, sizeof dir, "%s%s", mount, path) >= (int)sizeof dir)
        return;
    size_t floor = strlen(mount);
    for (;;) {
        cgroup_read_dir(out, dir);
        char *slash = strrchr(dir + floor, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
}

static bool cgroup_has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

void cgroup_read(struct cgroup *out, const char *root)
{
    *out = (struct cgroup){CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN,
                           CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN};
    char text[8192], mount[PATH_MAX], dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s/proc/self", root);
    if (!cgroup_file(dir, "cgroup", text, sizeof text))
        return;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) { /* ID:CONTROLLERS:PATH */
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        if (*controllers == '\0') {
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
            cgroup_read_path(out, mount, path);
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/unified", root);
            cgroup_read_path(out, mount, path);
            continue;
        }
        static const char *const names[] = {"cpu", "memory", "pids"};
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
            if (cgroup_has_word(controllers, names[i])) {
                snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, names[i]);
                cgroup_read_path(out, mount, path);
            }
    }
}
