/* meta.c: lines for META. See tool.h. */
#include "tool.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

const struct file_kind tool_trace_kind = {"an .hgt trace", {HGT_MAGIC}};
const struct file_kind tool_text_kind = {"the text of a trace",
                                         {"a 0 ", "c 0 ", "A 0 ", "+\n", "w ", "@1 ", "@2 "}};

void tool_meta_add(struct tool_meta *meta, const char *key, const char *format, ...)
{
    char value[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    for (char *c = value; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    size_t room = sizeof meta->text - meta->bytes;
    int n = snprintf(meta->text + meta->bytes, room, "%s %s\n", key, value);
    if (n > 0 && (size_t)n < room)
        meta->bytes += (size_t)n;
}
