#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# A configuration's braces: variables of the workers' environment, and names in tables. What they may hold is in tests/unit/config.c.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    mkdir -p "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
}

# The sanitizers stand in malloc's place themselves.
sanitized() {
    nm "$hg" 2>/dev/null | grep -q '__[at]san_init'
}

# A library that takes malloc's place with the C library's own, and prints the variables it sees into files.
library() { # NAME
    cat >"$1.c" <<'C'
#include <stddef.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
void *malloc(size_t n) { return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) { return (*p = __libc_memalign(a, n)) ? 0 : 12; }
void free(void *p) { __libc_free(p); }
C
    "${CC:-cc}" -O1 -fno-builtin -shared -fPIC -o "$1.so" "$1.c"
}

@test "one library with two settings is two configurations, and the settings work" {
    sanitized && skip "the sanitizer is the allocator here"
    "$hg" run --workload sawtooth:live=64M,teeth=2 --threads 2 --settle 0s --quiet --out made \
        --alloc 'preload:jemalloc{MALLOC_CONF=dirty_decay_ms:10000,as=lazy}, preload:jemalloc{MALLOC_CONF="dirty_decay_ms:0,narenas:2", as=eager}' >table
    grep -q '^  lazy ' table
    grep -q '^  eager ' table
    grep -qx 'eager = preload:jemalloc{MALLOC_CONF="dirty_decay_ms:0,narenas:2",as=eager}' table
    "$hg" report made --quiet
    grep -q 'lazy = preload:jemalloc{MALLOC_CONF=dirty_decay_ms:10000,as=lazy}' made/report.html
    python3 - <<'PY'
import json
by = {}
for line in open("made/samples.jsonl"):
    s = json.loads(line)
    assert s["status"] == "ok", s
    by[s["cell"]["name"]] = s
lazy, eager = by["lazy"], by["eager"]
assert lazy["cell"]["env"] == {"MALLOC_CONF": "dirty_decay_ms:10000"}, lazy["cell"]
assert eager["cell"]["env"] == {"MALLOC_CONF": "dirty_decay_ms:0,narenas:2"}, eager["cell"]
assert eager["cell"]["alloc"] == 'preload:jemalloc{MALLOC_CONF="dirty_decay_ms:0,narenas:2",as=eager}'
assert lazy["cell_id"] != eager["cell_id"]
seen = eager["environment"]["allocator_variables"]
assert seen["MALLOC_CONF"] == "dirty_decay_ms:0,narenas:2" and "jemalloc" in seen["LD_PRELOAD"], seen
ratio = lazy["memory"]["heap_peak_bytes"] / eager["memory"]["heap_peak_bytes"]
assert ratio > 1.2, ratio # jemalloc keeps what a tooth freed, or does not
PY
}

@test "workers have the variables, in place of what they inherit; the front keeps its own" {
    MALLOC_CONF=ours TEST_OURS=1 "$hg" run --workload churn:ops=4G --quiet --timeout 60s \
        --alloc 'system{MALLOC_CONF="a, b",TEST_X=x=y,TEST_OURS=}' >/dev/null 2>&1 &
    front=$!
    for _ in $(seq 200); do
        worker=$(pgrep -P "$front" || true)
        [ -n "$worker" ] && tr '\0' '\n' <"/proc/$worker/environ" >seen 2>/dev/null && grep -q '^HEAPGAUGE_PAD=' seen && break
        sleep 0.05
    done
    tr '\0' '\n' <"/proc/$front/environ" >front
    kill "$front"
    wait "$front" || true
    [ "$(grep '^MALLOC_CONF=' seen)" = "MALLOC_CONF=a, b" ]
    [ "$(grep '^TEST_X=' seen)" = "TEST_X=x=y" ]
    [ "$(grep '^TEST_OURS=' seen)" = "TEST_OURS=" ]
    [ "$(grep '^MALLOC_CONF=' front)" = "MALLOC_CONF=ours" ]
}

