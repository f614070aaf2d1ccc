#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# What a sample says of a collector: garbage by the oracle, pauses and their cost, time to reclaim, metered latency.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    mkdir -p "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
}

refused() {
    run --separate-stderr "$hg" "$@"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
}

# sample WORKLOAD RC GC OPTIONS... : its records in the file "samples"
sample() {
    "$hg" run --workload "$1" --rc "$2" --gc "$3" --settle 0s --json "${@:4}" >samples
}

@test "without a collector every dropped cycle waits: exactly so many objects, at evenly spaced points" {
    for rc in gil atomic biased; do
        sample cycles:ops=4k,length=7,live=50 $rc none --oracle 8
        python3 - <<'PY'
import json
timed, oracle = [json.loads(line) for line in open("samples")]
assert timed["status"] == oracle["status"] == "ok", oracle
assert oracle["oracle"] is True and "oracle" not in timed
assert timed["checksum"] == oracle["checksum"] and oracle["ops"] == 4000
gc = oracle["gc"]
assert gc["uncollected_samples"] == 8
assert gc["uncollected_peak"] == 4000 * 7, gc
assert gc["uncollected_peak_bytes"] % (4000 * 7) == 0 and gc["uncollected_peak_bytes"] >= 4000 * 7 * 48, gc
# Walk i of 8 comes after 500 i operations, or two more: what a thread has reported is of the one before.
assert 4500 / 2 * 7 <= gc["uncollected_mean"] <= 4500 / 2 * 7 + 2 * 7, gc
assert timed["gc"]["uncollected_peak"] is None
PY
    done
}

@test "an oracle sample reports no times and no memory" {
    sample request:ops=3k gil generational --oracle 3
    python3 - <<'PY'
import json
timed, s = [json.loads(line) for line in open("samples")]
for key in ("wall_ns", "cpu_ns", "ops_per_s", "latency", "counters"):
    assert s[key] is None, key
for part in ("memory", "fragmentation", "timeline", "os"):
    assert all(v is None for v in s[part].values()), s[part]
assert s["pauses"]["count"] is None and s["gc"]["share"] is None and s["gc"]["cost_wall_ns"] is None
assert timed["wall_ns"] > 0 and timed["gc"]["share"] is not None
PY
}

@test "a generational collector bounds the garbage, the same in every run; reference counts leave none" {
    sample cycles:ops=20k,length=5,live=100 gil generational --oracle 200
    cp samples first
    sample cycles:ops=20k,length=5,live=100 gil generational --oracle 200
    python3 - <<'PY'
import json
def gc(name): return [json.loads(line) for line in open(name)][1]["gc"]
a, b = gc("first"), gc("samples")
assert a == b, (a, b)
assert a["uncollected_samples"] == 200
# Young ones wait for 700, those that were held for a middle or a full collection.
assert 700 <= a["uncollected_peak"] < 20000, a
PY
    sample cycles:ops=20k,length=5,live=0 gil generational --oracle 200
    python3 -c '
import json
gc = [json.loads(line) for line in open("samples")][1]["gc"]
assert 500 < gc["uncollected_peak"] <= 701 + 2 * 11 * 5, gc' # none is held; the one that is half made when a collection comes grows old
    sample cycles:ops=20k,length=5,live=100,fraction=0 gil none --oracle 20
    python3 -c '
import json
gc = [json.loads(line) for line in open("samples")][1]["gc"]
assert gc["uncollected_peak"] == 0 == gc["uncollected_peak_bytes"] and gc["uncollected_samples"] == 20, gc'
}

