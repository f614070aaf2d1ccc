/* message.h: one sentence for the user, made where the user's words are known.
 *
 * Functions return 0 or -errno; those that reject something a user wrote also fill a message. Only the
 * command's main file prints it. Never allocates, so it can be used under any allocator. */
#ifndef HG_ALLOC_BASE_MESSAGE_H
#define HG_ALLOC_BASE_MESSAGE_H

#include <stdarg.h>
#include <stdio.h>

struct message {
    char text[1024];
};

/* Fills m (which may be NULL) and returns err, so that "return message_set(m, -EINVAL, ...)" reads well. */
__attribute__((format(printf, 3, 4))) static inline int message_set(struct message *m, int err,
                                                                    const char *format, ...)
{
    if (m) {
        va_list args;
        va_start(args, format);
        vsnprintf(m->text, sizeof m->text, format, args);
        va_end(args);
    }
    return err;
}

#ifdef __clang_analyzer__
/* The analyzer does not look into variadic functions and would think that an error may come back as 0. */
#define message_set(m, err, ...) ((void)message_set(m, err, __VA_ARGS__), (err))
#endif

#endif
