/* param.c: see param.h. */
#include "param.h"
#include "compiler.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *param_type_name(enum param_type type)
{
    static const char *const names[] = {"count", "bytes",  "range", "duration",
                                        "real",  "choice", "flag",  "text"};
    return names[type];
}

/* A number and what follows it; false when there is none. strtod would take "inf", "nan" and hex: those are
 * refused. */
static bool param_real_prefix(const char *text, double *out, const char **rest)
{
    if (!isdigit((unsigned char)*text) && *text != '.')
        return false;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return false;
    char *end;
    *out = strtod(text, &end);
    *rest = end;
    return end != text && isfinite(*out);
}

int param_number(const char *text, unsigned thousand, uint64_t *out)
{
    /* Whole numbers are read exactly; a double would round those above 2^53. */
    char *end;
    const char *rest;
    double real = 0;
    if (!isdigit((unsigned char)*text) && *text != '.')
        return -EINVAL;
    errno = 0;
    uint64_t integer = strtoull(text, &end, 10);
    bool exact = end != text && *end != '.' && *end != 'e' && *end != 'E' && errno == 0;
    if (exact)
        rest = end;
    else if (!param_real_prefix(text, &real, &rest))
        return -EINVAL;
    double factor = 1;
    switch (*rest) {
    case 'k':
    case 'K':
        factor = thousand;
        rest++;
        break;
    case 'm':
    case 'M':
        factor = (double)thousand * thousand;
        rest++;
        break;
    case 'g':
    case 'G':
        factor = (double)thousand * thousand * thousand;
        rest++;
        break;
    default:
        break;
    }
    if (thousand == 1024 && factor > 1 && *rest == 'i')
        rest++;
    if (thousand == 1024 && *rest == 'B')
        rest++;
    if (*rest)
        return -EINVAL;
    if (exact)
        return __builtin_mul_overflow(integer, (uint64_t)factor, out) ? -EINVAL : 0;
    real *= factor;
    if (real > 9e18 || real != floor(real))
        return -EINVAL;
    *out = (uint64_t)real;
    return 0;
}

int param_duration(const char *text, uint64_t *ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    double value;
    const char *rest;
    if (!param_real_prefix(text, &value, &rest))
        return -EINVAL;
    for (size_t i = 0; i < array_length(units); i++)
        if (strcmp(rest, units[i].unit) == 0 && value * units[i].ns < 9e18) {
            *ns = (uint64_t)(value * units[i].ns + 0.5);
            return 0;
        }
    if (!*rest && value == 0) {
        *ns = 0;
        return 0;
    }
    return -EINVAL;
}

/* Levenshtein distance, letters compared without case; words over 63 letters are far from everything. */
static unsigned param_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned row[64];
    if (n > 63 || m > 63)
        return 1000;
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned up = row[j];
            unsigned best = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            best = up + 1 < best ? up + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = up;
        }
    }
    return row[m];
}

const char *param_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned distance = (unsigned)strlen(word) / 2 + 2;
    for (size_t i = 0; i < count; i++) {
        unsigned d = param_distance(word, names[i]);
        if (d < distance) {
            distance = d;
            best = names[i];
        }
    }
    return best;
}

/* Splits "a<sep>b" at the last sep that has text on both sides. */
static bool param_split(const char *text, char sep, char *a, char *b, size_t size)
{
    const char *at = strrchr(text, sep);
    if (!at || at == text || !at[1] || (size_t)(at - text) >= size || strlen(at + 1) >= size)
        return false;
    memcpy(a, text, (size_t)(at - text));
    a[at - text] = '\0';
    strcpy(b, at + 1);
    return true;
}

static bool param_choice(const char *choices, const char *value, uint64_t *index)
{
    size_t n = strlen(value);
    *index = 0;
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL, ++*index)
        if (strncmp(at, value, n) == 0 && (at[n] == '|' || at[n] == '\0') && n > 0)
            return true;
    return false;
}

static bool param_in_range(const struct param *row, uint64_t value, unsigned thousand)
{
    char lo[64], hi[64];
    uint64_t min, max;
    if (!param_split(row->range, '-', lo, hi, sizeof lo))
        return true;
    if (row->type == PARAM_NS)
        return param_duration(lo, &min) == 0 && param_duration(hi, &max) == 0 && value >= min && value <= max;
    return param_number(lo, thousand, &min) == 0 && param_number(hi, thousand, &max) == 0 && value >= min &&
           value <= max;
}

