/* proof.c: which library serves malloc here? A preloaded library that is missing leaves one line on standard
 * error and the program goes on with the C library; so the answer comes from the resolved symbols, not from
 * what was asked. */
#include "worker.h"
#include "bench/worker/check/check.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file that a symbol resolves to, links followed; empty when unknown. */
static void proof_path(const char *symbol, char out[PATH_MAX])
{
    Dl_info info;
    void *address = dlsym(RTLD_DEFAULT, symbol);
    out[0] = '\0';
    if (!address || !dladdr(address, &info) || !info.dli_fname)
        return;
    char resolved[PATH_MAX];
    snprintf(out, PATH_MAX, "%s", realpath(info.dli_fname, resolved) ? resolved : info.dli_fname);
}

/* mi_version() was major, minor and patch of one digit each (209 is 2.0.9), and is now of two digits
 * (30600 is 3.6.0). A number that is neither is no version that we know how to read. */
static void proof_mimalloc(int version, char *out, size_t size)
{
    if (version >= 10000 && version < 1000000)
        snprintf(out, size, "%d.%d.%d", version / 10000, version / 100 % 100, version % 100);
    else if (version >= 100 && version < 1000)
        snprintf(out, size, "%d.%d.%d", version / 100, version / 10 % 10, version % 10);
}

/* oneTBB's allocator has no call for its version, only a text that it prints where TBB_VERSION=1 is set.
 * It is read from the file: a look at the mapped one would count as memory of the allocator. */
static void proof_tbbmalloc(void *function, char *out, size_t size)
{
    static const char mark[] = "TBBmalloc: VERSION\t\t";
    static char window[16384];
    enum { OVERLAP = 128 };
    Dl_info info;
    int fd = dladdr(function, &info) ? open(info.dli_fname, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n;
    for (off_t at = 0; fd >= 0 && !out[0] && (n = pread(fd, window, sizeof window, at)) > 0;
         at += (off_t)sizeof window - OVERLAP) {
        const char *found = memmem(window, (size_t)n, mark, sizeof mark - 1);
        const char *text = found ? found + sizeof mark - 1 : NULL;
        const char *end = text ? memchr(text, '\n', (size_t)(window + n - text)) : NULL;
        if (end)
            snprintf(out, size, "%.*s", (int)(end - text), text);
        if (n < (ssize_t)sizeof window)
            break;
    }
    if (fd >= 0)
        close(fd);
}

/* The library's own version, by what the known ones offer; empty where it has none (rpmalloc,
 * snmalloc: the number in a file's name is of its interface). */
static void proof_version(char *out, size_t size)
{
    out[0] = '\0';
    int (*mallctl)(const char *, void *, size_t *, void *, size_t);
    int (*mi_version)(void);
    const char *(*tc_version)(int *, int *, const char **);
    *(void **)&mallctl = dlsym(RTLD_DEFAULT, "mallctl");
    *(void **)&mi_version = dlsym(RTLD_DEFAULT, "mi_version");
    *(void **)&tc_version = dlsym(RTLD_DEFAULT, "tc_version");
    void *scalable_malloc = dlsym(RTLD_DEFAULT, "scalable_malloc");
    const char *text = NULL;
    size_t n = sizeof text;
    if (mallctl && mallctl("version", &text, &n, NULL, 0) == 0 && text) {
        snprintf(out, size, "%s", text);
    } else if (mi_version) {
        proof_mimalloc(mi_version(), out, size);
    } else if (tc_version && (text = tc_version(NULL, NULL, NULL))) {
        snprintf(out, size, "%s", text);
    } else if (scalable_malloc) {
        proof_tbbmalloc(scalable_malloc, out, size);
    }
}

int proof_serves(const char *library, struct message *m)
{
    static char served[PATH_MAX], wanted[PATH_MAX];
    proof_path("malloc", served);
    if (!library[0] || (realpath(library, wanted) && strcmp(served, wanted) == 0))
        return 0;
    return message_set(m, -EINVAL, "wrong library: malloc is served by %.400s, not by %.400s", served,
                       library);
}

void proof_of_library(const struct worker_cell *cell)
{
    static char served[PATH_MAX], freed[PATH_MAX], wanted[PATH_MAX], version[128], reason[3 * PATH_MAX];
    proof_path("malloc", served);
    proof_path("free", freed);
    if (strcmp(served, freed) != 0)
        say_fail("wrong-library", SAY_KEY(reason, "malloc comes from %s but free from %s", served, freed));
    if (cell->settings.library[0]) {
        if (!realpath(cell->settings.library, wanted))
            say_fail("wrong-library", SAY_KEY(reason, "%s is not there", cell->settings.library));
        if (strcmp(served, wanted) != 0)
            say_fail("wrong-library", SAY_KEY(reason, "malloc is served by %s, not by %s", served, wanted));
        proof_version(version, sizeof version);
    } else {
        snprintf(version, sizeof version, "glibc %s", gnu_get_libc_version());
    }
    if (served[0])
        say_text(SAY(library_path), served);
    if (version[0])
        say_text(SAY(library_version), version);
    say_text(SAY(library_resolved_by), "dladdr(malloc)");
}
