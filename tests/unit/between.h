/* between.h: assert_between, for cmocka from 1.1.5 to 2.0: its own assert_in_range is deprecated in 2.0, and
 * what replaces it is not in 1.1. Unsigned, both bounds belong to the range. */
#ifndef HG_TESTS_BETWEEN_H
#define HG_TESTS_BETWEEN_H

#include <stdint.h>

#define assert_between(value, low, high)                                                            \
    do {                                                                                            \
        uintmax_t between_value = (value), between_low = (low), between_high = (high);              \
        if (between_value < between_low || between_value > between_high)                            \
            fail_msg("%s is %ju, which is not from %ju to %ju", #value, between_value, between_low, \
                     between_high);                                                                 \
    } while (0)

#endif
