#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# compare: known truths are found, noise is not; exit statuses; hostile and broken folders.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    dir="$BATS_TEST_TMPDIR/run"
}

# made DIR AWK-SETTINGS...
made() {
    local to=$1; shift
    mkdir -p "$to"
    printf '{"schema":1,"run_id":"made","suite":"made","baseline":"alloc=system"}\n' > "$to/run.json"
    awk "${@/#/-v}" -f "$BATS_TEST_DIRNAME/made_run.awk" > "$to/samples.jsonl"
}

@test "a difference that is there is found, with its direction" {
    made "$dir" blocks=12 noise=0.01 configs="system=1 pools=1.1 pymalloc=0.9 bump=1"
    run "$hg" compare "$dir"
    [ "$status" -eq 0 ]
    grep -Eq '^  pools +1\.[01].* faster$' <<< "$output"
    grep -Eq '^  pymalloc +0\.[89].* slower$' <<< "$output"
    ! grep -Eq '^  bump .*(faster|slower)$' <<< "$output" || false
    grep -Eq '^  A/A system ' <<< "$output"
    grep -q 'A/A includes 1' <<< "$output"
    [ "$(awk '{ if (length > m) m = length } END { print m }' <<< "$output")" -le 80 ]
}

@test "without noise equal configurations are said to be equal" {
    made "$dir" blocks=10 noise=0.001 configs="system=1 pools=1.002"
    run "$hg" compare "$dir"
    grep -Eq '^  pools .* no difference \(<1\.0 %\)$' <<< "$output"
}

@test "with noise equal configurations are inconclusive, and what could have been found is said" {
    made "$dir" blocks=8 noise=0.2 seed=5 configs="system=1 pools=1"
    run "$hg" compare "$dir"
    grep -Eq '^  pools .* inconclusive \(>[0-9.]+ %\)$' <<< "$output"
}

@test "a drift within blocks does not end in the A/A ratio" {
    made "$dir" blocks=20 noise=0.001 within=-0.02 configs="system=1 pools=1"
    run "$hg" compare "$dir"
    grep -q 'A/A includes 1' <<< "$output"
}

@test "smaller memory is smaller, and the words say so" {
    made "$dir" blocks=10 noise=0.01 memory=0.8 configs="system=1 pools=1"
    run "$hg" compare "$dir" --metric heap-peak
    grep -Eq '^  pools +0\.[78].* smaller$' <<< "$output"
}

@test "fewer than six blocks: no CI" {
    made "$dir" blocks=5 noise=0.001 configs="system=1 pools=2"
    run "$hg" compare "$dir"
    [ "$status" -eq 0 ]
    grep -Eq '^  pools .*no CI .* no CI$' <<< "$output"
    run "$hg" compare "$dir" --fail-above 5%
    [ "$status" -eq 2 ]
    grep -q 'cannot be judged' <<< "$output"
}

@test "--fail-above: 1 when surely crossed, 0 when not" {
    made "$dir" blocks=12 noise=0.01 configs="system=1 pools=0.9"
    run "$hg" compare "$dir" --fail-above 5%
    [ "$status" -eq 1 ]
    grep -q 'pools: throughput is slower' <<< "$output"
    run "$hg" compare "$dir" --fail-above 20%
    [ "$status" -eq 0 ]
    made "$dir" blocks=12 noise=0.01 configs="system=1 pools=1.3"
    run "$hg" compare "$dir" --fail-above 5%
    [ "$status" -eq 0 ]
    run "$hg" compare "$dir" --fail-above 5% --baseline alloc=pools
    [ "$status" -eq 1 ]
}

@test "a configuration that failed is named, and the gate says that it judged less" {
    made "$dir" blocks=12 noise=0.01 configs="system=1 pools=1 bump=1" status="bump=crashed"
    run "$hg" compare "$dir"
    [ "$status" -eq 0 ]
    grep -Eq '^  bump +crashed' <<< "$output"
    run "$hg" compare "$dir" --fail-above 5%
    [ "$status" -eq 3 ]
}

@test "two folders: the second against the first" {
    made "$dir" blocks=10 noise=0.01 configs="system=1 pools=1"
    made "$dir.2" blocks=10 noise=0.01 seed=2 configs="system=1 pools=0.8"
    run "$hg" compare "$dir" "$dir.2" --fail-above 5%
    [ "$status" -eq 1 ]
    grep -Eq '^  pools .* slower !$' <<< "$output"
    ! grep -Eq '^  system .* (slower|faster)' <<< "$output" || false
    run "$hg" compare "$dir" "$dir.2" --baseline alloc=system
    [ "$status" -eq 2 ]
}

