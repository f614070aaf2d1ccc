#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr
# heapgauge record on CPython: what its own allocator hides is counted, and --python-objects shows it.

setup() {
    bats_require_minimum_version 1.5.0
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-record.so" ] || skip "this build has no recorder"
    hg="$HEAPGAUGE_BUILD/heapgauge"
    unset PYTHONMALLOC
    export PYTHONHASHSEED=0
    python=$(python3 -c 'import sys
print(sys.executable if sys.version_info >= (3, 7) and sys.implementation.name == "cpython" else "")' 2>/dev/null) || true
    [ -n "$python" ] || skip "there is no CPython 3.7 or later"
    cd "$BATS_TEST_TMPDIR" || return 1
    cat >p.py <<'PY'
import os, sys
kept = [{"a": str(i)} for i in range(100000)]
if len(sys.argv) > 1:
    pid = os.fork()
    if pid == 0:
        more = [str(i) for i in range(50000)]
    else:
        os.waitpid(pid, 0)
PY
}

small() { # FILE: allocations of 512 bytes or less
    "$hg" trace export "$1" | awk '$1 ~ /^[acr]$/ && $NF <= 512' | wc -l
}

unseen() { # the number in the last message
    [[ "$stderr" =~ "CPython's own allocator served "([0-9]+)" allocations of 512 bytes or less, which are not in the recording: record --python-objects (PYTHONMALLOC=malloc)" ]] ||
        { echo "$stderr"; return 1; }
    unseen=${BASH_REMATCH[1]}
}

@test "what is not seen is counted: as many as --python-objects shows more" {
    run -0 --separate-stderr "$hg" record -o own.hgt -- "$python" p.py
    unseen
    run -0 --separate-stderr "$hg" record --python-objects -o all.hgt -- "$python" p.py
    [[ "$stderr" != *"CPython's own"* ]] || { echo "$stderr"; return 1; }
    local more=$(($(small all.hgt) - $(small own.hgt)))
    [ "$more" -ge 300000 ]
    [ $((unseen * 100)) -ge $((more * 98)) ] || { echo "$unseen of $more"; return 1; }
    [ $((unseen * 100)) -le $((more * 102)) ] || { echo "$unseen of $more"; return 1; }
    "$hg" trace info --json own.hgt | grep -q "\"python_objects_unseen\":\"*$unseen"
    "$hg" trace info --json all.hgt | grep -q '"python_objects_unseen":null'
    run -0 --separate-stderr env PYTHONMALLOC=malloc "$hg" record -o all.hgt -- "$python" p.py
    [[ "$stderr" != *"CPython's own"* ]] || { echo "$stderr"; return 1; }
}

@test "a forked child counts its own" {
    run -0 --separate-stderr "$hg" record --children -o own.hgt -- "$python" p.py fork
    local counts
    mapfile -t counts < <(grep -o 'served [0-9]*' <<<"$stderr" | grep -o '[0-9]*' | sort -n)
    [ "${#counts[@]}" -eq 2 ]
    [ "${counts[0]}" -ge 50000 ]
    [ "${counts[0]}" -le 250000 ] # the parent has more than twice as many
    [ "${counts[1]}" -ge 300000 ]
}

@test "a program that is not Python is not told of it" {
    run -0 --separate-stderr "$hg" record -o s.hgt -- ls
    [[ "$stderr" != *Python* ]]
}
