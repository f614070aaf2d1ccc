/* trace.c: heapgauge trace info|import|export: looks into recordings, turns them into text and back. */
#include "cmd.h"

#include "workloads/trace/import/import.h"
#include "workloads/trace/tool/tool.h"

#include <errno.h>
#include <string.h>

#define TRACE_OPTIONS(P, S)                                                                        \
    P(S, TEXT, output, "", "", "the file to write, for example server.hgt (short: -o server.hgt)") \
    P(S, FLAG, json, "0", "", "print what info prints as one JSON object")                         \
    P(S, FLAG, partial, "0", "", "take the part before the damage of a file that is damaged")
PARAM_STRUCT(trace_options, TRACE_OPTIONS)

const struct param *cmd_trace_options(void)
{
    static const struct param table[] = PARAM_ROWS(trace_options, TRACE_OPTIONS);
    return table;
}

static int trace_info(const char *path, const struct trace_options *o, struct message *m)
{
    struct hgt_reader r;
    struct tool_info info;
    int err = hgt_open(&r, path, o->partial, m);
    if (err)
        return err;
    err = tool_info_read(&info, &r, m);
    if (!err)
        (o->json ? tool_info_json : tool_info_print)(&info, &r, stdout);
    hgt_close(&r);
    if (!err && (fflush(stdout) != 0 || ferror(stdout)))
        return message_set(m, -EIO, "cannot write to standard output: %s", strerror(errno));
    return err;
}

static int trace_export(const char *path, const struct trace_options *o, struct message *m)
{
    struct hgt_reader r;
    struct file_out f;
    int err = hgt_open(&r, path, o->partial, m);
    if (err)
        return err;
    err = file_out_open(&f, o->output[0] ? o->output : "-", &tool_text_kind, m);
    if (err) {
        hgt_close(&r);
        return err;
    }
    err = tool_text_export(&r, &f, m);
    if (!err && r.damage.text[0])
        fprintf(stderr, "heapgauge: %s; the part before it is written\n", r.damage.text);
    hgt_close(&r);
    if (err)
        file_out_drop(&f);
    return err ? err : file_out_done(&f, m);
}

/* What other tools wrote, text, or a recording that was left behind when heapgauge itself was killed. */
static int trace_import(const char *path, const struct trace_options *o, struct message *m)
{
    struct file_out f;
    struct tool_spool spool;
    struct message warning = {0};
    if (!o->output[0])
        return message_set(m, -EINVAL, "trace import: where to write? -o F.hgt");
    int err = file_out_open(&f, o->output, &tool_trace_kind, m);
    if (err)
        return err;
    if (tool_spool_is(path))
        err = tool_spool_convert(path, "not known", &f, &spool, m);
    else
        err = import_file(path, o->partial, &f, &warning, m);
    if (!err && warning.text[0])
        fprintf(stderr, "heapgauge: %s\n", warning.text);
    if (err)
        file_out_drop(&f);
    return err ? err : file_out_done(&f, m);
}

static const struct {
    const char *name;
    int (*run)(const char *path, const struct trace_options *o, struct message *m);
} verbs[] = {{"info", trace_info}, {"import", trace_import}, {"export", trace_export}};
#define VERBS (sizeof verbs / sizeof *verbs)

static char output_option[] = "--output"; /* what -o stands for */

int cmd_trace(const struct command *self, int argc, char **argv)
{
    struct trace_options o;
    struct message m;
    int words;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-o") == 0)
            argv[i] = output_option;
    int err = option_parse(self, &o, argc, argv, &words, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    const char *names[VERBS], *word = words ? argv[0] : "";
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i].name;
        if (strcmp(word, verbs[i].name) != 0)
            continue;
        if (words != 2) {
            message_set(&m, 0, words < 2 ? "trace %s: which file?" : "trace %s: one file at a time", word);
            return option_refuse(&m);
        }
        return verbs[i].run(argv[1], &o, &m) ? option_refuse(&m) : EXIT_DONE;
    }
    const char *near = param_nearest(word, names, VERBS);
    message_set(&m, 0, "trace: '%s' is none of info, import, export%s%s%s", word,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return option_refuse(&m);
}
