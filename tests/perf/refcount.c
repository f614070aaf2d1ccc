/* refcount.c: the price of each refcount policy beside the others: runs policy/refcount of every policy in turn, round
 * after round, and tells the median of each figure in ns, and the median of its ratio to gil's of the same round.
 * The goal: owner under biased at most 1.6 times gil. Bytes are told once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 9, POLICIES_MAX = 16, FIGURES = 4 };

static const char *const figures[FIGURES] = {"owner", "other", "contended", "tuple"};

/* The policies: gil first, which the others are beside. */
static const struct {
    const char *program, *name;
} policies[] = {
    {"gil", "gil"},       {"gil312", "gil:3.12"}, {"gil314", "gil:3.14"}, {"objlock", "objlock"},
    {"atomic", "atomic"}, {"biased", "biased"},   {"tracing", "tracing"}, {NULL, NULL},
};

static double value[FIGURES][POLICIES_MAX][ROUNDS];

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values)
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, by_value);
    return sorted[ROUNDS / 2];
}

/* Runs one policy's program; its lines go to line(). */
static int run(const char *folder, const char *policy, const char *words,
               void (*line)(void *arg, const char *text), void *arg)
{
    char command[4096], text[256];
    snprintf(command, sizeof command, "'%s/policy/refcount-%s' %s", folder, policy, words);
    FILE *f = popen(command, "r");
    if (!f)
        return -1;
    while (fgets(text, sizeof text, f))
        line(arg, text);
    return pclose(f);
}

struct place {
    int policy, round;
};

static void note(void *arg, const char *text)
{
    struct place *p = arg;
    for (int f = 0; f < FIGURES; f++) {
        size_t n = strlen(figures[f]);
        if (strncmp(text, figures[f], n) == 0 && text[n] == ' ')
            value[f][p->policy][p->round] = strtod(text + n + 1, NULL);
    }
}

static void tell(void *arg, const char *text)
{
    printf("  %-8s %s", (const char *)arg, text);
}

int main(void)
{
    char folder[2048];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0)
        return 1;
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';
    for (int round = 0; round < ROUNDS; round++) {
        for (int p = 0; policies[p].program; p++) {
            struct place place = {p, round};
            if (run(folder, policies[p].program, "owner other contended tuple", note, &place) != 0) {
                fprintf(stderr, "refcount: the program of %s failed\n", policies[p].name);
                return 1;
            }
        }
    }
    printf("%-10s", "ns (x gil)");
    for (int f = 0; f < FIGURES; f++)
        printf(" %18s", figures[f]);
    printf("\n");
    for (int p = 0; policies[p].program; p++) {
        printf("%-10s", policies[p].name);
        for (int f = 0; f < FIGURES; f++) {
            double ratio[ROUNDS];
            for (int round = 0; round < ROUNDS; round++)
                ratio[round] = value[f][p][round] / value[f][0][round];
            if (value[f][p][0] > 0)
                printf(" %9.2f (%6.2f)", median(value[f][p]), median(ratio));
            else
                printf(" %18s", "-");
        }
        printf("\n");
    }
    printf("bytes, with what an object owns and the collector's head:\n");
    for (int p = 0; policies[p].program; p++)
        run(folder, policies[p].program, "bytes", tell, (void *)policies[p].name);
    return 0;
}
