/* ltrace.c: what ltrace writes. A line is
 *
 *   [PID] [TIME] [[IP]] [CALLER->]NAME[@LIBRARY](ARGUMENTS) = VALUE [<DURATION>]
 *
 * and when something else comes between a call and its return, two:
 *
 *   ... NAME(ARGUMENTS <unfinished ...>
 *   ... <... NAME resumed> ) = VALUE
 *
 * A free takes effect where it begins and an allocation where it returns, so that memory is never handed out
 * before it was given back. What comes between may be a function that this one calls (operator new and its
 * malloc): inside one of malloc's kin, a thread's calls are not the program's and are passed over. So each
 * thread has a stack of what it has not returned from.
 *
 * Arguments beyond those that a function takes are registers' contents: ltrace prints some when it has no
 * prototype. For the same reason it does not show the address that posix_memalign returns; with a prototype
 *   int posix_memalign(+addr*, ulong, ulong);      (ltrace -F FILE)
 * it does, and prints three arguments. */
#include "import.h"
#include "names.h"

#include <errno.h>
#include <stdlib.h>

#define DEPTH_MAX 4096u /* of one thread: beyond it, what returns is not known */

struct open_call {
    uint64_t name; /* a hash */
    enum function function;
    bool inner; /* of another one of the kin */
    unsigned args;
    uint64_t arg[3];
    struct calls_moving moving;
};

struct stack {
    struct open_call *call;
    uint32_t depth, room;
    uint32_t kin;   /* open calls of malloc's kin */
    uint64_t inner; /* calls that were passed over as theirs */
};

struct ltrace {
    struct stack *stack; /* by number of thread */
    uint32_t stacks;
    uint64_t unseen; /* blocks of posix_memalign */
};

struct event {
    uint64_t pid;
    struct line name; /* without caller and library; of an operator with its signature */
    struct line rest; /* behind the opening parenthesis, or behind "resumed> " */
    bool resumed, unfinished;
};

static bool ends_with(const struct line *l, const char *text)
{
    size_t n = strlen(text);
    return line_bytes(l) >= n && memcmp(l->end - n, text, n) == 0;
}

/* PID, TIME and IP, each of which may be missing. */
static void take_prefix(struct line *l, uint64_t *pid)
{
    *pid = 0;
    skip_blanks(l);
    if (take_text(l, "[pid ")) {
        take_decimal(l, pid);
        take_char(l, ']');
    } else {
        struct line rest = *l;
        if (take_decimal(&rest, pid) && rest.at < rest.end && *rest.at == ' ')
            l->at = rest.at;
        else
            *pid = 0;
    }
    for (;;) {
        skip_blanks(l);
        struct line rest = *l, word = take_word(&rest);
        if (word.at == word.end || (!is_digit(*word.at) && *word.at != '['))
            return;
        if (*word.at == '[') {
            if (word.end[-1] != ']')
                return;
        } else {
            for (const char *p = word.at; p < word.end; p++)
                if (!is_digit(*p) && *p != '.' && *p != ':')
                    return;
        }
        l->at = rest.at;
    }
}

/* [CALLER->]NAME[@LIBRARY]( */
static bool take_call_name(struct line *l, struct line *name)
{
    const char *open = memchr(l->at, '(', line_bytes(l));
    if (!open)
        return false;
    struct line before = {l->at, open};
    const char *arrow = memmem(before.at, line_bytes(&before), "->", 2);
    if (arrow)
        before.at = arrow + 2;
    struct line from_name = {before.at, l->end};
    if (begins_with(&from_name, "operator ")) { /* its signature has parentheses too */
        const char *close = memchr(open, ')', (size_t)(l->end - open));
        const char *next = close ? memchr(close, '(', (size_t)(l->end - close)) : NULL;
        if (!next)
            return false;
        *name = (struct line){before.at, close + 1};
        l->at = next + 1;
        return true;
    }
    for (const char *p = before.at; p < before.end; p++)
        if (*p == ' ' || *p == '"' || *p == '=')
            return false;
    const char *library = memchr(before.at, '@', line_bytes(&before));
    *name = (struct line){before.at, library ? library : open};
    l->at = open + 1;
    return true;
}

