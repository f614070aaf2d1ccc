/* list.c: see list.h. */
#include "list.h"

#define BACKEND_EXTERN(ident) extern const struct backend backend_##ident;
BACKENDS(BACKEND_EXTERN)
#define BACKEND_POINTER(ident) &backend_##ident,
const struct backend *const backend_list[] = {BACKENDS(BACKEND_POINTER) NULL};
