/* cpython_runtime.c: see cpython_runtime.h. */
#include "cpython_runtime.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef HG_ASAN
#include <sanitizer/lsan_interface.h>
/* What the runtime allocates is referred to from its arenas, which are maps, where a search for leaks does not look;
 * thread-local blocks of newer C libraries are no better seen. */
#define runtime_keeps_begin() __lsan_disable()
#define runtime_keeps_end()   __lsan_enable()
#else
#define runtime_keeps_begin() (void)0
#define runtime_keeps_end()   (void)0
#endif

#define RUNTIME_CONFIG_BYTES 4096 /* PyConfig: 448 in 3.13, 456 in 3.14 and 3.15 */
#define RUNTIME_TLS_WORDS    64   /* of the library's thread-local block: 4 in 3.13 and 3.14, 6 in 3.15 */
#define RUNTIME_INT_BYTES    28   /* the object that sys.getallocatedblocks() makes */

struct runtime_status { /* PyStatus */
    int type;
    const char *function, *error;
    int exit_code;
};

static struct {
    void *library;
    pthread_t starter;
    void *(*thread_state)(void);
    void *state; /* the starter's */
    size_t tls_words;
    void *tls_before[RUNTIME_TLS_WORDS], *tls_started[RUNTIME_TLS_WORDS];
    /* sys.getallocatedblocks(), and what it takes to call it */
    void *count_blocks;
    void *(*call)(void *callable);
    ptrdiff_t (*integer)(void *object);
    void (*release)(void *object);
    void *(*malloc)(size_t size);
    void (*free)(void *p);
    void *stand_in; /* a block of the int's size; the int takes its place for the time of the call */
} runtime;

/* --- the library's thread-local block -------------------------------------------------------------------- */
/* The calling thread's; the call before makes sure that it has one. */
static void **runtime_tls(void)
{
    void *block = NULL;
    runtime_keeps_begin();
    runtime.thread_state();
    runtime_keeps_end();
    return dlinfo(runtime.library, RTLD_DI_TLS_DATA, (void *)&block) == 0 ? block : NULL;
}

struct runtime_segment {
    uintptr_t base;
    size_t bytes;
};

static int runtime_visit(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct runtime_segment *s = arg;
    (void)size;
    if (info->dlpi_addr != s->base)
        return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS)
            s->bytes = info->dlpi_phdr[i].p_memsz;
    return 1;
}

/* Whole words of it: the thread state and its kin are pointers. 0: there is none, or it is too large. */
static size_t runtime_count_tls_words(void)
{
    struct link_map *map;
    struct runtime_segment s = {0};
    if (dlinfo(runtime.library, RTLD_DI_LINKMAP, &map) != 0)
        return 0;
    s.base = map->l_addr;
    dl_iterate_phdr(runtime_visit, &s);
    size_t words = s.bytes / sizeof(void *);
    return words <= RUNTIME_TLS_WORDS ? words : 0;
}

static bool runtime_take_over(void)
{
    void **own = runtime_tls();
    for (size_t i = 0; own && i < runtime.tls_words; i++)
        if (runtime.tls_started[i] != runtime.tls_before[i])
            own[i] = runtime.tls_started[i];
    return runtime.thread_state() == runtime.state;
}

void cpython_runtime_attach(void)
{
    if (!runtime_take_over())
        abort(); /* it has been tried: runtime_serves_threads */
}

static void *runtime_try(void *unused)
{
    (void)unused;
    void *p = !runtime.thread_state() && runtime_take_over() ? runtime.malloc(RUNTIME_INT_BYTES) : NULL;
    if (p)
        runtime.free(p);
    return p;
}

static bool runtime_serves_threads(void)
{
    pthread_t thread;
    void *served = NULL;
    return pthread_create(&thread, NULL, runtime_try, NULL) == 0 && pthread_join(thread, &served) == 0 &&
           served;
}

/* --- start ----------------------------------------------------------------------------------------------- */
/* Sets _install_importlib and _init_main to 0 in an isolated PyConfig, whose layout has changed with each version:
 * its last fields are these two, 1 by default, and _is_python_build, 0, then four bytes of padding; its size is
 * what the library has written. false: this one ends otherwise. */
