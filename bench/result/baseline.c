/* baseline.c: see baseline.h. */
#include "baseline.h"

#include "config.h"

#include "alloc/base/words.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int baseline_parallel(struct baseline *b, const char *pair, const char *what, struct message *m)
{
    static const unsigned most[2] = {UINT_MAX, UINT_MAX};
    unsigned pairs[WORDS_MAX][2], count;
    char name[64];
    snprintf(name, sizeof name, "%s: parallel", what);
    int err = words_pairs(pair, name, most, pairs, &count, m);
    if (err || count != 1)
        return err ? err : message_set(m, -EINVAL, "%s: one parallel=THREADSxPROCESSES", what);
    b->threads = pairs[0][0];
    b->processes = pairs[0][1];
    return 0;
}

/* Braces in the form that cells have. How much too long it is; below 0: not. */
static int baseline_alloc(struct baseline *b, const char *word, int *err, struct message *m)
{
    static struct config config;
    const char *text = word;
    if (strpbrk(word, "{}")) {
        *err = config_parse(&config, word, m);
        text = config.text;
    }
    return *err ? -1 : snprintf(b->alloc, sizeof b->alloc, "%s", text) - (int)sizeof b->alloc;
}

static int baseline_word(struct baseline *b, const char *word, const char *what, struct message *m)
{
    size_t axis = strcspn(word, "=:({");
    int size, err = 0;
    if (strncmp(word, "parallel=", 9) == 0)
        return baseline_parallel(b, word + 9, what, m);
    if (strncmp(word, "rc=", 3) == 0)
        size = snprintf(b->rc, sizeof b->rc, "%s", word + 3) - (int)sizeof b->rc;
    else if (strncmp(word, "gc=", 3) == 0)
        size = snprintf(b->gc, sizeof b->gc, "%s", word + 3) - (int)sizeof b->gc;
    else if (strncmp(word, "python=", 7) == 0)
        size = snprintf(b->python, sizeof b->python, "%s", word + 7) - (int)sizeof b->python;
    else if (strncmp(word, "thp=", 4) == 0)
        size = snprintf(b->thp, sizeof b->thp, "%s", word + 4) - (int)sizeof b->thp;
    else if (strncmp(word, "alloc=", 6) == 0)
        size = baseline_alloc(b, word + 6, &err, m);
    else if (word[axis] == '=')
        return message_set(m, -EINVAL, "%s: no axis '%.*s' (alloc rc gc python thp parallel)", what,
                           (int)axis, word);
    else
        size = baseline_alloc(b, word, &err, m);
    if (err)
        return err;
    if (size >= 0)
        return message_set(m, -EINVAL, "%s: '%.60s...' is too long", what, word);
    if (word[axis] == '=' && word[axis + 1] == '\0')
        return message_set(m, -EINVAL, "%s: nothing follows '%s'", what, word);
    return 0;
}

static unsigned baseline_axes(const struct baseline *b)
{
    return !!b->alloc[0] + !!b->rc[0] + !!b->gc[0] + !!b->python[0] + !!b->thp[0] + !!b->threads;
}

/* Blanks part words, and a comma before another axis: "alloc=a:x=1,y=2,rc=gil" is two words. What stands in
 * braces is of the word. */
static size_t baseline_word_length(const char *word)
{
    static const char *const axes[] = {"alloc=", "rc=", "gc=", "python=", "thp=", "parallel="};
    struct words_place place = {0};
    size_t n = 0;
    for (; word[n]; n++) {
        if (words_step(&place, word[n]))
            continue;
        if (word[n] == ' ')
            return n;
        for (size_t i = 0; word[n] == ',' && i < sizeof axes / sizeof *axes; i++)
            if (strncmp(word + n + 1, axes[i], strlen(axes[i])) == 0)
                return n;
    }
    return n;
}

int baseline_parse(struct baseline *b, const char *text, const char *what, struct message *m)
{
    char words[2048];
    memset(b, 0, sizeof *b);
    if (snprintf(words, sizeof words, "%s", text) >= (int)sizeof words)
        return message_set(m, -EINVAL, "%s: too long", what);
    int err = 0;
    for (char *word = words; *word && !err;) {
        size_t n = baseline_word_length(word);
        bool last = word[n] == '\0';
        word[n] = '\0';
        unsigned axes = baseline_axes(b);
        if (n)
            err = baseline_word(b, word, what, m);
        if (n && !err && baseline_axes(b) == axes)
            err = message_set(m, -EINVAL,
                              "%s: '%.100s': that axis is named already: one configuration is meant", what,
                              word);
        word += n + !last;
    }
    return err;
}

bool baseline_names(const struct baseline *b)
{
    return baseline_axes(b) > 0;
}

enum baseline_match baseline_matches(const struct baseline *b, const struct baseline_axes *cell)
{
    size_t name = strcspn(cell->gc, ":");
    bool collector = strlen(b->gc) == name && memcmp(b->gc, cell->gc, name) == 0;
    bool alloc = !b->alloc[0] || strcmp(b->alloc, cell->alloc) == 0 || strcmp(b->alloc, cell->name) == 0;
    if (!alloc || (b->python[0] && strcmp(b->python, cell->python) != 0) ||
        (b->thp[0] && strcmp(b->thp, cell->thp) != 0) || (b->rc[0] && strcmp(b->rc, cell->rc) != 0) ||
        (b->threads && (b->threads != cell->threads || b->processes != cell->processes)))
        return BASELINE_OTHER;
    return !b->gc[0] || strcmp(b->gc, cell->gc) == 0 ? BASELINE_SAME
           : collector                               ? BASELINE_COLLECTOR
                                                     : BASELINE_OTHER;
}
