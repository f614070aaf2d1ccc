#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
# Each validity function of gc/ is seen to fire: a fault that the strict build plants (hg_seed, alloc/base/assert.h) ends the worker with
# the assertion that it breaks. Other builds have neither and skip.

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    "$hg" --version | grep -q '(strict build)' || skip 'for MODE=strict'
    cd "$BATS_TEST_TMPDIR" || return 1
}

one() { # one RC GC WORKLOAD [ALLOC]: a sample
    run "$hg" run --workload "$3" --rc "$1" --gc "$2" --alloc "${4:-system}" --threads 1 --samples 1 --settle 0s --json --quiet --timeout 100s
}

# fault NAME RC GC WORKLOAD EXPRESSION [ALLOC]: without the fault the sample is ok; with it this assertion does not hold
fault() {
    one "$2" "$3" "$4" "${6:-}"
    [[ "$output" == *'"status":"ok"'* ]]
    HEAPGAUGE_FAULT=$1 one "$2" "$3" "$4" "${6:-}"
    [[ "$output" != *'"status":"ok"'* ]]
    [[ "$output" == *"does not hold: $5"* ]]
}

cycles=cycles:live=100,ops=3k
collects=gc-collect:cycles=10,ops=10

@test "gc lists: a merge that forgets a link back" {
    fault gc_list_prev gil generational $cycles 'gc_heap_is_valid(r)'
    fault gc_list_prev gil:immortal=3.14 incremental $cycles 'gc_heap_is_valid(r)'
    fault gc_list_prev gil pep848:thresholds=10/4/0 $cycles 'gc_heap_is_valid(r)'
    fault gc_list_prev gil pep848:version=draft,thresholds=10/4/0 $cycles 'gc_heap_is_valid(r)'
}

@test "gc lists: more objects counted as tracked than there are" {
    fault gc_tracked gil generational $cycles 'gc_heap_is_valid(r)'
    fault gc_tracked tracing tracing $collects 'gc_heap_is_valid(r)'
}

@test "cycles: examined is reachable and unreachable" {
    fault cycles_examined gil generational $cycles 'gc_list_size(set) + count->unreachable == count->examined - before'
}

@test "stw: examined is alive, garbage and frozen" {
    fault stw_examined biased stw $collects 'k->no_memory || (uint64_t)k->alive + k->garbage.count + k->frozen == k->examined - before'
}

@test "stw: a mark that is left on an object" {
    for rc in biased atomic objlock; do
        fault stw_mark_left $rc stw $collects 'stw_is_valid(r) && gc_heap_is_valid(r)'
    done
    fault stw_mark_left biased stw $collects 'stw_is_valid(r) && gc_heap_is_valid(r)' pools
}

@test "tracing: a mark that is left on an object" {
    fault tracing_mark tracing tracing $collects 'gc_heap_is_valid(r)'
}

@test "figures: more freed than made" {
    fault figures_freed gil generational $cycles 'gc_heap_is_valid(r)'
}

@test "free lists: a count that is not the length" {
    fault freelist_count gil generational $collects 'freelists_are_valid(r)'
    fault freelist_count biased stw $collects 'freelists_are_valid(r)'
}

@test "registry: free slots that are on no list" {
    fault registry_slot atomic stw $collects 'stw_is_valid(r) && gc_heap_is_valid(r)'
}

@test "roots: two of one place" {
    fault root_twice gil generational $cycles 'roots_are_valid(roots)'
}

@test "interned strings: more counted than there are" {
    fault intern_used gil generational intern:names=2k,ops=4k 'intern_is_valid()'
}

@test "trashcan: said to hold something when it is empty" {
    fault trash_pending gil generational deep-free:depth=1k,ops=3 'trash_is_valid(t)'
    fault trash_pending biased stw deep-free:depth=1k,ops=3 'trash_is_valid(t)'
}

@test "threads: one that is attached and not marked so" {
    fault thread_state gil generational $cycles 'threads_are_valid(r)'
    fault thread_state biased stw $cycles 'threads_are_valid(r)'
}

@test "threads: the GIL's holder is not who runs" {
    fault gil_holder gil generational $cycles 'threads_are_valid(r)'
}

@test "threads: the world is stopped by nobody" {
    fault stop_depth biased stw $collects 'threads_are_valid(r)'
}
