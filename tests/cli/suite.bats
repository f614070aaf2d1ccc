#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# heapgauge suite: files, order, resume, shards.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    mkdir -p "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
    cat >small.ini <<'INI'
[suite]
title = small
blocks = 3
settle = 0s

[churn]
workload = churn:ops=2k,live=100
alloc = null, system,
        bump
threads = 1, 2
INI
}

cells() { # FOLDER: block, position, allocator, threads, seed of every sample
    python3 - "$1" <<'PY'
import json, sys
for line in open(sys.argv[1] + "/samples.jsonl"):
    s = json.loads(line)
    print(s["block"], s["position"], s["cell"]["alloc"], s["cell"]["threads"], s["seed"], s["status"])
PY
}

@test "every block has every cell once and the baseline twice, in an order of its own" {
    "$hg" suite small.ini --out r --quiet >/dev/null
    cells r >got
    [ "$(wc -l <got)" -eq 24 ]
    for block in 0 1 2; do
        [ "$(grep -c "^$block .* system 2 .*ok" got)" -eq 2 ]
        [ "$(grep -c "^$block .* null 1 .*ok" got)" -eq 1 ]
    done
    awk '$1==0{print $3,$4}' got >order0
    awk '$1==1{print $3,$4}' got >order1
    run ! cmp -s order0 order1
}

@test "same seed, same order and same seeds of the samples" {
    "$hg" suite small.ini --out a --quiet >/dev/null
    "$hg" suite small.ini --out b --quiet >/dev/null
    cmp <(cells a) <(cells b)
    "$hg" suite small.ini --out c --seed 2 --quiet >/dev/null
    run ! cmp -s <(cells a) <(cells c)
}

@test "an interrupted run is resumed: nothing twice, nothing missing, the torn line dropped" {
    "$hg" suite small.ini --out whole --quiet >/dev/null
    cp -r whole part
    head -n 10 whole/samples.jsonl >part/samples.jsonl
    head -c 100 whole/samples.jsonl >>part/samples.jsonl
    "$hg" suite small.ini --resume part --quiet >/dev/null
    cmp <(cells whole | sort) <(cells part | sort)
}

@test "a run of another suite is not resumed" {
    "$hg" suite small.ini --out r --quiet >/dev/null
    run --separate-stderr "$hg" suite small.ini --resume r --seed 7
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"cannot be resumed"* ]]
}

@test "a run with other settings is not resumed: its figures would not belong together; limits may change" {
    "$hg" suite small.ini --out r --quiet >/dev/null
    head -n 10 r/samples.jsonl >short && mv short r/samples.jsonl
    sed 's/^settle = .*/settle = 10ms/' small.ini >other && mkdir -p other.d && mv other other.d/small.ini
    run --separate-stderr "$hg" suite other.d/small.ini --resume r --quiet
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"settle_ns = 0, not 10000000"*"cannot be resumed"* ]]
    run --separate-stderr "$hg" suite small.ini --resume r --blocks 5 --quiet
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"blocks = 3, not 5"* ]]
    run --separate-stderr "$hg" suite small.ini --resume r --shard 1/2 --quiet
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"shard = 1/1, not 1/2"* ]]
    [ "$(wc -l <r/samples.jsonl)" -eq 10 ]
    "$hg" suite small.ini --resume r --timeout 200s --quiet >/dev/null
    [ "$(wc -l <r/samples.jsonl)" -eq 24 ]
}

@test "a [suite]'s baseline that no section has is named with its own line" {
    sed '/^settle/a baseline = sytem' small.ini >typo.ini
    run --separate-stderr "$hg" suite typo.ini --out r --quiet
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"typo.ini:5: baseline 'sytem'"* ]]
}

@test "shards partition the cells" {
    "$hg" suite small.ini --out whole --quiet >/dev/null
    "$hg" suite small.ini --out s1 --shard 1/2 --quiet >/dev/null
    "$hg" suite small.ini --out s2 --shard 2/2 --quiet >/dev/null
    cmp <(cells whole | sort) <({ cells s1; cells s2; } | sort)
    run "$hg" suite small.ini --out s3 --shard 3/2
    [ "$status" -eq 2 ]
}

@test "what cannot work is one not-applicable cell with its reason" {
    printf '[x]\nworkload = churn:ops=2k,live=100\nalloc = system, pymalloc\nthreads = 2\n' >two.ini
    "$hg" suite two.ini --out r --blocks 2 --quiet >/dev/null
    [ "$(grep -c '"status":"not-applicable"' r/samples.jsonl)" -eq 1 ]
    grep -q 'locked(pymalloc)' r/samples.jsonl
}

@test "wrong words in a file: file, line, word, nearest" {
    printf '[suite]\nblocks = 2\n\n[x]\nworkload = churn\nalloc = system\nthreds = 2\n' >bad.ini
    run --separate-stderr "$hg" suite bad.ini --out r
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"bad.ini:7:"*"threds"*"threads"* ]]
    [ ! -e r ]
    printf '[x]\nworkload = chrun\n' >bad.ini
    run --separate-stderr "$hg" suite bad.ini --out r
    [[ "$stderr" == *"bad.ini:2:"*"churn"* ]]
    printf '[x]\nworkload churn\n' >bad.ini
    run --separate-stderr "$hg" suite bad.ini --out r
    [[ "$stderr" == *"bad.ini:2:"* ]]
    printf 'workload = churn\n' >bad.ini
    run --separate-stderr "$hg" suite bad.ini --out r
    [ "$status" -eq 2 ]
    : >bad.ini
    run --separate-stderr "$hg" suite bad.ini --out r
    [ "$status" -eq 2 ]
    run --separate-stderr "$hg" suite nosuch
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"nosuch"* ]]
    head -c 4000 /dev/urandom >bad.ini
    run --separate-stderr "$hg" suite bad.ini --out r
    [ "$status" -eq 2 ]
    [ ! -e r ]
}

