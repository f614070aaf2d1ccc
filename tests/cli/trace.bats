#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# heapgauge trace: text in and out, what a trace holds, what is refused; and the replay of traces.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    cd "$BATS_TEST_TMPDIR" || return 1
}

# A program of two threads, with every kind of call.
small() {
    cat >small.txt <<'EOF'
# comment
a 10 100
c 11 64
@1 A 7 128 1000
r 10 5000

@1 f 11
@2
a 11 0
f 7
EOF
    "$hg" trace import small.txt -o small.hgt
}

refused() { # WORDS: exit 2, one line on standard error that holds the words, nothing else
    run --separate-stderr "${@:2}"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ "$stderr" == *"$1"* ]]
}

bad_text() { # LINE-MESSAGE TEXT
    printf '%b' "$2" >bad.txt
    refused "bad.txt: $1" "$hg" trace import bad.txt -o bad.hgt
    [ ! -e bad.hgt ]
    [ -z "$(find . -name '*.tmp')" ]
}

@test "text becomes a trace and text again, with ids of the trace's own" {
    small
    "$hg" trace export small.hgt >out.txt
    diff - out.txt <<'EOF'
a 0 100
c 1 64
@1 A 2 128 1000
r 0 5000
@1 f 1
@2 a 1 0
f 2
EOF
}

@test "export, import, export is the same text" {
    python3 - >big.txt <<'EOF'
import random
random.seed(5)
live, n = [], 0
for _ in range(60000):
    t = random.choice(["", "@1 ", "@40000 "])
    k = random.random()
    if k < 0.45 and live:
        i = live.pop(random.randrange(len(live))); print(f"{t}f {i}")
    elif k < 0.55 and live:
        print(f"{t}r {random.choice(live)} {random.randrange(1 << random.randrange(48))}")
    else:
        n += 1; live.append(n * 1000003)
        print(f"{t}A {live[-1]} {1 << random.randrange(31)} {random.randrange(5000)}" if k > 0.95 else
              f"{t}{random.choice('ac')} {live[-1]} {random.randrange(5000)}")
EOF
    "$hg" trace import big.txt -o one.hgt
    "$hg" trace export one.hgt -o one.txt
    "$hg" trace import one.txt -o two.hgt
    "$hg" trace export two.hgt -o two.txt
    cmp one.txt two.txt
    [ "$(wc -l <one.txt)" -eq 60000 ]
    [ "$(cut -d' ' -f1 big.txt | sort | uniq -c)" = "$(cut -d' ' -f1 one.txt | sort | uniq -c)" ]
}

@test "standard input is taken, and the four lines of a .rep header are skipped" {
    printf '20000000\n2\n4\n1\na 0 512\na 1 128\nr 0 640\nf 1\n' | "$hg" trace import - -o rep.hgt
    [ "$("$hg" trace export rep.hgt | tr '\n' ,)" = 'a 0 512,a 1 128,r 0 640,f 1,' ]
}

@test "info prints calls, threads, peak, sizes, lifetimes, remote frees" {
    small
    "$hg" trace info small.hgt --json >info.json
    python3 - <<'EOF'
import json
i = json.load(open("info.json"))
assert i["complete"] is True and i["source"] == "text" and i["program"] == "small.txt"
assert i["calls"] == 7
assert i["ops"] == {"malloc": 2, "calloc": 1, "realloc": 1, "free": 2, "aligned": 1}
assert i["threads"] == 3 and i["threads_active"] == 3 and i["remote_frees"] == 2 and i["remote_reallocs"] == 0
assert i["peak_live_bytes"] == 5000 + 64 + 1000 and i["peak_live_blocks"] == 3 and i["peak_call"] == 4
assert i["left_blocks"] == 2 and i["left_bytes"] == 5000
assert i["allocated_bytes"] == 100 + 64 + 1000 + 4900 and i["allocated_blocks"] == 4
assert {"from": 4096, "count": 1} in i["sizes"] and {"from": 0, "count": 1} in i["sizes"]
assert sum(s["count"] for s in i["sizes"]) == 5
# 11: 1000 and 4900 bytes were allocated after it; 7: 4900 and 0.
assert i["lifetimes"] == [{"from": 4096, "count": 2}], i["lifetimes"]
assert sorted(s["size"] for s in i["top_sizes"]) == [0, 64, 100, 1000]
EOF
    run -0 "$hg" trace info small.hgt
    [[ "$output" == *"calls            7"* ]]
}

