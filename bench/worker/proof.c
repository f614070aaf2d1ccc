/* proof.c: which library serves malloc here? A preloaded library that is missing leaves one line on standard
 * error and the program goes on with the C library; so the answer comes from the resolved symbols, not from
 * what was asked. */
#include "worker.h"
#include "bench/worker/check/check.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

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

/* What the library says of its own version, by the calls that the known ones offer. */
static void proof_version(char *out, size_t size)
{
    out[0] = '\0';
    int (*mallctl)(const char *, void *, size_t *, void *, size_t);
    int (*mi_version)(void);
    const char *(*tc_version)(int *, int *, const char **);
    const char *(*tbb_version)(void);
    *(void **)&mallctl = dlsym(RTLD_DEFAULT, "mallctl");
    *(void **)&mi_version = dlsym(RTLD_DEFAULT, "mi_version");
    *(void **)&tc_version = dlsym(RTLD_DEFAULT, "tc_version");
    *(void **)&tbb_version = dlsym(RTLD_DEFAULT, "TBB_runtime_version");
    const char *text = NULL;
    size_t n = sizeof text;
    if (mallctl && mallctl("version", &text, &n, NULL, 0) == 0 && text) {
        snprintf(out, size, "%s", text);
    } else if (mi_version) {
        int v = mi_version();
        snprintf(out, size, "%d.%d.%d", v / 100, v / 10 % 10, v % 10);
    } else if (tc_version && (text = tc_version(NULL, NULL, NULL))) {
        snprintf(out, size, "%s", text);
    } else if (tbb_version) {
        snprintf(out, size, "%s", tbb_version());
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

void proof_of_library(const struct child_cell *cell)
{
    static char served[PATH_MAX], freed[PATH_MAX], wanted[PATH_MAX], version[128], reason[3 * PATH_MAX];
    proof_path("malloc", served);
    proof_path("free", freed);
    if (strcmp(served, freed) != 0)
        say_fail("wrong-library", SAY_KEY(reason, "malloc comes from %s but free from %s", served, freed));
    if (cell->library[0]) {
        if (!realpath(cell->library, wanted))
            say_fail("wrong-library", SAY_KEY(reason, "%s is not there", cell->library));
        if (strcmp(served, wanted) != 0)
            say_fail("wrong-library", SAY_KEY(reason, "malloc is served by %s, not by %s", served, wanted));
        proof_version(version, sizeof version);
    } else {
        snprintf(version, sizeof version, "glibc %s", gnu_get_libc_version());
    }
    if (served[0])
        say_text("library.path", served);
    if (version[0])
        say_text("library.version", version);
    say_text("library.resolved_by", "dladdr(malloc)");
}