@test "a section that replays a recorded program is left out when none is given, and reported" {
    printf '[a]\nworkload = churn:ops=2k,live=100\n[b]\nworkload = trace:file=@trace@\n' >t.ini
    run --separate-stderr "$hg" suite t.ini --out r --blocks 1
    [ "$status" -eq 0 ]
    [[ "$stderr" == *"[b]"* ]]
}

# doubled FOLDER: the cells that ran twice a block, by what distinguishes them.
doubled() {
    python3 - "$1" <<'PY'
import collections, json, sys
n = collections.Counter()
for line in open(sys.argv[1] + "/samples.jsonl"):
    c = json.loads(line)["cell"]
    n["%s %s %s %dx%d" % (c["alloc"], c["rc"], c["gc"], c["threads"], c["processes"])] += 1
print(" | ".join(sorted(k for k in n if n[k] == 2 * min(n.values()))))
PY
}

@test "a baseline: what is named runs twice, without one system or the first" {
    object() {
        printf '[suite]\nblocks = 1\nsettle = 0s\n%s\n[s]\nworkload = private:ops=2k\nalloc = pools\nrc = gil, atomic\ngc = none\nparallel = 1x1, 2x1\n%s\n' "$1" "$2" >o.ini
        rm -rf o && "$hg" suite o.ini --out o --quiet >/dev/null
    }
    object 'baseline = rc=gil,parallel=1x1' ''
    [ "$(doubled o)" = "pools gil none 1x1" ]
    [ "$(python3 -c 'import json; print(json.load(open("o/run.json"))["baseline"])')" = "rc=gil,parallel=1x1" ]
    object '' 'baseline = rc=atomic parallel=2x1'
    [ "$(doubled o)" = "pools atomic none 2x1" ]
    object '' ''
    [ "$(doubled o)" = "pools gil none 1x1" ]
    [ "$(python3 -c 'import json; print(json.load(open("o/run.json"))["baseline"])')" = None ]
    object 'baseline = pools' '' # distinguishes none
    [ "$(doubled o)" = "pools gil none 1x1" ]
    printf '[suite]\nblocks = 1\nsettle = 0s\nbaseline = bump\n[a]\nworkload = churn:ops=2k,live=100\nalloc = pools, system\n[b]\nworkload = churn:ops=2k,live=100\nalloc = pools, bump, null\n[c]\nworkload = churn:ops=2k,live=200\nalloc = null, pools\n' >a.ini
    "$hg" suite a.ini --out a --quiet >/dev/null
    [ "$(wc -l <a/samples.jsonl)" -eq 10 ] # each section has its own: system, bump, null
    for pair in "100 system 1" "100 bump 2" "200 null 2"; do
        read -r live alloc count <<<"$pair"
        [ "$(grep -c "\"live\":$live,.*\"alloc\":\"$alloc\"" a/samples.jsonl)" -ge "$count" ]
    done
}

@test "suite --baseline goes before the file's, where it is one of a section's configurations" {
    printf '[suite]\nblocks = 1\nsettle = 0s\nbaseline = bump\n[a]\nworkload = churn:ops=2k,live=100\nalloc = pools, bump\nbaseline = bump\n[b]\nworkload = churn:ops=2k,live=200\nalloc = system, bump\n' >a.ini
    "$hg" suite a.ini --out a --quiet --baseline pools >/dev/null
    for pair in "100 pools 2" "100 bump 1" "200 system 1" "200 bump 2"; do
        read -r live alloc count <<<"$pair"
        [ "$(grep '"ops_per_s":[0-9]' a/samples.jsonl | grep -c "\"live\":$live,.*\"alloc\":\"$alloc\"")" -eq "$count" ]
    done
    [ "$(python3 -c 'import json; print(json.load(open("a/run.json"))["baseline"])')" = pools ]
    for bad in poolss alloc=pymalloc speed=1; do
        run --separate-stderr "$hg" suite a.ini --out b --quiet --baseline "$bad"
        [ "$status" -eq 2 ] && [ -z "$output" ] && [ ! -e b ]
        [[ "$stderr" == *baseline* ]]
    done
    run --separate-stderr "$hg" suite a.ini --out b --quiet --baseline poolss
    [[ "$stderr" == *"there are: pools"*bump*system* ]]
}

@test "a baseline that is no configuration is refused before the first sample" {
    for bad in 'gil' 'alloc=foo' 'rc=atomic' 'parallel=4x1' 'rc=gil,alloc=foo' 'speed=1' 'rc='; do
        for where in suite section; do
            printf '[suite]\nblocks = 1\nsettle = 0s\n' >b.ini
            [ "$where" = section ] || printf 'baseline = %s\n' "$bad" >>b.ini
            printf '[s]\nworkload = private:ops=2k\nalloc = pools, pymalloc\nrc = gil\ngc = none\n' >>b.ini
            [ "$where" = suite ] || printf 'baseline = %s\n' "$bad" >>b.ini
            run --separate-stderr "$hg" suite b.ini --out b --quiet
            [ "$status" -eq 2 ] && [ -z "$output" ] && [ ! -e b ]
            [[ "$stderr" == *baseline* ]]
            case $bad in
            speed=1) [[ "$stderr" == *"no axis 'speed'"* ]] ;;
            rc=) [[ "$stderr" == *"nothing follows"* ]] ;;
            *) [[ "$stderr" == *"there are: "*pools*pymalloc* ]] ;;
            esac
        done
    done
}
