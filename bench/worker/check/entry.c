/* entry.c: the entry points of malloc and its kin, C's and C++'s: which of them the library brings, and
 * whether what each gives can be given back. A library that leaves some out (aligned_alloc, say, in one of
 * some years ago) leaves them to the C library, whose block it then gets in free(). That is no fault where
 * the other one calls the library's in turn, as reallocarray of glibc and the operators of libstdc++ do; so
 * each is tried, in a process of its own. */
#include "checks.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void (*any_function)(void);

enum shape { /* of the call */
             ABSENT,
             SIZE,       /* f(size) */
             COUNT_SIZE, /* f(1, size) */
             OLD_SIZE,   /* f(NULL, size) */
             OLD_COUNT,  /* f(NULL, size, 1) */
             OUT,        /* f(&p, align, size) */
             ALIGN_SIZE, /* f(align, size) */
             SIZE_ALIGN, /* f(size, align) */
             SIZE_TAG,   /* f(size, std::nothrow) */
             BLOCK,      /* f(p) */
             BLOCK_SIZE,
             BLOCK_ALIGN,
             BLOCK_ALIGN_SIZE,
             BLOCK_SIZE_ALIGN,
};

enum { ALIGN = 64 }; /* asked of those that take one */

static const struct entry_point {
    const char *symbol, *shown;
    enum shape shape;
    size_t align;         /* that its blocks have, where that is more than a malloc's */
    const char *taken_by; /* what gives its block back */
} points[] = {
    {"malloc", "malloc", SIZE, 0, "free"},
    {"calloc", "calloc", COUNT_SIZE, 0, "free"},
    {"realloc", "realloc", OLD_SIZE, 0, "free"},
    {"reallocarray", "reallocarray", OLD_COUNT, 0, "free"},
    {"posix_memalign", "posix_memalign", OUT, ALIGN, "free"},
    {"aligned_alloc", "aligned_alloc", ALIGN_SIZE, ALIGN, "free"},
    {"memalign", "memalign", ALIGN_SIZE, ALIGN, "free"},
    {"valloc", "valloc", SIZE, 4096, "free"},
    {"pvalloc", "pvalloc", SIZE, 4096, "free"},
    {"_Znwm", "new", SIZE, 0, "_ZdlPv"},
    {"_Znam", "new[]", SIZE, 0, "_ZdaPv"},
    {"_ZnwmRKSt9nothrow_t", "new(nothrow)", SIZE_TAG, 0, "_ZdlPv"},
    {"_ZnamRKSt9nothrow_t", "new[](nothrow)", SIZE_TAG, 0, "_ZdaPv"},
    {"_ZnwmSt11align_val_t", "new(align)", SIZE_ALIGN, ALIGN, "_ZdlPvSt11align_val_t"},
    {"_ZnamSt11align_val_t", "new[](align)", SIZE_ALIGN, ALIGN, "_ZdaPvSt11align_val_t"},
    {"free", "free", BLOCK, 0, NULL},
    {"free_sized", "free_sized", BLOCK_SIZE, 0, NULL},
    {"free_aligned_sized", "free_aligned_sized", BLOCK_ALIGN_SIZE, 0, NULL},
    {"_ZdlPv", "delete", BLOCK, 0, NULL},
    {"_ZdaPv", "delete[]", BLOCK, 0, NULL},
    {"_ZdlPvm", "delete(size)", BLOCK_SIZE, 0, NULL},
    {"_ZdaPvm", "delete[](size)", BLOCK_SIZE, 0, NULL},
    {"_ZdlPvSt11align_val_t", "delete(align)", BLOCK_ALIGN, 0, NULL},
    {"_ZdaPvSt11align_val_t", "delete[](align)", BLOCK_ALIGN, 0, NULL},
    {"_ZdlPvmSt11align_val_t", "delete(size, align)", BLOCK_SIZE_ALIGN, 0, NULL},
    {"malloc_usable_size", "malloc_usable_size", ABSENT, 0, NULL},
};
enum { POINTS = sizeof points / sizeof *points };

