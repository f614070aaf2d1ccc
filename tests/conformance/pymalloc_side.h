/* pymalloc_side.h: runs a trace on one allocator in a process of its own, so that the heap is fresh, and
 * brings back everything there is to compare.
 *
 * Both sides get their arenas from the same scripted source (PyObject_SetArenaAllocator on the real side):
 * the n-th arena lies at the same address in both processes, aligned to a pool or not, or is refused at the
 * same moment. So the comparison needs no allowance: the log of a trace, which has the address of every block
 * from an arena and every arena mapped, refused and given back in between, must be equal entry by entry, and
 * so must be all of heap{}. */
#ifndef HG_TESTS_CONFORMANCE_PYMALLOC_SIDE_H
#define HG_TESTS_CONFORMANCE_PYMALLOC_SIDE_H

#include "pymalloc_model.h"
#include "pymalloc_real.h"
#include "pymalloc_trace.h"

#include "alloc/alloc.h"
#include "alloc/backend/cpython.h"
#include "alloc/base/os.h"
#include "alloc/pymalloc/pymalloc.h"
#include "alloc/spec.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDE_ARENAS_MAX 512
#define SIDE_KEYS_MAX   160
#define SIDE_ENTRIES    ((size_t)8 << 20)
#define SIDE_POOL_BYTES ((uintptr_t)16384)
#define SIDE_CROSSING   ((uintptr_t)1 << 34) /* a leaf of the radix map ends at its multiples */

/* Entries of the log that are no addresses. */
#define SIDE_MAPPED  ((uint64_t)1 << 60)
#define SIDE_REFUSED ((uint64_t)2 << 60)
#define SIDE_GIVEN   ((uint64_t)3 << 60)
#define SIDE_RAW     ((uint64_t)4 << 60)

struct side_key {
    char name[56];
    uint64_t value;
};

/* In memory shared with the parent. */
struct side_result {
    bool done;
    char message[1024]; /* why it could not run */
    bool unavailable;
    size_t key_count[2]; /* [0] at the end of the trace, [1] when all that was left is freed */
    struct side_key key[2][SIDE_KEYS_MAX];
    size_t entries;
    uint64_t log[SIDE_ENTRIES];
};

/* Where the arenas of a trace lie. */
struct side_script {
    uintptr_t origin;
    uint32_t pool_bytes; /* for the model */
    size_t arena_bytes, stride;
    uintptr_t shift[SIDE_ARENAS_MAX]; /* of each place from its aligned address, below a pool */
    uint64_t refuse_every;            /* 0: never */
};

struct side {
    struct side_result *result;
    const struct side_script *script;
    bool taken[SIDE_ARENAS_MAX];
    uint64_t asked;
};

static inline void side_log(struct side *s, uint64_t entry)
{
    if (s->result->entries < SIDE_ENTRIES)
        s->result->log[s->result->entries++] = entry;
}

/* The lowest place that is free, as a kernel that fills holes. */
static inline void *side_map(void *arg, size_t bytes)
{
    struct side *s = arg;
    s->asked++;
    size_t i = 0;
    while (i < SIDE_ARENAS_MAX && s->taken[i])
        i++;
    if (bytes != s->script->arena_bytes || i == SIDE_ARENAS_MAX ||
        (s->script->refuse_every && s->asked % s->script->refuse_every == 0)) {
        side_log(s, SIDE_REFUSED | bytes);
        return NULL;
    }
    s->taken[i] = true;
    uintptr_t at = s->script->origin + i * s->script->stride + s->script->shift[i];
    side_log(s, SIDE_MAPPED | at);
    return (void *)at;
}

static inline void side_unmap(void *arg, void *p, size_t bytes)
{
    struct side *s = arg;
    side_log(s, SIDE_GIVEN | (uintptr_t)p);
    size_t i = ((uintptr_t)p - s->script->origin) / s->script->stride;
    if (i >= SIDE_ARENAS_MAX || !s->taken[i])
        abort();
    s->taken[i] = false;
    os_purge(&os_harness, (void *)(((uintptr_t)p + 4095) & ~(uintptr_t)4095), bytes, false);
}

/* Ours alone asks for it: what is resident ahead changes no address. */
static bool side_populate(void *arg, void *p, size_t bytes)
{
    (void)arg;
    return os_populate(&os_harness, p, bytes);
}

struct side_arena_allocator { /* PyObjectArenaAllocator */
    void *ctx;
    void *(*alloc)(void *ctx, size_t bytes);
    void (*free)(void *ctx, void *p, size_t bytes);
};

