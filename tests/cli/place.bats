#!/usr/bin/env bats
# Placement from the command line: what is refused, and what a worker is really bound to.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Starts a long cell with this placement and waits until its worker runs; sets $front and $worker.
start_cell() {
    "$HEAPGAUGE_BUILD/heapgauge" run --workload churn:ops=2G,live=1000 --alloc system --threads 1 --place "$1" \
        --timeout 60s >out 2>&1 3>&- &
    front=$!
    for _ in $(seq 100); do
        worker=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v parent="$front" '$4 == parent { print $1; exit }')
        # after setup the worker sits in its loop: bound by then
        if [ -n "$worker" ] && [ "$(awk '{print $14}' "/proc/$worker/stat" 2>/dev/null)" -gt 5 ]; then
            return 0
        fi
        sleep 0.05
    done
    cat out
    return 1
}

teardown() {
    if [ -n "${front:-}" ]; then
        kill "$front" 2>/dev/null || true
        wait "$front" 2>/dev/null || true
    fi
}

@test "an unknown placement is named with the nearest, and nothing is run" {
    run -2 "$HEAPGAUGE_BUILD/heapgauge" run --workload churn:ops=1k --alloc system --place scater
    [[ "$output" == *"'scater'"*"'scatter'"* ]]
}

@test "a NUMA node that is not there is refused with those that are" {
    run -2 "$HEAPGAUGE_BUILD/heapgauge" run --workload churn:ops=1k --alloc system --place numa:999
    [[ "$output" == *"no such NUMA node"* ]]
}

@test "a placement is planned on the topology that hwloc is given" {
    HWLOC_SYNTHETIC="numa:2 core:2 pu:1" run -2 "$HEAPGAUGE_BUILD/heapgauge" run --workload churn:ops=1k \
        --alloc system --place numa:2
    [[ "$output" == *"has: 0 1"* ]]
}

@test "a worker under compact is bound to one processor" {
    start_cell compact
    allowed=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$worker/status")
    [[ "$allowed" =~ ^[0-9]+$ ]]
}

@test "a worker under none keeps what it was given" {
    start_cell none
    own=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
    allowed=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$worker/status")
    [ "$allowed" = "$own" ]
}

@test "a worker under numa:0 takes its memory from node 0 alone" {
    start_cell numa:0
    [ -r "/proc/$worker/numa_maps" ] || skip "this kernel reports no memory policy"
    grep -q ' bind:0 ' "/proc/$worker/numa_maps"
}
