/* objscript.h: object scripts (.hgo): the same text drives our runtime and, in tests/conformance/, a real
 * CPython. One operation a line, # begins a comment; the first line that is not empty is "hgo 1", and "roots
 * N" comes before the first operation that names a root. This file knows the text alone: what an operation
 * does is the business of whoever runs the script, so the front can check a script without linking any
 * runtime.
 *
 * Input is not trusted: every number has a range, a root must lie in the table, an error names file, line and
 * word. What depends on the objects (append to something that is no list) is found when the script runs, and
 * is reported in the same words by objscript_fault.
 *
 * Memory is mapped, never from malloc: under a preloaded library malloc is what is being measured. */
#ifndef HG_WORKLOADS_SCRIPT_OBJSCRIPT_H
#define HG_WORKLOADS_SCRIPT_OBJSCRIPT_H

#include "alloc/base/message.h"

#include <stddef.h>
#include <stdint.h>

#define OBJSCRIPT_ROOTS_MAX  (1u << 24)
#define OBJSCRIPT_SLOTS_MAX  (1u << 20) /* of one node */
#define OBJSCRIPT_STR_MAX    (1u << 30)
#define OBJSCRIPT_KEY_MAX    255u
#define OBJSCRIPT_BYTES_MAX  ((size_t)1 << 30) /* of a script */
#define OBJSCRIPT_NO_ROOT    UINT32_MAX
#define OBJSCRIPT_THRESH_MAX INT32_MAX

/* weak makes a weak reference with a callback that is counted, ref one without (a node has one such, shared).
 * fin gives the node a finaliser (tp_finalize), del a legacy one (tp_del): it and what it leads to are
 * uncollectable. S(ident, "word", arguments): r root, s a second root, i index, n number of characters or
 * slots, v integer, f real, k key, * roots, t optional root, g generation, 3 three thresholds */
#define OBJSCRIPT_OPS(S)           \
    S(INT, "int", "rv")            \
    S(FLOAT, "float", "rf")        \
    S(STR, "str", "rn")            \
    S(TUPLE, "tuple", "r*")        \
    S(LIST, "list", "r")           \
    S(DICT, "dict", "r")           \
    S(NODE, "node", "rn")          \
    S(APPEND, "append", "rs")      \
    S(SET, "set", "ris")           \
    S(PUT, "put", "rks")           \
    S(UNPUT, "unput", "rk")        \
    S(POP, "pop", "r")             \
    S(GET, "get", "rsi")           \
    S(COPY, "copy", "rs")          \
    S(DROP, "drop", "r")           \
    S(WEAK, "weak", "rs")          \
    S(REF, "ref", "rs")            \
    S(FIN, "fin", "rt")            \
    S(DEL, "del", "r")             \
    S(COLLECT, "collect", "g")     \
    S(FREEZE, "freeze", "")        \
    S(UNFREEZE, "unfreeze", "")    \
    S(THRESHOLD, "threshold", "3") \
    S(DISABLE, "disable", "")      \
    S(ENABLE, "enable", "")        \
    S(STAT, "stat", "")

#define OBJSCRIPT_IDENT(ident, word, arguments) OBJSCRIPT_##ident,
enum objscript_op { OBJSCRIPT_OPS(OBJSCRIPT_IDENT) OBJSCRIPT_OP_COUNT };
#undef OBJSCRIPT_IDENT
extern const char *const objscript_words[OBJSCRIPT_OP_COUNT];

struct objscript_step {
    uint32_t op; /* enum objscript_op */
    uint32_t line;
    uint32_t root;   /* R */
    uint32_t other;  /* S, or T of fin (OBJSCRIPT_NO_ROOT: none) */
    uint32_t number; /* I, K, N, G; for a tuple the number of items */
    uint32_t first;  /* tuple: items[first ..]; put, unput: offset of the key in keys */
    union {
        int64_t integer;
        double real;
        int32_t threshold[3];
    } value;
};

struct objscript {
    uint32_t roots;
    uint32_t step_count, stat_count;
    struct objscript_step *step;
    uint32_t *items;  /* roots, of all tuples */
    char *keys;       /* each ends with 0 */
    const char *name; /* of the file, for messages; the caller's */
    void *map[3];
    size_t map_bytes[3];
};

/* 0, or -errno with a message. name must outlive the script. */
int objscript_parse(struct objscript *s, const char *text, size_t bytes, const char *name, struct message *m);
int objscript_read(struct objscript *s, const char *path, struct message *m);
void objscript_close(struct objscript *s);

/* objmodel.c: reads the script and follows what each root holds, as far as that does not depend on the
 * collector: what the front does before anything is started. */
int objscript_check(const char *path, struct message *m);

/* Writes one step as a line of text with its newline; returns what snprintf returns. */
int objscript_print(const struct objscript *s, const struct objscript_step *step, char *buf, size_t size);

/* "F.hgo:12: root '3' holds an int, append needs a list"; returns -EINVAL. */
int objscript_fault(const struct objscript *s, const struct objscript_step *step, struct message *m,
                    uint32_t root, const char *holds, const char *needs);
/* "F.hgo:12: index '7' is past the end (length 3)" */
int objscript_fault_index(const struct objscript *s, const struct objscript_step *step, struct message *m,
                          uint64_t length);

/* "F.hgo:12: key 'k' is not in the dict of root '3'" */
int objscript_fault_key(const struct objscript *s, const struct objscript_step *step, struct message *m);

/* The answer to "stat": one line. */
struct objscript_stat {
    long counts[3];
    uint64_t collections[3], collected[3], uncollectable[3];
    uint64_t finalised, callbacks;
    uint64_t tracked_list, tracked_dict, tracked_tuple, tracked_node, tracked_weak;
};
#define OBJSCRIPT_STAT_MAX 512
int objscript_stat_print(const struct objscript_stat *stat, char *buf, size_t size);

#endif
