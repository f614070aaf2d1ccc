#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# What gets no verdict: a run that is not whole, a block whose baseline differs from itself, floors.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    mkdir -p "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
}

# made DIR AWK-SETTINGS...: as in compare.bats.
made() {
    local to=$1; shift
    mkdir -p "$to"
    printf '{"schema":1,"run_id":"made","suite":"made","baseline":"alloc=system"}\n' >"$to/run.json"
    awk "${@/#/-v}" -f "$BATS_TEST_DIRNAME/made_run.awk" >"$to/samples.jsonl"
}

# planned DIR SAMPLES BLOCKS: what the run was to have.
planned() {
    printf '{"schema":1,"run_id":"made","suite":"made","baseline":"alloc=system","samples_planned":%u,"blocks":%u}\n' "$2" "$3" >"$1/run.json"
}

# partial FILE: its first line, and no winner anywhere.
partial() {
    head -n 1 "$1" | grep -q 'PARTIAL RUN: 35 of 36 samples'
    run ! grep -Eq 'faster|slower|(^|[^a-z])ahead|does [0-9.]+ times|best in both| are sure' "$1"
}

@test "a run that is not whole says so in the first line of everything, and names no winner" {
    made r blocks=12 noise=0.01 configs="system=1 pools=1.5"
    [ "$(wc -l <r/samples.jsonl)" -eq 36 ]
    planned r 36 12
    "$hg" compare r >whole
    grep -q '^  pools .* faster$' whole
    run ! grep -q PARTIAL whole
    "$hg" compare r --json >whole.json
    sed -i '$d' r/samples.jsonl
    "$hg" compare r >compared
    partial compared
    "$hg" compare r --json >partial.json
    "$hg" report r >table
    partial table
    sed -n '/<body>/,$p' r/report.html | sed 1d >body
    partial body
    grep -q '<title>PARTIAL RUN' r/report.html
    for picture in r/plots/*.svg; do grep -q 'PARTIAL RUN' "$picture"; done
    head -n 1 r/summary.csv | grep -q ',partial_run$'
    python3 - <<'PY'
import csv, json
whole, partial = json.load(open("whole.json")), json.load(open("partial.json"))
assert whole["partial"] is False and partial["partial"] is True
verdicts = lambda c: [r["verdict"] for r in c["comparisons"] if not r["control"]]
assert verdicts(whole) == ["higher"] and verdicts(partial) == ["withheld"], (whole, partial)
assert [r["ratio"] for r in partial["comparisons"] if not r["control"]][0] > 1.3 # the figure is there
rows = list(csv.DictReader(open("r/summary.csv")))
assert {r["partial_run"] for r in rows} == {"35 of 36"} and {r["verdict"] for r in rows} <= {"", "partial run"}, rows
PY
    run --separate-stderr "$hg" compare r --fail-above 5%
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"cannot be judged"* ]]
    made s blocks=12 noise=0.01 seed=3 configs="system=1 pools=1.5"
    "$hg" compare s r >two
    head -n 1 two | grep -q '^PARTIAL RUN.*the later'
    # A combination that cannot work is planned in each block and recorded once.
    planned r 47 12
    grep '"alloc":"pools"' r/samples.jsonl | head -n 1 | sed 's/"alloc":"pools"/"alloc":"pymalloc"/; s/"status":"ok"/"status":"not-applicable"/' >>r/samples.jsonl
    "$hg" compare r >na
    run ! grep -q PARTIAL na
}

@test "an interrupted run says what it has" {
    "$hg" run --workload churn:live=10k,ops=3M --alloc system,pools --samples 40 --settle 0s --quiet --out r >table 2>errors &
    pid=$!
    for _ in $(seq 200); do
        [ "$(cat r/samples.jsonl 2>/dev/null | wc -l)" -lt 4 ] || break
        sleep 0.05
    done
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 130 ]
    head -n 1 table | grep -Eq '^PARTIAL RUN: [0-9]+ of 122 samples; no verdicts, no winner$'
    run ! grep -q ' are sure' table
    "$hg" compare r | head -n 1 | grep -q '^PARTIAL RUN'
}

@test "a block whose A/A excludes 1 has no verdicts and is not counted as sure; others are" {
    made r blocks=12 noise=0.001 works="churn/1 larson/1" configs="system=1 pools=1.5"
    python3 - <<'PY'
import json
def mix(x): # alloc/base/rng.h: which of a block's two baseline samples counts as the first
    x = (x + 0x9e3779b97f4a7c15) & (2**64 - 1)
    x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & (2**64 - 1)
    x = ((x ^ x >> 27) * 0x94d049bb133111eb) & (2**64 - 1)
    return x ^ x >> 31
seen, out = {}, []
for s in map(json.loads, open("r/samples.jsonl")):
    c = s["cell"]
    if c["alloc"] == "system" and c["workload"] == "larson":
        k = seen.setdefault(s["block"], [])
        k.append(s)
    out.append(s)
for block, pair in seen.items():
    first, second = sorted(pair, key=lambda s: s["position"])
    (first if mix(block) & 1 else second)["ops_per_s"] *= 1.2
open("r/samples.jsonl", "w").writelines(json.dumps(s) + "\n" for s in out)
PY
    "$hg" report r >table
    grep -q 'EXCLUDES 1' table
    [ "$(grep -cE '^  pools .* unfit ' table)" -eq 1 ]
    grep -q '^1 of 1 ratios are sure' table
    grep -q '1 ratios are unfit' table
    [ "$(awk '{ if (length > m) m = length } END { print m }' table)" -le 80 ]
    "$hg" compare r >compared
    grep -Eq '^  pools .* faster$' compared
    grep -Eq '^  pools .* A/A excludes 1$' compared
    run ! grep -q 'geometric mean' compared # one of the two works is left
    run "$hg" compare r --fail-above 5%
    [ "$status" -eq 3 ]
    grep -q 'No verdict: A/A excludes 1' r/report.html
    grep -q '1 of the 2 ratios shown are sure' r/report.html
}

@test "floors have no verdicts, take no part in Holm's, stretch no axis and win nothing" {
    made r blocks=12 noise=0.001 works="churn/1 larson/1" configs="system=1 pools=1.5 null=90 bump=40"
    "$hg" compare r >compared
    run ! grep -Eq '^  (null|bump) .*(faster|slower)' compared
    [ "$(grep -cE '^  (null|bump) .* floor$' compared)" -eq 4 ]
    grep -q 'Holm over 2 comparisons' compared
    "$hg" report r >table
    [ "$(grep -cE '^  (null|bump) .* floor ' table)" -eq 4 ]
    grep -q '^2 of 2 ratios are sure' table
    run ! grep -rqE 'null|bump' r/plots/heatmap-all.csv r/plots/ratios-churn.csv
    run ! grep -Eq '(null|bump) (is ahead|does)' r/report.html
}
