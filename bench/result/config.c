/* config.c: see config.h. */
#include "config.h"

#include "alloc/base/param.h"
#include "alloc/base/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What glibc, jemalloc (under its prefixes), mimalloc, the tcmallocs and others read; a row that ends in '_'
 * is the beginning of many. mimalloc takes its own in lower case, too. */
static const char *const known[] = {
    "MALLOC_",     "GLIBC_TUNABLES", "MIMALLOC_", "mimalloc_",  "TCMALLOC_",     "_RJEM_",    "JE_",
    "JEMALLOC_",   "HEAPPROFILE",    "HEAPCHECK", "HEAP_",      "SCUDO_OPTIONS", "RPMALLOC_", "SNMALLOC_",
    "TBB_MALLOC_", "HUGETLB_",       "HOARD_",    "LD_PRELOAD", "LD_AUDIT",
};

bool config_is_known(const char *variable)
{
    size_t name = strcspn(variable, "=");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);
        if (name >= n && memcmp(variable, known[i], n) == 0 && (name == n || known[i][n - 1] == '_'))
            return true;
    }
    return false;
}

const char *config_variable(const struct config *c, unsigned i)
{
    return c->store + c->at[i];
}

int config_set_environment(const struct config *c)
{
    char name[80];
    int bad = 0;
    for (unsigned i = 0; i < c->variables; i++) {
        const char *variable = config_variable(c, i), *value = strchr(variable, '=') + 1;
        snprintf(name, sizeof name, "%.*s", (int)(value - variable - 1), variable);
        bad |= setenv(name, value, 1);
    }
    return bad ? -ENOMEM : 0;
}

bool config_has_spec(const char *text, const char *spec)
{
    size_t n = strlen(spec);
    return strncmp(text, spec, n) == 0 && (text[n] == '\0' || text[n] == '{');
}

bool config_is_plain(const char *text, const char *spec)
{
    size_t n = strlen(spec);
    return config_has_spec(text, spec) && (!text[n] || strncmp(text + n, "{as=", 4) == 0);
}

/* --- words ---------------------------------------------------------------------------------------------- */

struct config_word {
    char name[80], value[CONFIG_VALUE_MAX + 1];
    size_t name_length, value_length;
    bool quoted;
};

