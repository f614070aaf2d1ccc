#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# heapgauge run: what it prints, and what it refuses.

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    mkdir -p "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
}

# refused WORDS... : exit 2, one line on standard error, nothing on standard output, nothing created
refused() {
    run --separate-stderr "$hg" "$@"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ -z "$(ls -A)" ]
}

# The sanitizers stand in malloc's place themselves.
sanitized() {
    nm "$hg" 2>/dev/null | grep -q '__[at]san_init'
}

bats_require_minimum_version 1.5.0

@test "a sample is one JSON object a line, with every axis and figure" {
    "$hg" run --workload churn:ops=20k,live=1k --alloc system,null --threads 1,2 --settle 0s --json >samples
    [ "$(wc -l <samples)" -eq 4 ]
    python3 - <<'PY'
import json
for line in open("samples"):
    s = json.loads(line)
    assert s["status"] == "ok", s
    assert s["ops"] == 20000 and s["wall_ns"] > 0 and s["ops_per_s"] > 0
    assert s["cell"]["workload"] == "churn" and s["cell"]["params"]["live"] == 1000
    assert s["memory"]["peak_rss_bytes"] >= s["memory"]["baseline_rss_bytes"] > 0
    assert s["memory"]["heap_peak_bytes"] == s["memory"]["peak_rss_bytes"] - s["memory"]["baseline_rss_bytes"]
    assert s["library"]["path"] and len(s["library"]["sha256"]) == 64
PY
}

@test "the table shows the heap: resident above the baseline, over what was live" {
    "$hg" run --workload churn:ops=200k,live=20k --alloc system --settle 0s --out made --quiet >table
    grep -Eq '^  configuration +ops/s +ratio +95 % CI heap peak +heap/live +pause$' table
    python3 - <<'PY'
import json
s = json.loads(open("made/samples.jsonl").readline())
m, f = s["memory"], s["fragmentation"]
assert abs(f["jw4"] - m["heap_peak_bytes"] / m["peak_live_requested_bytes"]) < 1e-6, (m, f)
row = next(l for l in open("table") if l.startswith("  system")).split()
shown = float(row[row.index("MiB") - 1]) * 2**20
assert abs(shown / m["heap_peak_bytes"] - 1) < 0.01 and abs(float(row[row.index("MiB") + 1]) - f["jw4"]) < 0.01, (row, m)
PY
}

@test "every backend does the same work: equal checksums" {
    "$hg" run --workload churn:ops=50k,live=2k --alloc 'null,bump,system,locked(system)' --settle 0s --json >samples
    [ "$(grep -c '"status":"ok"' samples)" -eq 4 ]
    [ "$(grep -o '"checksum":"[0-9a-f]*"' samples | sort -u | wc -l)" -eq 1 ]
}

@test "another seed, another checksum" {
    for seed in 1 2; do
        "$hg" run --workload churn:ops=20k,live=1k --alloc null --settle 0s --seed $seed --json
    done | grep -o '"checksum":"[0-9a-f]*"' >sums
    [ "$(sort -u sums | wc -l)" -eq 2 ]
}

@test "processes side by side add up to one sample" {
    "$hg" run --workload churn:ops=20k,live=1k --alloc system --processes 3 --settle 0s --json >samples
    python3 -c '
import json
s = json.loads(open("samples").read())
assert s["status"] == "ok" and s["ops"] == 60000 and s["cell"]["processes"] == 3, s'
}

@test "processes side by side: counts and bytes add up, ratios stay" {
    for n in 1 2; do
        "$hg" run --workload churn:ops=200k,live=20k --alloc pools --processes $n --latency 7 --settle 0s --json
    done >samples
    python3 -c '
import json
one, two = (json.loads(line) for line in open("samples"))
a, b = (s["latency"]["malloc"]["count"] for s in (one, two))
assert 1.9 < b / a < 2.1, (a, b)
for key in ("held_bytes", "peak_live_requested_bytes", "peak_live_usable_bytes"):
    a, b = (s["memory"][key] for s in (one, two))
    assert 1.8 < b / a < 2.2, (key, a, b)
for key in ("internal", "external", "residency"):
    a, b = (s["fragmentation"][key] for s in (one, two))
    assert abs(b - a) < 0.1 * max(a, 0.1), (key, a, b)'
}