@test "the oracle with threads: the world stopped, under a GIL and without" {
    for cell in "gil none" "atomic none" "objlock stw" "biased stw" "tracing tracing"; do
        # shellcheck disable=SC2086 # two words
        sample cycles:ops=6k,length=4,live=40 $cell --threads 3 --oracle 12 --alloc 'locked(pymalloc),pools'
        python3 - "$cell" <<'PY'
import json, sys
oracles = [s for s in map(json.loads, open("samples")) if s.get("oracle")]
assert len(oracles) == 2
for s in oracles:
    assert s["status"] == "ok", s
    n = s["gc"]["uncollected_samples"]
    assert 6 <= n <= 12, n  # threads tell their progress now and then: two walks may be due at once
    if "none" in sys.argv[1]:
        assert s["gc"]["uncollected_peak"] == 6000 * 4, s["gc"]
    else:
        assert 0 < s["gc"]["uncollected_peak"] <= 6000 * 4
PY
    done
}

# figures RC GC ALLOC: appends the records of a fixed work to the file "all"
figures() {
    "$hg" run --workload cycles:ops=3000,length=10,live=50 --rc "$1" --gc "$2" --alloc "$3" --oracle 5 --census \
        --settle 0s --quiet --json >>all
}

@test "what waits, what lives and what was freed are the same on every allocator, however objects are found" {
    allocs='pools,system,locked(pymalloc),debug(pools),trace(pools)'
    if [ ! -e "$HEAPGAUGE_BUILD/libheapgauge-shim.so" ]; then
        : # a build with a sanitizer, whose own malloc must be the first
    elif "$hg" run --workload churn:ops=100 --alloc preload:mimalloc --settle 0s --quiet --json >churned; then
        allocs+=,preload:mimalloc
    else
        grep -q "mimalloc is not installed" churned
    fi
    figures gil none,generational,incremental,pep848,pep848:version=draft "pymalloc,$allocs"
    figures objlock,atomic,biased none,stw,stw:find=registry "$allocs"
    figures objlock,atomic,biased stw:find=walk pools
    figures tracing none,tracing "pymalloc,$allocs"
    python3 - <<'PY'
import json
groups = {}
for s in map(json.loads, open("all")):
    cell, gc, nodes = s["cell"], s["gc"], [t["count"] for t in s["census"]["types"] if t["type"] == "cycles.node"]
    assert s["status"] == "ok", s
    assert len(nodes) == 1
    name = cell["rc"], cell["gc"], cell["alloc"]
    if s.get("oracle"):
        assert gc["uncollected_samples"] == 5, name
        figures = [gc[k] for k in ("uncollected_peak", "uncollected_peak_bytes", "uncollected_mean")] + nodes
        if cell["gc"] == "none":
            assert gc["uncollected_peak"] == 3000 * 10, (name, gc)
    else:
        assert gc["live_objects"] == nodes[0], (name, gc["live_objects"], nodes) # a counter, and a walk
        figures = [gc[k] for k in ("freed_by_gc", "allocated")] + nodes
        if cell["gc"] == "none":
            assert nodes == [(3000 + 50) * 10], (name, nodes)
    free_threaded = cell["rc"] in ("objlock", "atomic", "biased")
    group = "free-threaded" if free_threaded else cell["rc"], cell["gc"].split(":")[0], bool(s.get("oracle"))
    groups.setdefault(group, {})[name] = figures
for group, of in groups.items():
    assert len(of) >= 5, group
    assert len(set(map(tuple, of.values()))) == 1, (group, of)
assert len(groups) == 2 * (4 + 2 + 2), groups.keys()
PY
}

@test "--oracle without objects, and one that is no number, are refused" {
    refused run --workload churn --oracle 3
    [[ "$stderr" == *"--oracle"*"object workload"* ]]
    refused run --workload cycles --rc gil --oracle -1
    refused run --workload cycles --rc gil --oracle 1M
    [[ "$stderr" == *"100k"* ]]
}