@test "a baseline that is not there: those that are, are named" {
    made "$dir" blocks=6 noise=0.01 configs="system=1 pools=1"
    run --separate-stderr "$hg" compare "$dir" --baseline alloc=pymalloc
    [ "$status" -eq 2 ] && [ -z "$output" ]
    [[ "$stderr" == *"there are: "*"system"* && "$stderr" == *pools* ]]
}

@test "--json: one object and nothing else on standard output" {
    made "$dir" blocks=10 noise=0.01 works="churn/1 churn/2 cycles/1" configs="system=1 pools=1.1"
    printf '{"torn' >> "$dir/samples.jsonl"
    "$hg" compare "$dir" --json > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err"
    python3 - "$BATS_TEST_TMPDIR/out" <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
rows = [r for r in d["comparisons"] if not r["control"]]
assert len(rows) == 3 and d["tested"] == 3, rows
assert all(r["n"] == 10 and r["ci"][0] < 1.1 < r["ci"][1] * 1.01 and r["verdict"] == "higher" for r in rows), rows
assert [r["threads"] for r in rows if r["workload"].startswith("churn")] == [1, 2]
P
    grep -q 'torn' "$BATS_TEST_TMPDIR/err"
}

@test "pauses of object workloads compare, and a metric that nothing has is an error" {
    made "$dir" blocks=10 noise=0.01 works="cycles/1" configs="system=1 pools=1.3"
    run "$hg" compare "$dir" --metric max-pause
    grep -Eq ' 0\.7.* shorter$' <<< "$output"
    run "$hg" compare "$dir" --metric gil.switches
    [ "$status" -eq 2 ]
    grep -q 'gil.switches' <<< "$output"
}

# Totals 1.25, 1, 1/0.9; without the collector's work 1.125, 1, 0.7/0.9: the least. Under the other allocator 1.25 and 2, distilled 1 and 2.
@test "lower-bound overhead: total over the least distilled time of the block, for each allocator apart" {
    made "$dir" blocks=7 noise=0 works="cycles/2" cost="generational=0.1 none=0 tracing=0.3 pep848=0.2" oracle="generational=5000" \
        configs="pymalloc@gil@generational=0.8 pymalloc@gil@none=1 pymalloc@tracing@tracing=0.9 system@gil@pep848=0.8 system@gil@none=0.5"
    python3 - "$dir/samples.jsonl" <<'P'
import json, sys
out = []
for line in open(sys.argv[1]):
    r = json.loads(line)
    for k in ("wall_ns", "cpu_ns"):
        r[k] *= 1 + r["block"]                     # a machine that slows down from block to block changes nothing
    for k in ("cost_wall_ns", "cost_cpu_ns"):
        r["gc"][k] *= 1 + r["block"]
    if r["cell"]["gc"] == "none":
        r["cpu_ns"] *= 3                           # a second thread that helps: time of processors, not wall time
    out.append(json.dumps(r))
open(sys.argv[1], "w").write("\n".join(out) + "\n")
P
    "$hg" compare "$dir" --metric lbo --json > "$BATS_TEST_TMPDIR/out"
    python3 - "$BATS_TEST_TMPDIR/out" <<'P'
import json, sys
cells = {c["cell"]: c for c in json.load(open(sys.argv[1]))["cells"]}
truth = {"pymalloc gil generational": (1.25 * .9 / .7, 1.25 * .9 / .7), "pymalloc gil none": (.9 / .7, 3 * .9 / .7),
         "pymalloc tracing tracing": (1 / .7, 1 / .7), "system gil pep848": (1.25, 1.25), "system gil none": (2, 6)}
assert set(cells) == set(truth), cells
for name, (wall, cpu) in truth.items():
    c = cells[name]
    assert abs(c["wall"] / wall - 1) < 1e-4 and abs(c["cpu"] / cpu - 1) < 1e-4 and c["n"] == 7 and c["threads"] == 2, (c, wall, cpu)
    assert c["wall_ci"][0] <= c["wall"] <= c["wall_ci"][1] and c["wall_ci"][1] / c["wall_ci"][0] < 1.001, c
P
    run "$hg" compare "$dir" --metric lbo
    [ "$status" -eq 0 ]
    grep -Eq '^ +pymalloc gil generational$' <<< "$output"
    grep -Eq '^ +1\.607 1\.607-1\.607 +1\.607 1\.607-1\.607 +7 +10\.0 %$' <<< "$output"
    [ "$(awk '{ if (length > m) m = length } END { print m }' <<< "$output")" -le 80 ]
}