@test "an empty value is refused: a shell variable that is not set does not become the default" {
    for option in --alloc --rc --out --threads; do
        refused run --workload churn "$option" ""
        [[ "$stderr" == *"$option needs a value"* ]]
        refused run --workload churn "$option="
        [[ "$stderr" == *"$option needs a value"* ]]
    done
}

@test "help VERB is VERB --help" {
    refused help rnu
    [[ "$stderr" == *"'rnu'"*"'run'"* ]]
    "$hg" help run >one
    "$hg" run --help >other
    cmp one other
    "$hg" help | grep -q 'heapgauge suite'
}

@test "unknown workload: the nearest is named" {
    refused run --workload chrun
    [[ "$stderr" == *"'chrun'"*"'churn'"* ]]
}

@test "unknown allocator: the nearest is named" {
    refused run --workload churn --alloc sistem
    [[ "$stderr" == *"'sistem'"*"'system'"* ]]
}

@test "a library's short name that is not known: the nearest is named" {
    refused run --workload churn --alloc preload:jemaloc
    [[ "$stderr" == *"'jemaloc'"*"'jemalloc'"* ]]
}

@test "unknown parameter, option, verb: the nearest is named" {
    refused run --workload churn:livee=3
    [[ "$stderr" == *"'livee'"*"'live'"* ]]
    refused run --workload churn --thread 3
    [[ "$stderr" == *"--thread"*"--threads"* ]]
    refused rnu
    [[ "$stderr" == *"'rnu'"*"'run'"* ]]
}

@test "a value out of range: the message names the range" {
    refused run --workload churn:live=0
    [[ "$stderr" == *"'0'"*"1-100M"* ]]
    refused run --workload churn:size=512-16
    refused run --workload churn:live=1e99
    refused run --workload churn:live=-5
    refused run --workload churn:live=nan
    refused run --workload churn --threads 0
    refused run --workload churn --threads 1,x
    refused run --workload churn --samples 0
}

@test "a combination that cannot work: the reason, and what would work" {
    refused run --workload churn --alloc pymalloc --threads 2
    [[ "$stderr" == *"pymalloc"*"locked(pymalloc)"* ]]
    refused run --workload churn --rc none --gc generational
    [[ "$stderr" == *"generational"*"--rc gil"* ]]
    refused run --workload larson --rc gil
    [[ "$stderr" == *"larson"*"--rc none"* ]]
}

@test "specs that are not well formed" {
    for spec in 'locked' 'locked(' 'locked()' 'system(null)' 'pymalloc:' 'pymalloc:layout' 'preload:' ',' 'system,' ')' 'locked(locked(locked(locked(locked(locked(locked(system)))))))'; do
        refused run --workload churn --alloc "$spec"
    done
}

@test "a library that is missing is a wrong-library cell; the rest goes on" {
    run --separate-stderr "$hg" run --workload churn:ops=2k,live=100 --alloc preload:/nowhere/libx.so,system --settle 0s --json
    [ "$status" -eq 3 ]
    [ "$(grep -c '"status":"wrong-library"' <<<"$output")" -eq 1 ]
    [ "$(grep -c '"status":"ok"' <<<"$output")" -eq 1 ]
}