@test "bad text: file, line and word" {
    bad_text "line 2: 'x' is not an operation" 'a 0 1\nx 0 1\n'
    bad_text "line 1: 'aa' is not an operation" 'aa 0 1\n'
    bad_text "line 1: '-1' is not an id" 'a -1 1\n'
    bad_text "line 1: '1x' is not a size" 'a 1 1x\n'
    bad_text "line 1: '140737488355329' is not a size" 'a 1 140737488355329\n'
    bad_text "line 1: '99999999999999999999' is not a size" 'a 1 99999999999999999999\n'
    bad_text "line 1: '24' is not an alignment" 'A 1 24 1\n'
    bad_text "line 1: '0' is not an alignment" 'A 1 0 1\n'
    bad_text "line 1: 'a' has 1 words after it" 'a 1\n'
    bad_text "line 1: 'f' has 2 words after it" 'f 1 2\n'
    bad_text "line 1: '7' is too much" 'a 1 2 4 5 6 7\n'
    bad_text "line 3: free of id 5, which is not live" 'a 5 1\nf 5\nf 5\n'
    bad_text "line 1: realloc of id 5, which is not live" 'r 5 1\n'
    bad_text "line 2: malloc of id 5, which is live already" 'a 5 1\na 5 1\n'
    bad_text "line 1: '@x' is not a thread" '@x a 5 1\n'
    bad_text "line 1: '@65536' is not a thread" '@65536 a 5 1\n'
    bad_text "line 4: the file ends after '@2'" 'a 5 1\n\n@2\n'
    bad_text "line 3: 'a' follows 2 lines of one number" '1\n2\na 5 1\n'
    bad_text "line 5: '5' is a fifth line of one number" '1\n2\n3\n4\n5\n'
    bad_text "line 1: a NUL byte" 'a\00001 2\n'
    bad_text "line 1: longer than 255" "a $(printf '1%.0s' {1..300}) 1\n"
    refused 'cannot read nothere.txt: No such file' "$hg" trace import nothere.txt -o x.hgt
    [ ! -e x.hgt ]
}

@test "what is there and not a trace is not replaced; a trace is" {
    small
    echo precious >notes
    refused 'notes is there, and not an .hgt trace' "$hg" trace import small.txt -o notes
    [ "$(cat notes)" = precious ]
    "$hg" trace import small.txt -o small.hgt
    refused 'cannot write nodir/x.hgt: No such file' "$hg" trace import small.txt -o nodir/x.hgt
    refused 'where to write' "$hg" trace import small.txt
}

@test "a damaged, cut off or foreign trace: error with its offset, exit 2" {
    small
    bytes=$(stat -c %s small.hgt)
    head -c $((bytes - 5)) small.hgt >cut.hgt
    refused 'cut.hgt: at byte ' "$hg" trace info cut.hgt
    refused 'cut.hgt: at byte ' "$hg" run --workload trace:file=cut.hgt --alloc system
    cp small.hgt bent.hgt
    printf '\377' | dd of=bent.hgt bs=1 seek=$((bytes - 70)) conv=notrunc status=none
    refused 'bent.hgt: at byte ' "$hg" trace export bent.hgt
    refused 'bent.hgt: at byte ' "$hg" run --workload trace:file=bent.hgt --alloc system,null
    refused 'small.txt: at byte 0: not an .hgt trace' "$hg" trace info small.txt
    : >empty.hgt
    refused 'empty.hgt: at byte 0: empty' "$hg" trace info empty.hgt
    refused 'cannot read .: not a file' "$hg" trace info .
    refused 'which trace?' "$hg" run --workload trace --alloc system
    refused 'cannot read nothere.hgt' "$hg" run --workload trace:file=nothere.hgt --alloc system
    # What comes before the damage can be had.
    run -0 --separate-stderr "$hg" trace export --partial cut.hgt
    [ "${#lines[@]}" -eq 7 ]
    [[ "$stderr" == *'cut.hgt: at byte '* ]]
    "$hg" trace info --partial --json cut.hgt | grep -q '"complete":false,"damage":"cut.hgt: at byte'
}

@test "verbs and options of trace that are not: named, exit 2" {
    small
    refused "did you mean 'info'" "$hg" trace inof small.hgt
    refused 'which file' "$hg" trace info
    refused 'one file at a time' "$hg" trace info small.hgt small.hgt
    refused 'no option --jsom' "$hg" trace info --jsom small.hgt
}

