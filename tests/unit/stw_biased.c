/* stw_biased.c: the test of stw.c on another policy. */
// policy: biased
#include "stw.c"