@test "two builds in one run, and the same file twice" {
    sanitized && skip "the sanitizer is the allocator here"
    library old
    library new
    "$hg" run --workload churn:ops=20k,live=1k --settle 0s --quiet --samples 6 --baseline old --out made \
        --alloc 'preload:./old.so{as=old},preload:./new.so{as=new},preload:./new.so{as=again}' >table
    [ "$(grep -cE '^  (old|new|again) ' table)" -eq 3 ]
    [ "$(grep -o '"cell_id":"[0-9a-f]*"' made/samples.jsonl | sort | uniq -c | awk '{print $1}' | sort | tr '\n' ' ')" = "13 7 7 " ]
    [ "$(grep -c '"path":"[^"]*/new.so"' made/samples.jsonl)" -eq 14 ]
    "$hg" compare made --baseline new >compared
    grep -q '^  again ' compared
    "$hg" report made --quiet
    head -1 made/summary.csv | grep -q ',name,thp$'
    [ "$(tail -n +2 made/summary.csv | awk -F, '{ print $(NF - 1) }' | sort | tr '\n' ' ')" = "again new old " ]
}

@test "system under another name is compared with system" {
    "$hg" run --workload churn:ops=20k,live=1k --settle 0s --quiet --samples 2 --alloc 'system{as=again},system' --out made >table
    grep -Eq '^  system .* baseline ' table
    grep -Eq '^  again .* [0-9.]+ +no CI ' table
    sed -i 's/"baseline":true,//' made/samples.jsonl # older records do not say which
    [ "$(grep -c '"baseline"' made/samples.jsonl)" -eq 0 ]
    "$hg" compare made >compared
    grep -q '^  again .* no CI' compared
}

@test "a suite has braces over lines, and a resumed run knows its cells by them" {
    cat >braces.ini <<'INI'
[suite]
blocks = 2
settle = 0s
baseline = two

[arenas]
workload = churn:ops=2k,live=100
alloc = system{GLIBC_TUNABLES=glibc.malloc.arena_max=1,
              as=one},
        system{GLIBC_TUNABLES=glibc.malloc.arena_max=2, as=two}
INI
    "$hg" suite braces.ini --quiet --out made >/dev/null 2>&1
    [ "$(wc -l <made/samples.jsonl)" -eq 6 ]
    [ "$(grep -c '"name":"two"' made/samples.jsonl)" -eq 4 ]
    grep -v '"name":"one"' made/samples.jsonl >less
    cp less made/samples.jsonl
    "$hg" suite braces.ini --quiet --resume made >/dev/null 2>&1
    [ "$(wc -l <made/samples.jsonl)" -eq 6 ]
    [ "$(grep -c '"name":"one"' made/samples.jsonl)" -eq 2 ]
    # The same with another value is another cell: all that the folder has is not what is asked for.
    sed 's/arena_max=1/arena_max=4/' <braces.ini >other.ini
    mv other.ini braces.ini
    "$hg" suite braces.ini --quiet --resume made >/dev/null 2>&1
    [ "$(wc -l <made/samples.jsonl)" -eq 8 ]
}

@test "what braces cannot hold is refused before any sample" {
    for wrong in 'system{MALLOC_CONF=x' 'system{LD_PRELOAD=x.so}' 'system{A=1},pools{A=1}}' 'system{as=a},pools{as=a}'; do
        run --separate-stderr "$hg" run --workload churn --alloc "$wrong" --out made
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ ! -e made ]
    done
    printf '[a]\nworkload = churn\nalloc = system{A=1\0,as=x}\n' >nul.ini
    run --separate-stderr "$hg" suite nul.ini --out made
    [ "$status" -eq 2 ]
    [[ $stderr = *"nul.ini:3: "*NUL* ]]
}

@test "preload and check take the same braces" {
    sanitized && skip "the sanitizer is the allocator here"
    run "$hg" preload 'jemalloc{MALLOC_CONF="stats_print:true,narenas:3",as=any}' -- true
    [ "$status" -eq 0 ]
    [[ $output = *"opt.narenas: 3"* ]]
    # shellcheck disable=SC2016 # the program's own variables
    if [ -e "$HEAPGAUGE_BUILD/libheapgauge-shim.so" ]; then
        run "$hg" preload 'pools{TEST_X="a,b"}' -- sh -c 'echo "$TEST_X"'
        [ "$output" = "a,b" ]
    fi
    run "$hg" preload 'jemalloc{MALLOC_CONF}' -- true
    [ "$status" -eq 2 ]
    run "$hg" check --alloc 'preload:jemalloc{MALLOC_CONF="stats_print:true,narenas:3"},system' --only contents
    [ "$status" -eq 0 ]
    [[ $output = *"opt.narenas: 3"* ]]
    [[ $output = *"2 passed, 0 failed"* ]]
    run "$hg" check --alloc 'system{LD_PRELOAD=x}'
    [ "$status" -eq 2 ]
}

@test "run.json has what workers inherit, and what they do not" {
    LD_PRELOAD='' MALLOC_ARENA_MAX=3 _RJEM_MALLOC_CONF=x PATHLIKE=1 "$hg" run --workload churn:ops=2k --alloc system --settle 0s --quiet --out made >/dev/null
    python3 - <<'PY'
import json
e = json.load(open("made/run.json"))["environment"]
assert e["allocator_variables"]["MALLOC_ARENA_MAX"] == "3" and e["allocator_variables"]["_RJEM_MALLOC_CONF"] == "x", e
assert "PATHLIKE" not in e["allocator_variables"] and "LD_PRELOAD" not in e["allocator_variables"]
assert e["removed_variables"] == {"LD_PRELOAD": ""}, e
s = json.loads(open("made/samples.jsonl").readline())
assert s["environment"]["allocator_variables"]["MALLOC_ARENA_MAX"] == "3", s
assert s["cell"]["env"] is None and s["cell"]["name"] == "system"
PY
    env -u LD_PRELOAD "$hg" run --workload churn:ops=2k --alloc system --settle 0s --quiet --out none >/dev/null
    grep -q '"allocator_variables": {' none/run.json
}

@test "inherited variables are seen: below the table, on the page, between two folders" {
    work=(run --workload 'churn:ops=2k,live=100' --settle 0s --quiet)
    run "$hg" "${work[@]}" --alloc system,pools --out none
    [[ $output != *"inherited"* ]]
    MALLOC_ARENA_MAX=1 run "$hg" "${work[@]}" --alloc 'system,pools,system{MALLOC_ARENA_MAX=3}' --out one
    [[ $output = *$'\n'"inherited by all workers: MALLOC_ARENA_MAX=1"$'\n'* ]]
    MALLOC_ARENA_MAX=2 "$hg" "${work[@]}" --alloc system,pools --out two
    MALLOC_ARENA_MAX=1 "$hg" "${work[@]}" --alloc system --out same
    "$hg" report one --quiet
    grep -q 'inherited variables.*MALLOC_ARENA_MAX=1' one/report.html

    run "$hg" compare one two
    [[ $output = *"WARNING: workers inherited other variables: MALLOC_ARENA_MAX=1 in the first, MALLOC_ARENA_MAX=2 in the second."* ]]
    run "$hg" compare none two
    [[ $output = *"none in the first, MALLOC_ARENA_MAX=2 in the second."* ]]
    run "$hg" compare one same
    [[ $output != *WARNING* ]]
    [[ $output = *"inherited by all workers: MALLOC_ARENA_MAX=1"* ]]
    "$hg" compare one two --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
assert r["inherited"] == ["MALLOC_ARENA_MAX=1", "MALLOC_ARENA_MAX=2"] and r["inherited_differs"] is True, r'

    # Inherited there, set here: not the same configuration, and the reason is given.
    "$hg" "${work[@]}" --alloc 'system{MALLOC_ARENA_MAX=1}' --out set
    run "$hg" compare same set
    [ "$status" -eq 2 ]
    [[ $output = *"no configuration is in both folders"*"MALLOC_ARENA_MAX=1 in the first, none in the second"* ]]
}

@test "a run is not gone on with under other variables" {
    printf '[suite]\nblocks = 1\nsettle = 0s\n[a]\nworkload = churn:ops=2k,live=100\nalloc = system, pools\n' >small.ini
    MALLOC_ARENA_MAX=1 "$hg" suite small.ini --quiet --out made >/dev/null 2>&1
    sed -i 1d made/samples.jsonl
    run "$hg" suite small.ini --quiet --resume made
    [ "$status" -eq 2 ]
    [[ $output = *"MALLOC_ARENA_MAX=1 then, none now"* ]]
    MALLOC_ARENA_MAX=1 "$hg" suite small.ini --quiet --resume made >/dev/null 2>&1
    [ "$(wc -l <made/samples.jsonl)" -eq 3 ]
}

# Of a worker that has come to over 64 MiB: its huge anonymous memory in KiB. WORDS: of heapgauge run.
huge() { # WORDS...
    "$hg" run --quiet --timeout 60s "$@" >/dev/null 2>&1 &
    local front=$! worker rss=0 kib=
    for _ in $(seq 600); do
        worker=$(pgrep -P "$front" || true)
        read -r rss kib < <(awk '/^Rss:/ { rss = $2 } /^AnonHugePages:/ { print rss, $2 }' "/proc/${worker:-none}/smaps_rollup" 2>/dev/null) || true
        [ "${rss:-0}" -gt 65536 ] && break
        sleep 0.05
    done
    kill "$front"
    wait "$front" || true
    [ "${rss:-0}" -gt 65536 ] && echo "$kib"
}

@test "huge pages are an axis: what the kernel gives, and what it does not" {
    sanitized && skip "the sanitizer's own maps are huge"
    read -r setting </sys/kernel/mm/transparent_hugepage/enabled || skip "no transparent huge pages"
    work=(--workload 'churn:live=1M,size=64-128,ops=4G')
    [ "$(huge "${work[@]}" --alloc pools --thp never)" -eq 0 ]
    if [[ $setting = *"[madvise]"* ]] && grep -q inherit /sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled; then
        [ "$(huge "${work[@]}" --alloc bump --thp madvise)" -eq 0 ] # it never asks
        [ "$(huge "${work[@]}" --alloc bump --thp always)" -gt 20000 ]
        run "$hg" run --workload churn:ops=2k --alloc 'system,pools' --thp always --settle 0s --quiet --json
        [ "$status" -eq 0 ]
        [ "$(grep -c '"status":"not-applicable".*madvise, and nobody can ask for system' <<<"$output")" -eq 1 ]
        [ "$(grep -c '"status":"ok"' <<<"$output")" -eq 1 ]
    elif [[ $setting = *"[always]"* ]]; then
        [ "$(huge "${work[@]}" --alloc bump --thp always)" -gt 20000 ]
    fi
}

@test "thp is in cells, labels, baselines, suites" {
    "$hg" run --workload churn:ops=2k,live=100 --alloc system --thp inherit,never --settle 0s --quiet --samples 2 --baseline thp=never --out made >table
    grep -q '^  thp=never .* baseline ' table
    grep -q '^  thp=inherit ' table
    [ "$(grep -c '"thp":"never"' made/samples.jsonl)" -eq 4 ]
    [ "$(grep -o '"cell_id":"[0-9a-f]*"' made/samples.jsonl | sort -u | wc -l)" -eq 2 ]
    "$hg" compare made --baseline thp=inherit | grep -q '^  thp=never '
    printf '[suite]\nblocks = 1\nsettle = 0s\n[a]\nworkload = churn:ops=2k,live=100\nalloc = system, pools\nthp = never, inherit\n' >thp.ini
    "$hg" suite thp.ini --quiet --out suite 2>/dev/null >table
    grep -q '^  pools thp=never ' table
    "$hg" report suite --quiet
    [ "$(cut -d, -f 1 suite/summary.csv | sort -u | wc -l)" -eq 5 ]
    [ "$(tail -n +2 suite/summary.csv | sed 's/.*,//' | sort | tr '\n' ' ')" = "inherit inherit never never " ]
    run "$hg" run --workload churn --thp nevr
    [ "$status" -eq 2 ]
    [[ $output = *"did you mean 'never'"* ]]
    run "$hg" run --workload churn --thp never,,always
    [ "$status" -eq 2 ]
}
