#!/usr/bin/env bats
# shellcheck disable=SC2154 # output and its lines are set by run
# docs/extending.md, word for word in a copy of the source and of what is built: a backend, a workload, a refcount policy and a
# collector are added, built, run and checked; a backend and a workload compile few objects. A failure names the page's line.

bats_require_minimum_version 1.5.0

setup() {
    top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    mode=$(basename "$HEAPGAUGE_BUILD")
    page=$top/docs/extending.md
    tree=$BATS_TEST_TMPDIR/tree
    [[ $mode = release || $mode = debug ]] || skip "in MODE=release and debug alone"
    mkdir -p "$tree/build/$mode"
    # With their times, so that make compiles again what the page changes and nothing else.
    (cd "$top" && cp -a Makefile alloc gc workloads bench tests scripts "$tree/")
    cp -a "$HEAPGAUGE_BUILD"/obj* "$HEAPGAUGE_BUILD"/heapgauge* "$HEAPGAUGE_BUILD"/*.so "$tree/build/$mode/"
    unset MAKEFLAGS MFLAGS MAKELEVEL
    run make -C "$tree" -n MODE="$mode" all
    if [[ $output = *" CC "* ]]; then
        echo "the build is older than the source: run make first"
        return 1
    fi
}

teardown() {
    rm -rf "$tree"
}

# SECTION [FEWER]: its steps hold, and fewer than so many objects are compiled in all programs together.
follow() {
    run "$top/tests/cli/follow_page" "$page" "$1" "$tree" "$mode"
    echo "$output"
    [ "$status" -eq 0 ]
    compiled=$(sed -n 's/^compiles //p' <<<"$output")
    echo "$1: $compiled objects are compiled, expected fewer than ${2:-any number}"
    [ "$compiled" -gt 0 ] && [ "$compiled" -lt "${2:-$((compiled + 1))}" ]
}

# NAME: a row of the run's table, with a throughput and the ratio to the baseline.
measured() {
    echo "a row of $1 in the table of the run, $2 times"
    [ "$(grep -cE "^  $1 +[0-9.]+ [kMG]? +[0-9.]+" <<<"$output")" -eq "$2" ]
}

@test "a backend: what the page says is correct and measured" {
    follow "A backend" 20
    [[ $output = *$'\n  shelf '* ]]
    [[ $output = *$'\n'"16 passed, 0 failed, 0 skipped"* ]]
    measured system 2
    measured "shelf.*" 2
}

@test "a workload: what the page says keeps the rules and is measured" {
    follow "A workload" 20
    [[ $output = *$'\n  fifo '* ]]
    [[ $output = *"[  PASSED  ] 4 test"* || $output = *"# ok - tests"* ]] # of cmocka, as a person and as prove has it
    measured null 2
    # At object level it is compiled once for each policy, and that is all.
    touch "$tree/workloads/list.h" "$tree/workloads/object/leak.c"
    run make -C "$tree" -n MODE="$mode" all
    compiled=$(grep -c " CC " <<<"$output")
    echo "an object workload: $compiled objects"
    [ "$compiled" -gt 2 ] && [ "$compiled" -lt 20 ]
}

@test "a refcount policy: what the page says frees what it must and is measured" {
    follow "A refcount policy"
    [[ $output = *$'\n  seqcst '* ]]
    [[ $output = *"ok 1 - none "* && $output != *"not ok"* ]]
    measured seqcst 2
}

@test "a collector: what the page says frees what it must and is measured" {
    follow "A collector" 28 # under 20 by the row in the list, and its own file once for each policy and as a description
    [[ $output = *$'\n  single '* ]]
    [[ $output = *"single : old garbage is found in "* && $output != *"not ok"* ]]
    measured ".*single" 1
}

@test "a page that is wrong is found out" {
    sed 's/begins with `    W(alloc_churn)`/begins with `    W(churn)`/' "$page" >"$BATS_TEST_TMPDIR/page.md"
    run -1 "$top/tests/cli/follow_page" "$BATS_TEST_TMPDIR/page.md" "A workload" "$tree" "$mode"
    [[ $output = *"workloads/list.h has 0 lines that begin with '    W(churn)', not one: the page is out of date"* ]]
    rm "$tree/workloads/alloc/fifo.c"
    sed 's/block_new(&own/block_anew(\&own/' "$page" >"$BATS_TEST_TMPDIR/page.md"
    run -1 "$top/tests/cli/follow_page" "$BATS_TEST_TMPDIR/page.md" "A workload" "$tree" "$mode"
    [[ $output = *"block_anew"*"these commands failed with status 2"* ]]
    run -1 "$top/tests/cli/follow_page" "$page" "A gauge" "$tree" "$mode"
    [[ $output = *"there is no such section"* ]]
}