/* The field's value from text; false when it does not parse or is out of range. */
static bool param_assign(const struct param *row, const char *value, void *field)
{
    char a[64], b[64];
    const char *rest;
    uint64_t n = 0;
    double real;
    switch (row->type) {
    case PARAM_COUNT:
    case PARAM_BYTES: {
        unsigned thousand = row->type == PARAM_COUNT ? 1000 : 1024;
        if (param_number(value, thousand, &n) != 0 || !param_in_range(row, n, thousand))
            return false;
        break;
    }
    case PARAM_NS:
        if (param_duration(value, &n) != 0 || !param_in_range(row, n, 1))
            return false;
        break;
    case PARAM_FLAG:
        if (!param_choice("0|1", value, &n))
            return false;
        break;
    case PARAM_CHOICE:
        if (!param_choice(row->range, value, &n))
            return false;
        break;
    case PARAM_RANGE: {
        struct param_range *range = field;
        struct param_range parsed;
        if (param_split(value, '-', a, b, sizeof a)) {
            if (param_number(a, 1024, &parsed.lo) != 0 || param_number(b, 1024, &parsed.hi) != 0)
                return false;
        } else {
            if (param_number(value, 1024, &parsed.lo) != 0)
                return false;
            parsed.hi = parsed.lo;
        }
        if (parsed.lo > parsed.hi || !param_in_range(row, parsed.lo, 1024) ||
            !param_in_range(row, parsed.hi, 1024))
            return false;
        *range = parsed;
        return true;
    }
    case PARAM_REAL: {
        if (!param_real_prefix(value, &real, &rest) || *rest)
            return false;
        if (param_split(row->range, '-', a, b, sizeof a) &&
            (real < strtod(a, NULL) || real > strtod(b, NULL)))
            return false;
        *(double *)field = real;
        return true;
    }
    case PARAM_TEXT:
        if (strlen(value) >= row->size)
            return false;
        memset(field, 0, row->size);
        strcpy(field, value);
        return true;
    }
    *(uint64_t *)field = n;
    return true;
}

static size_t param_count(const struct param *table)
{
    size_t n = 0;
    while (table[n].name)
        n++;
    return n;
}

void param_defaults(const struct param *table, void *out)
{
    for (const struct param *row = table; row->name; row++)
        if (!param_assign(row, row->fallback, (char *)out + row->offset)) {
            fprintf(stderr, "heapgauge: the default of parameter %s is not valid: %s\n", row->name,
                    row->fallback);
            abort();
        }
}

int param_set(const struct param *table, void *out, const char *owner, const char *name, const char *value,
              struct message *m)
{
    const char *names[64];
    size_t count = param_count(table);
    for (const struct param *row = table; row->name; row++) {
        if (strcmp(row->name, name) != 0)
            continue;
        if (param_assign(row, value, (char *)out + row->offset))
            return 0;
        return message_set(m, -EINVAL, "%s: '%s' is not a valid %s for '%s'%s%s (default %s)", owner, value,
                           param_type_name(row->type), name, row->range[0] ? ": it takes " : "",
                           row->type == PARAM_FLAG ? ": it takes 0 or 1" : row->range,
                           row->fallback[0] ? row->fallback : "empty");
    }
    if (count == 0)
        return message_set(m, -EINVAL, "%s has no parameter '%s': it takes none", owner, name);
    for (size_t i = 0; i < count && i < 64; i++)
        names[i] = table[i].name;
    const char *near = param_nearest(name, names, count < 64 ? count : 64);
    char all[512] = "";
    for (size_t i = 0; i < count && strlen(all) + strlen(table[i].name) + 2 < sizeof all; i++)
        strcat(strcat(all, i ? " " : ""), table[i].name);
    return message_set(m, -EINVAL, "%s has no parameter '%s'%s%s%s (it takes: %s)", owner, name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", all);
}

int param_parse(const struct param *table, void *out, const char *owner, const char *text, struct message *m)
{
    param_defaults(table, out);
    char word[sizeof(param_c_TEXT) + 64];
    for (const char *at = text ? text : ""; *at;) {
        size_t n = strcspn(at, ",");
        if (n >= sizeof word)
            return message_set(m, -EINVAL, "%s: a parameter is longer than %zu characters", owner,
                               sizeof word - 1);
        memcpy(word, at, n);
        word[n] = '\0';
        char *equals = strchr(word, '=');
        if (!equals || equals == word)
            return message_set(m, -EINVAL, "%s: '%s' is not a parameter: write name=value", owner, word);
        *equals = '\0';
        int err = param_set(table, out, owner, word, equals + 1, m);
        if (err)
            return err;
        at += n;
        if (*at == ',') {
            at++;
            if (!*at)
                return message_set(m, -EINVAL, "%s: nothing follows the last comma", owner);
        }
    }
    return 0;
}

int param_print(const struct param *row, const void *values, char *buf, size_t size)
{
    const void *field = (const char *)values + row->offset;
    uint64_t n = 0;
    if (row->type != PARAM_TEXT && row->type != PARAM_REAL)
        n = *(const uint64_t *)field;
    switch (row->type) {
    case PARAM_CHOICE: {
        const char *at = row->range;
        for (uint64_t i = 0; i < n && at; i++)
            at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL;
        return snprintf(buf, size, "%.*s", at ? (int)strcspn(at, "|") : 0, at ? at : "");
    }
    case PARAM_RANGE: {
        const struct param_range *range = field;
        return snprintf(buf, size, "%llu-%llu", (unsigned long long)range->lo, (unsigned long long)range->hi);
    }
    case PARAM_REAL:
        return snprintf(buf, size, "%.17g", *(const double *)field);
    case PARAM_TEXT:
        return snprintf(buf, size, "%s", (const char *)field);
    case PARAM_NS:
        return snprintf(buf, size, "%lluns", (unsigned long long)n);
    case PARAM_COUNT:
    case PARAM_BYTES:
    case PARAM_FLAG:
        break;
    }
    return snprintf(buf, size, "%llu", (unsigned long long)n);
}
