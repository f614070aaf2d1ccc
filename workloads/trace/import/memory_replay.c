/* memory_replay.c: what Android's malloc_debug (record_allocs) writes, and its memory_replay reads:
 *
 *   TID: malloc 0xADDRESS SIZE              TID: memalign 0xADDRESS ALIGNMENT SIZE
 *   TID: calloc 0xADDRESS COUNT SIZE        TID: realloc 0xNEW 0xOLD SIZE
 *   TID: free 0xADDRESS                     TID: thread_done 0x0
 *
 * Newer ones have two times in nanoseconds behind that (thread_done: one), which are passed over, and
 * addresses with a tag in their top byte, which belongs to them. */
#include "import.h"
#include "words.h"

#include "alloc/base/compiler.h"

#include <stdlib.h>

enum action { MALLOC, CALLOC, MEMALIGN, REALLOC, FREE, THREAD_DONE };

static const struct {
    const char *name;
    enum action action;
    unsigned numbers; /* after the address */
    const char *shape;
} actions[] = {
    {"malloc", MALLOC, 1, "malloc ADDRESS SIZE"},
    {"free", FREE, 0, "free ADDRESS"},
    {"realloc", REALLOC, 2, "realloc NEW OLD SIZE"},
    {"calloc", CALLOC, 2, "calloc ADDRESS COUNT SIZE"},
    {"memalign", MEMALIGN, 2, "memalign ADDRESS ALIGNMENT SIZE"},
    {"thread_done", THREAD_DONE, 0, "thread_done 0x0"},
};

static bool take_tid(struct line *l, uint64_t *tid)
{
    struct line rest = *l;
    if (!take_decimal(&rest, tid) || !take_text(&rest, ": "))
        return false;
    l->at = rest.at;
    return true;
}

static bool memory_replay_claims(struct line line)
{
    uint64_t tid, address;
    if (!take_tid(&line, &tid))
        return false;
    struct line name = take_word(&line);
    for (size_t i = 0; i < array_length(actions); i++)
        if (word_is(&name, actions[i].name))
            return take_number_word(&line, &address);
    return false;
}

static void *memory_replay_open(void)
{
    return calloc(1, 1);
}

static int do_action(struct calls *c, struct calls_thread *t, enum action action, uint64_t address,
                     const uint64_t number[2])
{
    uint64_t size;
    switch (action) {
    case MALLOC:
        return calls_allocate(c, t, HGT_MALLOC, address, number[0], 0);
    case CALLOC:
        if (!__builtin_mul_overflow(number[0], number[1], &size))
            return calls_allocate(c, t, HGT_CALLOC, address, size, 0);
        if (address)
            return calls_bad(c, "calloc of a product beyond 2^64 has not succeeded");
        c->failed++;
        return 0;
    case MEMALIGN:
        return calls_allocate(c, t, HGT_ALIGNED, address, number[1], number[0]);
    case REALLOC:
        return calls_realloc(c, t, number[0], address, number[1]);
    case FREE:
        return calls_free(c, t, address);
    case THREAD_DONE:
        return calls_thread_end(c, t->tid);
    }
    return 0;
}

static int memory_replay_line(void *state, struct calls *c, struct line line)
{
    struct calls_thread *t;
    uint64_t tid, address, number[2] = {0, 0}, time_ns;
    struct line whole = line;
    (void)state;
    if (take_word(&whole).at == line.end)
        return 0;
    if (!take_tid(&line, &tid))
        return calls_bad(c, "'%s' is not a thread: it takes TID: ACTION ADDRESS",
                         calls_shown(take_word(&line)));
    struct line name = take_word(&line);
    for (size_t i = 0; i < array_length(actions); i++) {
        if (!word_is(&name, actions[i].name))
            continue;
        struct line at = line;
        bool good = take_number_word(&line, &address);
        for (unsigned k = 0; good && k < actions[i].numbers; k++) {
            at = line;
            good = take_number_word(&line, &number[k]);
        }
        while (good && (skip_blanks(&line), line.at < line.end)) { /* times */
            at = line;
            good = take_number_word(&line, &time_ns);
        }
        if (!good)
            return calls_bad(c, "'%s' in %s: the form is TID: %s", calls_shown(take_word(&at)),
                             actions[i].name, actions[i].shape);
        int err = calls_thread(c, tid, &t);
        return err ? err : do_action(c, t, actions[i].action, address, number);
    }
    return calls_bad(c,
                     "'%s' is not an action: it takes malloc, calloc, memalign, realloc, free, thread_done",
                     calls_shown(name));
}

static int memory_replay_close(void *state, struct calls *c, struct message *note)
{
    (void)c;
    (void)note;
    free(state);
    return 0;
}

const struct importer importer_memory_replay = {
    .name = "memory_replay",
    .hint = "Android's malloc_debug with record_allocs writes one",
    .ends = true,
    .claims = memory_replay_claims,
    .open = memory_replay_open,
    .line = memory_replay_line,
    .close = memory_replay_close,
};
