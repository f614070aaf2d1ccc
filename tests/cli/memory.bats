#!/usr/bin/env bats
# What is said of memory: the peak as another reader sees it, sets of one moment, and what comes after the load.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    cd "$BATS_TEST_TMPDIR" || return 1
    if nm "$hg" 2>/dev/null | grep -q '__[at]san_init'; then skip "the sanitizer's own malloc"; fi
}

@test "after the load: the timeline goes on through drain and settle, and lazily freed pages are told apart" {
    lazy="preload:$HEAPGAUGE_BUILD/tests/lazy_malloc.so"
    "$hg" run --workload churn:live=400,size=64k-96k,ops=4k,touch=page --alloc "system,$lazy" --settle 1300ms --quiet --json >samples
    "$hg" run --workload churn:live=400,size=64k-96k,ops=4k --alloc system --settle 0s --quiet --json >>samples
    python3 - <<'PY'
import json
system, lazy, none = map(json.loads, open("samples"))
for s in (system, lazy):
    t, f, m = s["timeline"], s["fragmentation"], s["memory"]
    assert s["status"] == "ok", s
    assert len({len(t[k]) for k in ("t_ns", "rss_bytes", "live_bytes", "allocated_bytes")}) == 1 and t["t_ns"] == sorted(t["t_ns"]), t
    assert t["t_ns"][-1] - t["drained_ns"] >= 1.29e9 and 0 < t["run_end_ns"] <= t["drained_ns"], t
    after = [x for x in t["t_ns"] if x >= t["drained_ns"]]
    assert t["settle_t_ns"] == after and len(after) >= 20, (len(after), t)
    assert len(t["settle_lazy_free_bytes"]) == len(t["settle_anon_huge_bytes"]) == len(after)
    assert all(t["live_bytes"][i] == 0 for i, x in enumerate(t["t_ns"]) if x >= t["drained_ns"]), t
    end = m["settle_end"]
    assert abs(f["return_to_os_end"] - end["heap_bytes"] / m["heap_peak_bytes"]) < 1e-9, (f, m)
    assert abs(f["return_to_os_end_less_lazy"] - (end["heap_bytes"] - end["lazy_free_bytes"]) / m["heap_peak_bytes"]) < 1e-9, (f, m)
    assert f["return_to_os_1s"] is not None and end["anon_huge_bytes"] is not None, f
assert system["memory"]["settle_end"]["lazy_free_bytes"] == 0, system["memory"]
f, m = lazy["fragmentation"], lazy["memory"]
# 400 blocks of 80 KiB, all but two pages of each; the kernel takes some when it needs them.
assert f["return_to_os_end"] > 0.9 and f["return_to_os_end_less_lazy"] < 0.3, f
assert lazy["timeline"]["settle_lazy_free_bytes"][-1] > 20 << 20, m
assert none["memory"]["settle_end"] is None and none["timeline"]["settle_t_ns"] is None, none["memory"]
assert none["fragmentation"]["return_to_os_end"] is None and none["timeline"]["drained_ns"] > 0, none
PY
}

@test "a settle of minutes is taken; the time-out does not count it" {
    run timeout 3 "$hg" run --workload churn:ops=2k,live=100 --settle 10m --quiet --json
    [ "$status" -eq 124 ]
    "$hg" run --workload churn:ops=2k,live=100 --settle 1s --timeout 900ms --quiet --json | grep -q '"status":"ok"'
    run "$hg" run --workload churn:ops=2k,live=100 --settle 2h --quiet
    [ "$status" -eq 2 ]
}

@test "a light load while memory settles: so many calls every 10 ms" {
    for n in 0 50; do
        LAZY_MALLOC_CALLS=$PWD/calls.$n "$hg" run --workload churn:ops=2k,live=100 --alloc "preload:$HEAPGAUGE_BUILD/tests/lazy_malloc.so" \
            --settle 500ms --settle-load $n --quiet --json | grep -q '"status":"ok"'
    done
    [ "$(cat calls.0)" -ge 1100 ]
    more=$(($(cat calls.50) - $(cat calls.0)))
    echo "$more calls"
    [ $((more % 50)) -eq 0 ]
    [ "$more" -ge 500 ]  # 10 rounds of 50 at least: a loaded machine comes late
    [ "$more" -le 2500 ]
    # At object level the thread is the runtime's while it calls.
    "$hg" run --workload cycles:ops=2k --rc gil,biased --alloc pymalloc,pools --settle 100ms --settle-load 50 --quiet --json >objects
    [ "$(grep -c '"status":"ok"' objects)" -eq 4 ]
}
