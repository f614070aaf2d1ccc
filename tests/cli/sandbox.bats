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
    local how by
    for how in "" threads fork; do # bare: other C libraries, kernels and machines may ask for more
        for by in prctl seccomp bare; do
            "$sandbox" 1000 "$how" $by >/dev/null 2>&1 || skip "the sandbox of the test kills the bare program here"
        done
    done
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "preload: every backend and wrapper, with threads and a fork" {
    local a how
    for how in "" threads fork; do
        for a in pools system "locked(pymalloc)" "locked(bump)" "debug(pools)" "debug:frames=64(system)" "trace(pools)" \
            "trace:frames=16(system)" "debug(locked(pymalloc))"; do
            run timeout 60 "$hg" preload "$a" -- "$sandbox" 100000 "$how" seccomp
            [ "$status" -eq 0 ] && [ "$output" = ok ] || { echo "$a $how: status $status, $output"; return 1; }
        done
    done
}

@test "record: the program runs on, and every call is there" {
    local how by blocks
    for how in "" threads fork; do
        for by in prctl seccomp bare; do
            rm -f s.hgt
            run -0 --separate-stderr "$hg" record -o s.hgt -- "$sandbox" 600000 "$how" $by
            [ "$output" = ok ]
            [[ "$stderr" == *"ended with exit 0"* && "$stderr" != *"not in the recording"* ]] || { echo "$how $by: $stderr"; return 1; }
            blocks=$("$hg" trace info --json s.hgt | python3 -c 'import json, sys
i = json.load(sys.stdin); assert i["complete"] and not i["unmatched"]; print(i["ops"]["malloc"])')
            # of 600,000 allocations each 256 KiB of recording holds some 16,000: many segments are taken
            [ "$blocks" -ge $((600000 * (1 + ${#how} / 4))) ] || # threads and forks: twice as many
                { echo "$how $by: $blocks"; return 1; }
        done
    done
    [ -z "$(find . -name '*.part*')" ]
}

@test "record: more than one window, under a limit of address space, ends with a reason" {
    run --separate-stderr bash -c "ulimit -v 400000; '$hg' record -o s.hgt -- '$sandbox' 3000000 '' prctl"
    [ "$output" = ok ] || { echo "$output $stderr"; return 1; }
    [[ "$stderr" == *"ended with exit 0"*"put itself under a seccomp filter, and used up the room"* ]] || { echo "$stderr"; return 1; }
    [ "$status" -eq 3 ]
    "$hg" trace info --json s.hgt | grep -q '"complete":true'
}

@test "record --children: what a confined process forks runs, and is counted" {
    run --separate-stderr "$hg" record --children -o s.hgt -- "$sandbox" 1000 fork
    [ "$output" = ok ] || { echo "$output $stderr"; return 1; }
    [[ "$stderr" == *"1 process that it forked is not recorded: it had put itself under a seccomp filter"* ]] || { echo "$stderr"; return 1; }
    [ "$status" -eq 0 ]
}
