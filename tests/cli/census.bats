#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
bats_require_minimum_version 1.5.0
# Looking into the heap of objects: run --census, run --heap-snapshot, and heapgauge heap, which asks the snapshots.

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    mkdir -p "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
}

# refused WORD... : exit 2, one line on standard error, nothing on standard output
refused() {
    run --separate-stderr "$hg" "$@"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
}

leak() { # the leak workload with a few thousand records kept, and options
    "$hg" run --workload leak:ops=20k --settle 0s --quiet "$@"
}

@test "the census of a leak names its type and its root, under every policy" {
    policies='gil gil:immortal=3.12 gil:immortal=3.14 objlock atomic biased tracing'
    for rc in $policies; do
        leak --alloc pools --rc "$rc" --census --json
    done >samples
    python3 - $policies <<'PY'
import json, sys
samples = [json.loads(line) for line in open("samples")]
assert [s["cell"]["rc"] for s in samples] == sys.argv[1:]
for s in samples:
    assert s["status"] == "ok", s["reason"]
    c = s["census"]
    assert "leak.record grew by 1978 objects" in c["leak"] and c["leak"].endswith("1978 of its objects hang on leak"), c
    grown = {row["type"]: row["count"] for row in c["growth"]}
    assert grown["leak.record"] == 1978 and grown["str"] == 1978, grown
    assert sum(row["count"] for row in c["types"]) == c["objects"] and sum(row["bytes"] for row in c["types"]) == c["bytes"]
    sizes = [row["bytes"] for row in c["types"]]
    assert sizes == sorted(sizes, reverse=True)
PY
}

@test "a census with threads; what does not grow is no leak; none without the option" {
    leak --alloc pools --rc biased --threads 2 --census --json >samples
    "$hg" run --workload shared-read:ops=2k --alloc pools --rc atomic --census --json --settle 0s --quiet >>samples
    leak --alloc pools --rc atomic --json >>samples
    "$hg" run --workload churn:ops=2k,live=100 --settle 0s --json --quiet >>samples
    python3 - <<'PY'
import json
threads, even, without, allocator = [json.loads(line) for line in open("samples")]
assert "leak.record grew by" in threads["census"]["leak"] and "hang on leak" in threads["census"]["leak"]
assert even["census"]["leak"] is None and even["census"]["growth"] == [], even["census"]
assert without["census"] is None and allocator["census"] is None
PY
}

@test "the walk is in no memory figure: the peak is that of the same run without" {
    [[ "$("$hg" --version)" != *tsan* ]] || skip "the sanitizer's own shadow of the walk's memory is resident"
    run_long() { "$hg" run --workload long-lived:heap=200k,ops=200k --alloc pools --rc gil --settle 0s --json --quiet "$@"; }
    run_long >without
    run_long --census >with
    python3 - <<'PY'
import json
one, two = [json.loads(open(name).read())["memory"] for name in ("without", "with")]
assert two["vm_hwm_bytes"] is None and one["vm_hwm_bytes"] > 0
ratio = two["peak_rss_bytes"] / one["peak_rss_bytes"]
assert ratio < 1.05, ratio  # the picture of 200,000 objects is about as large as they are
PY
}

@test "people get a table of 80 columns" {
    leak --alloc pools --rc gil --census >out
    [ "$(sed -n '/^heap at the peak/,$p' out | wc -L)" -le 80 ]
    grep -q '^heap at the peak: leak, pools gil generational, x1$' out
    grep -qE '^  leak.record +1978 +92.7 KiB +1978 +92.7 KiB$' out
    grep -q '^  1978 of its objects hang on leak$' out
}

@test "census = 1 in a suite, and the report shows it" {
    printf '%s\n' '[suite]' 'blocks = 1' 'settle = 0s' '[a]' 'workload = leak:ops=2k' 'alloc = pools' 'rc = gil' 'census = 1' >s.ini
    "$hg" suite s.ini --out run 2>err
    "$hg" report run >/dev/null 2>err
    grep -q 'What lay in the heap at the peak' run/report.html
    grep -q 'leak.record' run/report.html
    grep -q 'hang on leak' run/report.html
}

