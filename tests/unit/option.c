/* option.c: a verb's options from its table. */
// links: bench/cmd/option.c bench/cmd/manual.c alloc/base/param.c
#include "bench/cmd/manual.h"
#include "bench/cmd/option.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BAKE_OPTIONS(P, S)                                            \
    P(S, COUNT, loaf_count, "2", "1-9",                               \
      "bake this many loaves, one after another in the same oven, "   \
      "until all of them are done and the baker can go home at last") \
    P(S, FLAG, fan, "0", "", "use the fan")                           \
    P(S, CHOICE, crust, "thin", "thin|thick", "the crust")            \
    P(S, TEXT, flour, "", "", "'s name; a \\ and - in it")
PARAM_STRUCT(bake_options, BAKE_OPTIONS)

static const struct param *bake_table(void)
{
    static const struct param table[] = PARAM_ROWS(bake_options, BAKE_OPTIONS);
    return table;
}

static const struct command bake[] = {
    {"bake", "[DOUGH...]", "bake bread", bake_table, NULL, bake},
    {0},
};

static struct bake_options o;
static struct message m;
static int positional;
static char *argv[16];

/* The words after "bake", which are copied: option_parse takes them apart. */
static int parse(const char *text)
{
    static char words[256];
    int argc = 1;
    snprintf(words, sizeof words, "%s", text);
    argv[0] = words + sizeof words - 1; /* never looked at */
    char *save = NULL;
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    memset(&o, 0xee, sizeof o);
    m.text[0] = '\0';
    return option_parse(bake, &o, argc, argv, &positional, &m);
}

static void refused(const char *text, const char *named)
{
    assert_int_equal(parse(text), -EINVAL);
    if (!strstr(m.text, named))
        fail_msg("'%s' is not in '%s'", named, m.text);
}

static void what_is_not_given_has_its_default(void **state)
{
    (void)state;
    assert_int_equal(parse(""), 0);
    assert_int_equal(o.loaf_count, 2);
    assert_int_equal(o.fan, 0);
    assert_int_equal(o.crust, 0);
    assert_string_equal(o.flour, "");
    assert_int_equal(positional, 0);
}

static void a_value_follows_or_is_joined_and_the_rest_stays_in_order(void **state)
{
    (void)state;
    assert_int_equal(parse("rye --loaf-count 3 spelt --flour=a=b --fan --crust thick - -- --loaf-count"), 0);
    assert_int_equal(o.loaf_count, 3);
    assert_int_equal(o.fan, 1);
    assert_int_equal(o.crust, 1);
    assert_string_equal(o.flour, "a=b");
    assert_int_equal(positional, 4);
    assert_string_equal(argv[0], "rye");
    assert_string_equal(argv[1], "spelt");
    assert_string_equal(argv[2], "-");
    assert_string_equal(argv[3], "--loaf-count");
    assert_null(argv[4]);
}

static void what_is_wrong_is_named_with_what_would_work(void **state)
{
    (void)state;
    refused("--loaf-cout 3", "did you mean --loaf-count?");
    refused("--loaf_count 3", "no option --loaf_count");
    refused("--zzzzzzzzzzzzzzzzzzzz", "see heapgauge bake --help");
    refused("--loaf-count", "--loaf-count needs a value");
    refused("--loaf-count=", "--loaf-count needs a value");
    refused("--loaf-count 10", "1-9");
    refused("--crust burnt", "thin|thick");
    refused("-x", "options are written --name");
    refused("--a-name-that-is-longer-than-any-option-can-be-and-so-has-no-room-in-a-buffer", "has no option");
}

static void help_is_asked_for(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    int out = dup(1);
    assert_true(file && out > 0);
    fflush(stdout);
    dup2(fileno(file), 1);
    int both = parse("--help") == 1 && parse("rye -h") == 1;
    fflush(stdout);
    dup2(out, 1);
    close(out);
    assert_true(both);
    assert_true(ftell(file) > 100);
    fclose(file);
}

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    print(out);
    fclose(out);
    return text;
}

static void print_help(FILE *out)
{
    option_help(bake, out);
}

static void print_manual(FILE *out)
{
    manual_options(bake, out);
}

static void help_is_wrapped_and_has_defaults_and_choices(void **state)
{
    (void)state;
    char *text = printed(print_help), *save = NULL;
    assert_non_null(strstr(text, "heapgauge bake [DOUGH...]\n\nbake bread\n"));
    assert_non_null(strstr(text, "  --fan                    use the fan\n"));
    assert_non_null(strstr(text, "  --crust choice           the crust: thin|thick (default thin)\n"));
    assert_non_null(strstr(text, "\n                           "));
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        assert_true(strlen(line) <= 100);
    free(text);
}

static void the_manual_escapes_what_man_would_take(void **state)
{
    (void)state;
    char *text = printed(print_manual);
    assert_non_null(strstr(text, ".SS heapgauge bake [DOUGH...]\nbake bread\n"));
    assert_non_null(strstr(text, ".TP\n.B \\-\\-loaf\\-count count\n"));
    assert_non_null(strstr(text, "\n\\&'s name; a \\e and \\- in it\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(a_value_follows_or_is_joined_and_the_rest_stays_in_order),
        cmocka_unit_test(what_is_wrong_is_named_with_what_would_work),
        cmocka_unit_test(help_is_asked_for),
        cmocka_unit_test(help_is_wrapped_and_has_defaults_and_choices),
        cmocka_unit_test(the_manual_escapes_what_man_would_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
