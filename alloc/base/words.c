/* words.c: see words.h. */
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool words_step(struct words_place *p, char c)
{
    if (!p->braces) {
        p->braces = c == '{';
        p->parentheses += (c == '(') - (c == ')');
        return p->braces;
    }
    if (p->escaped)
        p->escaped = false;
    else if (p->quoted && c == '\\')
        p->escaped = true;
    else if (c == '"')
        p->quoted = !p->quoted;
    else if (c == '}' && !p->quoted)
        p->braces = false;
    return true;
}

int words_cut(const char *text, char *buf, size_t buf_size, const char **parts, unsigned max,
              struct message *m)
{
    if (strlen(text) >= buf_size)
        return message_set(m, -EINVAL, "the list is longer than %zu characters", buf_size - 1);
    strcpy(buf, text);
    unsigned count = 0;
    struct words_place place = {0};
    char *start = buf;
    for (char *at = buf;; at++) {
        bool inside = words_step(&place, *at) || place.parentheses != 0;
        if (*at != '\0' && (*at != ',' || inside))
            continue;
        bool end = *at == '\0';
        *at = '\0';
        /* "layout=3.9": a parameter of the part before, which the comma cut off. */
        size_t word = strcspn(start, ":(={");
        if (count && start[word] == '=') {
            start[-1] = ',';
        } else {
            if (count == max)
                return message_set(m, -EINVAL, "more than %u in one list", max);
            if (!*start)
                return message_set(m, -EINVAL, "the list '%s' has an empty place", text);
            parts[count++] = start;
        }
        if (end)
            return (int)count;
        start = at + 1;
    }
}

int words_split(struct words *w, const char *text, const char *option, struct message *m)
{
    char plain[sizeof w->text];
    struct words_place place = {0};
    size_t n = 0;
    for (const char *at = text; *at; at++)
        if ((words_step(&place, *at) || !isspace((unsigned char)*at)) && n + 1 < sizeof plain)
            plain[n++] = *at;
    plain[n] = '\0';
    if (!n) {
        w->count = 1;
        w->word[0] = "";
        return 0;
    }
    int count = words_cut(plain, w->text, sizeof w->text, w->word, WORDS_MAX, m);
    if (count < 0) {
        char why[sizeof m->text];
        snprintf(why, sizeof why, "%s", m->text);
        return message_set(m, count, "%s: %.900s", option, why);
    }
    w->count = (unsigned)count;
    return 0;
}

int words_numbers(const char *text, const char *option, unsigned max, unsigned *out, unsigned *count,
                  struct message *m)
{
    *count = 0;
    for (const char *at = text;;) {
        char *end;
        errno = 0;
        while (*at == ' ')
            at++;
        unsigned long long n = strtoull(at, &end, 10);
        while (end != at && *end == ' ')
            end++;
        if (!isdigit((unsigned char)*at) || (*end && *end != ',') || n < 1 || n > max || errno)
            return message_set(m, -EINVAL,
                               "%s: '%.100s' is not a number from 1 to %u or a list of such (1,2,4)", option,
                               text, max);
        if (*count == WORDS_MAX)
            return message_set(m, -EINVAL, "%s: more than %d numbers", option, WORDS_MAX);
        out[(*count)++] = (unsigned)n;
        if (!*end)
            return 0;
        at = end + 1;
    }
}

int words_pairs(const char *text, const char *option, const unsigned max[2], unsigned (*out)[2],
                unsigned *count, struct message *m)
{
    *count = 0;
    for (const char *at = text;; at++) {
        unsigned a, b;
        int used = 0;
        bool whole = sscanf(at, " %4ux%4u %n", &a, &b, &used) == 2 && used && (at[used] == ',' || !at[used]);
        if (!whole || memchr(at, '-', (size_t)used) || memchr(at, '+', (size_t)used) || a < 1 || a > max[0] ||
            b < 1 || b > max[1])
            return message_set(m, -EINVAL,
                               "%s: '%.100s' is not THREADSxPROCESSES, from 1x1 to %ux%u, or a list of such "
                               "(1x1,2x1,1x2)",
                               option, text, max[0], max[1]);
        if (*count == WORDS_MAX)
            return message_set(m, -EINVAL, "%s: more than %d pairs", option, WORDS_MAX);
        out[*count][0] = a;
        out[(*count)++][1] = b;
        at += used;
        if (!*at)
            return 0;
    }
}