/* A call, its beginning or its return; false for all other lines. */
static bool parse(struct line line, struct event *e)
{
    *e = (struct event){0};
    take_prefix(&line, &e->pid);
    if (take_text(&line, "<... ")) {
        const char *stop = memmem(line.at, line_bytes(&line), " resumed>", 9);
        if (!stop)
            return false;
        e->resumed = true;
        e->name = (struct line){line.at, stop};
        e->rest = (struct line){stop + 9, line.end};
        skip_blanks(&e->rest);
        return true;
    }
    if (!take_call_name(&line, &e->name))
        return false;
    e->rest = line;
    e->unfinished = ends_with(&line, "<unfinished ...>");
    return true;
}

static bool ltrace_claims(struct line line)
{
    struct event e;
    struct line rest = line;
    uint64_t pid;
    if (!parse(line, &e)) {
        take_prefix(&rest, &pid);
        return take_text(&rest, "+++ exited (status ");
    }
    if (e.resumed || e.unfinished)
        return true;
    return line_bytes(&e.name) > 0 && (memmem(e.rest.at, line_bytes(&e.rest), ") = ", 4) ||
                                       memmem(e.rest.at, line_bytes(&e.rest), ")  ", 3));
}

static void *ltrace_open(void)
{
    return calloc(1, sizeof(struct ltrace));
}

static int no_memory(const struct calls *c)
{
    return message_set(c->m, -ENOMEM, "%s: line %llu: no memory for a thread's calls", c->source->name,
                       (unsigned long long)c->source->line);
}

static int stack_of(struct ltrace *s, const struct calls *c, const struct calls_thread *t, struct stack **out)
{
    if (t->number >= s->stacks) {
        uint32_t room = s->stacks ? s->stacks * 2 : 16;
        while (room <= t->number)
            room *= 2;
        struct stack *more = realloc(s->stack, room * sizeof *more);
        if (!more)
            return no_memory(c);
        memset(more + s->stacks, 0, (room - s->stacks) * sizeof *more);
        s->stack = more;
        s->stacks = room;
    }
    *out = &s->stack[t->number];
    return 0;
}

static uint64_t hash_of(struct line name)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; name.at < name.end; name.at++)
        hash = (hash ^ (uint8_t)*name.at) * 0x100000001b3u;
    return hash;
}

static int push(struct stack *stack, const struct calls *c, const struct open_call *call)
{
    if (stack->depth == DEPTH_MAX)
        return 0;
    if (stack->depth == stack->room) {
        uint32_t room = stack->room ? stack->room * 2 : 8;
        struct open_call *more = realloc(stack->call, room * sizeof *more);
        if (!more)
            return no_memory(c);
        stack->call = more;
        stack->room = room;
    }
    stack->call[stack->depth++] = *call;
    stack->kin += call->function != FUNCTION_NONE;
    return 0;
}

/* A call that does not return (an exception, longjmp, the end): it is dropped, and what was passed over as
 * its own cannot be told from the program's. */
static void lose(struct stack *stack, struct calls *c, const struct open_call *call)
{
    if (call->function == FUNCTION_NONE || call->inner)
        return;
    c->dropped += stack->inner + (call->function != FUNCTION_FREE);
    stack->inner = 0;
}

/* The open call that returns; what it called and has not returned is lost. */
static bool pop(struct stack *stack, struct calls *c, struct line name, struct open_call *out)
{
    uint64_t hash = hash_of(name);
    uint32_t at = stack->depth;
    while (at > 0 && stack->call[at - 1].name != hash)
        at--;
    if (at == 0)
        return false;
    for (;;) {
        *out = stack->call[--stack->depth];
        stack->kin -= out->function != FUNCTION_NONE;
        if (stack->depth < at)
            break;
        lose(stack, c, out);
    }
    if (out->function != FUNCTION_NONE && !out->inner)
        stack->inner = 0;
    return true;
}

static void drop_all(struct stack *stack, struct calls *c)
{
    for (uint32_t i = 0; i < stack->depth; i++)
        lose(stack, c, &stack->call[i]);
    free(stack->call);
    *stack = (struct stack){0};
}

/* Numbers up to the closing parenthesis or the word <unfinished; those of the registers behind them may be
 * anything. Returns how many there are, the first three in arg; at the first that is not a number it ends,
 * and *at is its place. */