/* More ways to give back than the first of each. */
static const struct {
    const char *gives, *takes;
} more_pairs[] = {
    {"malloc", "free_sized"},
    {"aligned_alloc", "free_aligned_sized"},
    {"_Znwm", "_ZdlPvm"},
    {"_Znam", "_ZdaPvm"},
    {"_ZnwmSt11align_val_t", "_ZdlPvmSt11align_val_t"},
};

static struct {
    any_function function; /* NULL: it is nowhere */
    char file[64];         /* the last part of the name of the file that it is of */
    bool ours;             /* of the file that malloc is of */
} found[POINTS];

static void look_up(void)
{
    Dl_info of_malloc, of;
    void *at = dlsym(RTLD_DEFAULT, "malloc");
    bool known = at && dladdr(at, &of_malloc) != 0;
    dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL); /* a C++ program would have its operators */
    for (unsigned i = 0; i < POINTS; i++) {
        at = dlsym(RTLD_DEFAULT, points[i].symbol);
        *(void **)&found[i].function = at;
        if (!at || !known || !dladdr(at, &of) || !of.dli_fname)
            continue;
        const char *slash = strrchr(of.dli_fname, '/');
        snprintf(found[i].file, sizeof found[i].file, "%s", slash ? slash + 1 : of.dli_fname);
        found[i].ours = of.dli_fbase == of_malloc.dli_fbase;
    }
}

static unsigned point_of(const char *symbol)
{
    unsigned i = 0;
    while (strcmp(points[i].symbol, symbol) != 0)
        i++;
    return i;
}

static void *give(unsigned i, size_t size)
{
    any_function f = found[i].function;
    void *p = NULL;
    switch (points[i].shape) {
    case SIZE:
        return ((void *(*)(size_t))f)(size);
    case COUNT_SIZE:
        return ((void *(*)(size_t, size_t))f)(1, size);
    case OLD_SIZE:
        return ((void *(*)(void *, size_t))f)(NULL, size);
    case OLD_COUNT:
        return ((void *(*)(void *, size_t, size_t))f)(NULL, size, 1);
    case OUT:
        return ((int (*)(void **, size_t, size_t))f)(&p, ALIGN, size) == 0 ? p : NULL;
    case ALIGN_SIZE:
        return ((void *(*)(size_t, size_t))f)(ALIGN, size);
    case SIZE_ALIGN:
        return ((void *(*)(size_t, size_t))f)(size, ALIGN);
    case SIZE_TAG:
        return ((void *(*)(size_t, const void *))f)(size, "");
    default:
        return NULL;
    }
}

static void take(unsigned i, void *p, size_t size)
{
    any_function f = found[i].function;
    switch (points[i].shape) {
    case BLOCK:
        ((void (*)(void *))f)(p);
        break;
    case BLOCK_SIZE:
        ((void (*)(void *, size_t))f)(p, size);
        break;
    case BLOCK_ALIGN:
        ((void (*)(void *, size_t))f)(p, ALIGN);
        break;
    case BLOCK_ALIGN_SIZE:
        ((void (*)(void *, size_t, size_t))f)(p, ALIGN, size);
        break;
    case BLOCK_SIZE_ALIGN:
        ((void (*)(void *, size_t, size_t))f)(p, size, ALIGN);
        break;
    default:
        break;
    }
}

enum outcome { WELL, GAVE_NULL, NOT_ALIGNED, NOT_KEPT, NOT_REUSED };

/* In a child: blocks of one, given back through the other, beside those of malloc and free. */
static enum outcome exchange(struct check *c, unsigned gives, unsigned takes)
{
    enum { LIVE = 64, OPS = 4000, ROUNDS = 40000 };
    static struct block b[LIVE];
    for (unsigned op = 0; op < OPS; op++) {
        struct block *at = &b[rng_below(&c->rng, LIVE)];
        if (at->p && !is_filled(at->p, at->fill, at->size))
            return NOT_KEPT;
        if (at->p)
            take(takes, at->p, at->size);
        size_t size =
            (some_size(&c->rng) + ALIGN - 1) / ALIGN * ALIGN; /* aligned_alloc may want a multiple */
        *at = (struct block){give(gives, size), size, (unsigned char)(1 + op % 250)};
        if (!at->p)
            return GAVE_NULL;
        if (points[gives].align && (uintptr_t)at->p % points[gives].align)
            return NOT_ALIGNED;
        memset(at->p, at->fill, size);
        put(c, get(c, size));
    }
    size_t before = resident_bytes();
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned char *p = give(gives, 4096);
        if (!p)
            return GAVE_NULL;
        p[0] = p[4095] = 1;
        take(takes, p, 4096);
    }
    return resident_bytes() > before + ((size_t)64 << 20) ? NOT_REUSED : WELL;
}

