/* mtrace.c: what glibc's mtrace() writes (MALLOC_TRACE). A line is a caller, which may hold anything, and at
 * its end an operation:
 *
 *   = Start     = End
 *   @ CALLER + 0xADDRESS 0xSIZE        an allocation of any kind; (nil) for one that failed
 *   @ CALLER - 0xADDRESS               free
 *   @ CALLER < 0xFROM                  realloc, on two lines
 *   @ CALLER > 0xTO 0xSIZE
 *   @ CALLER ! 0xFROM 0xSIZE           a realloc that failed
 *
 * Threads, alignment and calloc are not in it. */
#include "import.h"
#include "words.h"

#include <stdlib.h>

struct mtrace {
    bool moving; /* after < */
    struct calls_moving from;
};

/* The last word of the line, taken off its end. */
static struct line last_word(struct line *l)
{
    while (l->end > l->at && l->end[-1] == ' ')
        l->end--;
    struct line word = {l->end, l->end};
    while (word.at > l->at && word.at[-1] != ' ')
        word.at--;
    l->end = word.at;
    return word;
}

struct entry {
    char op; /* + - < > ! */
    struct line word[2];
    unsigned words;
};

/* The operation at the line's end; false when there is none. */
static bool find_entry(struct line line, struct entry *e)
{
    struct line last = last_word(&line), before = last_word(&line);
    if (line_bytes(&before) == 1 && (*before.at == '-' || *before.at == '<')) {
        *e = (struct entry){*before.at, {last}, 1};
        return true;
    }
    struct line op = last_word(&line);
    if (line_bytes(&op) != 1 || (*op.at != '+' && *op.at != '>' && *op.at != '!'))
        return false;
    *e = (struct entry){*op.at, {before, last}, 2};
    return true;
}

static bool mtrace_claims(struct line line)
{
    struct entry e;
    uint64_t address;
    return word_is(&line, "= Start") ||
           (begins_with(&line, "@ ") && find_entry(line, &e) && take_number_word(&e.word[0], &address));
}

static void *mtrace_open(void)
{
    return calloc(1, sizeof(struct mtrace));
}

/* A realloc whose second line is not there: the block stays. */
static int give_back(struct mtrace *s, struct calls *c, const struct calls_thread *t)
{
    if (!s->moving)
        return 0;
    s->moving = false;
    c->dropped++;
    return calls_realloc_stays(c, t, &s->from);
}

static int mtrace_line(void *state, struct calls *c, struct line line)
{
    struct mtrace *s = state;
    struct calls_thread *t;
    struct entry e;
    uint64_t value[2] = {0, 0};
    struct line rest = line;
    int err = calls_thread(c, 0, &t);
    if (err || take_word(&rest).at == line.end || *line.at == '=')
        return err;
    if (!find_entry(line, &e))
        return calls_bad(c, "'%s' ends with no operation of mtrace: + ADDRESS SIZE, - ADDRESS, < > or !",
                         calls_shown(line));
    for (unsigned i = 0; i < e.words; i++) {
        struct line word = e.word[i];
        if (!take_number(&word, &value[i]) || word.at != word.end)
            return calls_bad(c, "'%s' is not %s", calls_shown(e.word[i]), i ? "a size" : "an address");
    }
    if (s->moving && e.op != '>') {
        err = give_back(s, c, t);
        if (err)
            return err;
    }
    switch (e.op) {
    case '+':
        return calls_allocate(c, t, HGT_MALLOC, value[0], value[1], 0);
    case '-':
        return calls_free(c, t, value[0]);
    case '<':
        calls_realloc_from(c, t, value[0], &s->from);
        s->moving = true;
        return 0;
    case '>':
        if (!s->moving)
            c->unmatched++;
        err = calls_realloc_to(c, t, s->moving ? &s->from : &(struct calls_moving){0}, value[0], value[1]);
        s->moving = false;
        return err;
    default:
        c->failed++;
        return 0;
    }
}

static int mtrace_close(void *state, struct calls *c, struct message *note)
{
    struct mtrace *s = state;
    (void)note;
    c->dropped += s->moving;
    free(s);
    return 0;
}

const struct importer importer_mtrace = {
    .name = "mtrace",
    .hint =
        "the program calls mtrace(), and runs with MALLOC_TRACE=FILE and LD_PRELOAD=libc_malloc_debug.so.0",
    .claims = mtrace_claims,
    .open = mtrace_open,
    .line = mtrace_line,
    .close = mtrace_close,
};
