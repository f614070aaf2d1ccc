// links: bench/sample/watch.c alloc/base/os.c alloc/base/assert.c
/* watch.c: a timeline that stays within its room; memory of this very process. */
#include "bench/sample/watch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
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
        watch_add(&w, i, 2 * i, 3 * i, true);
        assert_in_range(w.points, 1, WATCH_POINTS_MAX);
    }
    assert_int_equal(w.rss_bytes[0], 0); /* the first stays */
    assert_int_equal(w.rss_bytes[w.points - 1], 3 * WATCH_POINTS_MAX - 1);
    assert_int_equal(w.step_ns,
                     16000); /* thinned four times: when 256 were there, and every 128 from there on */
    for (unsigned i = 1; i < w.points; i++) {
        assert_true(w.t_ns[i] >= w.t_ns[i - 1]);
        assert_true(w.rss_bytes[i] > w.rss_bytes[i - 1]);
        assert_int_equal(w.live_bytes[i], 2 * w.rss_bytes[i]);
        assert_int_equal(w.allocated_bytes[i], 3 * w.rss_bytes[i]);
    }
}

static void test_only_when_due(void **state)
{
    (void)state;
    static struct watch_timeline w;
    watch_start(&w, (uint64_t)3600 * 1000000000);
    watch_add(&w, 1, 0, 0, false); /* the first is due at once */
    watch_add(&w, 2, 0, 0, false);
    assert_int_equal(w.points, 1);
    watch_add(&w, 3, 0, 0, true);
    assert_int_equal(w.points, 2);
    assert_int_equal(w.rss_bytes[1], 3);
}

static void test_this_process(void **state)
{
    (void)state;
#ifdef HG_TSAN
    skip(); /* its shadow of the block is resident too */
#endif
    uint64_t before, after, cheap, proportional, most;
    const size_t size = (size_t)32 << 20;
    assert_true(watch_exact(getpid(), &before));
    char *p = malloc(size);
    assert_non_null(p);
    memset(p, 1, size);
    assert_true(watch_exact(getpid(), &after));
    assert_true(after >= before + size / 10 * 9 && after <= before + size / 10 * 12);
    int fd = open("/proc/self/statm", O_RDONLY);
    assert_true(watch_statm(fd, &cheap));
    assert_true(cheap > after / 10 * 8 && cheap < after / 10 * 12);
    assert_true(watch_proportional(getpid(), &proportional));
    assert_true(proportional >= size && proportional <= after);
    assert_true(watch_high_water(getpid(), &most));
    assert_true(most >= size);
    free(p);
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
