/* debug.h: what tests ask of a debug(). */
#ifndef HG_ALLOC_WRAP_DEBUG_H
#define HG_ALLOC_WRAP_DEBUG_H

#include "alloc/alloc.h"

/* Conservation: the ring holds the quarantined blocks of the table and no other, and held_bytes is what they
 * take. At quiescence. */
bool debug_is_valid(const struct alloc *a);

#endif
