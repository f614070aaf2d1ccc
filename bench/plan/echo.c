/* echo.c: see echo.h. */
#include "echo.h"

#include <stdio.h>

int echo_settings(const struct settings *s, struct record *run)
{
    int err = 0;
    for (const struct param *row = settings_table(IN_ECHO); row->name && !err; row++) {
        char key[96], text[sizeof(param_c_WORDS)];
        const void *field = (const char *)s + row->offset;
        snprintf(key, sizeof key, "settings.%s%s", row->name,
                 row->type == PARAM_NS      ? "_ns"
                 : row->type == PARAM_BYTES ? "_bytes"
                                            : "");
        switch (row->type) {
        case PARAM_COUNT:
        case PARAM_BYTES:
        case PARAM_NS:
            err = record_set_integer(run, key, (int64_t) * (const uint64_t *)field);
            break;
        case PARAM_FLAG:
            err = record_set_bool(run, key, *(const uint64_t *)field != 0);
            break;
        case PARAM_REAL:
            err = record_set_real(run, key, *(const double *)field);
            break;
        case PARAM_RANGE:
        case PARAM_CHOICE:
        case PARAM_TEXT:
            param_print(row, s, text, sizeof text);
            err = record_set_text(run, key, text);
        }
    }
    return err;
}
