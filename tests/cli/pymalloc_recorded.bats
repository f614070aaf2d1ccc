#!/usr/bin/env bats
# pymalloc and the real PyObject_Malloc on recorded programs: the conformance driver, fed with what `heapgauge record` and
# `trace export` make of three programs. Every address must be the same, and all of heap{}.

bats_require_minimum_version 1.5.0

setup() {
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-record.so" ] || skip "this build has no recorder"
    hg="$HEAPGAUGE_BUILD/heapgauge"
    same="$HEAPGAUGE_BUILD/tests/conformance/pymalloc"
    root="$BATS_TEST_DIRNAME/../.."
    cd "$BATS_TEST_TMPDIR" || return 1
}

conforms() { # PROGRAM ARGS...: at least 5000 calls, the same on both
    "$hg" record -o t.hgt -- "$@" >/dev/null
    "$hg" trace export t.hgt >t.txt
    [ "$(wc -l <t.txt)" -gt 5000 ]
    run "$same" "$PWD/t.txt"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"SKIP"* ]] || [[ "$output" == *" operations, "* ]]
}

@test "a CPython program's own blocks, every object seen" {
    export PYTHONMALLOC=malloc PYTHONHASHSEED=0
    conforms python3 "$root/scripts/programs/json_roundtrip.py" 1
}

@test "a C compiler" {
    {
        echo 'struct s { int a, b; struct s *next; };'
        for i in $(seq 60); do
            echo "static int f$i(struct s *p, int n) { int t = $i; for (; p && n--; p = p->next) t += p->a * p->b ^ $i; return t; }"
            echo "int g$i(struct s *p) { return f$i(p, $i) + f$i(p->next, 3); }"
        done
    } >p.c
    conforms "$(cc -print-prog-name=cc1)" -quiet -O1 p.c -o p.s
}

@test "a database" {
    command -v sqlite3 >/dev/null || skip "no sqlite3 here"
    {
        echo 'create table t(a integer, b text); create index i on t(b);'
        echo "with recursive n(x) as (select 1 union all select x + 1 from n where x < 3000)
              insert into t select x, 'name ' || (x * 7919 % 3001) from n;"
        for i in $(seq 200); do
            echo "select count(*), max(b) from t where b like 'name $i%' or a in (select a + $i from t where a < 9);"
        done
    } >q.sql
    conforms sqlite3 :memory: ".read q.sql"
}

@test "a line that is no operation is named" {
    printf 'a 0 16\nz 1 2\n' >bad.txt
    run "$same" "$PWD/bad.txt"
    [[ "$output" == *"SKIP"* ]] || { [ "$status" -ne 0 ] && [[ "$output" == *"bad.txt: line 2"* ]]; }
}