static const char *config_skip(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

static int config_long(const char *name, struct message *m)
{
    return message_set(m, -EINVAL, "the value of %s is longer than %d characters", name, CONFIG_VALUE_MAX);
}

/* A value in quotes; at stands behind the first of them, and is left behind the last. */
static int config_quoted(struct config_word *w, const char **at, struct message *m)
{
    const char *p = *at;
    for (; *p && *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        if (w->value_length == CONFIG_VALUE_MAX)
            return config_long(w->name, m);
        w->value[w->value_length++] = *p;
    }
    *at = p + 1;
    return 0;
}

static int config_unquoted(struct config_word *w, const char **at, struct message *m)
{
    const char *p = *at;
    for (; *p && *p != ',' && *p != '}'; p++) {
        if (strchr("\"{", *p))
            return message_set(
                m, -EINVAL,
                "the value of %s holds a %s: put it in double quotes, %s=\"...\" (in them, \\\" is "
                "a quote)",
                w->name, *p == '{' ? "brace" : "quote", w->name);
        if (w->value_length == CONFIG_VALUE_MAX)
            return config_long(w->name, m);
        w->value[w->value_length++] = *p;
    }
    while (w->value_length && isspace((unsigned char)w->value[w->value_length - 1]))
        w->value_length--;
    w->value[w->value_length] = '\0';
    *at = p;
    return 0;
}

/* A word that is no NAME=VALUE; before: the word in front of it, whose comma may have cut it off. */
static int config_no_value(const char *word, size_t length, const struct config_word *before,
                           struct message *m)
{
    if (length > 60)
        length = 60;
    if (before && before->name_length)
        return message_set(m, -EINVAL,
                           "'%.*s' in the braces has no '=': if it belongs to the value of %s, put that in "
                           "double quotes: %s=\"%.200s,%.*s\"",
                           (int)length, word, before->name, before->name, before->value, (int)length, word);
    return message_set(m, -EINVAL, "'%.*s' in the braces has no '=': write NAME=VALUE, for example as=NAME",
                       (int)length, word);
}

/* One word; at is left behind it. w: before, the word in front of it. */
static int config_word(struct config_word *w, const char **at, const char *whole, struct message *m)
{
    struct config_word before = *w;
    const char *p = *at;
    size_t length = strcspn(p, "=,}");
    memset(w, 0, sizeof *w);
    while (length && isspace((unsigned char)p[length - 1]))
        length--;
    const char *equals = config_skip(p + length);
    if (*equals != '=')
        return length ? config_no_value(p, length, &before, m)
                      : message_set(m, -EINVAL, "'%.100s': an empty place in the braces", whole);
    if (!length)
        return message_set(m, -EINVAL, "'%.100s': a name is missing before '='", whole);
    if (length >= sizeof w->name)
        return message_set(m, -EINVAL, "'%.40s...' in the braces: the name is longer than %zu characters", p,
                           sizeof w->name - 1);
    memcpy(w->name, p, length);
    w->name_length = length;
    p = config_skip(equals + 1);
    int err;
    if (*p == '"') {
        p++;
        w->quoted = true;
        err = config_quoted(w, &p, m);
        p = config_skip(p);
        if (!err && *p && *p != ',' && *p != '}')
            return message_set(m, -EINVAL, "'%.40s' follows the quotes of %s: a comma or the brace is to", p,
                               w->name);
    } else {
        err = config_unquoted(w, &p, m);
    }
    for (size_t i = 0; !err && i < w->value_length; i++)
        if ((unsigned char)w->value[i] < ' ' || w->value[i] == 0x7f)
            err = message_set(m, -EINVAL, "the value of %s holds a control character (a newline, a tab)",
                              w->name);
    *at = p;
    return err;
}

/* --- what words mean ------------------------------------------------------------------------------------ */

static int config_set_name(struct config *c, const struct config_word *w, struct message *m)
{
    bool good =
        w->value_length > 0 && w->value_length <= CONFIG_NAME_MAX && isalnum((unsigned char)w->value[0]);
    for (size_t i = 0; good && i < w->value_length; i++)
        good = isalnum((unsigned char)w->value[i]) || strchr("._+-", w->value[i]);
    if (c->named)
        return message_set(m, -EINVAL, "%s=%.40s: the configuration is called %s already", w->name, w->value,
                           c->name);
    if (!w->value_length)
        return message_set(m, -EINVAL, "nothing follows %s=: it takes a name for tables", w->name);
    if (!good)
        return message_set(
            m, -EINVAL,
            "%s=%.40s is no name: it takes 1 to %d letters, digits, '.', '_', '+' and '-', the "
            "first a letter or a digit",
            w->name, w->value, CONFIG_NAME_MAX);
    snprintf(c->name, sizeof c->name, "%s", w->value);
    c->named = true;
    return 0;
}

/* Variables are told from words that mean something here by their capitals, mimalloc's own apart. */
static int config_check_variable(const char *name, struct message *m)
{
    static const char *const words[] = {"as", "name"};
    bool capital = false, valid = !isdigit((unsigned char)name[0]);
    for (const char *p = name; *p; p++) {
        valid = valid && (isalnum((unsigned char)*p) || *p == '_');
        capital = capital || isupper((unsigned char)*p);
    }
    if (strcmp(name, "thp") == 0)
        return message_set(
            m, -EINVAL, "huge pages are an axis of their own: --thp (thp = in a suite), not thp= in braces");
    if (!valid)
        return message_set(m, -EINVAL,
                           "'%s' in the braces is no variable's name: letters, digits and '_' are, as in "
                           "MALLOC_CONF=...",
                           name);
    if (strcmp(name, "LD_PRELOAD") == 0)
        return message_set(
            m, -EINVAL,
            "LD_PRELOAD cannot stand in braces: it is how a library gets before the worker. Write "
            "preload:PATH for the library");
    if (strncmp(name, "HEAPGAUGE_", 10) == 0)
        return message_set(
            m, -EINVAL,
            "%s cannot stand in braces: variables HEAPGAUGE_... are between heapgauge and its own "
            "processes",
            name);
    if (!capital && !config_is_known(name)) {
        const char *near = param_nearest(name, words, 2);
        return message_set(
            m, -EINVAL,
            "no word '%s' in braces%s%s%s: they take as=NAME and variables of the environment, "
            "in capitals (MALLOC_CONF=...)",
            name, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
    }
    return 0;
}

/* Into its place by name. */
static int config_add_variable(struct config *c, const struct config_word *w, size_t *used, struct message *m)
{
    int err = config_check_variable(w->name, m);
    if (err)
        return err;
    if (!w->quoted && strchr(w->value, ' '))
        return message_set(m, -EINVAL, "the value of %s holds a blank: put it in double quotes, %s=\"%s\"",
                           w->name, w->name, w->value);
    if (c->variables == CONFIG_VARIABLES_MAX)
        return message_set(m, -EINVAL, "more than %d variables in one pair of braces", CONFIG_VARIABLES_MAX);
    size_t size = w->name_length + w->value_length + 2;
    if (*used + size > sizeof c->store)
        return message_set(m, -EINVAL, "the variables in the braces are longer than %zu characters",
                           sizeof c->store);
    unsigned place = 0;
    for (; place < c->variables; place++) {
        const char *other = config_variable(c, place);
        size_t n = strcspn(other, "=");
        size_t least = n < w->name_length ? n : w->name_length;
        int order = memcmp(other, w->name, least);
        if (order == 0 && n == w->name_length)
            return message_set(m, -EINVAL, "%s stands twice in the braces", w->name);
        if (order > 0 || (order == 0 && n > w->name_length))
            break;
    }
    memmove(c->at + place + 1, c->at + place, (c->variables - place) * sizeof *c->at);
    c->at[place] = (uint16_t)*used;
    c->variables++;
    snprintf(c->store + *used, size, "%s=%s", w->name, w->value);
    *used += size;
    return 0;
}

/* Looked at first: what comes of an end that is missing would be reported in its place. */
static int config_closed(const char *at, const char *whole, struct message *m)
{
    struct words_place place = {0};
    for (; *at && (words_step(&place, *at) || place.braces); at++)
        ;
    if (place.quoted)
        return message_set(m, -EINVAL, "'%.100s': the quotes are not closed: end the value with \"", whole);
    return place.braces ? message_set(m, -EINVAL, "'%.100s': the brace is not closed: end it with }", whole)
                        : 0;
}

/* What stands in the braces; at stands behind the first of them, and is left behind the last. */
static int config_braces(struct config *c, const char **at, const char *whole, struct message *m)
{
    struct config_word word = {0};
    size_t used = 0;
    const char *p = *at;
    for (;; p++) {
        p = config_skip(p);
        if (*p == '}' && !word.name_length)
            return message_set(m, -EINVAL,
                               "'%.100s': nothing stands in the braces: write NAME=VALUE, for example "
                               "as=NAME",
                               whole);
        int err = config_word(&word, &p, whole, m);
        if (err)
            return err;
        bool name = strcmp(word.name, "as") == 0 || strcmp(word.name, "name") == 0;
        err = name ? config_set_name(c, &word, m) : config_add_variable(c, &word, &used, m);
        if (err)
            return err;
        if (*p == '}')
            break;
    }
    *at = p + 1;
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static bool config_needs_quotes(const char *value)
{
    return strpbrk(value, ",{}\" \\") != NULL;
}

static size_t config_put(char *out, size_t size, size_t n, const char *text)
{
    int more = snprintf(out + (n < size ? n : size - 1), n < size ? size - n : 1, "%s", text);
    return n + (size_t)more;
}

static size_t config_put_quoted(char *out, size_t size, size_t n, const char *value)
{
    n = config_put(out, size, n, "\"");
    for (const char *p = value; *p; p++) {
        char one[] = {'\\', *p, '\0'};
        n = config_put(out, size, n, *p == '"' || *p == '\\' ? one : one + 1);
    }
    return config_put(out, size, n, "\"");
}

/* c->text. Whether there was room. */
static bool config_write(struct config *c)
{
    size_t size = sizeof c->text, n = config_put(c->text, size, 0, c->spec);
    const char *separator = "{";
    for (unsigned i = 0; i < c->variables; i++, separator = ",") {
        char name[80];
        const char *variable = config_variable(c, i), *value = strchr(variable, '=') + 1;
        snprintf(name, sizeof name, "%s%.*s", separator, (int)(value - variable), variable);
        n = config_put(c->text, size, n, name);
        n = config_needs_quotes(value) ? config_put_quoted(c->text, size, n, value)
                                       : config_put(c->text, size, n, value);
    }
    if (c->named) {
        n = config_put(c->text, size, config_put(c->text, size, n, separator), "as=");
        n = config_put(c->text, size, n, c->name);
        separator = ",";
    }
    if (*separator == ',')
        n = config_put(c->text, size, n, "}");
    return n < size;
}

#define CONFIG_SHORT 40 /* of the values in a name that was not given; then comes a digest of all of it */

/* "preload:jemalloc{dirty_decay_ms:0}": of variables that hold settings themselves the settings. */
static void config_make_name(struct config *c)
{
    static const char *const holders[] = {"MALLOC_CONF=", "_RJEM_MALLOC_CONF=", "GLIBC_TUNABLES="};
    char all[CONFIG_TEXT_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < c->variables; i++) {
        const char *shown = config_variable(c, i);
        for (size_t h = 0; h < sizeof holders / sizeof *holders; h++)
            if (strncmp(shown, holders[h], strlen(holders[h])) == 0 && shown[strlen(holders[h])])
                shown += strlen(holders[h]);
        if (strncmp(shown, "glibc.malloc.", 13) == 0)
            shown += 13;
        n = config_put(all, sizeof all, config_put(all, sizeof all, n, i ? "," : ""), shown);
    }
    uint32_t digest = 2166136261u; /* FNV-1a */
    for (const char *p = c->text; *p; p++)
        digest = (digest ^ (unsigned char)*p) * 16777619u;
    if (!c->variables)
        snprintf(c->name, sizeof c->name, "%s", c->spec);
    else if (n <= CONFIG_SHORT + 5)
        snprintf(c->name, sizeof c->name, "%s{%.*s}", c->spec, CONFIG_SHORT + 5, all);
    else
        snprintf(c->name, sizeof c->name, "%s{%.*s~%04x}", c->spec, CONFIG_SHORT, all,
                 (digest ^ digest >> 16) & 0xffff);
}

void config_number(struct config *c, unsigned n)
{
    char name[CONFIG_NAME_MAX + 1], number[16];
    const char *from = c->spec, *slash = strrchr(from, '/'), *colon = strrchr(from, ':');
    from = slash ? slash + 1 : colon ? colon + 1 : from;
    size_t digits = (size_t)snprintf(number, sizeof number, "-%u", n), length = 0;
    for (; *from && length + digits < sizeof name - 1; from++)
        if (isalnum((unsigned char)*from) || (length && strchr("._+-", *from)))
            name[length++] = *from;
    snprintf(c->name, sizeof c->name, "%.*s%s", (int)length, name, length ? number : number + 1);
    c->named = true;
    config_write(c);
}

int config_parse(struct config *c, const char *text, struct message *m)
{
    bool braces = false;
    size_t n = 0;
    memset(c, 0, sizeof *c);
    for (const char *at = config_skip(text); *at; at = config_skip(at)) {
        if (*at == '}')
            return message_set(m, -EINVAL, "'%.100s': a brace closes that was not opened", text);
        if (*at == '{') {
            if (braces)
                return message_set(m, -EINVAL, "'%.100s': braces stand twice: one pair holds all variables",
                                   text);
            if (!n || c->spec[n - 1] == '(')
                return message_set(m, -EINVAL, "'%.100s': no allocator stands before the brace", text);
            braces = true;
            int err = config_closed(at, text, m);
            at++;
            if (!err)
                err = config_braces(c, &at, text, m);
            if (err)
                return err;
            continue;
        }
        if (braces && *at != ')')
            return message_set(m, -EINVAL, "'%.100s' follows the closing brace: braces stand last", at);
        if (n + 1 >= sizeof c->spec)
            return message_set(m, -EINVAL, "an allocator's spec is longer than %zu characters",
                               sizeof c->spec - 1);
        c->spec[n++] = *at++;
    }
    if (!config_write(c))
        return message_set(m, -EINVAL, "'%.60s...': longer than %zu characters with its braces", text,
                           sizeof c->text - 1);
    if (!c->named)
        config_make_name(c);
    return 0;
}
