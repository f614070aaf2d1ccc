/* stw_objlock.c: the test of stw.c on another policy. */
// policy: objlock
#include "stw.c"