static inline void side_key(void *arg, const char *name, uint64_t value)
{
    if (strncmp(name, "heap.runtime.", 13) == 0)
        return; /* what was there before the trace: the real side's alone */
    struct side_key **at = arg;
    size_t bytes = strlen(name) + 1;
    if (bytes > sizeof(*at)->name)
        abort();
    memcpy((*at)->name, name, bytes);
    (*at)++->value = value;
}

static inline void side_report(struct side_result *r, unsigned when, const struct alloc *a)
{
    struct side_key *at = r->key[when];
    const struct alloc_sink sink = {.arg = &at, .integer = side_key};
    a->backend->report(a->ctx, &sink);
    r->key_count[when] = (size_t)(at - r->key[when]);
}

static inline bool side_in_arenas(const struct side_script *s, const void *p)
{
    return (uintptr_t)p - s->origin < SIDE_ARENAS_MAX * s->stride + SIDE_POOL_BYTES;
}

static inline void side_run(struct side *s, const struct alloc *a, const struct trace *t)
{
    void **block = calloc(t->ids ? t->ids : 1, sizeof *block);
    if (!block)
        abort();
    for (size_t i = 0; i < t->count; i++) {
        const struct trace_op *op = &t->ops[i];
        void *p = block[op->id];
        switch (op->kind) {
        case 'a':
            p = a->malloc(a->ctx, op->size);
            break;
        case 'c':
            p = a->calloc(a->ctx, 1, op->size);
            break;
        case 'r':
            p = a->realloc(a->ctx, p, op->size);
            break;
        default:
            a->free(a->ctx, p);
            p = NULL;
        }
        block[op->id] = p;
        if (op->kind != 'f')
            side_log(s, side_in_arenas(s->script, p) ? (uintptr_t)p : SIDE_RAW | (p != NULL));
    }
    side_report(s->result, 0, a);
    for (uint32_t i = 0; i < t->ids; i++)
        a->free(a->ctx, block[i]);
    side_report(s->result, 1, a);
    free(block);
}

/* In the child. */
static inline void side_child(const char *spec_text, const struct trace *t, const struct side_script *script,
                              struct side_result *r)
{
    struct side s = {.result = r, .script = script};
    struct message m = {""};
    struct spec spec;
    struct alloc_stack stack;
    const struct pymalloc_arena_source source = {&s, side_map, side_unmap, side_populate};
    if (strcmp(spec_text, "model") == 0) {
        struct alloc model;
        model_open(&model, script->pool_bytes, (uint32_t)script->arena_bytes, &source);
        side_run(&s, &model, t);
        r->done = true;
        return;
    }
    int err;
    if (strcmp(spec_text, "cpython") == 0)
        err = real_open(&stack, &m);
    else if ((err = spec_parse(&spec, spec_text, &m)) == 0)
        err = alloc_open(&stack, &spec, &m);
    if (err) {
        r->unavailable = true;
        snprintf(r->message, sizeof r->message, "%s", m.text);
        return;
    }
    struct alloc *a = &stack.layer[0];
    void (*set)(struct side_arena_allocator *) =
        (void (*)(struct side_arena_allocator *))cpython_symbol("PyObject_SetArenaAllocator");
    if (set) {
        struct side_arena_allocator arenas = {&s, side_map, side_unmap};
        set(&arenas);
    } else {
        pymalloc_set_arena_source(a, &source);
    }
    side_run(&s, a, t);
    r->done = true;
}

/* Results live in a memory file, made once; NULL with errno when there is none. */
static inline struct side_result *side_result_new(void)
{
    int fd = memfd_create("side", MFD_CLOEXEC);
    struct side_result *r = NULL;
    if (fd >= 0 && ftruncate(fd, (off_t)sizeof *r) == 0)
        r = os_map_file(fd, sizeof *r, true);
    if (fd >= 0)
        close(fd);
    return r;
}

/* The child's wait status. */
static inline int side_spawn(const char *spec, const struct trace *t, const struct side_script *script,
                             struct side_result *r)
{
    r->done = r->unavailable = false;
    r->entries = r->key_count[0] = r->key_count[1] = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static const int caught[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE}; /* by cmocka */
        for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
            signal(caught[i], SIG_DFL);
        side_child(spec, t, script, r);
        _exit(0);
    }
    int status = -1;
    if (child > 0)
        while (waitpid(child, &status, 0) != child)
            ;
    return status;
}

#endif