static bool pair_is_well(struct check *c, unsigned gives, unsigned takes)
{
    static const char *const says[] = {
        [GAVE_NULL] = "gave NULL",
        [NOT_ALIGNED] = "gave a block that is not aligned as asked",
        [NOT_KEPT] = "gave a block whose contents did not stay",
        [NOT_REUSED] = "gave blocks that were not used again",
    };
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        _exit((int)exchange(c, gives, takes));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return fails(c, "fork: %s", strerror(errno));
    if (WIFSIGNALED(status))
        return fails(c, "blocks of %s (%s) given to %s (%s): SIG%s", points[gives].shown, found[gives].file,
                     points[takes].shown, found[takes].file, sigabbrev_np(WTERMSIG(status)));
    int outcome = WEXITSTATUS(status);
    if (outcome == WELL)
        return true;
    return fails(c, "%s (%s) %s, with %s (%s)", points[gives].shown, found[gives].file,
                 outcome <= NOT_REUSED ? says[outcome] : "ended the process", points[takes].shown,
                 found[takes].file);
}

/* Adds "; WHERE: NAMES" of those which are (or are not anywhere, file empty) of that file. */
static void add_file(struct check *c, const char *file, const char *where)
{
    size_t n = strlen(c->reason);
    bool any = false;
    for (unsigned i = 0; i < POINTS; i++) {
        if (found[i].ours || strcmp(found[i].file, file) != 0)
            continue;
        if (!any)
            n += (size_t)snprintf(c->reason + n, n < sizeof c->reason ? sizeof c->reason - n : 0,
                                  "; %s%s:", where, file);
        if (n < sizeof c->reason)
            n += (size_t)snprintf(c->reason + n, sizeof c->reason - n, " %s", points[i].shown);
        any = true;
    }
}

/* Which are whose, behind what is said already. */
static void add_list(struct check *c)
{
    unsigned ours = 0;
    for (unsigned i = 0; i < POINTS; i++)
        ours += found[i].ours;
    size_t n = strlen(c->reason);
    snprintf(c->reason + n, sizeof c->reason - n, "%s%u of %u are the library's", n ? "; " : "", ours,
             (unsigned)POINTS);
    for (unsigned i = 0; i < POINTS; i++) {
        bool seen = found[i].ours || !found[i].file[0];
        for (unsigned k = 0; k < i; k++)
            seen |= !found[k].ours && strcmp(found[k].file, found[i].file) == 0;
        if (!seen)
            add_file(c, found[i].file, "of ");
    }
    add_file(c, "", "nowhere");
}

static void try_pair(struct check *c, const char *gives, const char *takes, char *said, size_t size)
{
    unsigned g = point_of(gives), t = point_of(takes);
    if (!found[g].function || !found[t].function || pair_is_well(c, g, t))
        return;
    size_t n = strlen(said);
    snprintf(said + n, size - n, "%s%s", n ? "; " : "", c->reason);
}

bool check_entry_points(struct check *c)
{
    char said[sizeof c->reason / 2] = ""; /* the rest is for the list */
    look_up();
    for (unsigned i = 0; i < POINTS; i++)
        if (points[i].taken_by)
            try_pair(c, points[i].symbol, points[i].taken_by, said, sizeof said);
    for (unsigned i = 0; i < sizeof more_pairs / sizeof *more_pairs; i++)
        try_pair(c, more_pairs[i].gives, more_pairs[i].takes, said, sizeof said);
    snprintf(c->reason, sizeof c->reason, "%s", said);
    add_list(c);
    return !said[0];
}
