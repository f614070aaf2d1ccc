/* hgo_emit.h: where a script's stat lines go. */
#ifndef HG_TESTS_HGO_EMIT_H
#define HG_TESTS_HGO_EMIT_H

#include "workloads/script/objscript.h"

typedef void hgo_emit(void *arg, const char *stat_line);

#endif
