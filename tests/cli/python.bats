#!/usr/bin/env bats
# --python VERSION: which CPython the runtime is: its policy, its collector, what it does not have, what is recorded.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    cd "$BATS_TEST_TMPDIR" || return 1
    case $HEAPGAUGE_BUILD in
    */asan) alloc=system ;; # what it watches
    *) alloc=pools ;;
    esac
}

# The values of a sample's keys, a line each.
sample() { # VERSION KEY...
    "$hg" run --workload cycles:ops=20k --alloc "$alloc" --python "$1" --json --quiet >s.json
    python3 - s.json "${@:2}" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
for path in sys.argv[2:]:
    at = d
    for key in path.split('.'):
        at = at[int(key)] if isinstance(at, list) else at.get(key)
    print(at)
END
}

@test "a version brings its policy and its collector, and stands in the record" {
    for row in '3.11 gil generational' '3.12 gil:immortal=3.12 generational' '3.13 gil:immortal=3.12 generational' \
        '3.14.0 gil:immortal=3.14 incremental' '3.14 gil:immortal=3.14 generational' '3.15 gil:immortal=3.14 generational' \
        '3.14t biased stw' '3.15t biased stw'; do
        set -- $row
        [ "$(sample "$1" status cell.python cell.rc cell.gc | tr '\n' ' ')" = "ok $1 $2 $3 " ]
    done
    "$hg" run --workload cycles:ops=20k --json --quiet | grep -q '"python": *null'
}

@test "the thresholds are the version's: 700 objects up to 3.12, then 2000" {
    early=$(sample 3.12 gc.generations.0.collections)
    late=$(sample 3.13 gc.generations.0.collections)
    [ "$early" -gt $((late * 2)) ] && [ "$early" -lt $((late * 4)) ]
}

@test "the same work has the same checksum in every version" {
    for v in 3.11 3.12 3.13 3.14.0 3.14 3.15 3.14t 3.15t; do sample "$v" checksum; done | sort -u >"sums"
    [ "$(wc -l <"sums")" = 1 ]
}

@test "versions are an axis: a row each, a column of summary.csv, a baseline" {
    "$hg" run --workload cycles:ops=20k --python 3.13,3.15 --samples 2 --baseline python=3.15 --out "r" \
        --quiet >"table"
    grep -q '^  python=3.13  .*[0-9]' "table"
    grep -q '^  python=3.15 .* 1 .*baseline' "table"
    run ! grep -q immortal "table"
    "$hg" report "r" >/dev/null 2>&1
    head -n 1 "r/summary.csv" | grep -q ',python\b'
    grep -q ',3\.13,system,' "r/summary.csv"
}

@test "what a version does not have is refused, with what it has" {
    run "$hg" run --workload cycles --python 3.10
    [ "$status" = 2 ] && [[ $output == *"no version of CPython '3.10'"*"3.11 3.12"* ]]
    run "$hg" run --workload cycles --python 3.15 --gc incremental
    [ "$status" = 2 ] && [[ $output == *"CPython 3.15 has gc=generational none pep848, not incremental"* ]]
    run "$hg" run --workload cycles --python 3.14t --rc gil
    [ "$status" = 2 ] && [[ $output == *"CPython 3.14t has rc=biased, not gil"* ]]
    run "$hg" run --workload larson --python 3.14
    [ "$status" = 2 ] && [[ $output == *"larson works at allocator level"* ]]
}

@test "a suite has the key" {
    printf '[suite]\nblocks = 1\n[cycles]\nworkload = cycles:ops=20k\npython = 3.11, 3.14\n' >"s.ini"
    "$hg" suite "s.ini" --out "s" --quiet >/dev/null
    [ "$(grep -o '"python":"[^"]*"' "s/samples.jsonl" | sort -u | tr '\n' ' ')" = '"python":"3.11" "python":"3.14" ' ]
}