@test "lower-bound overhead: a cost that is not reported is 0, one over the total is left out, few blocks have no interval" {
    made "$dir" blocks=1 noise=0 works="cycles/1" cost="generational=0.1" configs="pymalloc@gil@generational=0.8 pymalloc@gil@none=0.5"
    sed -i '0,/"cost_wall_ns":[0-9]*/s//"cost_wall_ns":99999999999999/' "$dir/samples.jsonl" # of the baseline's two samples one
    run "$hg" compare "$dir" --metric lbo
    [ "$status" -eq 0 ]
    grep -Eq '^  gc generational +1\.111 +no CI ' <<< "$output"
    grep -Eq '^  gc none +1\.778 +no CI ' <<< "$output"
    sed -i 's/"cost_\(wall\|cpu\)_ns":[0-9]*/"cost_\1_ns":99999999999999/' "$dir/samples.jsonl"
    sed -i 's/"cost_cpu_ns":[0-9]*/"cost_cpu_ns":-1/' "$dir/samples.jsonl"
    run "$hg" compare "$dir" --metric lbo
    [ "$status" -eq 2 ]
}

@test "lower-bound overhead is refused where there is none, and what it has no use for" {
    refused() {
        run "$hg" compare "$@"
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    }
    made "$dir" blocks=6 noise=0 works="cycles/1" cost="generational=0.1" configs="pymalloc@gil@generational=1 pymalloc@gil@none=1"
    refused "$dir" "$dir" --metric lbo
    refused "$dir" --metric lbo --baseline gc=none
    refused "$dir" --metric lbo --fail-above 5%
    for other in "system=1 pools=1" "pymalloc@gil@generational=1 system@gil@none=1" "pymalloc@gil@generational=1"; do
        made "$dir" blocks=6 noise=0 works="cycles/1" cost="generational=0.1" configs="$other"
        refused "$dir" --metric lbo
    done
    made "$dir" blocks=6 noise=0 works="cycles/1" configs="pymalloc@gil@generational=1 pymalloc@gil@none=1" # no cost reported
    refused "$dir" --metric lbo
    grep -q 'gc.cost_wall_ns' <<< "$output"
}

@test "beside every pause stands what it cost" {
    made "$dir" blocks=7 noise=0 works="cycles/1" cost="generational=0.1 none=0" oracle="generational=5000" \
        configs="pymalloc@gil@generational=0.8 pymalloc@gil@none=1 pymalloc@gil@pep848=1"
    sed -i '/"gc":"none"/s/"pauses":{"count":120.*},"gc":{/"pauses":{"count":0},"gc":{/' "$dir/samples.jsonl" # it never paused
    for metric in max-pause p99-pause p99.9-pause total-pause mmu-10ms pauses.count; do
        run "$hg" compare "$dir" --metric "$metric"
        [ "$status" -eq 0 ]
        grep -Eq ' ops/s +gc +heap peak +waiting +refs +reclaim +longest$' <<< "$output"
        grep -Eq ' 8\.00 M +10\.0 % +45\.8 MiB +5\.00 k +2\.000 +1\.25 ms +11\.2 ms$' <<< "$output"
        grep -Eq '^  gc none +[-0] +10\.0 M +0\.00 % +45\.8 MiB +- +- +- +-$' <<< "$output"
        [ "$(awk '{ if (length > m) m = length } END { print m }' <<< "$output")" -le 80 ]
    done
    "$hg" compare "$dir" --metric max-pause | grep -Eq '^ +625 us +8\.00 M'
    "$hg" compare "$dir" --metric max-pause --json |
        python3 -c 'import json, sys; b = json.load(sys.stdin)["beside"]; assert len(b) == 3 and b[0]["gc"]["uncollected_peak"] == 5000, b'
    ! "$hg" compare "$dir" | grep -q waiting || false
}

@test "collectors of one allocator, none of them doubled: against the first" {
    made "$dir" blocks=7 noise=0.01 works="cycles/1" configs="pymalloc@gil@generational=1 pymalloc@gil@none=1.2 pymalloc@gil@pep848=1.1"
    python3 - "$dir/samples.jsonl" "$dir/run.json" <<'P'
import json, sys
seen, out = set(), []
for line in open(sys.argv[1]):
    r = json.loads(line)
    if (r["block"], r["cell"]["gc"]) not in seen:
        out.append(line)
    seen.add((r["block"], r["cell"]["gc"]))
open(sys.argv[1], "w").write("".join(out))
P
    for baseline in '"alloc=pymalloc"' null; do
        sed -i 's/"baseline":[^,}]*/"baseline":'"$baseline/" "$dir/run.json"
        run "$hg" compare "$dir"
        [ "$status" -eq 0 ]
        grep -Eq '^  gc none +1\.(19|20|21)' <<< "$output"
        grep -Eq '^  gc pep848 +1\.(09|10|11)' <<< "$output"
        ! grep -q '^  gc generational' <<< "$output" || false
    done
}