static unsigned take_arguments(struct line *l, uint64_t arg[3], struct line *at)
{
    unsigned n = 0;
    for (;;) {
        skip_blanks(l);
        *at = *l;
        uint64_t value;
        if (!take_number(l, &value))
            break;
        if (n < 3)
            arg[n] = value;
        n++;
        *at = *l;
        if (!take_char(l, ','))
            break;
    }
    return n;
}

/* `) = VALUE`; <void> is 0. */
static bool take_value(struct line *l, uint64_t *value)
{
    const char *close = memchr(l->at, ')', line_bytes(l));
    if (!close)
        return false;
    l->at = close + 1;
    skip_blanks(l);
    if (!take_char(l, '='))
        return false;
    skip_blanks(l);
    *value = 0;
    return take_text(l, "<void>") || take_number(l, value);
}

static const unsigned arguments[] = {
    [FUNCTION_MALLOC] = 1,      [FUNCTION_CALLOC] = 2,         [FUNCTION_REALLOC] = 2,
    [FUNCTION_FREE] = 1,        [FUNCTION_REALLOCARRAY] = 3,   [FUNCTION_MEMALIGN] = 2,
    [FUNCTION_VALLOC] = 1,      [FUNCTION_POSIX_MEMALIGN] = 3, [FUNCTION_PVALLOC] = 1,
    [FUNCTION_NEW_ALIGNED] = 2,
};

static int begin_call(struct calls *c, const struct calls_thread *t, struct open_call *call)
{
    if (call->function == FUNCTION_FREE)
        return calls_free(c, t, call->arg[0]);
    if (call->function == FUNCTION_REALLOC || call->function == FUNCTION_REALLOCARRAY)
        calls_realloc_from(c, t, call->arg[0], &call->moving);
    return 0;
}

/* value is 0 when it succeeded, and the address stands where a prototype has put it. */
static int end_posix_memalign(struct ltrace *s, struct calls *c, const struct calls_thread *t,
                              const struct open_call *call, uint64_t value)
{
    uint64_t address = call->arg[0], align = call->arg[1];
    if (value) {
        c->failed++;
        return 0;
    }
    if (call->args != arguments[FUNCTION_POSIX_MEMALIGN] || align == 0 || address % align != 0) {
        c->dropped++;
        s->unseen++;
        return 0;
    }
    return calls_allocate(c, t, HGT_ALIGNED, address, call->arg[2], align);
}

static int end_call(struct ltrace *s, struct calls *c, const struct calls_thread *t,
                    const struct open_call *call, uint64_t value)
{
    struct function_block block;
    if (call->function == FUNCTION_FREE)
        return 0;
    if (call->function == FUNCTION_POSIX_MEMALIGN)
        return end_posix_memalign(s, c, t, call, value);
    bool possible = function_block(call->function, call->arg, &block);
    if (!possible && value)
        return calls_bad(c, "a block of a product beyond 2^64 was not made");
    if (call->function == FUNCTION_REALLOC || call->function == FUNCTION_REALLOCARRAY)
        return calls_realloc_to(c, t, &call->moving, value, possible ? block.size : UINT64_MAX);
    enum hgt_kind kind = call->function == FUNCTION_CALLOC ? HGT_CALLOC
                         : block.align                     ? HGT_ALIGNED
                                                           : HGT_MALLOC;
    return calls_allocate(c, t, kind, value, block.size, block.align);
}

/* fork and vfork return twice. The child is named by the parent's value, or by a value of 0 in its own line.
 * A vforked child shares its parent's memory until it execs. */
static int forked(struct calls *c, struct calls_thread *t, struct line rest)
{
    uint64_t child;
    struct calls_thread *other = t;
    if (!take_value(&rest, &child) || child > INT32_MAX)
        return 0;
    int err = child ? calls_thread(c, child, &other) : 0;
    return err || other->own_space ? err : calls_new_space(c, other);
}

static bool is_fork(const struct line *name)
{
    return word_is(name, "fork") || word_is(name, "_Fork") || word_is(name, "__libc_fork") ||
           word_is(name, "__fork");
}

