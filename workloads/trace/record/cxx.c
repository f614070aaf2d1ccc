/* cxx.c: C++'s operators in the recorder, each handing on to the next one in line: the C++ runtime's, or that of
 * an allocator which is linked or preloaded.
 *
 * The runtime's calls malloc, which is ours and records; an allocator's mostly does not. Which it is differs from
 * form to form (a library may bring some of them), and is found out by trying each once: one that leads back to
 * us is only passed on, so that no call is recorded twice, a new-handler's calls are the program's own, and an
 * exception passes by. One that does not is recorded here. */
#include "record.h"

#include "alloc/base/compiler.h"
#include "alloc/base/cxx.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

struct form {
    void *next;    /* NULL: there is none in the process */
    bool recorded; /* here: it does not come back to us */
};

enum { FORMS_UNKNOWN, FORMS_TRIED, FORMS_KNOWN };
static _Atomic int forms_state;
static __thread bool forms_trying;
static void forms_begin(void);

static inline void forms_ready(void)
{
    if (unlikely(atomic_load_explicit(&forms_state, memory_order_acquire) != FORMS_KNOWN))
        forms_begin();
}

/* A C++ program without a C++ runtime that could be found: it has linked one in and hides it. */
static cold _Noreturn void cxx_no_memory(void)
{
    static const char why[] =
        "heapgauge record: operator new found no memory, and no C++ runtime to throw by\n";
    ssize_t n = write(STDERR_FILENO, why, sizeof why - 1);
    (void)n;
    abort();
}

static void *cxx_malloc(size_t size)
{
    void *p = malloc(size);
    if (!p)
        cxx_no_memory();
    return p;
}

static void *cxx_malloc_aligned(size_t align, size_t size)
{
    void *p = aligned_alloc(align, (size + align - 1) & ~(align - 1));
    if (!p)
        cxx_no_memory();
    return p;
}

static const char cxx_nothrow; /* std::nothrow is there for its type alone */

