/* paths.c: see paths.h. */
#include "paths.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The folder of the running program. */
static int paths_own(char *out, size_t size, struct message *m)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0)
        return message_set(m, -ENOENT, "cannot find the program's own folder: is /proc mounted?");
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    *slash = '\0';
    return 0;
}

/* The first of the places that exists: own folder + prefix + name. */
static int paths_find(const char *const *prefixes, const char *name, char *out, size_t size,
                      struct message *m)
{
    char own[PATH_MAX];
    int err = paths_own(own, sizeof own, m);
    if (err)
        return err;
    for (; *prefixes; prefixes++)
        if (snprintf(out, size, "%s/%s%s", own, *prefixes, name) < (int)size && access(out, F_OK) == 0)
            return 0;
    return message_set(m, -ENOENT,
                       "%s is not there: build all of heapgauge with make, or install it with make install",
                       name);
}

int paths_program(const char *name, char *out, size_t size, struct message *m)
{
    static const char *const prefixes[] = {"", "../libexec/heapgauge/", NULL};
    return paths_find(prefixes, name, out, size, m);
}

static const char *const paths_suite_prefixes[] = {"../../scripts/suites/", "../share/heapgauge/suites/",
                                                   NULL};
static const char *const paths_plot_prefixes[] = {"../../scripts/plot/", "../share/heapgauge/plot/", NULL};

int paths_suite(const char *name, char *out, size_t size, struct message *m)
{
    char file[256];
    if (strchr(name, '/') || snprintf(file, sizeof file, "%s.ini", name) >= (int)sizeof file)
        return message_set(m, -ENOENT, "'%.100s' is not the name of a suite", name);
    return paths_find(paths_suite_prefixes, file, out, size, m);
}

int paths_plot(const char *name, char *out, size_t size, struct message *m)
{
    char file[256];
    snprintf(file, sizeof file, "%s.gp", name);
    return paths_find(paths_plot_prefixes, file, out, size, m);
}

int paths_suites(char *out, size_t size, struct message *m)
{
    return paths_find(paths_suite_prefixes, "", out, size, m);
}

int paths_plots(char *out, size_t size, struct message *m)
{
    return paths_find(paths_plot_prefixes, "", out, size, m);
}
