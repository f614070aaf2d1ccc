/* sha256: the test vectors of FIPS 180-4 and NIST's CAVP, in one piece and in all splits. */
// links: bench/stat/sha256.c
#include "bench/stat/sha256.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct {
    const char *text, *digest;
} vector[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrs"
     "tnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void digest_of(const void *data, size_t size, size_t step, char hex[SHA256_HEX])
{
    struct sha256 s;
    unsigned char digest[32];
    sha256_init(&s);
    for (size_t at = 0; at < size; at += step)
        sha256_update(&s, (const char *)data + at, size - at < step ? size - at : step);
    sha256_final(&s, digest);
    sha256_hex(digest, hex);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) {
        for (size_t step = 1; step <= 130; step++) {
            char hex[SHA256_HEX];
            digest_of(vector[i].text, strlen(vector[i].text), step, hex);
            assert_string_equal(hex, vector[i].digest);
        }
    }
}

static void test_million(void **state)
{
    (void)state;
    char *text = malloc(1000000), hex[SHA256_HEX];
    memset(text, 'a', 1000000);
    digest_of(text, 1000000, 4093, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

static void test_file(void **state)
{
    (void)state;
    char path[] = "/tmp/hg-sha256-XXXXXX", hex[SHA256_HEX];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "abc", 3), 3);
    close(fd);
    assert_int_equal(sha256_file(path, hex), 0);
    assert_string_equal(hex, vector[1].digest);
    unlink(path);
    assert_int_equal(sha256_file(path, hex), -ENOENT);
    assert_int_equal(sha256_file("/dev/zero", hex), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_million),
                                       cmocka_unit_test(test_file)};
    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
