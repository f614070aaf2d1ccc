#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# compare: known truths are found, noise is not; exit statuses; hostile and broken folders.

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
    run "$hg" compare "$dir" --metric peak-rss
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
