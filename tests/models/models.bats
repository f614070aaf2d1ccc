#!/usr/bin/env bats
# The protocols of the GIL and of biased counting, model-checked with spin; and each model with a fault in it, which spin must find.

setup() {
    models=$BATS_TEST_DIRNAME
    command -v spin >/dev/null || skip "spin is not installed"
    cd "$BATS_TEST_TMPDIR" || return 1
}

# errors MODEL [-DFAULT=N]: how many errors spin finds in all states of the model
errors() {
    spin -a "${@:2}" "$models/$1.pml" >/dev/null
    gcc -O2 -w -DSAFETY -o pan pan.c
    ./pan -m1000000 >out 2>&1
    ! grep -q 'search depth too small\|out of memory' out || return 1
    sed -n 's/.*errors: \([0-9]*\).*/\1/p' out
}

@test "GIL: one holder, a forced drop lets another thread run, no deadlock" {
    [ "$(errors gil)" -eq 0 ]
}

@test "GIL: without the wait for the switch spin finds the fault" {
    [ "$(errors gil -DFAULT)" -ge 1 ]
}

@test "biased: freed exactly once, never early, never lost" {
    [ "$(errors biased)" -eq 0 ]
}

@test "biased: a queue that does not ask for its owner is found" {
    [ "$(errors biased -DFAULT=1)" -ge 1 ]
}

@test "biased: a merge that forgets the queue's reference is found" {
    [ "$(errors biased -DFAULT=2)" -ge 1 ]
}

@test "biased: an owner that does not look at the others' count is found" {
    [ "$(errors biased -DFAULT=3)" -ge 1 ]
}

@test "biased: others that count while the owner merges: freed once, never touched after" {
    [ "$(errors biased_merge)" -eq 0 ]
}

@test "biased: a merge that clears the owner's fields after it is public (gh-119999) is found" {
    [ "$(errors biased_merge -DFAULT)" -ge 1 ]
}
