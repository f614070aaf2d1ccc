/* os.c: maps, their alignment and account; moving, purging, populating; failures on demand; files. */
// links: alloc/base/os.c
#include "alloc/base/os.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

static struct os_account account;

static void maps_are_zero_aligned_and_counted(void **state)
{
    (void)state;
    size_t page = os_page_bytes();
    for (size_t align = page; align <= (size_t)8 << 20; align *= 2) {
        char *p = os_map(&account, 3 * page - 1, align, 0);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % align, 0);
        assert_int_equal(account.mapped_bytes, 3 * page);
        for (size_t i = 0; i < 3 * page; i++)
            assert_int_equal(p[i], 0);
        memset(p, 1, 3 * page);
        os_unmap(&account, p, 3 * page - 1);
        assert_int_equal(account.mapped_bytes, 0);
    }
    assert_int_equal(account.peak_bytes, 3 * page);
    assert_int_equal(account.map_calls, account.unmap_calls);
    assert_null(os_map(&account, 0, 0, 0));
    assert_int_equal(errno, EINVAL);
    assert_null(os_map(&account, PTRDIFF_MAX, 0, 0));
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(account.mapped_bytes, 0);
}

static void contents_move_along(void **state)
{
    (void)state;
    size_t page = os_page_bytes(), align = (size_t)4 << 20;
    char *p = os_map(&account, align, align, 0);
    memset(p, 7, align);
    p = os_remap_aligned(&account, p, align, 3 * align, align);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % align, 0);
    assert_int_equal(account.mapped_bytes, 3 * align);
    assert_int_equal(p[0], 7);
    assert_int_equal(p[align - 1], 7);
    assert_int_equal(p[align], 0);
    p = os_remap(&account, p, 3 * align, page);
    assert_int_equal(account.mapped_bytes, page);
    assert_int_equal(p[page - 1], 7);
    os_fail_maps_after(1);
    assert_null(os_remap(&account, p, page, 64 * page));
    os_fail_maps_after(0);
    assert_int_equal(p[page - 1], 7);
    assert_int_equal(account.mapped_bytes, page);
    os_unmap(&account, p, page);
}

static size_t resident_pages(char *p, size_t pages)
{
    unsigned char in[64];
    size_t n = 0;
    assert_int_equal(mincore(p, pages * os_page_bytes(), in), 0);
    for (size_t i = 0; i < pages; i++)
        n += in[i] & 1;
    return n;
}

static void purged_memory_is_gone(void **state)
{
    (void)state;
    size_t page = os_page_bytes();
    char *p = os_map(&account, 64 * page, 0, 0);
    assert_int_equal(resident_pages(p, 64), 0);
    if (os_populate(&account, p, 64 * page))
        assert_int_equal(resident_pages(p, 64), 64);
    memset(p, 1, 64 * page);
    os_purge(&account, p, 32 * page, false);
    assert_int_equal(resident_pages(p, 64), 32);
    assert_int_equal(p[0], 0);
    assert_int_equal(p[32 * page], 1);
    assert_int_equal(account.mapped_bytes, 64 * page);
    os_unmap(&account, p, 64 * page);
}

static void failures_come_when_they_are_asked_for(void **state)
{
    (void)state;
    size_t page = os_page_bytes();
    void *p[4];
    os_fail_one_map(2);
    for (int i = 0; i < 4; i++)
        p[i] = os_map(&account, page, 0, 0);
    assert_true(p[0] && !p[1] && p[2] && p[3]);
    assert_int_equal(os_maps_failed(), 1);
    os_fail_maps_after(2);
    void *q[4];
    for (int i = 0; i < 4; i++)
        q[i] = os_map(&account, page, 0, 0);
    assert_true(q[0] && !q[1] && !q[2] && !q[3]);
    assert_int_equal(os_maps_failed(), 3);
    os_fail_maps_after(0);
    os_unmap(&account, q[0], page);
    for (int i = 0; i < 4; i++)
        if (p[i])
            os_unmap(&account, p[i], page);
    assert_int_equal(account.mapped_bytes, 0);
}

static void a_file_is_shared(void **state)
{
    (void)state;
    size_t page = os_page_bytes();
    FILE *f = tmpfile();
    assert_int_equal(ftruncate(fileno(f), (off_t)(2 * page)), 0);
    char *whole = os_map_file(fileno(f), 2 * page, true), *piece = os_map_file_piece(fileno(f), page, page);
    assert_true(whole && piece);
    piece[5] = 9;
    assert_int_equal(whole[page + 5], 9);
    os_unmap_file(piece, page);
    os_unmap_file(whole, 2 * page);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_zero_aligned_and_counted),
        cmocka_unit_test(contents_move_along),
        cmocka_unit_test(purged_memory_is_gone),
        cmocka_unit_test(failures_come_when_they_are_asked_for),
        cmocka_unit_test(a_file_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
