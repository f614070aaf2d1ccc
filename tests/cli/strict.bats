#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
# The runtime under its own checks: the heap checker at the barriers (debug builds), and the strict build's dead memory, stops and failing
# allocations, over every object workload and every policy. Other builds have none of it and skip.

policies='gil gil:immortal=3.12 gil:immortal=3.14 objlock atomic biased tracing'

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    mode=$("$hg" --version | sed -n 's/.*(\(.*\) build).*/\1/p')
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Every object workload, as much of it as a test can take.
workloads() {
    "$hg" list workloads | awk '$2 == "object:" { print $1 }' | while read -r name; do
        case $name in
        objtrace) ;; # a script's: the oracle's tests
        churn) echo churn:live=300,ops=3k ;;
        cycles) echo cycles:live=100,ops=1k ;;
        long-lived) echo long-lived:heap=1k,ops=2k ;;
        private) echo private:objects=50,ops=3k ;;
        deep-free) echo deep-free:depth=1k,ops=3 ;;
        weak-cache) echo weak-cache:keys=100,held=20,ops=2k ;;
        intern) echo intern:names=100,ops=2k ;;
        small-int) echo small-int:live=50,range=600,ops=2k ;;
        generator-or-list) echo generator-or-list:length=200,ops=10 ;;
        request) echo request:sessions=20,ops=300 ;;
        shared-containers) printf '%s\n' shared-containers:kind=dict,ops=2k shared-containers:kind=list,ops=2k ;;
        growth) echo growth:dead=0.5,lag=20,ops=1k ;;
        decay) echo decay:heap=300,ops=1k ;;
        binary-trees) echo binary-trees:depth=5 ;;
        gcbench) echo gcbench:depth=5,array=1k ;;
        message-buffer) echo message-buffer:window=50,size=100,ops=1k ;;
        gc-traversal) echo gc-traversal:levels=30,ops=3 ;;
        gc-collect) echo gc-collect:cycles=10,ops=10 ;;
        *) echo "$name:ops=1k" ;;
        esac
    done
}

# all THREADS ALLOC: one sample of each workload under each policy; lines "status workload rc reason" in got
all() {
    rm -f got
    for rc in $policies; do
        for workload in $(workloads); do
            "$hg" run --workload "$workload" --alloc "$2" --rc "$rc" --threads "$1" --settle 0s --json --quiet --timeout 100s || true
        done
    done | python3 -c '
import json, sys
for line in sys.stdin:
    s = json.loads(line)
    print(s["status"], s["cell"]["workload"], s["cell"]["rc"], s["reason"] or "", sep="\t")' >got
}

only() { # only STATUS... : no other in got
    cut -f 1 got | sort -u >statuses
    for status in "$@"; do
        sed -i "/^$status\$/d" statuses
    done
    [ ! -s statuses ] || { grep -vE "^($(IFS='|'; echo "$*"))" got; return 1; }
    [ "$(wc -l <got)" -ge 100 ]
}

strict() {
    [ "$mode" = strict ] || skip "for MODE=strict"
}

debug() {
    case $mode in
    strict | debug | asan) ;;
    *) skip "the heap checker is in debug builds" ;;
    esac
}

# Starts a worker as the front does and answers its phases; prints what it writes.
drive() {
    python3 - "$@" <<'PY'
import os, subprocess, sys, tempfile
say_r, say_w = os.pipe()
go_r, go_w = os.pipe()
page = tempfile.TemporaryFile()
page.truncate(1 << 20)
keep = [os.dup(fd) for fd in (say_w, go_r, page.fileno())]
def place():
    for i, fd in enumerate(os.dup2(k, 64 + j) for j, k in enumerate(keep)):
        os.dup2(fd, 3 + i)
worker = subprocess.Popen(sys.argv[1:], preexec_fn=place, close_fds=False)
for fd in keep + [say_w, go_r]:
    os.close(fd)
for line in os.fdopen(say_r, errors="replace"):
    print(line, end="")
    if line.startswith("phase"):
        os.write(go_w, b"g")
    if line.startswith(("phase exit", "fail")):
        break
worker.wait()
PY
}

@test "the heap checker finds a reference that was lost, after each phase, and reports type and counts" {
    debug
    for fault in none prepare run drain; do
        for rc in gil objlock biased; do
            drive "$HEAPGAUGE_BUILD/heapgauge-worker-$rc" workload=leak:every=10,ops=1000 level=object alloc=system rc=$rc gc=none \
                threads=1 work_seed=1 fault=$fault >said
            if [ $fault = none ]; then
                grep -q '^phase exit' said
            else
                grep -q "^fail check-failed after $fault the counts of 1 objects are not the references to them: list: counted 1, found 0" said
            fi
        done
    done
}

@test "every object workload under every policy: the heap is sound after each phase" {
    debug
    [ "$mode" != asan ] || skip "objects.bats goes through them there"
    all 1 'debug(system)'
    only ok
    all 3 'debug(pools)'
    only ok
}

@test "with every 7th, 50th, 1000th allocation failing a cell ends ok or oom, and its heap is sound" {
    strict
    for n in 1 7 50 1000; do
        export HEAPGAUGE_STRICT_FAIL=$n HEAPGAUGE_STRICT_STOP=10
        all 1 system
        only ok oom
        [ "$n" -gt 50 ] || [ "$(grep -c '^oom' got)" -ge 90 ]
    done
}

@test "the same with threads" {
    strict
    export HEAPGAUGE_STRICT_FAIL=97 HEAPGAUGE_STRICT_STOP=50
    all 2 pools
    only ok oom
}
