/* program.h: will a preloaded library serve a program's malloc? The file is looked at, never run. */
#ifndef HG_BENCH_HOST_PROGRAM_H
#define HG_BENCH_HOST_PROGRAM_H

#include <stddef.h>

/* The program as execvp would find it, a script's interpreter in its place. NULL when nothing speaks against
 * it, or it cannot be read (to run it will give the reason); else why LD_PRELOAD has no effect on it, as half
 * a sentence ("it is statically linked") in buffer or constant. What a program does later is not known: it
 * may exec another, and a malloc that it does not export cannot be seen. */
const char *program_not_served(const char *name, char *buffer, size_t size);

#endif
