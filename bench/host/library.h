/* library.h: finds the library that "preload:jemalloc" or "preload:/path/lib.so" means, and proves, without
 * loading it, that it is one that can stand in place of malloc. */
#ifndef HG_BENCH_HOST_LIBRARY_H
#define HG_BENCH_HOST_LIBRARY_H

#include "alloc/base/message.h"

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>

/* Writes the library's real, absolute path. What is taken: a short name (of library_names), a file name
 * ("libjemalloc.so.2"), both looked for in LD_LIBRARY_PATH and then in the system's directories, the newest
 * version in the first directory that has one, or a path (whatever holds a slash). 0, or with a message:
 * -ENOENT it is not there, and for a short name what would bring it; -EINVAL no such short name, or a path
 * that LD_PRELOAD cannot express (blanks, colons); -ENOEXEC not a shared object of this machine, or one that
 * does not define malloc and free; or what open() and read() gave. */
int library_resolve(const char *name_or_path, char *path, size_t size, struct message *m);

/* The short names, ended by NULL. */
extern const char *const library_names[];

/* Of an ELF file that is open: does its dynamic symbol table define the function? */
bool library_defines(Elf *elf, const char *function);
bool library_is_of_this_machine(Elf *elf);

#endif