@test "oracle = N of a suite: one sample more a cell of objects; resume does not run it again" {
    printf '[suite]\nblocks = 1\nsettle = 0s\noracle = 5\n[o]\nworkload = cycles:ops=1k,live=10\nrc = gil\ngc = none, generational\n[a]\nworkload = churn:ops=1k,live=100\n' >s.ini
    "$hg" suite s.ini --out out --quiet >/dev/null
    [ "$(grep -c '"oracle":true' out/samples.jsonl)" -eq 2 ]
    n=$(wc -l <out/samples.jsonl)
    "$hg" suite s.ini --resume out --quiet >/dev/null
    [ "$(wc -l <out/samples.jsonl)" -eq "$n" ]
    "$hg" compare out --metric uncollected --baseline gc=none --json >compared
    python3 -c '
import json
c = [c for c in json.load(open("compared"))["comparisons"] if not c["control"]]
assert len(c) == 1 and 0 < c[0]["ratio"] < 1, c'
    "$hg" report out >/dev/null
    printf '[suite]\noracle = many\n[o]\nworkload = cycles\nrc = gil\n' >bad.ini
    refused suite bad.ini --out out2
    [[ "$stderr" == *"bad.ini:2"*"many"* ]]
    [ ! -e out2 ]
}

@test "cost, share and references a collector has in the measured phase alone" {
    sample cycles:ops=10k,length=4,live=20k gil none,generational
    python3 - <<'PY'
import json
none, s = [json.loads(line) for line in open("samples")]
gc, causes = s["gc"], s["pauses"]["by_cause"]
assert gc["allocated"] == none["gc"]["allocated"] == 10000 * 4  # not the 80,000 that were there before
collections = sum(g["collections"] for g in gc["generations"])
assert collections == sum(causes.get(c, {"count": 0})["count"] for c in ("young", "middle", "full"))
assert gc["examined"] == sum(c.get("examined", 0) for n, c in causes.items() if n != "cascade")
assert gc["freed_by_gc"] == sum(c.get("freed", 0) for n, c in causes.items() if n != "cascade")
assert abs(gc["references_per_object"] - gc["references"] / gc["allocated"]) < 1e-9
spent = sum(c["total_ns"] for n, c in causes.items() if n in ("young", "middle", "full"))
cascades = causes.get("cascade", {"total_ns": 0})["total_ns"]
assert gc["cost_wall_ns"] == spent + cascades
part = min(1, s["cpu_ns"] / s["wall_ns"])  # that the thread had a processor for
assert abs(gc["cost_cpu_ns"] - gc["cost_wall_ns"] * part) < 2 and gc["cost_cpu_ns"] < s["cpu_ns"]
assert abs(gc["share"] - spent / s["wall_ns"]) < 1e-6
assert none["gc"]["cost_wall_ns"] == none["gc"]["share"] == 0 and none["gc"]["references_per_object"] is None
PY
}

@test "what a collection frees is in its pause, not a cascade of its own" {
    sample cycles:ops=60,length=5k,live=0 gil generational
    grep -q '"young":' samples
    ! grep -q '"cascade":' samples || return 1
    sample deep-free:ops=3,depth=100k gil generational
    grep -q '"cascade":{"count":3,' samples
}

@test "a pause of one thread beside others is not the whole program's: reclaim" {
    for _ in 1 2 3 4 5 6 7 8; do
        sample cycles:ops=40k,length=10,live=100 atomic stw --threads 2 --alloc system
        python3 - <<'PY'
import json
s = json.loads(open("samples").read())
gc, causes = s["gc"], s["pauses"]["by_cause"]
assert causes["reclaim"]["freed"] == gc["freed_by_gc"] > 0, (causes, gc)
assert causes["stop"]["count"] == causes["full"]["count"] == 2 * sum(g["collections"] for g in gc["generations"]), (causes, gc)
whole = causes["stop"]["total_ns"] + causes["full"]["total_ns"]
cascades = causes.get("cascade", {"total_ns": 0})["total_ns"]
assert abs(gc["cost_wall_ns"] - (whole + (causes["reclaim"]["total_ns"] + cascades) / 2)) < 2, (causes, gc)
assert 0 < gc["cost_cpu_ns"] <= causes["full"]["total_ns"] + causes["reclaim"]["total_ns"] + cascades, (causes, gc)
assert gc["cost_cpu_ns"] < s["cpu_ns"], (causes, gc, s["cpu_ns"])
# each thread of the two either stops the world or is stopped
stopped = causes.get("stopped", {"count": 0})
assert stopped["count"] <= causes["stop"]["count"] and "examined" not in stopped, causes
PY
        # A thread whose processor comes so late that the other has done all its work by then was never stopped: that is rare.
        ! grep -q '"stopped":' samples || return 0
    done
    return 1
}

