/* completion.c: heapgauge completion: what a shell needs to complete this command line, from the verbs and
 * the tables of their options. Names of allocators, workloads, policies, collectors and suites are asked
 * of heapgauge list when they are completed, so that the libraries of the machine are among them.
 * Reference: bash(1), Programmable Completion. */
#include "cmd.h"
#include "bench/host/thp.h"

#include <string.h>

const struct param *cmd_completion_options(void)
{
    static const struct param table[] = PARAM_ROWS(completion_options, PARAM_NONE);
    return table;
}

/* The topic of heapgauge list that an option's value comes from, or NULL. */
static const char *completion_topic(const struct param *row)
{
    static const char *const topics[][2] = {
        {"alloc", "allocs"}, {"workload", "workloads"}, {"rc", "rc"}, {"gc", "gc"}};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        if (strcmp(row->name, topics[i][0]) == 0)
            return topics[i][1];
    return NULL;
}

static void completion_verb(const struct command *v, FILE *out)
{
    char name[64];
    fprintf(out, "    %s)\n        options='--help", v->name);
    for (const struct param *row = v->options(); row->name; row++) {
        option_name(row, name, sizeof name);
        fprintf(out, " --%s", name);
    }
    fprintf(out, "'\n        case $before in\n");
    for (const struct param *row = v->options(); row->name; row++) {
        const char *topic = completion_topic(row);
        option_name(row, name, sizeof name);
        if (row->type == PARAM_FLAG)
            continue;
        if (topic) {
            fprintf(out, "        --%s) words=$(_heapgauge_list %s) ;;\n", name, topic);
        } else if (strcmp(row->name, "thp") == 0) {
            fprintf(out, "        --%s) words='", name);
            for (unsigned i = 0; i < THPS; i++)
                fprintf(out, "%s%s", i ? " " : "", thp_words[i]);
            fprintf(out, "' ;;\n");
        } else if (row->type == PARAM_CHOICE) {
            fprintf(out, "        --%s) words='", name);
            for (const char *c = row->range; *c; c++)
                fputc(*c == '|' ? ' ' : *c, out);
            fprintf(out, "' ;;\n");
        } else {
            fprintf(out, "        --%s) return ;;\n", name); /* a number, or a file's name */
        }
    }
    if (strcmp(v->name, "suite") == 0)
        fprintf(out, "        suite) words=$(_heapgauge_list suites) ;;\n");
    fprintf(out, "        esac\n        ;;\n");
}

static void completion_bash(const struct command *verbs, FILE *out)
{
    fputs("# bash completion of heapgauge, printed by: heapgauge completion bash\n"
          "_heapgauge_list() {\n"
          "    \"${COMP_WORDS[0]}\" list \"$1\" 2>/dev/null | sed -n 's/^  \\([^ ][^ ]*\\).*/\\1/p'\n"
          "}\n"
          "_heapgauge() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options= words= "
          "verbs first=\n"
          "    COMPREPLY=()\n"
          "    if [ \"$word\" = '=' ]; then word=; elif [ \"$before\" = '=' ]; then "
          "before=${COMP_WORDS[COMP_CWORD - 2]}; "
          "fi\n"
          "    verbs='",
          out);
    for (const struct command *v = verbs; v->name; v++)
        fprintf(out, "%s%s", v == verbs ? "" : " ", v->name);
    fputs("'\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$verbs help --help --version\" -- \"$word\")\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n"
          "    help) words=$verbs ;;\n",
          out);
    for (const struct command *v = verbs; v->name; v++)
        completion_verb(v, out);
    fputs("    esac\n"
          "    case $word in\n"
          "    -*) words=$options ;;\n"
          "    *,*) first=${word%,*}, word=${word##*,} ;; # the last one of a list\n"
          "    esac\n"
          "    [ -z \"$words\" ] || mapfile -t COMPREPLY < <(compgen -P \"$first\" -W \"$words\" -- "
          "\"$word\")\n"
          "}\n"
          "complete -o default -F _heapgauge heapgauge\n",
          out);
}

int cmd_completion(const struct command *self, int argc, char **argv)
{
    struct message m;
    char none;
    int words, err = option_parse(self, &none, argc, argv, &words, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (words != 1 || strcmp(argv[0], "bash") != 0) {
        message_set(&m, 0, "completion is there for bash: heapgauge completion bash");
        return option_refuse(&m);
    }
    completion_bash(self->verbs, stdout);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_BAD_INPUT;
}
