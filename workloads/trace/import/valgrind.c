/* valgrind.c: what valgrind --trace-malloc=yes writes, of all its tools. A line of it is
 *
 *   --PID-- NAME(ARGUMENTS) = 0xADDRESS          --TIME PID-- with --time-stamp=yes
 *
 * with the functions' own names, C++'s mangled; alignments as al N, sizes as size N, in either order. A
 * function that calls another one has both on its line, realloc(0x0,50)malloc(50) = 0x4A42040: the last one
 * is what happened. All else is passed over: valgrind's other messages and the program's own. Each PID is a
 * process with memory of its own (--trace-children=yes); threads are not in it. */
#include "import.h"
#include "names.h"

#include <stdlib.h>

/* --PID-- or --00:00:00:00.303 PID-- */
static bool take_prefix(struct line *l, uint64_t *pid)
{
    struct line rest = *l;
    if (!take_text(&rest, "--"))
        return false;
    for (unsigned words = 0; words < 2; words++) {
        struct line word = rest;
        if (take_decimal(&word, pid) && take_text(&word, "-- ")) {
            l->at = word.at;
            return true;
        }
        take_word(&rest);
        skip_blanks(&rest);
    }
    return false;
}

struct call {
    struct line name;
    enum function function;
    uint64_t arg[3];
    unsigned args;
    bool labelled_align, labelled_size;
    uint64_t align, size;
};

/* NAME( ... up to the parenthesis. */
static bool take_name(struct line *l, struct call *call)
{
    const char *open = memchr(l->at, '(', line_bytes(l));
    if (!open)
        return false;
    *call = (struct call){.name = {l->at, open}};
    call->function = function_of(call->name);
    l->at = open + 1;
    return call->function != FUNCTION_NONE;
}

static bool take_arguments(struct line *l, struct call *call)
{
    while (!take_char(l, ')')) {
        uint64_t value;
        skip_blanks(l);
        bool align = take_text(l, "al "), size = !align && take_text(l, "size ");
        if (!take_number(l, &value))
            return false;
        if (align) {
            call->align = value;
            call->labelled_align = true;
        } else if (size) {
            call->size = value;
            call->labelled_size = true;
        } else if (call->args < 3) {
            call->arg[call->args++] = value;
        }
        if (!take_char(l, ',') && (l->at == l->end || *l->at != ')'))
            return false;
    }
    return true;
}

static bool valgrind_claims(struct line line)
{
    uint64_t pid;
    struct call call;
    return take_prefix(&line, &pid) && take_name(&line, &call);
}

static void *valgrind_open(void)
{
    return calloc(1, 1);
}

static const unsigned arguments[] = {
    [FUNCTION_MALLOC] = 1,      [FUNCTION_CALLOC] = 2,         [FUNCTION_REALLOC] = 2,
    [FUNCTION_FREE] = 1,        [FUNCTION_REALLOCARRAY] = 3,   [FUNCTION_MEMALIGN] = 2,
    [FUNCTION_VALLOC] = 1,      [FUNCTION_POSIX_MEMALIGN] = 2, [FUNCTION_PVALLOC] = 1,
    [FUNCTION_NEW_ALIGNED] = 2,
};

static int do_call(struct calls *c, const struct calls_thread *t, struct call *call, uint64_t address)
{
    struct function_block block;
    enum function f = call->function;
    if (f == FUNCTION_POSIX_MEMALIGN)
        f = FUNCTION_MEMALIGN; /* printed with the two arguments of memalign, and its address as the result */
    bool possible = function_block(f, call->arg, &block);
    if (call->labelled_size)
        block.size = call->size;
    if (call->labelled_align)
        block.align = call->align;
    if (!possible && address)
        return calls_bad(c, "'%s' of a product beyond 2^64 has not succeeded", calls_shown(call->name));
    switch (f) {
    case FUNCTION_FREE:
        return calls_free(c, t, call->arg[0]);
    case FUNCTION_REALLOC:
    case FUNCTION_REALLOCARRAY:
        return calls_realloc(c, t, call->arg[0], address, possible ? block.size : UINT64_MAX);
    default:
        return calls_allocate(c, t,
                              f == FUNCTION_CALLOC ? HGT_CALLOC
                              : block.align        ? HGT_ALIGNED
                                                   : HGT_MALLOC,
                              address, block.size, block.align);
    }
}

static int valgrind_line(void *state, struct calls *c, struct line line)
{
    struct calls_thread *t;
    struct call call, next;
    uint64_t pid, address = 0;
    (void)state;
    if (!take_prefix(&line, &pid) || !take_name(&line, &call))
        return 0;
    int err = calls_thread(c, pid, &t);
    if (!err && t->number > 0 && !t->own_space)
        err = calls_new_space(c, t);
    if (err)
        return err;
    struct line from = line;
    bool good = take_arguments(&line, &call);
    while (good && take_name(&line, &next)) { /* what it called in turn */
        from = line;
        call = next;
        good = take_arguments(&line, &call);
    }
    unsigned given = call.args + call.labelled_align + call.labelled_size;
    if (!good || given < arguments[call.function])
        return calls_bad(c, "'%s' is not what %s takes", calls_shown(from), calls_shown(call.name));
    from = line;
    if (call.function != FUNCTION_FREE && (!take_text(&line, " = ") || !take_number(&line, &address)))
        return calls_bad(c, "'%s' in the place of the address that %s returned", calls_shown(from),
                         calls_shown(call.name));
    return do_call(c, t, &call, address);
}

static int valgrind_close(void *state, struct calls *c, struct message *note)
{
    (void)c;
    (void)note;
    free(state);
    return 0;
}

const struct importer importer_valgrind = {
    .name = "valgrind",
    .hint = "valgrind --trace-malloc=yes --log-file=FILE PROGRAM writes one",
    .claims = valgrind_claims,
    .open = valgrind_open,
    .line = valgrind_line,
    .close = valgrind_close,
};
