/* hgo_child.h: a script is run in a child of its own: an interpreter, and a runtime of ours, are used up by
 * it. */
#ifndef HG_TESTS_HGO_CHILD_H
#define HG_TESTS_HGO_CHILD_H

#include "hgo_emit.h"
#include "hgo_generate.h"

typedef int hgo_script_run(const struct objscript *s, hgo_emit *emit, void *arg, struct message *m);

/* out gets the stat lines, then how it ended unless well: "error ...", "killed by signal N", "exit status
 * N". */
void hgo_run_child(hgo_script_run *run, const struct text *script, struct text *out);

#endif
