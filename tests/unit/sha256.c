/* sha256: the test vectors of FIPS 180-4 and NIST's CAVP, of files. */
// links: bench/host/sha256.c
#include "bench/host/sha256.h"

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

static void digest_of(const void *data, size_t size, char hex[SHA256_HEX])
{
    char path[] = "/tmp/hg-sha256-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
    assert_int_equal(sha256_file(path, hex), 0);
    unlink(path);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) {
        char hex[SHA256_HEX];
        digest_of(vector[i].text, strlen(vector[i].text), hex);
        assert_string_equal(hex, vector[i].digest);
    }
}

/* More than one read. */
static void test_million(void **state)
{
    (void)state;
    char *text = malloc(1000000), hex[SHA256_HEX];
    memset(text, 'a', 1000000);
    digest_of(text, 1000000, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

static void test_no_file(void **state)
{
    (void)state;
    char hex[SHA256_HEX];
    assert_int_equal(sha256_file("/tmp/hg-sha256-is-not-there", hex), -ENOENT);
    assert_int_equal(sha256_file("/dev/zero", hex), -EINVAL);
    assert_int_equal(sha256_file("/tmp", hex), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_million),
                                       cmocka_unit_test(test_no_file)};
    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
