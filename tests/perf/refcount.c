// links: bench/stat/stats.c
/* refcount.c: the price of each refcount policy beside the others: runs policy/refcount of every policy in
 * turn, round after round, and tells each figure in ns, its ratio to gil's of the same round, both with exact
 * 95 % intervals, and bytes an object. The goal: owner under biased at most 1.6 times gil. */
#include "interval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 11, POLICIES_MAX = 16, FIGURES = 4, KINDS_MAX = 12 };

static const char *const figures[FIGURES] = {"owner", "other", "contended", "tuple"};

/* The policies: gil first, which the others are beside. */
static const struct {
    const char *program, *name;
} policies[] = {
    {"gil", "gil"},       {"gil312", "gil:3.12"}, {"gil314", "gil:3.14"}, {"objlock", "objlock"},
    {"atomic", "atomic"}, {"biased", "biased"},   {"tracing", "tracing"}, {NULL, NULL},
};

static double value[FIGURES][POLICIES_MAX][ROUNDS];

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

/* The table of bytes: a column a kind, as the programs name them. */
static char kind[KINDS_MAX][16];
static unsigned kinds;
static unsigned long kind_bytes[POLICIES_MAX][KINDS_MAX];

static void note_bytes(void *arg, const char *text)
{
    char name[16];
    unsigned long n;
    unsigned k = 0;
    if (sscanf(text, "bytes.%15s %lu", name, &n) != 2)
        return;
    while (k < kinds && strcmp(kind[k], name) != 0)
        k++;
    if (k == KINDS_MAX)
        return;
    if (k == kinds)
        strcpy(kind[kinds++], name);
    kind_bytes[*(int *)arg][k] = n;
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
    for (unsigned ratio = 0; ratio < 2; ratio++) {
        printf("%-10s", ratio ? "x gil" : "ns");
        for (int f = 0; f < FIGURES; f++)
            printf(" %21s", figures[f]);
        printf("\n");
        for (int p = 0; policies[p].program; p++) {
            printf("%-10s", policies[p].name);
            for (int f = 0; f < FIGURES; f++) {
                if (value[f][p][0] > 0)
                    printf(" %21s", ratio ? interval_ratio(value[f][p], value[f][0], ROUNDS, 2).text
                                          : interval_tell(value[f][p], ROUNDS, 2).text);
                else
                    printf(" %21s", "-");
            }
            printf("\n");
        }
    }
    for (int p = 0; policies[p].program; p++)
        if (run(folder, policies[p].program, "bytes", note_bytes, &p) != 0)
            return 1;
    printf("bytes, with what an object owns and the collector's head\n%-10s", "");
    for (unsigned k = 0; k < kinds; k++)
        printf(" %9s", kind[k]);
    printf("\n");
    for (int p = 0; policies[p].program; p++) {
        printf("%-10s", policies[p].name);
        for (unsigned k = 0; k < kinds; k++)
            printf(" %9lu", kind_bytes[p][k]);
        printf("\n");
    }
    return 0;
}
