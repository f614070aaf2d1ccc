/* words.h: lists as users write them on the command line and in suite files. */
#ifndef HG_ALLOC_BASE_WORDS_H
#define HG_ALLOC_BASE_WORDS_H

#include "message.h"

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX 64

struct words {
    unsigned count;
    const char *word[WORDS_MAX];
    char text[8192];
};

/* Where one stands in such a text, from its start on: in parentheses, in braces (SPEC{NAME="a,b"}), in quotes
 * within them, behind a backslash within those. A text of zeros is its start. */
struct words_place {
    int parentheses;
    bool braces, quoted, escaped;
};
/* Goes over one character. Whether it is of a pair of braces, the two themselves among it. */
bool words_step(struct words_place *place, char c);

/* Cuts "a,b:k=v,k2=v2,c(d),e{f=g,h=i}" at its commas: a part "k=v" belongs to the one before it, parentheses
 * nest, and what braces hold is left as it is.
 * Writes at most max parts (each a copy in buf); returns how many, or -EINVAL with a message. */
int words_cut(const char *text, char *buf, size_t buf_size, const char **parts, unsigned max,
              struct message *m);

/* The same with blanks, for an option: "a, b:k=v,k2=v2, c(d)": a part k=v belongs to the word before it.
 * Blanks outside braces do not count.
 * An empty text is one empty word: "take the default". option is named in the message. */
int words_split(struct words *w, const char *text, const char *option, struct message *m);

/* "1,2,4": each from 1 to max; at most WORDS_MAX. */
int words_numbers(const char *text, const char *option, unsigned max, unsigned *out, unsigned *count,
                  struct message *m);

/* "1x1, 2x1, 1x2": pairs of such numbers; at most WORDS_MAX. max of the first and of the second. */
int words_pairs(const char *text, const char *option, const unsigned max[2], unsigned (*out)[2],
                unsigned *count, struct message *m);

#endif
