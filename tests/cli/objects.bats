#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# The object workloads under every policy, in every mode of the build: the same work everywhere, without a race (MODE=tsan), without
# a wrong access (MODE=asan). A worker that a sanitizer stops is a crashed sample with the report in its reason.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    cd "$BATS_TEST_TMPDIR" || return 1
    case $HEAPGAUGE_BUILD in
    */asan) alloc=system ;; # what it watches
    *) alloc=pools ;;
    esac
}

# same WORKLOAD... : each under every policy that counts, on one worker and on three, as threads and as processes: all samples ok,
# and one checksum for each number of workers
same() {
    local work
    for work in "$@"; do
        run "$hg" run --workload "$work" --alloc $alloc --rc gil,objlock,atomic,biased --parallel 1x1,3x1,1x3 \
            --settle 0s --quiet --json
        [ "$status" -eq 0 ] || { echo "$output"; return 1; }
        python3 -c '
import json, sys
sums = {}
for s in map(json.loads, sys.stdin):
    cell = s["cell"]
    assert s["status"] == "ok", (cell, s["reason"])
    sums.setdefault(cell["threads"] * cell["processes"], []).append((s["checksum"], s["ops"]))
assert sorted(map(len, sums.values())) == [4, 8], sums
assert all(len(set(same)) == 1 for same in sums.values()), sums
assert len({ops for same in sums.values() for _, ops in same}) == 1, sums
' <<<"$output" || { echo "$work"; return 1; }
    done
}

@test "short-lived and long-lived objects, cycles" {
    same churn:live=500,ops=8k cycles:length=8,live=50,ops=600 cycles:shape=tree,length=15,live=20,ops=300,fraction=0.5 \
        long-lived:heap=2k,ops=8k
}

@test "private and shared reads" {
    same private:objects=100,ops=20k shared-read:ops=20k shared-read:how=reference,ops=20k,shared=0.5
}

@test "every kind of ftscaling" {
    for kind in create_object create_closure create_dict list_append constants generator calls loop; do
        same ftscaling:kind=$kind,ops=6k
    done
}

@test "containers that all threads change" {
    for kind in dict list; do
        same shared-containers:kind=$kind,size=50,ops=8k shared-containers:kind=$kind,disjoint=1,size=50,ops=6k
    done
}

@test "how objects end" {
    same deep-free:depth=1k,ops=6 deep-free:depth=1k,kind=wide,ops=6 finalizers:ops=3k weak-cache:keys=200,held=20,ops=6k \
        scope:ops=3k scope:by=collect,ops=3k leak:ops=3k
}

@test "interned and small values, streams, requests" {
    same intern:names=500,ops=8k small-int:ops=12k,live=100 generator-or-list:length=1k,ops=6 \
        generator-or-list:as=list,length=1k,ops=6 request:sessions=50,ops=1k
}
