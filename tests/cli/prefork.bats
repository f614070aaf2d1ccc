#!/usr/bin/env bats
# shellcheck disable=SC2154 # bats sets $stderr
# prefork: what forked workers copy of their parent's heap, by cause; as a real CPython; and no worker is left behind.

setup_file() {
    bats_require_minimum_version 1.5.0
    export hg="$HEAPGAUGE_BUILD/heapgauge"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# The figures of one sample: READ COLLECT CHURN HEAP in bytes ("-": left out), CHECKSUM; or "STATUS MESSAGE".
figures() { # PARAMETERS RC GC ALLOC [OPTION...]
    "$hg" run --workload "prefork:$1" --rc "$2" --gc "$3" --alloc "$4" "${@:5}" --samples 1 --settle 0s --json --quiet >line || true
    python3 -c '
import json
s = json.loads(open("line").readline())
p = s.get("prefork", {})
if s["status"] != "ok":
    print(s["status"], s.get("message"))
else:
    print(*(p.get(cause + "_private_bytes", "-") for cause in ("read", "collect", "churn")), s["memory"]["heap_peak_bytes"], s["checksum"])'
}

needs_python() {
    command -v python3 >/dev/null || skip "python3 is not installed"
}

needs_exact_pages() {
    needs_python
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-shim.so" ] || skip "a sanitizer's shadow is private memory, too"
}

few=200000 # bytes: what a worker writes beside the heap: its stack, the collector's own state

# 20,000 records are some 8 MB: a dict, its table, a tuple, a list with its array, an int. Reading writes the counts of the
# dict and the int, a collection the header of every container; where blocks of a size have pages of their own, tables and
# arrays are not copied, which are half of the heap.
@test "what is copied by reading and by a collection, and how freeze and immortal objects cut it, on every policy" {
    needs_exact_pages
    local read collect churn heap sum rc gc a freeze immortal seen=
    for rc in gil gil:immortal=3.12 gil:immortal=3.14 objlock atomic biased tracing; do
        for a in system pools; do
            for freeze in 0 1; do
                for immortal in 0 1; do
                    case $rc in gil*) gc=generational ;; tracing) gc=tracing ;; *) gc=stw ;; esac
                    read -r read collect churn heap sum < <(figures "heap=20k,churn=1k,freeze=$freeze,immortal=$immortal" "$rc" "$gc" "$a")
                    echo "$rc $gc $a freeze=$freeze immortal=$immortal: $read $collect $churn $heap $sum"
                    case $rc:$immortal in gil:1 | tracing:1)
                        [ "$read" = not-applicable ]
                        continue
                        ;;
                    esac
                    [ "${seen:=$sum}" = "$sum" ]
                    [ "$heap" -gt 5000000 ]
                    # Without a GIL the first to read a dict or list takes its lock, which is on the page of its count; biased
                    # reads without one.
                    case $rc:$immortal in tracing:0 | gil:immortal*:1 | biased:1) [ "$read" -lt $few ] ;; *) [ "$read" -gt $((heap / 3)) ] ;; esac
                    # tracing has no permanent generation: a collection marks every object.
                    case $rc:$freeze in tracing:* | *:0) [ "$collect" -gt $((heap / 3)) ] ;; *) [ "$collect" -lt $few ] ;; esac
                    [ "$churn" -lt 1000000 ]
                done
            done
        done
    done
}

@test "freeze cuts what a collection copies on every collector of lists" {
    needs_exact_pages
    local read collect churn heap sum gc
    for gc in generational incremental pep848; do
        read -r read collect churn heap sum < <(figures heap=20k,read=0,churn=0 gil "$gc" pymalloc)
        echo "$gc: $collect of $heap"
        [ "$collect" -gt $((heap / 3)) ]
        read -r read collect churn heap sum < <(figures heap=20k,read=0,churn=0,freeze=1 gil "$gc" pymalloc)
        echo "$gc frozen: $collect of $heap"
        [ "$collect" -lt $few ]
    done
}

@test "read, collect and churn: how much, and none at all" {
    needs_python
    local read collect churn heap sum whole
    read -r read collect churn heap sum < <(figures heap=20k,read=0,collect=0,churn=10 gil generational pymalloc)
    echo "$read $collect $churn"
    [ "$read $collect" = "- -" ] && [ "$churn" != - ]
    # A checksum that is known: two workers read each record's number once, and make lists of 1000 to 1009.
    [ $((0x$sum)) -eq $((2 * (1000 * 10 + 45))) ]
    read -r read collect churn heap sum < <(figures heap=20k,collect=0,churn=0 gil generational pymalloc)
    [ $((0x$sum)) -eq $((20000 * 19999)) ]
    # A half, spread evenly, is every second; one in a thousand touches a few pages each.
    read -r read collect churn heap sum < <(figures heap=20k,read=0.5,collect=0,churn=0,workers=1 gil generational pymalloc)
    [ $((0x$sum)) -eq $((10000 * 10000)) ]
    read -r read collect churn heap whole < <(figures heap=20k,read=0.5,collect=2,churn=0,workers=1 gil generational pymalloc --processes 2)
    echo "$whole, in one process $sum"
    [ "$whole" = "$sum" ]
    needs_exact_pages
    read -r read collect churn heap sum < <(figures heap=20k,read=0.001,collect=0,churn=0 gil generational pymalloc)
    echo "$read by 20 of 20,000"
    [ "$read" -ge $((20 * 4096)) ] && [ "$read" -lt $((20 * 4 * 4096 + few)) ]
}

