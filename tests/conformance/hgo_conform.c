/* hgo_conform.c: are our collectors CPython's? Random object scripts run on both; their stat lines must be
 * equal.
 *
 *   hgo-conform                              the test: 300 scripts of 5000 operations, TAP
 *   hgo-conform check FIRST COUNT OPERATIONS the same for other seeds (make fuzz)
 *   hgo-conform generate SEED OPERATIONS     prints a script
 *   hgo-conform golden FIRST COUNT OPERATIONS  prints what this CPython gives, for golden.c
 *   hgo-conform cpython FILE | ours FILE     prints the stat lines of one of the two
 *   hgo-conform shrink FILE                  prints the fewest operations of FILE that still differ
 *
 * The interpreter is started once; each run is a child of that state. A child of ours that dies is a
 * difference, too; where CPython's dies there is nothing to compare with: its PyObject_ClearWeakRefs asks for
 * memory between counting an object's weak references and going through them, and a collection in there whose
 * finaliser drops one of them leaves it with a dangling pointer. About 3 random scripts in 1000 do that.
 * The first differing line and the shrunk script are printed for the first mismatch; the seeds of the
 * others. */
#include "hgo_child.h"
#include "hgo_cpython.h"
#include "hgo_generate.h"
#include "hgo_golden.h"
#include "hgo_ours.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(HG_ASAN) || defined(HG_TSAN)
#define TEST_SCRIPTS 40 /* a fork costs 20 times as much there */
#else
#define TEST_SCRIPTS 306 /* CPython dies of a few: 300 are compared */
#endif
#define TEST_OPERATIONS 5000

struct pair {
    struct text real, ours;
};

static bool differ(const struct text *script, struct pair *p)
{
    hgo_run_child(hgo_cpython_run, script, &p->real);
    hgo_run_child(hgo_ours_run, script, &p->ours);
    return strcmp(p->real.data, p->ours.data) != 0;
}

static bool real_died(const struct pair *p)
{
    return strstr(p->real.data, "killed by ") != NULL;
}

/* For the shrinker: a script that CPython refuses or dies of shows nothing. */
static bool still_differs(void *arg, const struct text *script)
{
    struct pair *p = arg;
    return differ(script, p) && !strstr(p->real.data, "error ") && !real_died(p);
}

static void pair_free(struct pair *p)
{
    free(p->real.data);
    free(p->ours.data);
}

static void print_commented(const char *text)
{
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "\n");
        printf("#   %.*s\n", (int)n, at);
        at += n + (at[n] == '\n');
    }
}

static void print_first_difference(const struct pair *p)
{
    const char *a = p->real.data, *b = p->ours.data;
    unsigned line = 1;
    while (*a && *b) {
        size_t na = strcspn(a, "\n"), nb = strcspn(b, "\n");
        if (na != nb || memcmp(a, b, na) != 0)
            break;
        a += na + (a[na] == '\n');
        b += nb + (b[nb] == '\n');
        line++;
    }
    printf("# stat line %u differs\n# cpython: %.*s\n# ours:    %.*s\n", line, (int)strcspn(a, "\n"), a,
           (int)strcspn(b, "\n"), b);
}

static int check(uint64_t first, unsigned count, unsigned operations)
{
    unsigned bad = 0, lines = 0, told = 0, died = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct text script = {0};
        struct pair p = {{0}, {0}};
        hgo_generate(&script, seed, operations);
        bool differs = differ(&script, &p) || strstr(p.real.data, "error ");
        for (const char *at = p.real.data; *at && !real_died(&p); at++)
            lines += *at == '\n';
        died += real_died(&p);
        if (differs && !real_died(&p)) {
            bad++;
            printf("# seed %llu, %u operations:\n", (unsigned long long)seed, operations);
            print_first_difference(&p);
            if (!told++ && still_differs(&p, &script)) {
                hgo_shrink(&script, still_differs, &p);
                differ(&script, &p);
                printf("# shrunk to:\n");
                print_commented(script.data);
                print_first_difference(&p);
            }
        }
        pair_free(&p);
        free(script.data);
    }
    printf("%s 1 - %u scripts of %u operations give CPython's stat lines (%u of them)\n1..1\n",
           bad || died * 20 > count ? "not ok" : "ok", count - died, operations, lines);
    printf("# %u scripts differ; CPython died of %u and these were left out\n", bad, died);
    return bad || died * 20 > count;
}

static struct text read_file(const char *path)
{
    struct text t = {0};
    char buf[1 << 14];
    FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
    if (!f) {
        fprintf(stderr, "hgo-conform: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    text_add(&t, "%s", "");
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
        text_add(&t, "%.*s", (int)n, buf);
    fclose(f);
    return t;
}

static int print_run(hgo_script_run *run, const char *path)
{
    struct text script = read_file(path), out = {0};
    hgo_run_child(run, &script, &out);
    fputs(out.data, stdout);
    bool bad = strstr(out.data, "error ") || strstr(out.data, "killed by ");
    free(script.data);
    free(out.data);
    return bad ? 2 : 0;
}

static int shrink(const char *path)
{
    struct text script = read_file(path);
    struct pair p = {{0}, {0}};
    bool differs = still_differs(&p, &script);
    if (differs) {
        hgo_shrink(&script, still_differs, &p);
        differ(&script, &p);
        fputs(script.data, stdout);
        print_first_difference(&p);
    }
    pair_free(&p);
    free(script.data);
    if (!differs)
        fprintf(stderr, "hgo-conform: %s: no difference\n", path);
    return !differs;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "check";
    struct message m = {""};
    if (strcmp(verb, "generate") == 0 && argc == 4) {
        struct text script = {0};
        hgo_generate(&script, strtoull(argv[2], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10));
        fputs(script.data, stdout);
        free(script.data);
        return 0;
    }
    hgo_ours_python = python_find(hgo_cpython_version);
    if (!hgo_ours_python) {
        fprintf(stderr, "hgo-conform: the runtime has no rules of CPython %s\n", hgo_cpython_version);
        return 1;
    }
    if (strcmp(verb, "ours") == 0 && argc == 3)
        return print_run(hgo_ours_run, argv[2]);
    if (hgo_cpython_start(&m)) {
        printf("1..0 # SKIP %s\n", m.text);
        return 0;
    }
    int status = 2;
    if (argc == 1)
        status = check(1, TEST_SCRIPTS, TEST_OPERATIONS);
    else if (strcmp(verb, "check") == 0 && argc == 5)
        status = check(strtoull(argv[2], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10),
                       (unsigned)strtoul(argv[4], NULL, 10));
    else if (strcmp(verb, "golden") == 0 && argc == 5)
        status = hgo_golden_print(strtoull(argv[2], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10),
                                  (unsigned)strtoul(argv[4], NULL, 10));
    else if (strcmp(verb, "cpython") == 0 && argc == 3)
        status = print_run(hgo_cpython_run, argv[2]);
    else if (strcmp(verb, "shrink") == 0 && argc == 3)
        status = shrink(argv[2]);
    else
        fprintf(stderr, "hgo-conform: see the head of tests/conformance/hgo_conform.c\n");
    fflush(stdout);
    _exit(status); /* the interpreter's own objects are untracked: it cannot take itself apart */
}
