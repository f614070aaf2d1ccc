/* manual.c: see manual.h. Reference: man(7), groff_man(7). */
#include "manual.h"

/* Running text: a hyphen is a minus sign that can be copied, and no line begins with a request. */
static void manual_text(const char *text, FILE *out)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            fputc('\\', out);
        fputc(*text == '\\' ? 'e' : *text, out);
    }
    fputc('\n', out);
}

void manual_options(const struct command *verbs, FILE *out)
{
    fputs(".SH OPTIONS\n", out);
    for (const struct command *v = verbs; v->name; v++) {
        const struct param *table = v->options();
        fprintf(out, ".SS heapgauge %s ", v->name);
        manual_text(v->usage, out);
        manual_text(v->summary, out);
        for (const struct param *row = table; row->name; row++) {
            char name[64], text[2048];
            option_name(row, name, sizeof name);
            fputs(".TP\n.B ", out);
            snprintf(text, sizeof text, "--%s%s%s", name, row->type == PARAM_FLAG ? "" : " ",
                     row->type == PARAM_FLAG ? "" : param_type_name(row->type));
            manual_text(text, out);
            option_describe(row, text, sizeof text);
            manual_text(text, out);
        }
    }
}
