#!/usr/bin/env bats
# shellcheck disable=SC2015,SC2154 # "a && b || report" as assertions; bats sets $stderr
# Programs that put themselves under a seccomp filter, and allocate on: neither what stands in malloc's place nor the
# recorder makes a system call that such a program does not make itself.

setup_file() {
    bats_require_minimum_version 1.5.0
    export hg="$HEAPGAUGE_BUILD/heapgauge" sandbox="$BATS_FILE_TMPDIR/sandbox"
    cc -O1 -fno-builtin -w -pthread -o "$sandbox" "$BATS_TEST_DIRNAME/../programs/sandbox.c"
}

setup() {
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-shim.so" ] || skip "this build has no libraries to preload"
    local how
    for how in "" threads fork; do # bare: other C libraries, kernels and machines may ask for more
        "$sandbox" 1000 $how >/dev/null 2>&1 || skip "the sandbox of the test kills the bare program here"
    done
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "preload: every backend and wrapper, with threads and a fork" {
    local a how
    for how in "" threads fork; do
        for a in pools system "locked(pymalloc)" "locked(bump)" "debug(pools)" "debug:frames=64(system)" "trace(pools)" \
            "trace:frames=16(system)" "debug(locked(pymalloc))"; do
            run timeout 60 "$hg" preload "$a" -- "$sandbox" 100000 $how
            [ "$status" -eq 0 ] && [ "$output" = ok ] || { echo "$a $how: status $status, $output"; return 1; }
        done
    done
}