static bool runtime_configure(unsigned char *config, void (*init_isolated)(void *config))
{
    const unsigned char untouched = 0xa5;
    memset(config, untouched, RUNTIME_CONFIG_BYTES);
    init_isolated(config);
    size_t bytes = RUNTIME_CONFIG_BYTES;
    while (bytes && config[bytes - 1] == untouched)
        bytes--;
    const int expected[4] = {1, 1, 0, 0}, none[2] = {0, 0};
    if (bytes < sizeof expected || bytes == RUNTIME_CONFIG_BYTES || bytes % sizeof(void *) ||
        memcmp(config + bytes - sizeof expected, expected, sizeof expected) != 0)
        return false;
    memcpy(config + bytes - sizeof expected, none, sizeof none);
    return true;
}

static int runtime_start_core(const char *name, struct message *m)
{
    void (*init_isolated)(void *) = (void (*)(void *))dlsym(runtime.library, "PyConfig_InitIsolatedConfig");
    void (*clear)(void *) = (void (*)(void *))dlsym(runtime.library, "PyConfig_Clear");
    struct runtime_status (*initialize)(const void *) =
        (struct runtime_status(*)(const void *))dlsym(runtime.library, "Py_InitializeFromConfig");
    _Alignas(16) unsigned char config[RUNTIME_CONFIG_BYTES];
    if (!init_isolated || !clear || !initialize || !runtime_configure(config, init_isolated))
        return message_set(m, -ENOTSUP, "cpython: %s has a PyConfig that is not known here", name);
    runtime_keeps_begin();
    struct runtime_status status = initialize(config);
    runtime_keeps_end();
    clear(config);
    if (status.type != 0)
        return message_set(m, -ENOTSUP, "cpython: the runtime of %s does not start: %s", name,
                           status.error ? status.error : "no reason given");
    return 0;
}

static bool runtime_find_count(void)
{
    void *(*sys_object)(const char *) = (void *(*)(const char *))dlsym(runtime.library, "PySys_GetObject");
    runtime.call = (void *(*)(void *))dlsym(runtime.library, "PyObject_CallNoArgs");
    runtime.integer = (ptrdiff_t(*)(void *))dlsym(runtime.library, "PyLong_AsSsize_t");
    runtime.release = (void (*)(void *))dlsym(runtime.library, "Py_DecRef");
    if (!sys_object || !runtime.call || !runtime.integer || !runtime.release)
        return false;
    runtime.count_blocks = sys_object("getallocatedblocks");
    runtime.stand_in = runtime.malloc(RUNTIME_INT_BYTES);
    /* The first call: from 3.14 on its int goes to a list of free ones, where the next call finds it. */
    return runtime.count_blocks && runtime.stand_in && cpython_runtime_blocks() > 0;
}

void *cpython_runtime_library(const char *name)
{
    runtime_keeps_begin();
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    runtime_keeps_end();
    return library;
}

int cpython_runtime_start(void *library, const char *name, struct message *m)
{
    runtime.library = library;
    runtime.starter = pthread_self();
    runtime.malloc = (void *(*)(size_t))dlsym(library, "PyObject_Malloc");
    runtime.free = (void (*)(void *))dlsym(library, "PyObject_Free");
    runtime.thread_state = (void *(*)(void))dlsym(library, "PyThreadState_GetUnchecked");
    if (!runtime.thread_state) /* its name until 3.12 */
        runtime.thread_state = (void *(*)(void))dlsym(library, "_PyThreadState_UncheckedGet");
    void **tls = runtime.thread_state ? runtime_tls() : NULL;
    runtime.tls_words = tls ? runtime_count_tls_words() : 0;
    if (!runtime.tls_words)
        return message_set(m, -ENOTSUP, "cpython: %s keeps its thread state where it is not found here",
                           name);
    memcpy(runtime.tls_before, tls, runtime.tls_words * sizeof *tls);
    int err = runtime_start_core(name, m);
    if (err)
        return err;
    memcpy(runtime.tls_started, tls, runtime.tls_words * sizeof *tls);
    runtime.state = runtime.thread_state();
    if (!runtime.state || !runtime_find_count())
        return message_set(m, -ENOTSUP, "cpython: the runtime of %s has no sys.getallocatedblocks()", name);
    if (!runtime_serves_threads())
        return message_set(m, -ENOTSUP, "cpython: %s serves only the thread that has started its runtime",
                           name);
    return 0;
}

ptrdiff_t cpython_runtime_blocks(void)
{
    if (!pthread_equal(pthread_self(), runtime.starter))
        return -1; /* it looks at the bounds of the starter's stack */
    runtime.free(runtime.stand_in);
    void *object = runtime.call(runtime.count_blocks);
    ptrdiff_t blocks = object ? runtime.integer(object) + 1 : -1;
    if (object)
        runtime.release(object);
    runtime.stand_in = runtime.malloc(RUNTIME_INT_BYTES);
    return blocks;
}
