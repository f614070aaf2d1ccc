/* schema_table.c: the rows of schema.h as the tables of results/SCHEMA.md. A family is one line, under its
 * pattern, as its first member has it. */
#include "schema.h"

#include <stdio.h>
#include <string.h>

#define SECTION(macro, title) \
    {title, (const enum schema_key[]){macro(SCHEMA_K_ENUM, SCHEMA_K_ENUM) SCHEMA_KEYS}},
static const struct {
    const char *title;
    const enum schema_key *key; /* ends with SCHEMA_KEYS */
} sections[] = {SCHEMA_SECTIONS(SECTION)};

static const char *const type_words[] = {
    [VALUE_INT] = "integer", [VALUE_REAL] = "real",     [VALUE_BOOL] = "bool", [VALUE_TEXT] = "text",
    [VALUE_STATUS] = "text", [VALUE_INTS] = "integers", [VALUE_TREE] = "JSON", [VALUE_GROUP] = "object",
};
static const char *const unit_words[] = {
    [UNIT_NONE] = "",         [UNIT_COUNT] = "",        [UNIT_NS] = ", ns",    [UNIT_BYTES] = ", bytes",
    [UNIT_RATIO] = ", ratio", [UNIT_SHARE] = ", share", [UNIT_RATE] = ", 1/s",
};
static const char *const rule_words[] = {
    [RULE_FRONT] = "",
    [RULE_FIRST] = "the first's",
    [RULE_SUM] = "sum",
    [RULE_MEAN] = "mean",
    [RULE_LEAST] = "least",
    [RULE_MOST] = "largest",
    [RULE_QUANTILE] = "of all values",
    [RULE_ALL] = "sum, if each has it",
    [RULE_WHOLE] = "made anew",
};

static void put_row(FILE *out, const struct schema_row *row)
{
    const char *left_out = row->place & PLACE_ADDED ? "left out" : "";
    fprintf(out, "| `%s` | %s%s | %s%s%s | %s | %s", row->pattern ? row->pattern : row->path,
            type_words[row->type], unit_words[row->unit], left_out,
            *left_out && row->null_when[0] ? ": " : "", row->null_when, rule_words[row->rule], row->doc);
    if (row->name[0]) /* of a family: which member has it */
        fprintf(out, " (`--metric %s`%s%s)", row->name, row->pattern ? ": " : "",
                row->pattern ? row->path : "");
    fputs(" |\n", out);
}

/* The member of the row's family that has a short name, else the row. */
static const struct schema_row *family_row(const enum schema_key *key, const struct schema_row *row)
{
    for (; *key != SCHEMA_KEYS; key++)
        if (schema_rows[*key].pattern && strcmp(schema_rows[*key].pattern, row->pattern) == 0 &&
            schema_rows[*key].name[0])
            return &schema_rows[*key];
    return row;
}

static bool had_before(const enum schema_key *from, const enum schema_key *key)
{
    for (; from < key; from++)
        if (schema_rows[*from].pattern && strcmp(schema_rows[*from].pattern, schema_rows[*key].pattern) == 0)
            return true;
    return false;
}

#define STATUS_ROW(id, word, doc) "| `" word "` | " doc " |\n"

int schema_print(FILE *out)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const enum schema_key *first = sections[i].key;
        if (schema_rows[*first].place & PLACE_LETTER) /* in no record */
            continue;
        fprintf(out,
                "<!-- schema: %s -->\n| key | type | null when | several processes | what |\n"
                "|---|---|---|---|---|\n",
                sections[i].title);
        for (const enum schema_key *key = first; *key != SCHEMA_KEYS; key++)
            if (!schema_rows[*key].pattern)
                put_row(out, &schema_rows[*key]);
            else if (!had_before(first, key))
                put_row(out, family_row(first, &schema_rows[*key]));
        fputs("<!-- end -->\n", out);
    }
    fputs("<!-- schema: status -->\n| status | what |\n|---|---|\n" SCHEMA_STATUSES(
              STATUS_ROW) "<!-- end -->\n",
          out);
    return fflush(out) || ferror(out) ? -1 : 0;
}