@test "samples of the oracle say what garbage waited, and nothing else" {
    made "$dir" blocks=8 noise=0.02 works="cycles/1" cost="generational=0.1 pep848=0.05" oracle="generational=5000 pep848=100" \
        configs="pymalloc@gil@generational=1 pymalloc@gil@pep848=1.1"
    run "$hg" compare "$dir" --metric uncollected --baseline gc=generational
    [ "$status" -eq 0 ]
    grep -Eq '^  gc pep848 +0\.020 .* 8 .* less$' <<< "$output"
    mkdir -p "$dir.2"
    cp "$dir/run.json" "$dir.2"
    grep -v '"oracle":true' "$dir/samples.jsonl" > "$dir.2/samples.jsonl"
    [ "$(wc -l < "$dir.2/samples.jsonl")" -eq 24 ]
    for metric in throughput wall heap-peak max-pause lbo; do
        diff <("$hg" compare "$dir" --metric "$metric" | sed 's/ 5\.00 k / - /; s/ 100 / - /' | tr -s ' ') \
            <("$hg" compare "$dir.2" --metric "$metric" | tr -s ' ')
    done
    run "$hg" compare "$dir.2" --metric uncollected
    [ "$status" -eq 2 ]
}

@test "a file cut anywhere: reported or refused, never a crash" {
    made "$dir" blocks=2 noise=0.02 works="request/1" cost="generational=0.1" oracle="generational=5000" \
        configs="pymalloc@gil@generational=1 pymalloc@gil@none=1.1"
    size=$(wc -c < "$dir/samples.jsonl")
    mkdir -p "$dir.2"
    cp "$dir/run.json" "$dir.2"
    for part in $(seq 1 3 100); do
        head -c $((size * part / 100)) "$dir/samples.jsonl" > "$dir.2/samples.jsonl"
        for metric in lbo max-pause uncollected; do
            run "$hg" compare "$dir.2" --metric "$metric"
            [ "$status" -eq 0 ] || [ "$status" -eq 2 ]
        done
        # A hole in the middle makes a line of two halves.
        { head -c $((size * part / 200)) "$dir/samples.jsonl"; tail -c $((size * part / 200)) "$dir/samples.jsonl"; } > "$dir.2/samples.jsonl"
        run "$hg" compare "$dir.2" --metric max-pause
        [ "$status" -eq 0 ] || [ "$status" -eq 2 ]
    done
}

@test "bad words: one line, the nearest name, exit 2" {
    made "$dir" blocks=6 noise=0.01 configs="system=1 pools=1"
    for bad in "--metric=throughputt" "--fail-above=x" "--fail-above=-3" "--baseline=speed=1" "--baseline=alloc=none-such" "--nonsense"; do
        run "$hg" compare "$dir" "$bad"
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
    run "$hg" compare "$dir" --metric throughputt
    grep -q "did you mean 'throughput'" <<< "$output"
    run "$hg" compare
    [ "$status" -eq 2 ]
    run "$hg" compare "$BATS_TEST_TMPDIR"
    [ "$status" -eq 2 ]
    grep -q 'run.json' <<< "$output"
}

@test "results from elsewhere: escapes do not reach the terminal, broken lines are named" {
    made "$dir" blocks=6 noise=0.01 configs="system=1 pools=1.1"
    sed -i 's/"pools"/"po\\u001b[31mols\\u009b"/' "$dir/samples.jsonl"
    run "$hg" compare "$dir"
    [ "$status" -eq 0 ]
    grep -q 'po?\[31mols?' <<< "$output"
    ! grep -q $'\x1b' <<< "$output" || false
    sed -i '3s/.*/{"block":}/' "$dir/samples.jsonl"
    run "$hg" compare "$dir"
    [ "$status" -eq 2 ]
    grep -q 'samples.jsonl:3' <<< "$output"
    printf '{"schema":7}' > "$dir/run.json"
    run "$hg" compare "$dir"
    [ "$status" -eq 2 ]
    grep -q 'schema 7' <<< "$output"
}