@test "what the collector of free-threaded objects freed is what its pauses freed: finalisers and free lists do not hide it" {
    for work in finalizers:ops=60k request:ops=20k,cyclic=0.5; do
        sample $work atomic stw
        python3 -c '
import json
s = json.loads(open("samples").read())
freed = s["gc"]["freed_by_gc"]
assert s["pauses"]["by_cause"]["reclaim"]["freed"] == freed > 1000, s["gc"]'
    done
}

@test "processes side by side: what the collectors of all did is in one record" {
    sample cycles:ops=40k,length=5,live=100 gil generational --parallel 1x1,1x2
    python3 - <<'PY'
import json
one, two = sorted((json.loads(line) for line in open("samples")), key=lambda s: s["cell"]["processes"])
assert one["status"] == two["status"] == "ok" and two["cell"]["processes"] == 2
for key in ("allocated", "freed_by_gc"):
    a, b = one["gc"][key], two["gc"][key]
    assert 0.9 < b / a < 1.1, (key, a, b) # the same work, dealt out
pauses, gc = two["pauses"], two["gc"]
assert pauses["by_cause"]["young"]["count"] == gc["generations"][0]["collections"] > 0, (pauses["by_cause"], gc["generations"])
assert sum(c["count"] for c in pauses["by_cause"].values()) == pauses["count"]
assert pauses["p50_ns"] <= pauses["p99_ns"] <= pauses["max_ns"] == max(c["max_ns"] for c in pauses["by_cause"].values())
assert abs(gc["references_per_object"] - gc["references"] / gc["allocated"]) < 1e-9
PY
}

@test "--pauses writes every pause of the measured phase" {
    "$hg" run --workload cycles:ops=10k,length=5,live=100 --rc gil --gc generational --settle 0s --json --pauses p.csv >samples
    python3 - <<'PY'
import csv, json
s = json.loads(open("samples").read())
rows = list(csv.DictReader(open("p.csv")))
assert list(rows[0]) == ["thread", "cause", "start_ns", "end_ns", "examined", "freed", "freed_bytes"]
assert len(rows) == s["pauses"]["count"] > 50
assert sum(int(r["end_ns"]) - int(r["start_ns"]) for r in rows) == s["pauses"]["total_ns"]
for cause, of in s["pauses"]["by_cause"].items():
    mine = [r for r in rows if r["cause"] == cause]
    assert len(mine) == of["count"] and sum(int(r["freed"]) for r in mine) == of["freed"], cause
    assert max(int(r["end_ns"]) - int(r["start_ns"]) for r in mine) == of["max_ns"]
assert all(0 <= int(r["start_ns"]) <= int(r["end_ns"]) <= s["wall_ns"] for r in rows)
t, ns = s["timeline"]["gc_t_ns"], s["timeline"]["gc_ns"]
gc = [r for r in rows if r["cause"] in ("young", "middle", "full")]
assert len(t) == len(ns) == len(gc) and sum(ns) == sum(int(r["end_ns"]) - int(r["start_ns"]) for r in gc)
assert t == sorted(t) and 0 < t[0] and t[-1] + ns[-1] <= s["timeline"]["t_ns"][-1]
PY
    refused run --workload cycles --rc gil --gc none,generational --pauses p2.csv
    refused run --workload churn --pauses p2.csv
    refused run --workload cycles --rc gil --samples 2 --pauses p2.csv
    [ ! -e p2.csv ]
    refused run --workload cycles:ops=100 --rc gil --pauses no/such/folder/p.csv
    [[ "$stderr" == *"no/such/folder"* ]]
}