@test "a library's version is what it says of itself, or null" {
    sanitized && skip "the sanitizer is the allocator here"
    cat > version.c <<'C'
#include <stddef.h>
extern void *__libc_malloc(size_t);
extern void __libc_free(void *);
void *malloc(size_t n) { return __libc_malloc(n); }
void free(void *p) { __libc_free(p); }
#ifdef MI
int mi_version(void) { return MI; }
#endif
#ifdef TBB
void *scalable_malloc(size_t n) { return __libc_malloc(n); }
const struct { char padding[PADDING], text[99]; } says = {{1}, "TBBmalloc: VERSION\t\t" TBB "\nTBBmalloc: INTERFACE VERSION\t1\n"};
#endif
C
    version() {
        "${CC:-cc}" -shared -fPIC -O1 -fno-builtin -o "$PWD/version.so" version.c "$@"
        "$hg" run --workload churn:ops=1k,live=100 --samples 1 --settle 0s --json --quiet --alloc "preload:$PWD/version.so" |
            python3 -c 'import json, sys; s = json.load(sys.stdin); print(s["status"], s["library"]["version"])'
    }
    [ "$(version)" = "ok None" ]
    [ "$(version -DMI=164)" = "ok 1.6.4" ]
    [ "$(version -DMI=209)" = "ok 2.0.9" ]
    [ "$(version -DMI=301)" = "ok 3.0.1" ]
    [ "$(version -DMI=20210)" = "ok 2.2.10" ]
    [ "$(version -DMI=30600)" = "ok 3.6.0" ]
    [ "$(version -DMI=30712)" = "ok 3.7.12" ]
    [ "$(version -DMI=7)" = "ok None" ]
    [ "$(version -DMI=2345)" = "ok None" ]
    [ "$(version -DTBB='"2022.1.0"' -DPADDING=20000)" = "ok 2022.1.0" ]
    at=$(grep -abo 'TBBmalloc: VERSION' version.so | head -1 | cut -d: -f1)
    for before in 0 1 10 21 22 26 31; do # the text lies across the end of what is read at once
        [ "$(version -DTBB='"2022.1.0"' -DPADDING=$((20000 + 32768 - at % 16384 - before)))" = "ok 2022.1.0" ]
    done
}

@test "list names the libraries that are installed" {
    sanitized && skip "the sanitizer is the allocator here"
    mkdir libs
    printf '#include <stddef.h>\nvoid *malloc(size_t n) { return (void *)n; }\nvoid free(void *p) { (void)p; }\n' > a.c
    "${CC:-cc}" -shared -fPIC -fno-builtin -o libs/libhoard.so a.c
    : > libs/libmesh.so
    LD_LIBRARY_PATH=$PWD/libs "$hg" list allocs > list
    grep -q "^  preload:hoard  *$PWD/libs/libhoard.so$" list
    run grep preload:mesh list # it is no allocator
    [ "$status" -eq 1 ]
}

@test "a library without malloc is a wrong-library cell" {
    run --separate-stderr "$hg" run --workload churn:ops=2k,live=100 --alloc preload:libjansson.so.4 --settle 0s --json
    [ "$status" -eq 3 ]
    [[ "$output" == *'"status":"wrong-library"'* ]]
}

@test "a time-out and a memory limit are statuses" {
    run --separate-stderr "$hg" run --workload churn:ops=10G --alloc null --timeout 200ms --json
    [ "$status" -eq 3 ]
    [[ "$output" == *'"status":"timeout"'* ]]
    run --separate-stderr "$hg" run --workload churn:ops=40M --alloc bump --memory-limit 100M --json
    [ "$status" -eq 3 ]
    [[ "$output" == *'"status":"oom"'* ]]
}

@test "a worker that crashes is a status with the signal's name" {
    "$hg" run --workload churn:ops=100G --alloc null --settle 0s --json >samples 2>/dev/null &
    front=$!
    for _ in $(seq 100); do
        worker=$(pgrep -P $front heapgauge-worke) && break
        sleep 0.05
    done
    sleep 0.2
    kill -ABRT "$worker"
    status=0
    wait $front || status=$?
    [ "$status" -eq 3 ]
    grep -q '"status":"crashed"' samples
    grep -q 'SIGABRT' samples
}

@test "an interrupt ends the run with 130 and leaves no worker" {
    "$hg" run --workload churn:ops=100G --alloc null --json >samples 2>/dev/null &
    front=$!
    sleep 0.5
    kill -INT $front
    status=0
    wait $front || status=$?
    [ "$status" -eq 130 ]
    run ! pgrep -P $front
}

@test "a run folder: created whole, refused when it exists" {
    "$hg" run --workload churn:ops=2k,live=100 --settle 0s --quiet --out r >/dev/null
    [ -s r/run.json ] && [ "$(wc -l <r/samples.jsonl)" -eq 1 ]
    sum=$(sha256sum r/samples.jsonl)
    run --separate-stderr "$hg" run --workload churn:ops=2k,live=100 --out r
    [ "$status" -eq 2 ]
    [ "$sum" = "$(sha256sum r/samples.jsonl)" ]
    run --separate-stderr "$hg" run --workload churn:ops=2k,live=100 --out /proc/nowhere
    [ "$status" -eq 2 ]
}

