/* info.c: what a program may ask of its malloc, and ask it to do: mallinfo2 and its kin, malloc_trim, mallopt. On
 * glibc's own allocator glibc answers; else the answers are the backend's, in glibc's terms:
 *
 *   arena      mapped, but for blocks with a mapping of their own, which are hblkhd and hblks
 *   uordblks   in blocks that the program or a thread's cache has
 *   fordblks   the rest of arena
 *
 * What has no meaning there (free chunks, fast bins, what stands at the top) is 0. mallopt changes nothing and
 * says so. */
#include "shim.h"

#include "alloc/base/object.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#define INFO_EXPORT __attribute__((visibility("default")))

typedef unsigned long long ull;

/* glibc's function, where its allocator is what serves; else NULL. */
static void *info_of_libc(const char *name)
{
    return shim_outermost() && shim_on_libc() ? object_function("libc.so.6", NULL, name) : NULL;
}

static struct alloc_usage info_usage(void)
{
    struct alloc_usage u = {0};
    const struct alloc *a = shim_outermost();
    if (a)
        alloc_usage(a, &u);
    return u;
}

INFO_EXPORT struct mallinfo2 mallinfo2(void)
{
    struct mallinfo2 (*libc)(void) = (struct mallinfo2(*)(void))info_of_libc("mallinfo2");
    if (libc)
        return libc();
    struct alloc_usage u = info_usage();
    struct mallinfo2 out = {.arena = u.mapped_bytes - u.huge_bytes,
                            .hblks = u.huge_count,
                            .hblkhd = u.huge_bytes,
                            .uordblks = u.used_bytes - u.huge_bytes};
    out.fordblks = out.arena > out.uordblks ? out.arena - out.uordblks : 0;
    return out;
}

static int info_int(size_t n)
{
    return n < INT_MAX ? (int)n : INT_MAX;
}

/* The old one has no room for more than 2 GiB: it says that there. */
INFO_EXPORT struct mallinfo mallinfo(void)
{
    struct mallinfo2 m = mallinfo2();
    return (struct mallinfo){info_int(m.arena),   info_int(m.ordblks),  info_int(m.smblks),
                             info_int(m.hblks),   info_int(m.hblkhd),   info_int(m.usmblks),
                             info_int(m.fsmblks), info_int(m.uordblks), info_int(m.fordblks),
                             info_int(m.keepcost)};
}

INFO_EXPORT void malloc_stats(void)
{
    void (*libc)(void) = (void (*)(void))info_of_libc("malloc_stats");
    if (libc) {
        libc();
        return;
    }
    struct alloc_usage u = info_usage();
    dprintf(STDERR_FILENO,
            "Arena 0:\nsystem bytes     = %10llu\nin use bytes     = %10llu\nTotal (incl. mmap):\n"
            "system bytes     = %10llu\nin use bytes     = %10llu\n",
            (ull)(u.mapped_bytes - u.huge_bytes), (ull)(u.used_bytes - u.huge_bytes), (ull)u.mapped_bytes,
            (ull)u.used_bytes);
}

INFO_EXPORT int malloc_info(int options, FILE *to)
{
    int (*libc)(int, FILE *) = (int (*)(int, FILE *))info_of_libc("malloc_info");
    if (libc)
        return libc(options, to);
    if (options != 0)
        return EINVAL;
    struct alloc_usage u = info_usage();
    fprintf(to,
            "<malloc version=\"1\">\n<total type=\"rest\" count=\"0\" size=\"%llu\"/>\n"
            "<total type=\"mmap\" count=\"%llu\" size=\"%llu\"/>\n<system type=\"current\" size=\"%llu\"/>\n"
            "<aspace type=\"total\" size=\"%llu\"/>\n</malloc>\n",
            (ull)(u.mapped_bytes - u.used_bytes), (ull)u.huge_count, (ull)u.huge_bytes, (ull)u.mapped_bytes,
            (ull)u.mapped_bytes);
    return 0;
}

INFO_EXPORT int malloc_trim(size_t pad)
{
    int (*libc)(size_t) = (int (*)(size_t))info_of_libc("malloc_trim");
    if (libc)
        return libc(pad);
    const struct alloc *a = shim_outermost();
    return a && alloc_trim(a);
}

INFO_EXPORT int mallopt(int option, int value)
{
    int (*libc)(int, int) = (int (*)(int, int))info_of_libc("mallopt");
    return libc ? libc(option, value) : 0;
}