@test "pauses that have no room are said" {
    run --separate-stderr "$hg" run --workload cycles:ops=60k,length=10,live=0 --rc gil \
        --gc generational:thresholds=10/10/10 --settle 0s --json --pauses p.csv
    [ "$status" -eq 0 ]
    [ "$(wc -l <p.csv)" -eq 50001 ]
    [[ "$output" == *'"dropped":'* ]]
    [[ "$stderr" == *"pauses had no room in p.csv"* ]]
}

@test "of many collections the timeline keeps a thousand, the longest" {
    sample cycles:ops=200k,length=4,live=0 gil generational:thresholds=100/10/10
    python3 - <<'PY'
import json
s = json.loads(open("samples").read())
t, ns = s["timeline"]["gc_t_ns"], s["timeline"]["gc_ns"]
assert sum(g["collections"] for g in s["gc"]["generations"]) > 5000
assert 900 <= len(t) == len(ns) <= 1000, len(t)
assert max(ns) == max(c["max_ns"] for n, c in s["pauses"]["by_cause"].items() if n != "cascade")
PY
}

@test "time to reclaim: at once when young, later when old, never without a collector" {
    sample cycles:ops=50k,length=5,live=0 gil none,generational --latency 101
    python3 - <<'PY'
import json
none, s = [json.loads(line)["gc"]["reclaim"] for line in open("samples")]
assert none == {"count": 0, "waiting": 495}, none
assert s["count"] + s["waiting"] == 495 and s["waiting"] <= 3, s
assert 200 < s["p50_objects"] < 500, s     # half the way from one collection to the next
assert s["max_objects"] <= 701 * 12, s     # one that was half made in a young collection waits for a middle one
assert 0 < s["p50_ns"] <= s["p99_ns"] <= s["max_ns"]
PY
    sample cycles:ops=50k,length=5,live=5k gil generational --latency 101
    python3 - <<'PY'
import json
s = json.loads(open("samples").read())["gc"]["reclaim"]
assert s["max_objects"] > 10000, s # those that had grown old wait for a full collection
PY
    for cell in "atomic stw" "biased stw" "tracing tracing"; do
        # shellcheck disable=SC2086 # two words
        sample cycles:ops=50k,length=5,live=100 $cell --threads 2 --latency 101 --alloc 'locked(pymalloc)'
        python3 -c '
import json
s = json.loads(open("samples").read())
assert s["status"] == "ok", s
r = s["gc"]["reclaim"]
assert r["count"] > 100 and r["p50_objects"] > 0, r'
    done
    # what dies by its count is no dead cycle
    sample cycles:ops=50k,length=5,fraction=0 gil generational --latency 101
    grep -q '"reclaim":{"count":0,"waiting":0}' samples
}

@test "metered latency is never under the simple one; an arrival rate needs none" {
    sample request:ops=20k,cyclic=0.5 gil generational --threads 2
    python3 - <<'PY'
import json
l = json.loads(open("samples").read())["latency"]
for m in ("request_metered_100ms", "request_metered_full"):
    assert l[m]["count"] == l["request"]["count"] == 20000
    for p in ("p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns"):
        assert l[m][p] >= l["request"][p], (m, p)
    assert l[m]["p99_99_ns"] is l["request"]["p99_99_ns"] is None # two requests lie beyond
PY
    sample request:ops=2k,rate=20k gil generational
    python3 -c '
import json
l = json.loads(open("samples").read())["latency"]
assert list(l) == ["request"] and l["request"]["count"] == 2000, l'
}
