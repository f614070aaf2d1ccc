/* cpython_runtime.h: from 3.12 on PyObject_Malloc finds its heap through the thread state of the thread that calls
 * it: the smallest runtime that has one, and what it costs.
 *
 * Started is the first half of a runtime alone ("core"): an interpreter and a thread state, the built-in types
 * and exceptions, the modules sys and builtins. No importlib, no main half: no file is read, no site, no encodings,
 * no signal handler, no locale; the environment (PYTHONMALLOC and all) is ignored. Less does not serve, tried with
 * 3.12 to 3.15: after Py_PreInitialize alone PyObject_Malloc crashes, and a thread state of one's own
 * (PyInterpreterState_New, PyThreadState_New) crashes when it is made the current one.
 *
 * A thread other than the one that started it has no thread state, and the runtime's way to give it one (GIL
 * given up by one, taken by another) costs more than the allocation. Callers hold a lock of their own, or are one
 * thread at a time: so each thread that calls takes over the starter's identity, once: the words of the library's
 * thread-local block that the start has changed.
 *
 * One runtime a process, for ever. */
#ifndef HG_ALLOC_BACKEND_CPYTHON_RUNTIME_H
#define HG_ALLOC_BACKEND_CPYTHON_RUNTIME_H

#include "alloc/base/message.h"

#include <stddef.h>

/* dlopen, for ever: the arenas stay in use by whoever holds blocks. NULL: dlerror() has the reason. */
void *cpython_runtime_library(const char *name);

/* 0; -ENOTSUP with a message that begins with name, the library's. */
int cpython_runtime_start(void *library, const char *name, struct message *m);

/* From now on this thread may call; the starter may from the start on. */
void cpython_runtime_attach(void);

/* Blocks of the whole heap, in pools and raw, by sys.getallocatedblocks(); -1 when it cannot be asked: from a
 * thread other than the starter. Leaves the heap as it was. */
ptrdiff_t cpython_runtime_blocks(void);

#endif
