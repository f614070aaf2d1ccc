/* assert.c: see assert.h. */
#include "assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void hg_assert_failed(const char *file, int line, const char *function, const char *expression)
{
    char text[512];
    int n = snprintf(text, sizeof text, "heapgauge: %s:%d: %s: does not hold: %s\n", file, line, function,
                     expression);
    if (n > 0)
        (void)!write(STDERR_FILENO, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    abort();
}

bool hg_fault_is(const char *name)
{
    const char *fault = getenv("HEAPGAUGE_FAULT");
    return fault && strcmp(fault, name) == 0;
}
