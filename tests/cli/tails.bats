#!/usr/bin/env bats
# Tails of latency, against a library that counts and times its own calls: what it knows is independent of the harness's histogram.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    mkdir -p "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
}

# The sanitizers stand in malloc's place themselves.
sanitized() {
    nm "$hg" 2>/dev/null | grep -q '__[at]san_init'
}

# slow.so: the C library's malloc, of which every RARE-th call sleeps 2 ms. At its end it writes to LOG.PID: how many calls it saw,
# how many of them slept, and how long the longest took by its own clock.
library() {
    cat >slow.c <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
static unsigned long calls, slept, longest, rare;
static unsigned long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ul + t.tv_nsec;
}
void *malloc(size_t n) {
    if (!rare)
        rare = getenv("RARE") ? strtoul(getenv("RARE"), NULL, 10) : ~0ul;
    if (++calls % rare)
        return __libc_malloc(n);
    unsigned long begin = now();
    nanosleep(&(struct timespec){0, 2000000}, NULL);
    void *p = __libc_malloc(n);
    unsigned long took = now() - begin;
    slept++;
    longest = took > longest ? took : longest;
    return p;
}
void *calloc(size_t n, size_t m) { return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) { return (*p = __libc_memalign(a, n)) ? 0 : 12; }
void free(void *p) { __libc_free(p); }
__attribute__((destructor)) static void end(void) {
    char text[200];
    if (!getenv("LOG"))
        return;
    snprintf(text, sizeof text, "%s.%d", getenv("LOG"), getpid());
    int fd = open(text, O_CREAT | O_WRONLY, 0666);
    if (write(fd, text, snprintf(text, sizeof text, "%lu %lu %lu\n", calls, slept, longest)) < 0)
        _exit(3);
}
C
    "${CC:-cc}" -O2 -shared -fPIC -o slow.so slow.c
}

@test "a call that is rarely slow is the maximum and in the percentiles, as the library counts; too few calls have none" {
    ! sanitized || skip "a sanitizer stands in malloc's place"
    library
    "$hg" run --workload churn:live=1k,ops=3M --alloc "preload:./slow.so{RARE=50000,LOG=$PWD/log,as=slow}" --samples 2 --tails always \
        --settle 0s --quiet --json >samples
    find . -name "log.*" -printf "%T@ %p\n" | sort -n | cut -d" " -f2 | xargs cat >logs # as they ended: the tails last
    [ "$(wc -l <logs)" -eq 3 ]
    python3 - <<'PY'
import json
logs = [tuple(map(int, l.split())) for l in open("logs")]
timed, tails = [], []
for s in map(json.loads, open("samples")):
    assert s["status"] == "ok", s["reason"]
    (tails if s.get("tails") else timed).append(s)
assert len(timed) == 2 and len(tails) == 1, (len(timed), len(tails))
for s in timed: # one call in 1009: 1,487 of each kind
    m = s["latency"]["malloc"]
    assert s["ops_per_s"] > 0 and s["memory"]["peak_rss_bytes"] > 0, s
    assert 1000 < m["count"] < 2000 and m["p99_ns"] > 0, m
    assert m["p99_9_ns"] is m["p99_99_ns"] is m["p99_999_ns"] is m["max_ns"] is None, m
t = tails[0]
m = t["latency"]["malloc"]
assert m["count"] == t["latency"]["free"]["count"] == 1_500_000 == t["ops"] / 2, t["latency"]
# The library's counts: 30 or 31 of its calls slept, 2 * 10^-5 of them; it also served what came before the measured calls.
assert all(1_500_000 <= l[0] < 1_510_000 and 30 <= l[1] <= 31 and l[2] >= 2_000_000 for l in logs), logs
assert m["max_ns"] >= logs[-1][2], (m, logs) # a call that did not sleep may have lost the processor for longer
assert m["p99_999_ns"] >= 2_000_000 and m["p99_9_ns"] < 1_000_000, m
assert t["ops_per_s"] is t["wall_ns"] is t["cpu_ns"] is None and t["ops"] == 3_000_000 and t["block"] == 2, t
assert t["memory"]["peak_rss_bytes"] is t["timeline"]["t_ns"] is t["os"]["minor_faults"] is None, t
PY
    "$hg" run --workload churn:live=1k,ops=300k --alloc "preload:./slow.so{RARE=5000,as=slow}" --latency 1 --settle 0s --quiet --json >few
    "$hg" run --workload churn:live=1k,ops=199980 --alloc "preload:./slow.so{RARE=5000,as=slow}" --latency 1 --settle 0s --quiet --json >>few
    python3 - <<'PY'
import json
enough, few = (json.loads(l)["latency"]["malloc"] for l in open("few"))
assert enough["count"] == 150_000 and enough["p99_99_ns"] >= 2_000_000 and enough["p99_999_ns"] is None, enough # 15 of them beyond; 1.5
assert few["count"] == 99_990 and few["p99_99_ns"] is None and few["p99_9_ns"] > 0 and few["max_ns"] >= 2_000_000, few # 9.999
PY
}

