/* golden.c: is the runtime, as 3.13, 3.14 or 3.15, what those were when golden/VERSION.txt was made? Runs
 * where none of them is installed. One test a file of golden/, in the working folder's tests/conformance;
 * or the files given. */
#include "hgo_golden.h"
#include "hgo_ours.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(HG_ASAN) || defined(HG_TSAN)
#define SCRIPTS_MAX 25 /* a fork costs 20 times as much there */
#else
#define SCRIPTS_MAX 1000000
#endif
#define LINE_MAX_CHARS 1024

static const struct python_rules *rules_of(const char *line)
{
    char version[16];
    if (sscanf(line, "# CPython %15[0-9.]", version) != 1)
        return NULL;
    char *patch = strrchr(version, '.');
    if (patch && strchr(version, '.') != patch)
        *patch = 0;
    return python_find(version);
}

/* One line of a file; false when it is not equal, with a comment that names what differs. */
static bool check_line(const char *path, const char *line)
{
    struct hgo_golden want;
    struct text out = {0};
    int last = 0;
    if (sscanf(line, "%llu %u %llx %u %llx %n", &want.seed, &want.operations, &want.script, &want.lines,
               &want.stats, &last) < 5 ||
        !last) {
        printf("# %s: not a line of a golden file: %s", path, line);
        return false;
    }
    struct hgo_golden got = hgo_golden_of(hgo_ours_run, want.seed, want.operations, &out);
    bool equal = got.script == want.script && got.lines == want.lines && got.stats == want.stats;
    if (got.script != want.script)
        printf("# %s: seed %llu: the generator makes another script than then\n", path, want.seed);
    else if (!equal)
        printf("# %s: seed %llu: %u stat lines differ\n# cpython: %s# ours:    %s", path, want.seed,
               want.lines, line + last, got.last);
    free(out.data);
    return equal;
}

static bool check_file(const char *path, unsigned number)
{
    char line[LINE_MAX_CHARS];
    unsigned scripts = 0, bad = 0;
    FILE *f = fopen(path, "r");
    hgo_ours_python = f && fgets(line, sizeof line, f) ? rules_of(line) : NULL;
    while (hgo_ours_python && scripts < SCRIPTS_MAX && fgets(line, sizeof line, f)) {
        bad += !check_line(path, line);
        scripts++;
    }
    bool good = hgo_ours_python && scripts && !bad;
    printf("%s %u - %s: %u of %u scripts give that CPython's stat lines%s\n", good ? "ok" : "not ok", number,
           path, scripts - bad, scripts, hgo_ours_python ? "" : ": the version is missing or has no rules");
    if (f)
        fclose(f);
    return good;
}

int main(int argc, char **argv)
{
    glob_t found = {0};
    unsigned bad = 0, number = 0;
    if (argc < 2 && glob("tests/conformance/golden/*.txt", 0, NULL, &found) != 0) {
        printf("not ok 1 - no golden files in tests/conformance/golden\n1..1\n");
        return 1;
    }
    for (size_t i = 0; i < found.gl_pathc; i++)
        bad += !check_file(found.gl_pathv[i], ++number);
    for (int i = 1; i < argc; i++)
        bad += !check_file(argv[i], ++number);
    printf("1..%u\n", number);
    globfree(&found);
    return bad > 0;
}
