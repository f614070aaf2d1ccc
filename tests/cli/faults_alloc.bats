#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
# The conservation laws of the allocators, of debug()'s table and of the replayer hold something: for each there is a fault that a strict build
# plants (HEAPGAUGE_FAULT, alloc/base/assert.h), and the assertion that finds it is named. Other builds plant none and skip.

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    [ "$("$hg" --version | sed -n 's/.*(\(.*\) build).*/\1/p')" = strict ] || skip "faults are planted in MODE=strict alone"
    cd "$BATS_TEST_TMPDIR" || return 1
}

# sample STATUS REASON ARGUMENT...: one sample ends so
sample() {
    local status=$1 reason=$2
    shift 2
    "$hg" run "$@" --settle 0s --json --quiet --timeout 100s >sample || true
    python3 - "$status" "$reason" <<'PY'
import json, sys
s = json.loads(open("sample").readline())
status, reason = sys.argv[1:]
assert s["status"] == status and reason in (s["reason"] or ""), (s["status"], s["reason"])
PY
}

# fires FAULT ASSERTION ARGUMENT...: nothing without the fault; with it, that assertion fails
fires() {
    local fault=$1 assertion=$2
    shift 2
    sample ok "" "$@"
    HEAPGAUGE_FAULT=$fault sample crashed "does not hold: $assertion" "$@"
}

@test "pools, segment: a free slice is not counted" {
    fires pools_free_count 'pools_spans_are_valid(in)' --workload sawtooth --alloc pools
}

@test "pools, instance: slices in use and free do not add up" {
    fires pools_active_slices 'pools_spans_are_valid(in)' --workload sawtooth --alloc pools
}

@test "pools, huge blocks: their bytes are counted wrongly" {
    fires pools_huge_bytes 'pools_huge_is_valid(in)' --workload large --alloc pools
}

@test "pools, instance: a mapping is forgotten, not unmapped" {
    fires pools_leak_mapping 'pools_is_valid(in)' --workload large --alloc pools
}

@test "pools, page: a block comes home and is not counted" {
    fires pools_home_count 'pools_page_is_valid(page)' --workload mstress:ops=200k --alloc pools
}

@test "pools, heap: an adopted block is counted twice" {
    fires pools_adopted_count 'pools_heap_is_valid(h)' --workload larson --threads 2 --alloc pools
}

@test "pools, heap: the remote cache's chain does not end at its tail" {
    fires pools_remote_tail 'pools_heap_is_valid(h)' --workload larson --threads 2 --alloc pools
}

@test "reuse: more is asked for again than was given back" {
    fires reuse_ask 'reuse_is_valid(r)' --workload sawtooth --alloc pools
}

@test "pymalloc, arenas: last_with names none" {
    fires pymalloc_last_with 'pymalloc_is_valid(h)' --workload sawtooth --alloc pymalloc
}

@test "pymalloc, arenas: the usable ones are not in order" {
    fires pymalloc_unsorted 'pymalloc_is_valid(h)' --workload sawtooth --alloc pymalloc
}

@test "pymalloc, arena: a free pool is not counted" {
    fires pymalloc_free_pools 'pymalloc_is_valid(h)' --workload sawtooth --alloc pymalloc
}

@test "pymalloc, pool: a block is neither live nor free" {
    fires pymalloc_lost_block 'pymalloc_is_valid(h)' --workload sawtooth --alloc pymalloc
}

@test "pymalloc, pool: a live block is counted twice" {
    fires pymalloc_live_count 'pymalloc_is_valid(h)' --workload sawtooth --alloc pymalloc
}

@test "debug: what is in quarantine is counted wrongly" {
    fires debug_quarantine_bytes 'debug_adds_up(d)' --workload churn:live=1k,ops=10k --alloc 'debug(pools)'
}

@test "the table behind debug: an entry is not counted" {
    fires ptrmap_used 'ptrmap_is_valid(t)' --workload churn:live=2k,ops=10k --alloc 'debug(pools)'
}

# A trace with two blocks that are never freed.
left() {
    printf '%s\n' 'a 1 100' 'a 2 200' 'a 3 300' 'f 2' >left.txt
    "$hg" trace import left.txt -o left.hgt
}

@test "replay: live bytes are counted wrongly" {
    left
    fires replay_live_bytes 'replay_is_valid(r)' --workload trace:file=left.hgt --alloc pools
}

@test "replay: a place is not empty after its block was freed" {
    left
    fires replay_freed_slot 'replay_is_valid(r)' --workload trace:file=left.hgt --alloc pools
}
