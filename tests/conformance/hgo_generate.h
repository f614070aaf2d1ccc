/* hgo_generate.h: random object scripts from a seed, and the reduction of one that shows a difference. */
#ifndef HG_TESTS_HGO_GENERATE_H
#define HG_TESTS_HGO_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that grows; data is from malloc and ends with 0. */
struct text {
    char *data;
    size_t bytes, room;
};
__attribute__((format(printf, 2, 3))) void text_add(struct text *t, const char *format, ...);

/* At least `operations` operations, the same text for the same seed everywhere. Every operation is valid:
 * what each root holds is followed as far as it does not depend on when the collector runs. */
void hgo_generate(struct text *out, uint64_t seed, unsigned operations);

/* Removes lines as long as differs(arg, text) stays true: first in large pieces, then one by one, until no
 * single line can go (delta debugging: Zeller & Hildebrandt, IEEE TSE 2002). */
typedef bool hgo_differs(void *arg, const struct text *script);
void hgo_shrink(struct text *script, hgo_differs *differs, void *arg);

#endif