@test "help and list name every parameter" {
    "$hg" run --help | grep -q -- --workload
    "$hg" list workloads | grep -q 'blocks held live'
    "$hg" list --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert set(d) >= {"allocs", "workloads", "rc", "gc", "suites"}
churn = [w for w in d["workloads"] if w["name"] == "churn"][0]
assert [p for p in churn["params"] if p["name"] == "live"][0]["default"] == "100k"'
}

@test "a heap map shows the same blocks as the heap's own figures, bit by bit" {
    "$hg" run --workload churn:ops=20k,live=5k --alloc pymalloc --heapmap map.csv --settle 0s --json --quiet >sample
    python3 - <<'PY'
import csv, json
rows = [r for r in csv.DictReader(open("map.csv")) if r["phase"] == "peak" and r["pool"] != ""]
heap = json.load(open("sample"))["heap"]
want = {c["size"]: (c["pools"], c["blocks"]) for c in heap["classes"] if c["pools"]}
got = {}
for r in rows:
    used = int(r["used"])
    if r["blocks"]:
        assert bin(int(r["blocks"], 16)).count("1") == used, r
    if used:
        pools, blocks = got.get(int(r["class_bytes"]), (0, 0))
        got[int(r["class_bytes"])] = (pools + 1, blocks + used)
assert got == want and len(want) == 32
PY
    rm -r map.csv sample plots
    refused run --workload churn --alloc pymalloc,pools --heapmap map.csv
    run "$hg" run --workload churn:ops=20k,live=5k --alloc "locked(system)" --heapmap other.csv --settle 0s --quiet
    [[ $output = *"not-applicable"*"cannot be walked"* ]]
    [ ! -e other.csv ]
    [[ $output != *"cannot read"* ]]
}

@test "the picture of a heap map adds up to the heap, state by state and moment by moment" {
    for alloc in pymalloc pymalloc:layout=3.9 pools "trace(debug(pools))"; do
        rm -rf plots
        "$hg" run --workload churn:ops=20k,live=5k --alloc "$alloc" --heapmap map.csv --settle 0s --quiet >table 2>said
        python3 - "$alloc" <<'PY'
import csv, glob, sys
want, first = {}, {}
for r in csv.DictReader(open("map.csv")):
    w = want.setdefault(r["phase"], dict.fromkeys(["full pools", "live in partial", "free in partial", "empty", "lost to alignment"], 0))
    n, used = int(r["bytes"]), int(r["used"])
    if r["pool"] == "":
        w["lost to alignment"] += int(r["lost_bytes"])
        w["empty"] += n - int(r["lost_bytes"])
    elif used:
        live = n if used == int(r["capacity"]) else used * int(r["class_bytes"])
        w["empty"] -= n
        w["full pools" if used == int(r["capacity"]) else "live in partial"] += live
        w["free in partial"] += n - live
[name] = glob.glob("plots/*.csv")
got, boxes = {}, []
for r in csv.DictReader(open(name)):
    if r["from"] == "":
        got.setdefault(r["phase"], {})[r["arena"]] = int(r["full"])
    else:
        boxes.append((r["phase"], int(r["arena"]), float(r["from"]), float(r["to"]), float(r["full"])))
assert got == want and list(got) == ["begin", "peak", "drained"], (got, want)
assert got["peak"]["live in partial"] + got["peak"]["full pools"] > 1e6
assert all(0 <= b[2] < b[3] <= 64.001 for b in boxes)
PY
        ! command -v gnuplot >/dev/null || [[ $(cat said) = *"drawn in ./plots/"*".svg"* ]]
    done
}

@test "what is no heap map draws no picture" {
    "$hg" run --workload churn:ops=2k,live=500 --alloc pymalloc --heapmap /dev/full --settle 0s --quiet >table 2>said || [ $? -eq 2 ]
    grep -q "cannot write /dev/full: No space left" said
    ! grep -q "drawn in" said
}