/* An operator, and a trial of what it hands on to: 64 bytes at 64. */
#define NEW(name, type, parameters, arguments, trial, record, without) \
    EXPORT type name;                                                  \
    static struct form form_##name;                                    \
    static void *try_##name(void)                                      \
    {                                                                  \
        return form_##name.next ? ((type *)form_##name.next)trial : 0; \
    }                                                                  \
    void *name parameters                                              \
    {                                                                  \
        forms_ready();                                                 \
        if (unlikely(!form_##name.next))                               \
            return without;                                            \
        void *p = ((type *)form_##name.next)arguments;                 \
        if (form_##name.recorded)                                      \
            record;                                                    \
        return p;                                                      \
    }
#define DELETE(name, type, parameters, arguments, trial) \
    EXPORT type name;                                    \
    static struct form form_##name;                      \
    static void try_##name(void *p)                      \
    {                                                    \
        if (form_##name.next)                            \
            ((type *)form_##name.next) trial;            \
    }                                                    \
    void name parameters                                 \
    {                                                    \
        forms_ready();                                   \
        if (unlikely(!form_##name.next)) {               \
            free(p);                                     \
            return;                                      \
        }                                                \
        if (form_##name.recorded)                        \
            record_delete(p);                            \
        ((type *)form_##name.next) arguments;            \
    }

#define NEW_PLAIN(name) NEW(name, cxx_new, (size_t size), (size), (64), record_new(p, size), cxx_malloc(size))
#define NEW_NOTHROW(name)                                                                               \
    NEW(name, cxx_new_nothrow, (size_t size, const void *nothrow), (size, nothrow), (64, &cxx_nothrow), \
        record_new(p, size), malloc(size))
#define NEW_ALIGNED(name)                                                            \
    NEW(name, cxx_new_aligned, (size_t size, size_t align), (size, align), (64, 64), \
        record_new_aligned(p, align, size), cxx_malloc_aligned(align, size))
#define NEW_ALIGNED_NOTHROW(name)                                                           \
    NEW(name, cxx_new_aligned_nothrow, (size_t size, size_t align, const void *nothrow),    \
        (size, align, nothrow), (64, 64, &cxx_nothrow), record_new_aligned(p, align, size), \
        aligned_alloc(align, (size + align - 1) & ~(align - 1)))
#define DELETE_PLAIN(name) DELETE(name, cxx_delete, (void *p), (p), (p))
#define DELETE_NOTHROW(name) \
    DELETE(name, cxx_delete_nothrow, (void *p, const void *nothrow), (p, nothrow), (p, &cxx_nothrow))
#define DELETE_NUMBER(name) DELETE(name, cxx_delete_number, (void *p, size_t n), (p, n), (p, 64))
#define DELETE_ALIGNED_NOTHROW(name)                                                       \
    DELETE(name, cxx_delete_aligned_nothrow, (void *p, size_t align, const void *nothrow), \
           (p, align, nothrow), (p, 64, &cxx_nothrow))
#define DELETE_SIZED_ALIGNED(name)                                                                 \
    DELETE(name, cxx_delete_sized_aligned, (void *p, size_t size, size_t align), (p, size, align), \
           (p, 64, 64))

CXX_NEW(NEW_PLAIN)
CXX_NEW_NOTHROW(NEW_NOTHROW)
CXX_NEW_ALIGNED(NEW_ALIGNED)
CXX_NEW_ALIGNED_NOTHROW(NEW_ALIGNED_NOTHROW)
CXX_DELETE(DELETE_PLAIN)
CXX_DELETE_NOTHROW(DELETE_NOTHROW)
CXX_DELETE_SIZED(DELETE_NUMBER)
CXX_DELETE_ALIGNED(DELETE_NUMBER)
CXX_DELETE_ALIGNED_NOTHROW(DELETE_ALIGNED_NOTHROW)
CXX_DELETE_SIZED_ALIGNED(DELETE_SIZED_ALIGNED)

/* Each form with its name and its trial; in every list the one for an object stands before that for an array, and
 * what a delete is tried with is of the new that belongs to it. */
static const struct {
    const char *name;
    struct form *form;
    void *(*make)(void);
    void (*drop)(void *p);
} forms[] = {
#define MAKE(name) {#name, &form_##name, try_##name, NULL},
#define DROP(name) {#name, &form_##name, NULL, try_##name},
    CXX_NEW(MAKE) CXX_DELETE(DROP) CXX_DELETE_NOTHROW(DROP) CXX_DELETE_SIZED(DROP) CXX_NEW_NOTHROW(MAKE)
        CXX_NEW_ALIGNED(MAKE) CXX_DELETE_ALIGNED(DROP) CXX_DELETE_ALIGNED_NOTHROW(DROP)
            CXX_DELETE_SIZED_ALIGNED(DROP) CXX_NEW_ALIGNED_NOTHROW(MAKE)};

static void forms_look_up(void)
{
    for (size_t i = 0; i < array_length(forms); i++) {
        void *f = dlsym(RTLD_NEXT, forms[i].name);
        if (!f) /* of a plugin: its runtime is known to it alone */
            f = cxx_runtime(forms[i].name);
        forms[i].form->next = f;
        forms[i].form->recorded = true; /* while they are tried: an array's may stand on an object's */
    }
}

/* Inside a probe: nothing of a trial is recorded. Blocks are freed by free, for the deletes are to be tried. */
static void forms_try(void)
{
    bool returns[array_length(forms)];
    void *(*make[2])(void) = {NULL, NULL}; /* of an object, of an array: the lists are of pairs */
    for (size_t i = 0; i < array_length(forms); i++) {
        void *block = NULL;
        if (forms[i].make)
            make[i & 1] = forms[i].make;
        else
            block = make[i & 1]();
        record_probe_hits();
        if (forms[i].make)
            block = forms[i].make();
        else if (block)
            forms[i].drop(block);
        returns[i] = record_probe_hits() > 0;
        if (forms[i].make)
            free(block);
    }
    for (size_t i = 0; i < array_length(forms); i++)
        forms[i].form->recorded = !returns[i];
}

/* The first operator of the process. */
static cold void forms_begin(void)
{
    int state = FORMS_UNKNOWN, saved = errno;
    if (forms_trying)
        return;
    if (atomic_compare_exchange_strong_explicit(&forms_state, &state, FORMS_TRIED, memory_order_acquire,
                                                memory_order_acquire)) {
        forms_trying = true;
        forms_look_up();
        record_probe_begin();
        forms_try();
        record_probe_end();
        forms_trying = false;
        atomic_store_explicit(&forms_state, FORMS_KNOWN, memory_order_release);
    }
    while (atomic_load_explicit(&forms_state, memory_order_acquire) != FORMS_KNOWN)
        sched_yield();
    errno = saved;
}