static int returned(struct ltrace *s, struct calls *c, struct calls_thread *t, struct stack *stack,
                    const struct event *e)
{
    struct open_call call;
    uint64_t value, arg[3];
    struct line rest = e->rest, at;
    if (!pop(stack, c, e->name, &call) || call.function == FUNCTION_NONE || call.inner)
        return is_fork(&e->name) ? forked(c, t, e->rest) : 0;
    if (!call.args) { /* printed at the return: a prototype says that it writes to its first argument */
        call.args = take_arguments(&rest, arg, &at);
        memcpy(call.arg, arg, sizeof arg);
        if (call.args < arguments[call.function])
            return calls_bad(c, "'%s' is not what %s takes", calls_shown(at), calls_shown(e->name));
    }
    if (!take_value(&rest, &value))
        return calls_bad(c, "'%s' is not what %s returned", calls_shown(e->rest), calls_shown(e->name));
    return end_call(s, c, t, &call, value);
}

static int called(struct ltrace *s, struct calls *c, struct calls_thread *t, struct stack *stack,
                  const struct event *e, enum function f)
{
    struct open_call call = {.function = f, .inner = stack->kin > 0};
    struct line rest = e->rest, at;
    uint64_t value;
    stack->inner += call.inner && f != FUNCTION_NONE;
    if (f == FUNCTION_NONE) {
        call.name = hash_of(e->name);
        return push(stack, c, &call);
    }
    if (call.inner && !e->unfinished)
        return 0;
    call.args = take_arguments(&rest, call.arg, &at);
    bool later = e->unfinished && f == FUNCTION_POSIX_MEMALIGN && call.args == 0;
    if (call.args < arguments[f] && !later && !call.inner)
        return calls_bad(c, "'%s' is not what %s takes", calls_shown(at), calls_shown(e->name));
    int err = call.inner ? 0 : begin_call(c, t, &call);
    if (err)
        return err;
    if (e->unfinished) {
        call.name = hash_of(e->name);
        return push(stack, c, &call);
    }
    if (!take_value(&rest, &value))
        return calls_bad(c, "'%s' is not what %s returned", calls_shown(rest), calls_shown(e->name));
    return end_call(s, c, t, &call, value);
}

/* +++ exited (status 0) +++, +++ killed by SIGKILL +++, --- Called exec() --- */
static int signs(struct ltrace *s, struct calls *c, struct line line)
{
    struct calls_thread *t;
    struct stack *stack;
    uint64_t pid;
    take_prefix(&line, &pid);
    bool ends = begins_with(&line, "+++ exited") || begins_with(&line, "+++ killed");
    bool execs = begins_with(&line, "--- Called exec");
    if (!ends && !execs)
        return 0;
    int err = calls_thread(c, pid, &t);
    if (!err)
        err = stack_of(s, c, t, &stack);
    if (err)
        return err;
    drop_all(stack, c);
    if (execs)
        return calls_new_space(c, t);
    return t->number > 0 ? calls_thread_end(c, pid) : 0; /* the first one's is the program's end */
}

static int ltrace_line(void *state, struct calls *c, struct line line)
{
    struct ltrace *s = state;
    struct calls_thread *t;
    struct stack *stack;
    struct event e;
    if (!parse(line, &e))
        return signs(s, c, line);
    enum function f = e.resumed ? FUNCTION_NONE : function_of(e.name);
    if (f == FUNCTION_NONE && !e.resumed && !e.unfinished && !is_fork(&e.name))
        return 0;
    int err = calls_thread(c, e.pid, &t);
    if (!err)
        err = stack_of(s, c, t, &stack);
    if (err)
        return err;
    if (e.resumed)
        return returned(s, c, t, stack, &e);
    if (f == FUNCTION_NONE && !e.unfinished)
        return forked(c, t, e.rest);
    return called(s, c, t, stack, &e, f);
}

static int ltrace_close(void *state, struct calls *c, struct message *note)
{
    struct ltrace *s = state;
    for (uint32_t i = 0; i < s->stacks; i++)
        drop_all(&s->stack[i], c);
    if (s->unseen && !note->text[0])
        message_set(note, 0,
                    "%s: posix_memalign's blocks are left out (%llu): ltrace shows their addresses with the "
                    "prototype "
                    "int posix_memalign(+addr*, ulong, ulong); in a file for its -F",
                    c->source->name, (unsigned long long)s->unseen);
    free(s->stack);
    free(s);
    return 0;
}

const struct importer importer_ltrace = {
    .name = "ltrace",
    .hint = "ltrace -f -o FILE PROGRAM writes one (strace shows the system's calls, not malloc)",
    .ends = true,
    .claims = ltrace_claims,
    .open = ltrace_open,
    .line = ltrace_line,
    .close = ltrace_close,
};
