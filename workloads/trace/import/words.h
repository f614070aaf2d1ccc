/* words.h: words and numbers of a line that does not end with a NUL. Each takes what it finds from the line's
 * beginning and moves at behind it; nothing is moved when it is not there. */
#ifndef HG_WORKLOADS_TRACE_IMPORT_WORDS_H
#define HG_WORKLOADS_TRACE_IMPORT_WORDS_H

#include "source.h"

#include <string.h>

static inline size_t line_bytes(const struct line *l)
{
    return (size_t)(l->end - l->at);
}

static inline void skip_blanks(struct line *l)
{
    while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
        l->at++;
}

static inline bool take_char(struct line *l, char c)
{
    bool is = l->at < l->end && *l->at == c;
    l->at += is;
    return is;
}

static inline bool begins_with(const struct line *l, const char *text)
{
    size_t n = strlen(text);
    return line_bytes(l) >= n && memcmp(l->at, text, n) == 0;
}

static inline bool take_text(struct line *l, const char *text)
{
    bool is = begins_with(l, text);
    l->at += is ? strlen(text) : 0;
    return is;
}

static inline bool word_is(const struct line *word, const char *text)
{
    return line_bytes(word) == strlen(text) && begins_with(word, text);
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool take_decimal(struct line *l, uint64_t *out)
{
    const char *p = l->at;
    uint64_t n = 0;
    for (; p < l->end && is_digit(*p); p++)
        if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
            __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
            return false;
    if (p == l->at)
        return false;
    l->at = p;
    *out = n;
    return true;
}

static inline int hex_digit(char c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Without 0x. */
static inline bool take_hex(struct line *l, uint64_t *out)
{
    const char *p = l->at;
    uint64_t n = 0;
    int d;
    for (; p < l->end && (d = hex_digit(*p)) >= 0; p++) {
        if (n >> 60)
            return false;
        n = n << 4 | (uint64_t)d;
    }
    if (p == l->at)
        return false;
    l->at = p;
    *out = n;
    return true;
}

/* As %p, %#lx and ltrace write them: 0x1f, 31, nil, (nil). */
static inline bool take_number(struct line *l, uint64_t *out)
{
    struct line rest = *l;
    if (take_text(&rest, "0x")) {
        if (!take_hex(&rest, out))
            return false;
    } else if (take_text(&rest, "(nil)") || take_text(&rest, "nil")) {
        *out = 0;
    } else if (!take_decimal(&rest, out)) {
        return false;
    }
    l->at = rest.at;
    return true;
}

/* Up to the next blank; empty at the end. */
static inline struct line take_word(struct line *l)
{
    skip_blanks(l);
    struct line word = {l->at, l->at};
    while (word.end < l->end && *word.end != ' ' && *word.end != '\t')
        word.end++;
    l->at = word.end;
    return word;
}

/* A word that is a number as a whole. */
static inline bool take_number_word(struct line *l, uint64_t *out)
{
    struct line rest = *l, word = take_word(&rest);
    if (!take_number(&word, out) || word.at != word.end)
        return false;
    l->at = rest.at;
    return true;
}

#endif
