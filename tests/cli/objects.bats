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
        run "$hg" run --workload "$work" --alloc "$alloc" --rc gil,objlock,atomic,biased --parallel 1x1,3x1,1x3 \
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

# statuses: of the samples on standard input, each with a reason unless it is ok
statuses() {
    python3 -c '
import json, sys
for s in map(json.loads, sys.stdin):
    assert (s["status"] == "ok") == (s["reason"] is None), s
    print(s["status"])'
}

@test "out of memory: every policy says so and ends, with one thread and with two" {
    case $HEAPGAUGE_BUILD in */asan | */tsan) skip "their shadow memory knows no limit" ;; esac
    for threads in 1 2; do
        # malloc gives out: all that the worker may map
        for work in churn:live=3M,ops=10 long-lived:heap=3M,ops=10 shared-containers:kind=list,size=3M,ops=10 \
            deep-free:depth=10M,ops=1 leak:every=1,ops=10M generator-or-list:as=list,length=10M,ops=2; do
            (ulimit -v 100000 && exec "$hg" run --workload $work --alloc system --rc gil,objlock,atomic,biased \
                --threads $threads --settle 0s --timeout 60s --quiet --json) >samples || true
            run statuses <samples
            [ "$output" = $'oom\noom\noom\noom' ] || { echo "$work: $output"; cut -c1-600 samples; return 1; }
        done
        # the front's own limit
        run "$hg" run --workload leak:every=1,ops=2M --alloc pools --rc gil,objlock,atomic,biased --threads $threads \
            --settle 0s --memory-limit 40M --quiet --json
        [ "$status" -eq 3 ]
        [ "$(statuses <<<"$output" | sort | uniq -c | awk '{print $1, $2}')" = "4 oom" ]
    done
}

@test "what a policy cannot run is not-applicable with the reason, and the rest goes on" {
    printf 'hgo 1\nroots 2\nint 0 7\nstat\n' >one.hgo
    cat >mixed.ini <<'INI'
[suite]
blocks = 1
settle = 0s

[lists of a collector need the GIL]
workload = cycles:ops=100,live=4
alloc = pools
rc = gil, objlock, atomic, biased
gc = generational

[pymalloc has no lock]
workload = churn:ops=1k,live=100
alloc = pymalloc
rc = gil, objlock, atomic, biased
gc = none
threads = 2

[a script is one thread's]
workload = objtrace:file=one.hgo
alloc = pools
rc = biased
threads = 2
INI
    run "$hg" suite mixed.ini --out r --quiet
    [ "$status" -eq 0 ]
    python3 - <<'PY'
import json
want = {"cycles": "GIL", "churn": "locked(pymalloc)", "objtrace": "one thread"}
samples = [json.loads(l) for l in open("r/samples.jsonl")]
assert len(samples) == 9, len(samples)
for s in samples:
    cell = s["cell"]
    if cell["rc"] == "gil":
        assert s["status"] == "ok", s["reason"]
    else:
        assert s["status"] == "not-applicable" and want[cell["workload"]] in s["reason"], s
PY
}

@test "threads and processes side by side: one group, the same work, compared with what was asked for" {
    cat >side.ini <<'INI'
[suite]
blocks = 6
baseline = parallel=1x1
settle = 0s

[private]
workload = private:objects=50,ops=2k
alloc = pools
rc = gil, biased
gc = none
parallel = 1x1, 2x1, 1x2
INI
    "$hg" suite side.ini --out r --quiet >table
    grep -q 'threads x processes' table
    [ "$(grep -cE '^  (gil|biased) (1x1|2x1|1x2) ' table)" -eq 6 ]
    "$hg" compare r --json >own
    "$hg" compare r --baseline rc=gil,parallel=1x1 --metric memory.pss_bytes --json >gil
    python3 - <<'PY'
import json
samples = [json.loads(l) for l in open("r/samples.jsonl")]
assert len(samples) == 6 * 8 + 6 and {s["group"] for s in samples} == {0} # and the tails of each
for block in range(6):
    sums = {(s["cell"]["threads"] * s["cell"]["processes"], s["checksum"]) for s in samples if s["block"] == block}
    assert len(sums) == 2, sums # of one worker, and of two, threads or processes
assert {s["ops"] for s in samples} == {2000}
for name in "own", "gil":
    rows = [c for c in json.load(open(name))["comparisons"] if not c["control"]]
    assert len(rows) == (4 if name == "own" else 5), rows
    for c in rows:
        want = "pools %s none 1x1" % (c["cell"].split()[1] if name == "own" else "gil")
        assert c["base"] == want and c["n"] == 6, c
        assert c["cell"].endswith("%dx%d" % (c["threads"], c["processes"])), c
PY
    "$hg" report r >/dev/null
    python3 - <<'PY'
import csv, glob
rows = list(csv.DictReader(open("r/summary.csv")))
assert sorted((r["rc"], r["threads"], r["processes"]) for r in rows) == sorted(
    (rc, t, p) for rc in ("gil", "biased") for t, p in (("1", "1"), ("2", "1"), ("1", "2"))), rows
(figure,) = glob.glob("r/plots/throughput-*.csv")
points = [(r["configuration"].split()[1], r["threads"]) for r in csv.DictReader(open(figure))]
assert sorted(points) == [("biased", "1"), ("biased", "2"), ("gil", "1"), ("gil", "2")], points
PY
}

@test "parallel: what is not well formed or not comparable is refused" {
    for words in 0x1 1x0 1 1x 1x1x1 x1 '1x1,' 1x99999 -1x1 '1 x 1' 1x1,,2x1; do
        run --separate-stderr "$hg" run --workload private --parallel "$words"
        [ "$status" -eq 2 ] && [[ "$stderr" == *"--parallel"*"1x1,2x1,1x2"* ]] || { echo "$words: $stderr"; return 1; }
    done
    run --separate-stderr "$hg" run --workload private --threads 2 --parallel 1x1
    [ "$status" -eq 2 ] && [[ "$stderr" == *"leave out --threads"* ]]
    run --separate-stderr "$hg" run --workload larson --parallel 2x1,1x2
    [ "$status" -eq 2 ] && [[ "$stderr" == *"larson"*"object workloads"* ]]
}