@test "where every call is timed, each operation of a workload is counted, with threads and processes" {
    for work in churn:ops=20k larson:ops=20k xmalloc:ops=20k mstress:ops=20k sh8:ops=20k msgpass:ops=20k cache-scratch:ops=20k rptest:ops=20k \
        calloc:ops=20k aligned:ops=20k realloc:ops=20k startup:starts=20 sawtooth:live=1M,teeth=2; do
        for shape in "--threads 1" "--threads 2" "--threads 1 --processes 2"; do
            # shellcheck disable=SC2086 # words of options
            "$hg" run --workload $work --alloc system $shape --latency 1 --settle 0s --quiet --json
        done
    done >samples
    python3 - <<'PY'
import json
lines = list(map(json.loads, open("samples")))
assert len(lines) == 13 * 3, len(lines)
for s in lines:
    where = s["cell"]["workload"], s["cell"]["threads"], s["cell"]["processes"]
    assert s["status"] == "ok", (where, s["reason"])
    assert sum(op["count"] for op in s["latency"].values()) == s["ops"] > 0, (where, s["ops"], s["latency"])
    for op in s["latency"].values():
        assert op["max_ns"] is not None, where
        for share, key in (0.5, "p50_ns"), (0.1, "p90_ns"), (0.01, "p99_ns"), (1e-3, "p99_9_ns"), (1e-4, "p99_99_ns"), (1e-5, "p99_999_ns"):
            beyond = op["count"] * share
            if abs(beyond - 10) > 1:
                assert (op[key] is not None) == (beyond > 10), (where, key, op)
PY
}

@test "the tails' sample: from 6 samples on, where operations are sampled; reports and comparisons have its figures" {
    many=(run --workload "churn:live=1k,ops=300k" --alloc "system,bump" --settle 0s --quiet)
    for words in "--samples 5 none" "--samples 6 some" "--samples 6 --latency 0 none" "--samples 6 --latency 1 none" \
        "--samples 6 --tails never none" "--samples 2 --tails always some"; do
        read -r -a options <<<"$words"
        "$hg" "${many[@]}" "${options[@]::${#options[@]}-1}" --json >samples
        n=$(grep -c '"tails":true' samples || true)
        case ${options[-1]} in none) [ "$n" -eq 0 ] ;; some) [ "$n" -eq 2 ] ;; esac
    done
    "$hg" "${many[@]}" --samples 6 --out r >/dev/null
    "$hg" compare r --metric latency.malloc.max_ns --json >max
    "$hg" compare r --metric malloc-p99 --json >p99 || true
    "$hg" report r --quiet
    python3 - <<'PY'
import csv, json
samples = list(map(json.loads, open("r/samples.jsonl")))
of = {s["cell"]["alloc"]: s["latency"]["malloc"] for s in samples if s.get("tails")}
row = [c for c in json.load(open("max"))["comparisons"] if not c["control"]][0]
ratio = of["bump"]["max_ns"] / of["system"]["max_ns"]
assert row["n"] == 1 and abs(row["ratio"] / ratio - 1) < 1e-6, (row, ratio)
timed = [s["ops_per_s"] for s in samples if not s.get("tails")]
assert len(timed) == 18 and None not in timed, timed # the tails' are in no other figure
points = {p["percentile"]: float(p["ns"]) for p in csv.DictReader(open("r/plots/percentiles-churn-live-1k-ops-300k.csv"))
          if p["configuration"] == "system"}
assert points["100"] == of["system"]["max_ns"] and points["99.99"] == of["system"]["p99_99_ns"], (points, of)
assert "99.999" not in points, points # 150 k calls: 1.5 of them lie beyond
PY
    run "$hg" compare r
    [[ "$output" == *" bump "* ]] && [ "$status" -eq 0 ]
}