@test "gil:immortal= is one policy with three workers; what is recorded is what was asked for" {
    for immortal in off 3.12 3.14; do
        "$hg" run --workload small-int:ops=2k,range=100,live=50 --alloc pools --rc gil:immortal=$immortal --heap-snapshot i$immortal --settle 0s --json
    done >samples
    [ "$(grep -o '"checksum":"[0-9a-f]*"' samples | sort -u | wc -l)" -eq 1 ]
    [ "$(grep -o '"rc":"[^"]*"' samples | tr '\n' ' ')" = '"rc":"gil:immortal=off" "rc":"gil:immortal=3.12" "rc":"gil:immortal=3.14" ' ]
    run ! grep -q immortal ioff.peak
    grep -q '^object .* int 28 immortal$' i3.12.peak
    grep -q '^object .* int 28 immortal$' i3.14.peak
    rm -- *.begin *.peak *.drained samples
    refused run --workload leak --rc gil:immortal=3.13
    [[ "$stderr" == *"'3.13'"*"off|3.12|3.14"* || "$stderr" == *"3.13"*"3.12"* ]]
    refused run --workload leak --rc gil312
    [[ "$stderr" == *"'gil312'"*"'gil'"* ]]
    "$hg" list rc | grep -A3 '^  gil ' | grep -q immortal
    [ -z "$("$hg" list rc | grep gil31)" ]
}

@test "locks are counted: those of objects' contents, and the one of locked()" {
    "$hg" run --workload shared-containers:kind=dict,size=100,ops=2k --alloc pools --rc atomic,objlock --gc none --settle 0s --json >samples
    "$hg" run --workload churn:ops=20k,live=1k --alloc 'locked(system)' --threads 1,2 --settle 0s --json >>samples
    python3 - <<'PY'
import json
atomic, objlock, one, two = [json.loads(line)["lock"] for line in open("samples")]
# each operation of the measured phase is one section; the 100 entries were put before it
assert 2000 <= atomic["acquisitions"] <= 2090 and atomic["contended"] == 0, atomic
assert objlock["acquisitions"] == atomic["acquisitions"] and objlock["count_contended"] == 0, objlock
assert one["acquisitions"] >= 20000 and one["contended"] == 0 and one["wait_p99_ns"] == 0, one
assert two["acquisitions"] >= 20000 and two["contended"] <= two["acquisitions"], two
PY
}

@test "from 6 samples on the baseline runs twice a block; under that it is the first given all the same" {
    "$hg" run --workload churn:ops=2k,live=100 --alloc pools,pymalloc --samples 6 --settle 0s --quiet --json >samples
    [ "$(grep -c '"alloc":"pools"' samples)" -ge 12 ]
    [ "$(grep -c '"baseline":true' samples)" -ge 12 ]
    "$hg" run --workload churn:ops=2k,live=100 --alloc pools,pymalloc,system --samples 6 --settle 0s --quiet >table
    grep -q '^  A/A .* over 6 blocks' table
    grep -q '^  system .* baseline' table
    "$hg" run --workload churn:ops=2k,live=100 --alloc pools,pymalloc --samples 2 --settle 0s --quiet >table
    grep -q '^  pools .* baseline' table
    run ! grep -q 'A/A' table
    "$hg" run --workload churn:ops=2k,live=100 --alloc pools --samples 6 --settle 0s --quiet --json >samples # nothing to compare
    [ "$(grep -c '"ops_per_s":[0-9]' samples)" -eq 6 ]
}

@test "--baseline: runs twice a block; one that is not there is refused with those that are" {
    "$hg" run --workload churn:ops=2k,live=100 --alloc system,pools --baseline pools --samples 2 --settle 0s --quiet --json >samples
    [ "$(grep -c '"alloc":"pools"' samples)" -eq 4 ]
    [ "$(grep -c '"alloc":"system"' samples)" -eq 2 ]
    run --separate-stderr "$hg" run --workload churn:ops=2k,live=100 --alloc system,pools --baseline alloc=pymalloc --settle 0s --quiet
    [ "$status" -eq 2 ] && [ -z "$output" ]
    [[ "$stderr" == *"there are: "*system*pools* ]]
}
