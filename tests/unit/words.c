/* words.c: lists as users write them. */
// links: alloc/base/words.c
#include "alloc/base/words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void a_comma_cuts_but_not_between_parameters(void **state)
{
    (void)state;
    struct words w;
    struct message m;
    assert_int_equal(words_split(&w, "a, b:k=v,k2=v2, c(d:x=1,y=2,e) ", "--alloc", &m), 0);
    assert_int_equal(w.count, 3);
    assert_string_equal(w.word[0], "a");
    assert_string_equal(w.word[1], "b:k=v,k2=v2");
    assert_string_equal(w.word[2], "c(d:x=1,y=2,e)");
}

static void braces_and_their_quotes_hold_commas_and_blanks(void **state)
{
    (void)state;
    struct words w;
    struct message m;
    assert_int_equal(
        words_split(&w, "system{A=b=c, D=e}, preload:x{F=\"g,h } i\",as=j} ,locked( k{L=\"\\\",\"}),m{n",
                    "--alloc", &m),
        0);
    assert_int_equal(w.count, 4);
    assert_string_equal(w.word[0], "system{A=b=c, D=e}");
    assert_string_equal(w.word[1], "preload:x{F=\"g,h } i\",as=j}");
    assert_string_equal(w.word[2], "locked(k{L=\"\\\",\"})");
    assert_string_equal(w.word[3], "m{n");
}

static void an_empty_text_is_the_default(void **state)
{
    (void)state;
    struct words w;
    struct message m;
    assert_int_equal(words_split(&w, "  ", "--alloc", &m), 0);
    assert_int_equal(w.count, 1);
    assert_string_equal(w.word[0], "");
}

static void the_option_is_named_when_a_list_is_wrong(void **state)
{
    (void)state;
    struct words w;
    struct message m;
    char text[3 * WORDS_MAX] = "a";
    assert_int_equal(words_split(&w, "a,,b", "--gc", &m), -EINVAL);
    assert_string_equal(m.text, "--gc: the list 'a,,b' has an empty place");
    for (int i = 0; i < WORDS_MAX; i++)
        strcat(text, ",a");
    assert_int_equal(words_split(&w, text, "--gc", &m), -EINVAL);
    assert_string_equal(m.text, "--gc: more than 64 in one list");
    char small[4];
    const char *parts[4];
    assert_int_equal(words_cut("a,b,c", small, sizeof small, parts, 4, &m), -EINVAL);
}

static void numbers_have_bounds(void **state)
{
    (void)state;
    unsigned n[WORDS_MAX], count;
    struct message m;
    assert_int_equal(words_numbers("1, 2 ,64", "--threads", 64, n, &count, &m), 0);
    assert_int_equal(count, 3);
    assert_int_equal(n[0] * 10000 + n[1] * 100 + n[2], 10264);
    static const char *const wrong[] = {"",     "0",  "65", "1,",  ",1",
                                        "1,,2", "-1", "+1", "1 2", "99999999999999999999"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(words_numbers(wrong[i], "--threads", 64, n, &count, &m), -EINVAL);
}

static void pairs_have_bounds_each(void **state)
{
    (void)state;
    unsigned p[WORDS_MAX][2], count;
    const unsigned max[2] = {8, 4};
    struct message m;
    assert_int_equal(words_pairs("1x1, 8x4", "--parallel", max, p, &count, &m), 0);
    assert_int_equal(count, 2);
    assert_int_equal(p[1][0], 8);
    assert_int_equal(p[1][1], 4);
    static const char *const wrong[] = {"", "1", "1x", "x1", "9x1", "1x5", "0x1", "-1x1", "1x1,", "1x1x1"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(words_pairs(wrong[i], "--parallel", max, p, &count, &m), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_comma_cuts_but_not_between_parameters),
        cmocka_unit_test(braces_and_their_quotes_hold_commas_and_blanks),
        cmocka_unit_test(an_empty_text_is_the_default),
        cmocka_unit_test(the_option_is_named_when_a_list_is_wrong),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(pairs_have_bounds_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