@test "replay: equal checksums on every backend, contents checked, every call done" {
    python3 - >mix.txt <<'EOF'
import random
random.seed(8)
live, n = [], 0
for _ in range(20000):
    t = random.choice(["", "@1 ", "@2 "])
    k = random.random()
    if k < 0.5 and live:
        print(f"{t}f {live.pop(random.randrange(len(live)))}")
    elif k < 0.6 and live:
        print(f"{t}r {random.choice(live)} {random.randrange(3000)}")
    else:
        n += 1; live.append(n)
        print(f"{t}A {n} 256 {random.randrange(3000)}" if k > 0.97 else f"{t}{random.choice('ac')} {n} {random.randrange(3000)}")
EOF
    "$hg" trace import mix.txt -o mix.hgt
    for how in 1:touch=none 1:verify=1,repeat=3 3:verify=1 5:verify=1,repeat=3; do
        threads=${how%%:*} params=${how#*:}
        "$hg" run --workload "trace:file=mix.hgt,$params" --alloc system,null,bump,pools --threads "$threads" \
            --settle 0s --json >samples
        [ "$(grep -c '"status":"ok"' samples)" -eq 4 ]
        [ "$(grep -o '"checksum":"[0-9a-f]*"' samples | sort -u | wc -l)" -eq 1 ]
        [ "${params#*repeat}" != "$params" ] || [ "$(grep -c '"ops":20000[,}]' samples)" -eq 4 ]
    done
}

@test "memory of a replay: the peak of a moment as another replayer sees it, and not the decoded trace" {
    if nm "$hg" 2>/dev/null | grep -q '__[at]san_init'; then skip "the sanitizer's own malloc"; fi
    ${CC:-cc} -O2 -fno-builtin -o peak "$BATS_TEST_DIRNAME/../programs/peak.c"
    # Built block by block, whole for a moment, dropped; then a long time with little.
    awk 'BEGIN {
        srand(7)
        for (round = 0; round < 3; round++) {
            for (i = 0; i < 40000; i++) {
                print "a", i, 16 + int((rand() * 10) ^ 3)
                if (i % 5 == 0) print "r", i, 1500
                if (i % 3 == 0) { print "a", 40000, 4000; print "f", 40000 }
            }
            for (i = 39999; i >= 0; i--) print "f", i
        }
        for (i = 0; i < 300000; i++) { print "a", 1, 100; print "f", 1 }
    }' >moment.txt
    "$hg" trace import moment.txt -o moment.hgt
    allocs=system,pools
    # What mimalloc gives back by the clock, under the name of its older and its newer versions, would differ from run to run.
    export MIMALLOC_ALLOW_DECOMMIT=0 MIMALLOC_PURGE_DELAY=-1
    "$hg" preload preload:mimalloc -- true 2>/dev/null && allocs+=,preload:mimalloc
    "$hg" run --workload trace:file=moment.hgt --alloc "$allocs" --settle 0s --json >samples
    for alloc in ${allocs//,/ }; do echo "$alloc $("$hg" preload "$alloc" -- ./peak moment.txt)"; done >other
    # Loading this one takes more for a moment than its blocks do.
    awk 'BEGIN { for (i = 0; i < 200000; i++) print "a", i, 1; for (i = 0; i < 200000; i++) print "f", i }' >tiny.txt
    "$hg" trace import tiny.txt -o tiny.hgt
    "$hg" run --workload trace:file=tiny.hgt --alloc pools --settle 0s --json >tiny
    "$hg" preload pools -- ./peak tiny.txt >tiny.other
    # Two workers: no one knows the call, the kernel's mark is what does not miss the moment.
    awk 'BEGIN { print "a 1 8388608"; print "f 1"; for (i = 0; i < 300000; i++) { print "a 1 100"; print "f 1" } }' >one.txt
    "$hg" trace import one.txt -o one.hgt
    "$hg" run --workload trace:file=one.hgt --alloc system --threads 2 --settle 0s --json >threads
    "$hg" run --workload trace:file=moment.hgt --alloc system --threads 2 --processes 2 --settle 0s --json >two
    python3 - <<'PY'
import json
other = {f[0]: [int(x) for x in f[1:]] for f in map(str.split, open("other"))}
seen = {s["cell"]["alloc"]: s for s in map(json.loads, open("samples"))}
assert len(seen) == len(other) >= 2
for alloc, (live, then, most) in other.items():
    s = seen[alloc]
    m, f, r = s["memory"], s["fragmentation"], s["replay"]
    assert s["status"] == "ok" and r["order"] == "strict", s
    assert live == m["peak_live_requested_bytes"] == r["peak_live_recorded_bytes"] == r["peak_live_replayed_bytes"], (alloc, live, m, r)
    assert abs(f["jw2"] / (then / live) - 1) < 0.03, (alloc, f["jw2"], then / live)
    assert abs(f["jw4"] / (most / live) - 1) < 0.03, (alloc, f["jw4"], most / live)
    assert m["heap_peak_bytes"] == m["peak_rss_bytes"] - m["baseline_rss_bytes"], m
    assert m["peak_rss_bytes"] >= m["vm_hwm_bytes"], m
    assert m["baseline_rss_bytes"] > 8 * 900000, m      # the decoded trace, a word a call
live, then, most = map(int, open("tiny.other").read().split())
m = json.loads(open("tiny").read())["memory"]
assert abs(m["heap_peak_bytes"] / most - 1) < 0.1, (m, most)
m = json.loads(open("threads").read())["memory"]
assert 7.5 * 2**20 < m["heap_peak_bytes"] < 8.5 * 2**20, m  # the kernel's counters lag by some tens of pages a processor
s = json.loads(open("two").read())
assert s["status"] == "ok" and s["replay"]["order"] == "live" and s["replay"]["peak_live_replayed_bytes"] > 0, s
PY
}

@test "several workers hold what the recording held, on every backend; order=free says that it does not" {
    if nm "$hg" 2>/dev/null | grep -q '__[at]san_init'; then skip "the sanitizer's own malloc"; fi
    # Four threads keep blocks and replace them; what they replace goes through a queue to one that only frees.
    python3 - >reclaim.txt <<'PY'
import random
random.seed(3)
live, queue, n = {p: [] for p in range(1, 5)}, [], 0
def take(p):
    global n
    n += 1
    print(f"@{p} a {n} 592")
    return n
for i in range(2500):
    for p in live: live[p].append(take(p))
for i in range(60000):
    p = random.choice(list(live))
    at = random.randrange(2500)
    queue.append(live[p][at])
    live[p][at] = take(p)
    while len(queue) > 256 or queue and random.random() < .5: print(f"f {queue.pop(0)}")
for p in live:
    for i in live[p]: print(f"f {i}")
PY
    "$hg" trace import reclaim.txt -o reclaim.hgt
    allocs=system,pools
    for name in jemalloc mimalloc tcmalloc; do
        if "$hg" preload "preload:$name" -- true 2>/dev/null; then allocs+=,preload:$name; fi
    done
    for order in live strict free; do
        "$hg" run --workload trace:file=reclaim.hgt,order=$order --alloc "$allocs" --threads 1,2,5,8 --settle 0s --json --out $order >$order.json
    done
    python3 - "$allocs" <<'PY'
import json, sys
for order in "live", "strict", "free":
    samples = [json.loads(l) for l in open(order + ".json")]
    assert len(samples) == 4 * len(sys.argv[1].split(","))
    for s in samples:
        r, m, f, workers = s["replay"], s["memory"], s["fragmentation"], s["cell"]["threads"]
        rec, rep = r["peak_live_recorded_bytes"], r["peak_live_replayed_bytes"]
        assert s["status"] == "ok" and rec > 5.9e6, s
        if order == "free":
            assert r["order"] == "free" and m.pop("baseline_rss_bytes") > 0 and rep > 0, r
            for figures in m, f, s["timeline"]: assert not any(v is not None for v in (figures or {}).values()), s
            continue
        assert r["order"] == ("strict" if workers == 1 else order), r
        assert rec <= rep <= 1.1 * rec if r["order"] == "live" else rep == rec, r
        assert m["peak_live_requested_bytes"] == rec and f["jw2"] >= 0.95, (m, f)
        assert f["jw4"] >= f["jw2"], f
PY
    "$hg" run --workload trace:file=reclaim.hgt,order=free --alloc system --threads 5 --settle 0s >table
    grep -A1 '^  system: live bytes came to [0-9.]* x the recording.s$' table | grep -q '^    order=free: there are no figures of memory$'
    # A replay that holds more than a tenth too much is warned of.
    "$hg" run --workload trace:file=reclaim.hgt --alloc system --threads 5 --settle 0s --out over >table
    run ! grep 'live bytes came' table
    sed -i 's/"peak_live_replayed_bytes":/&2/' over/samples.jsonl
    "$hg" report over >table
    grep -A1 '^  system: WARNING, live bytes came to [0-9.]* x the recording.s$' table | grep -q "not the program's$"
}
