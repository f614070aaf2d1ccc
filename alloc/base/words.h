/* words.h: lists as users write them on the command line and in suite files. */
#ifndef HG_ALLOC_BASE_WORDS_H
#define HG_ALLOC_BASE_WORDS_H

#include "message.h"

#include <stddef.h>

#define WORDS_MAX 64

struct words {
    unsigned count;
    const char *word[WORDS_MAX];
    char text[4096];
};

/* Cuts "a,b:k=v,k2=v2,c(d)" at its commas: a part "k=v" belongs to the one before it, parentheses nest.
 * Writes at most max parts (each a copy in buf); returns how many, or -EINVAL with a message. */
int words_cut(const char *text, char *buf, size_t buf_size, const char **parts, unsigned max,
              struct message *m);

/* The same with blanks, for an option: "a, b:k=v,k2=v2, c(d)": a part k=v belongs to the word before it.
 * An empty text is one empty word: "take the default". option is named in the message. */
int words_split(struct words *w, const char *text, const char *option, struct message *m);

/* "1,2,4": each from 1 to max; at most WORDS_MAX. */
int words_numbers(const char *text, const char *option, unsigned max, unsigned *out, unsigned *count,
                  struct message *m);

/* "1x1, 2x1, 1x2": pairs of such numbers; at most WORDS_MAX. max of the first and of the second. */
int words_pairs(const char *text, const char *option, const unsigned max[2], unsigned (*out)[2],
                unsigned *count, struct message *m);

#endif
