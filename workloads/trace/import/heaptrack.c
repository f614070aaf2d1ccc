/* heaptrack.c: heaptrack's data file, by the letter that each line begins with; numbers are hexadecimal.
 *
 *   v VERSION [FILE-VERSION]
 *   + SIZE STACK ADDRESS      - ADDRESS           as the preloaded library writes it (heaptrack --raw), and
 *                                                 all files before version 1 of the file
 *   a SIZE STACK              + NUMBER            interpreted: `a` makes a class of blocks of a size and
 *   - NUMBER                                      stack, numbered from 0; blocks are named by it
 *   s x m i t I X A S c R #                       strings, modules, frames, stacks, times, resident memory
 *
 * In an interpreted file it is not said which block of a class is freed; we take the youngest. How many bytes
 * are live, and the order of sizes, are right all the same. Threads, alignment, calloc and realloc (a free
 * and an allocation) are not in it. A string of file version 3 has its length before it and may hold a
 * newline. */
#include "import.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>

#define CLASSES_MAX   (1u << 27)
#define SIZED_STRINGS 3u /* since this version of the file */
#define NO_BLOCK      UINT32_MAX

struct class
{
    uint64_t size;
    uint32_t youngest; /* a live block's id, or NO_BLOCK */
};

struct heaptrack {
    uint64_t file_version;
    uint64_t string_left; /* bytes of a string that goes on in the next line */
    struct class *class;
    uint32_t classes, classes_room;
    uint32_t *older; /* by id: the live block of the same class that came before it */
    uint32_t older_room;
};

static bool heaptrack_claims(struct line line)
{
    uint64_t version;
    if (!take_text(&line, "v ") || !take_hex(&line, &version) || version < 0x100)
        return false;
    return line.at == line.end || (take_char(&line, ' ') && take_hex(&line, &version) && line.at == line.end);
}

static void *heaptrack_open(void)
{
    return calloc(1, sizeof(struct heaptrack));
}

static int no_memory(const struct calls *c)
{
    return message_set(c->m, -ENOMEM, "%s: line %llu: no memory for its classes of blocks", c->source->name,
                       (unsigned long long)c->source->line);
}

/* The hexadecimal numbers of a line: how many; -EINVAL with a message. */
static int numbers(const struct calls *c, struct line line, uint64_t *out, unsigned most)
{
    unsigned n = 0;
    for (;;) {
        skip_blanks(&line);
        if (line.at == line.end)
            return (int)n;
        struct line at = line, word = take_word(&line), rest = word;
        if (n == most)
            return calls_bad(c, "'%s' is too much: there are at most %u numbers", calls_shown(take_word(&at)),
                             most);
        if (!take_hex(&rest, &out[n]) || rest.at != rest.end)
            return calls_bad(c, "'%s' is not a hexadecimal number below 2^64", calls_shown(word));
        n++;
    }
}

static int add_class(struct heaptrack *s, const struct calls *c, uint64_t size)
{
    if (s->classes == CLASSES_MAX)
        return calls_bad(c, "more than %u classes of blocks", CLASSES_MAX);
    if (s->classes == s->classes_room) {
        uint32_t room = s->classes_room ? s->classes_room * 2 : 1024;
        struct class *more = realloc(s->class, room * sizeof *more);
        if (!more)
            return no_memory(c);
        s->class = more;
        s->classes_room = room;
    }
    s->class[s->classes++] = (struct class){size, NO_BLOCK};
    return 0;
}

/* NULL with a message when there is no such class. */
static struct class *find_class(struct heaptrack *s, const struct calls *c, uint64_t number)
{
    if (number < s->classes)
        return &s->class[number];
    calls_bad(c, "'%llx' is not a class of blocks: there are %x so far", (unsigned long long)number,
              s->classes);
    return NULL;
}

static int class_allocate(struct heaptrack *s, struct calls *c, struct class *class)
{
    struct hgt_op op = {.kind = HGT_MALLOC, .size = class->size};
    int err = calls_write(c, &op);
    if (err)
        return err;
    if (op.id >= s->older_room) {
        uint64_t room = s->older_room ? (uint64_t)s->older_room * 2 : 1024;
        uint32_t *more = room > UINT32_MAX ? NULL : realloc(s->older, room * sizeof *more);
        if (!more)
            return no_memory(c);
        s->older = more;
        s->older_room = (uint32_t)room;
    }
    s->older[op.id] = class->youngest;
    class->youngest = op.id;
    return 0;
}