@test "--census and --heap-snapshot are for objects; a snapshot is of one cell" {
    refused run --workload larson --census
    [[ "$stderr" == *"--census"*"larson"*"--rc"* ]]
    refused run --workload larson --heap-snapshot s
    refused run --workload leak --rc gil,atomic --heap-snapshot s
    [[ "$stderr" == *"--heap-snapshot shows one heap"* ]]
    refused run --workload leak --rc gil --samples 2 --heap-snapshot s
    [ -z "$(ls -A)" ]
    refused run --workload leak:ops=2k --rc gil --heap-snapshot nowhere/s --json --settle 0s --quiet
    [[ "$stderr" == *"cannot write nowhere/s.begin"* ]]
    [ -z "$output" ] # before the first sample
}

@test "snapshots: what there is, what came, who holds it, what it holds, a graph" {
    leak --alloc pools --rc gil --heap-snapshot s --json >sample
    ls s.begin s.peak s.drained
    "$hg" heap census s.peak >census.txt
    grep -qE '^leak.record +1978 +94944  0x' census.txt
    "$hg" heap diff s.begin s.peak >diff.txt
    grep -qE '^leak.record +\+1978 +\+0 +\+94944$' diff.txt
    "$hg" heap diff s.peak s.drained >gone.txt
    grep -qE '^leak.record +\+0 +-1978 +-94944$' gone.txt
    record=$(awk '$1 == "leak.record" { print $4 }' census.txt)
    list=$(awk '$1 == "list" { print $4 }' census.txt)
    "$hg" heap object s.peak "$record" >object.txt
    grep -q 'count 1, 1 references found; retains ' object.txt
    grep -q 'a shortest chain from a root, of 2: leak$' object.txt
    sed -n '/shortest chain/,/referred/p' object.txt | sed -n 2p | grep -q "$list list"
    sed -n '/referred to by/,/refers to/p' object.txt | grep -q "$list list"
    sed -n '/refers to/,$p' object.txt | grep -q ' int, 28 bytes'
    # The list retains all but the class: bytes of the census say how much that is.
    all=$(awk 'NR == 1 { print $3 }' census.txt)
    class=$(awk '$1 == "type" && NR > 2 { print $3 }' census.txt)
    "$hg" heap object s.peak "$list" --limit 3 | tee list | grep "retains $((all - class)) bytes"
    grep -q 'and 1975 more (--limit)' list
    "$hg" heap dot s.peak --from "$list" --limit 5 >graph
    [ "$(grep -c label graph)" -eq 5 ]
    head -n 1 graph | grep -q '^digraph heap {'
}

@test "heap: bad words and bad files are refused with what would work" {
    refused heap
    refused heap cencus s
    [[ "$stderr" == *"did you mean 'census'"* ]]
    refused heap census s
    [[ "$stderr" == *"cannot read s"* ]]
    refused heap census a b
    echo hello >bad
    refused heap census bad
    [[ "$stderr" == *"bad:1: not a heap snapshot"* ]]
    printf '%s\n' 'heapgauge-heap 2 0000000000000001' 'object 0x10 list 56 many' >bad
    refused heap census bad
    [[ "$stderr" == *"bad:2: 'many'"* ]]
    for i in 1 2; do
        printf '%s\n' "heapgauge-heap 2 000000000000000$i" 'root 0x10 r' 'object 0x10 list 56 1' 'end 1' >s$i
    done
    refused heap diff s1 s2
    [[ "$stderr" == *"two processes"* ]]
    refused heap object s1 10
    [[ "$stderr" == *"'10' is not an address"* ]]
    refused heap object s1 0x20
    [[ "$stderr" == *"no object at 0x20"* ]]
    refused heap census s1 --from 0x10
    refused heap dot s1 --from 0x20
    "$hg" heap object s1 0x10 | grep -q 'of 1: r'
}