@test "as in CPython: freeze cuts a collection's pages by more than 20 times, and what is copied is the same within a quarter" {
    needs_exact_pages
    local version read collect churn heap sum cause bytes frozen
    version=$(python3 -c 'import platform, sys; print("%d.%d" % sys.version_info[:2] if platform.python_implementation() == "CPython" else "")')
    local rc=gil
    case $version in 3.11) ;; 3.12 | 3.13) rc=gil:immortal=3.12 ;; *) skip "python3 is none of CPython 3.11 to 3.13" ;; esac
    read -r read collect churn heap sum < <(figures freeze=1 "$rc" generational pymalloc --python "$version")
    frozen=$collect
    read -r read collect churn heap sum < <(figures freeze=0 "$rc" generational pymalloc --python "$version")
    echo "model: read $read, collect $collect, frozen $frozen"
    [ "$collect" -gt $((20 * frozen)) ]
    python3 "$BATS_TEST_DIRNAME/../../scripts/programs/prefork.py" >real
    python3 "$BATS_TEST_DIRNAME/../../scripts/programs/prefork.py" --freeze >real-frozen
    cat real real-frozen
    frozen=$(awk '$1 == "collect" { print $2 }' real-frozen)
    while read -r cause bytes; do
        [ "$cause" != collect ] || [ "$bytes" -gt $((20 * frozen)) ]
        [ "$cause" = churn ] || { [ "${!cause}" -gt $((bytes * 3 / 4)) ] && [ "${!cause}" -lt $((bytes * 5 / 4)) ]; }
    done <real
}

@test "one thread, and no immortal objects where there are none: refused with the reason" {
    run ! --separate-stderr "$hg" run --workload prefork:heap=50 --rc gil --gc generational --alloc pools --threads 2 --samples 1
    echo "$stderr$output"
    [[ "$stderr$output" == *"prefork works with one thread, not 2"* ]]
    run --separate-stderr "$hg" run --workload prefork:heap=50,immortal=1 --rc gil --gc generational --alloc pools --samples 1 --json
    echo "$output"
    [[ "$output" == *'"status":"not-applicable"'*"gil:immortal=3.12"*"counts every object"* ]]
}

# Starts a run whose three workers take long; $front, $worker and $children are its processes.
start_long_run() { # OPTION...
    "$hg" run --workload prefork:heap=100,read=0,collect=0,churn=1G,workers=3 --rc gil --gc generational --alloc system \
        --samples 1 --settle 0s --json "$@" >samples 2>/dev/null &
    front=$!
    children=
    for _ in $(seq 200); do
        worker=$(pgrep -P $front heapgauge-worke) && children=$(pgrep -P "$worker") && [ "$(wc -w <<<"$children")" = 3 ] && return
        sleep 0.05
    done
    echo "no three workers: $children"
    return 1
}

# One that init has yet to wait for counts as ended.
all_end() { # PID...
    local pid left
    for _ in $(seq 200); do
        left=
        for pid in "$@"; do
            [ ! -e "/proc/$pid" ] || grep -q '^State:[[:space:]]*[ZX]' "/proc/$pid/status" 2>/dev/null || left="$left $pid"
        done
        [ -n "$left" ] || return 0
        sleep 0.05
    done
    echo "alive: $left"
    # shellcheck disable=SC2086 # several
    kill -KILL $left
    return 1
}

@test "a worker whose parent is killed does not live on" {
    command -v pgrep >/dev/null || skip "pgrep is not installed"
    start_long_run
    kill -KILL "$worker"
    # shellcheck disable=SC2086 # several
    all_end $children
    wait $front || [ $? -eq 3 ]
    grep -q '"status":"crashed"' samples
    start_long_run
    kill -KILL $front
    # shellcheck disable=SC2086 # several
    all_end "$worker" $children
}

@test "a worker that stands still ends with the sample's time" {
    command -v pgrep >/dev/null || skip "pgrep is not installed"
    start_long_run --timeout 8s
    # shellcheck disable=SC2086 # several
    kill -STOP $children
    wait $front || [ $? -eq 3 ]
    grep -q '"status":"timeout"' samples
    # shellcheck disable=SC2086 # several
    all_end $children
}

@test "a worker that crashes fails the sample, with its signal" {
    command -v pgrep >/dev/null || skip "pgrep is not installed"
    start_long_run
    # shellcheck disable=SC2086 # several
    kill -SEGV $children
    wait $front || [ $? -eq 3 ]
    cat samples
    grep -q '"status":"check-failed"' samples
    grep -q 'workers without an answer: 3, the last of signal 11' samples
}