static int class_free(struct heaptrack *s, struct calls *c, struct class *class)
{
    struct hgt_op op = {.kind = HGT_FREE, .id = class->youngest};
    if (class->youngest == NO_BLOCK) {
        c->unmatched++;
        return 0;
    }
    class->youngest = s->older[op.id];
    return calls_write(c, &op);
}

static int do_allocate(struct heaptrack *s, struct calls *c, const struct calls_thread *t, struct line line)
{
    uint64_t n[3];
    int got = numbers(c, line, n, 3);
    if (got < 0)
        return got;
    if (got == 3)
        return calls_allocate(c, t, HGT_MALLOC, n[2], n[0], 0);
    if (got != 1)
        return calls_bad(c, "'+' has %d numbers after it: it takes SIZE STACK ADDRESS, or a class", got);
    struct class *class = find_class(s, c, n[0]);
    return class ? class_allocate(s, c, class) : -EINVAL;
}

static int do_free(struct heaptrack *s, struct calls *c, const struct calls_thread *t, struct line line)
{
    uint64_t n[2]; /* the second: whether it was temporary, in files of version 1 */
    int got = numbers(c, line, n, 2);
    if (got < 0)
        return got;
    if (got == 0)
        return calls_bad(c, "'-' has nothing after it: it takes an address or a class");
    if (!s->classes)
        return calls_free(c, t, n[0]);
    struct class *class = find_class(s, c, n[0]);
    return class ? class_free(s, c, class) : -EINVAL;
}

/* LENGTH BYTES...: what is not on this line is on the next. */
static int string_line(struct heaptrack *s, const struct calls *c, struct line line)
{
    uint64_t length;
    struct line word = line;
    if (s->file_version < SIZED_STRINGS || c->source->cut_line)
        return 0;
    if (!take_hex(&word, &length) || (word.at < word.end && *word.at != ' '))
        return calls_bad(c, "'%s' is not the length of a string", calls_shown(take_word(&line)));
    uint64_t here = word.at < word.end ? line_bytes(&word) - 1 : 0;
    if (length > here)
        s->string_left = length - here;
    return 0;
}

static int heaptrack_line(void *state, struct calls *c, struct line line)
{
    struct heaptrack *s = state;
    struct calls_thread *t;
    uint64_t n[3] = {0, 0, 0};
    int err = calls_thread(c, 0, &t), got;
    if (err)
        return err;
    if (s->string_left) { /* the newline is one of its bytes */
        uint64_t here = line_bytes(&line) + 1;
        s->string_left = here < s->string_left ? s->string_left - here : 0;
        return 0;
    }
    if (line.at == line.end)
        return 0;
    struct line rest = {line.at + 1, line.end};
    if (rest.at < rest.end && *rest.at != ' ' && *line.at != '#')
        return calls_bad(c, "'%s' begins no line of a heaptrack file", calls_shown(take_word(&line)));
    skip_blanks(&rest);
    switch (*line.at) {
    case '+':
        return do_allocate(s, c, t, rest);
    case '-':
        return do_free(s, c, t, rest);
    case 'a':
        got = numbers(c, rest, n, 3);
        if (got < 0)
            return got;
        return got ? add_class(s, c, n[0]) : calls_bad(c, "'a' has nothing after it: it takes SIZE STACK");
    case 'v':
        got = numbers(c, rest, n, 3);
        s->file_version = n[1];
        return got < 0 ? got : 0;
    case 's':
    case 'x':
    case 'm':
        return string_line(s, c, rest);
    case 'i':
    case 't':
    case 'I':
    case 'X':
    case 'A':
    case 'S':
    case 'c':
    case 'R':
    case '#':
        return 0;
    default:
        return calls_bad(c, "'%s' begins no line of a heaptrack file", calls_shown(take_word(&line)));
    }
}

static int heaptrack_close(void *state, struct calls *c, struct message *note)
{
    struct heaptrack *s = state;
    (void)c;
    (void)note;
    free(s->class);
    free(s->older);
    free(s);
    return 0;
}

const struct importer importer_heaptrack = {
    .name = "heaptrack",
    .hint = "heaptrack -o FILE PROGRAM writes one",
    .claims = heaptrack_claims,
    .open = heaptrack_open,
    .line = heaptrack_line,
    .close = heaptrack_close,
};
