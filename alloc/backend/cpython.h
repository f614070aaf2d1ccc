/* cpython.h: for tests that set the real allocator beside ours: what else is in the libpython that the
 * backend "cpython" has opened. Before an open: NULL and 0. */
#ifndef HG_ALLOC_BACKEND_CPYTHON_H
#define HG_ALLOC_BACKEND_CPYTHON_H

void *cpython_symbol(const char *name);
int cpython_minor_version(void); /* 9 to 15 */

#endif
