// links: bench/sample/watch.c alloc/base/os.c alloc/base/assert.c
/* watch.c: a timeline that stays within its room; memory of this very process. */
#include "bench/sample/watch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
// cmocka wants the above first
#include <cmocka.h>

/* Full: every second point goes and the step doubles, so that all of the run stays in it. */
static void test_thinned(void **state)
{
    (void)state;
    static struct watch_timeline w;
    watch_start(&w, 1000);
    for (uint64_t i = 0; i < 3 * WATCH_POINTS_MAX; i++) {
        watch_add(&w, (struct watch_point){.rss_bytes = i, .live_bytes = 2 * i, .allocated_bytes = 3 * i},
                  true);
        assert_in_range(w.points, 1, WATCH_POINTS_MAX);
    }
    assert_int_equal(w.at[0].rss_bytes, 0); /* the first stays */
    assert_int_equal(w.at[w.points - 1].rss_bytes, 3 * WATCH_POINTS_MAX - 1);
    assert_int_equal(w.step_ns,
                     16000); /* thinned four times: when 256 were there, and every 128 from there on */
    for (unsigned i = 1; i < w.points; i++) {
        assert_true(w.at[i].t_ns >= w.at[i - 1].t_ns);
        assert_true(w.at[i].rss_bytes > w.at[i - 1].rss_bytes);
        assert_int_equal(w.at[i].live_bytes, 2 * w.at[i].rss_bytes);
        assert_int_equal(w.at[i].allocated_bytes, 3 * w.at[i].rss_bytes);
    }
}

static void test_only_when_due(void **state)
{
    (void)state;
    static struct watch_timeline w;
    watch_start(&w, (uint64_t)3600 * 1000000000);
    watch_add(&w, (struct watch_point){.rss_bytes = 1}, false); /* the first is due at once */
    watch_add(&w, (struct watch_point){.rss_bytes = 2}, false);
    assert_int_equal(w.points, 1);
    watch_add(&w, (struct watch_point){.rss_bytes = 3}, true);
    assert_int_equal(w.points, 2);
    assert_int_equal(w.at[1].rss_bytes, 3);
}

static void test_this_process(void **state)
{
    (void)state;
#ifdef HG_TSAN
    skip(); /* its shadow of the block is resident too */
#endif
    struct watch_memory before, after, freed;
    uint64_t cheap, most;
    const size_t size = (size_t)32 << 20;
    assert_true(watch_exact(getpid(), &before));
    char *p = malloc(size);
    assert_non_null(p);
    memset(p, 1, size);
    assert_true(watch_exact(getpid(), &after));
    assert_in_range(after.rss_bytes, before.rss_bytes + size / 10 * 9, before.rss_bytes + size / 10 * 12);
    int fd = open("/proc/self/statm", O_RDONLY);
    assert_true(watch_statm(fd, &cheap));
    assert_in_range(cheap, after.rss_bytes / 10 * 8, after.rss_bytes / 10 * 12);
    assert_in_range(after.pss_bytes, size, after.rss_bytes);
    assert_true(watch_high_water(getpid(), &most));
    assert_true(most >= size);
    free(p);
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    madvise(p, size, MADV_NOHUGEPAGE);
    memset(p, 1, size);
    assert_true(watch_exact(getpid(), &before));
    assert_int_equal(madvise(p, size, MADV_FREE), 0); /* resident still, and the kernel's whenever it likes */
    assert_true(watch_exact(getpid(), &freed));
    assert_in_range(before.lazy_free_bytes, 0, size / 10);
    assert_in_range(freed.lazy_free_bytes, before.lazy_free_bytes + size / 10 * 9, size / 10 * 12);
    assert_in_range(freed.rss_bytes, freed.lazy_free_bytes, before.rss_bytes + size / 10);
    munmap(p, size);
    close(fd);
    assert_false(watch_statm(fd, &cheap));
    assert_false(watch_exact(0x7ffffff0, &before)); /* gone */
    assert_false(watch_high_water(0x7ffffff0, &most));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinned),
        cmocka_unit_test(test_only_when_due),
        cmocka_unit_test(test_this_process),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
