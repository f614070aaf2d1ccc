/* schema.c: see schema.h. */
#include "schema.h"
#include "sample.h"

#include <string.h>

#define ROW_AT_INT(id)    offsetof(struct sample, id)
#define ROW_AT_REAL(id)   offsetof(struct sample, id)
#define ROW_AT_BOOL(id)   offsetof(struct sample, id)
#define ROW_AT_TEXT(id)   offsetof(struct sample, id)
#define ROW_AT_STATUS(id) offsetof(struct sample, id)
#define ROW_AT_INTS(id)   offsetof(struct sample, id)
#define ROW_AT_TREE(id)   0
#define ROW_AT_GROUP(id)  0
#define ROW_F(id, path, pattern, type, unit, rule, place, sense, name, title, null_when, doc)    \
    [KEY_##id] = {path,          pattern, VALUE_##type, UNIT_##unit, RULE_##rule, PLACE_##place, \
                  SENSE_##sense, name,    title,        null_when,   doc,         ROW_AT_##type(id)},
#define ROW_K(id, path, ...) ROW_F(id, path, NULL, __VA_ARGS__)

const struct schema_row schema_rows[SCHEMA_KEYS] = {SCHEMA(ROW_K, ROW_F)};

const struct schema_sense_words schema_senses[SENSES] = {
    [SENSE_LESS] = {false, "more", "less"},        [SENSE_FASTER] = {true, "faster", "slower"},
    [SENSE_SLOWER] = {false, "slower", "faster"},  [SENSE_LARGER] = {false, "larger", "smaller"},
    [SENSE_WORSE] = {false, "worse", "better"},    [SENSE_BETTER] = {true, "better", "worse"},
    [SENSE_LONGER] = {false, "longer", "shorter"}, [SENSE_FEWER] = {false, "more", "fewer"},
};

#define STATUS_WORD(id, word, doc) [SAMPLE_##id] = word,
const char *const sample_status_words[SAMPLE_STATUSES] = {[SAMPLE_UNKNOWN] = "unknown",
                                                          SCHEMA_STATUSES(STATUS_WORD)};

enum sample_status sample_status_of(const char *word)
{
    if (strcmp(word, "crash") == 0) /* as it was written before there was a schema.h */
        return SAMPLE_CRASHED;
    for (enum sample_status s = SAMPLE_UNKNOWN + 1; s < SAMPLE_STATUSES; s++)
        if (strcmp(word, sample_status_words[s]) == 0)
            return s;
    return SAMPLE_UNKNOWN;
}

/* --- paths ---------------------------------------------------------------------------------------------- */

#define SLOTS 2048u /* of an open-addressing table, a power of 2 over twice the keys */
_Static_assert(SCHEMA_KEYS * 2 < SLOTS, "the table of paths is too full");

static size_t slot_of(const char *path, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)path[i]) * 16777619u;
    return (hash ^ hash >> 16) % SLOTS;
}

enum schema_key schema_find(const char *path, size_t length)
{
    static uint16_t slot[SLOTS]; /* key + 1; 0: free. Filled once: one thread asks */
    static bool filled;
    for (unsigned key = 0; !filled && key < SCHEMA_KEYS; key++) {
        size_t at = slot_of(schema_rows[key].path, strlen(schema_rows[key].path));
        while (slot[at])
            at = (at + 1) % SLOTS;
        slot[at] = (uint16_t)(key + 1);
    }
    filled = true;
    for (size_t at = slot_of(path, length); slot[at]; at = (at + 1) % SLOTS) {
        const char *there = schema_rows[slot[at] - 1].path;
        if (strncmp(there, path, length) == 0 && there[length] == '\0')
            return (enum schema_key)(slot[at] - 1);
    }
    return SCHEMA_KEYS;
}

bool schema_is_figure(enum schema_key key)
{
    return schema_rows[key].type == VALUE_INT || schema_rows[key].type == VALUE_REAL;
}
