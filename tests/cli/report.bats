#!/usr/bin/env bats
# report: what it makes, what it survives, that nothing of a record acts on a reader's machine.

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    dir="$BATS_TEST_TMPDIR/run"
}

made() {
    local to=$1; shift
    mkdir -p "$to"
    printf '{"schema":1,"run_id":"made","suite":"made","baseline":"alloc=system","environment":{"system":{"hostname":"made-host"}}}\n' > "$to/run.json"
    awk "${@/#/-v}" -f "$BATS_TEST_DIRNAME/made_run.awk" > "$to/samples.jsonl"
}

@test "report makes a page, a summary and every plot with its figures" {
    made "$dir" blocks=6 noise=0.01 works="churn/1 churn/2 cycles/1" configs="system=1 pools=1.1 pymalloc=0.9" status="pymalloc=crashed"
    run "$hg" report "$dir"
    [ "$status" -eq 0 ]
    grep -Eq '^  pools .* 1\.(09|10|11)' <<< "$output"
    grep -Eq '^  pymalloc +crashed: SIGSEGV' <<< "$output"
    [ "$(awk '{ if (length > m) m = length } END { print m }' <<< "$output")" -le 80 ]
    for kind in heatmap throughput ratios memory percentiles timeline; do
        n=0
        for csv in "$dir/plots/$kind"-*.csv; do
            [ -s "${csv%.csv}.svg" ]
            [ -s "${csv%.csv}.png" ]
            [ "$(wc -l < "$csv")" -ge 2 ]
            n=$((n + 1))
        done
        [ "$n" -ge 1 ]
    done
    ! ls "$dir"/plots.* "$dir"/*.tmp 2>/dev/null || false
    python3 - "$dir" <<'P'
import csv, sys, glob, xml.dom.minidom
d = sys.argv[1]
rows = list(csv.DictReader(open(d + "/summary.csv")))
assert len(rows) == 9, len(rows)
pools = [r for r in rows if r["alloc"] == "pools"]
assert all(1.05 < float(r["throughput_ratio"]) < 1.15 and r["samples"] == r["ok"] == "6" for r in pools), pools
bad = [r for r in rows if r["alloc"] == "pymalloc"]
assert all(r["status"] == "crashed" and r["ops_per_s"] == "" and "SIGSEGV" in r["reason"] for r in bad), bad
for svg in glob.glob(d + "/plots/*.svg"):
    xml.dom.minidom.parse(svg)
page = open(d + "/report.html").read()
assert page.count("<svg role=\"img\"") == page.count("</svg>") == len(glob.glob(d + "/plots/*.svg"))
assert "made-host" in page and "crashed: SIGSEGV" in page and "@media (prefers-color-scheme:dark)" in page
from html.parser import HTMLParser
class Check(HTMLParser):
    stack, ids = [], set()
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag not in ("script", "link", "iframe", "object", "img"), tag
        assert not any(k.startswith("on") for k in attrs), attrs
        for k in ("src", "href", "xlink:href"):
            v = attrs.get(k, "#")
            assert v.startswith(("#", "plots/", "summary.csv")), v
        if "id" in attrs:
            assert attrs["id"] not in self.ids, attrs["id"]
            self.ids.add(attrs["id"])
        if tag not in ("meta", "br"):
            self.stack.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "br"):
            self.stack.pop()
    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, tag
c = Check(); c.feed(page)
assert not c.stack, c.stack
P
}

@test "collectors: their table, their pictures with figures known by hand, their columns of the summary" {
    made "$dir" blocks=7 noise=0 works="cycles/1 request/1" cost="generational=0.1 none=0 pep848=0.05" oracle="generational=5000 pep848=100" \
        configs="pymalloc@gil@generational=0.8 pymalloc@gil@none=1 pymalloc@gil@pep848=0.9"
    run "$hg" report "$dir"
    [ "$status" -eq 0 ]
    for kind in mmu-cycles pareto-time-cycles pareto-pause-cycles pareto-waiting-cycles timeline-cycles latency-request-live-1000; do
        [ -s "$dir/plots/$kind.svg" ]
        [ -s "$dir/plots/$kind.png" ]
    done
    [ ! -e "$dir/plots/latency-cycles.svg" ]
    python3 - "$dir" <<'P'
import csv, re, sys
d = sys.argv[1]
read = lambda name: list(csv.DictReader(open(d + "/" + name + ".csv")))
near = lambda a, b: abs(float(a) / b - 1) < 1e-3
s = {(r["workload"], r["gc"]): r for r in read("summary")}
for w in ("cycles", "request:live=1000"):
    g = s[w, "generational"]
    assert near(g["lbo_wall"], 1.25) and near(g["lbo_cpu_ci_high"], 1.25) and g["gc.uncollected_peak"] == "5000", g
    assert near(s[w, "none"]["lbo_wall"], 1) and s[w, "none"]["gc.reclaim.p50_ns"] == "" and g["gc.share"] == "0.1", g
    assert g["samples"] == g["ok"] == "14", g                              # the baseline twice a block; not the oracle's
assert s["cycles", "none"]["latency.request.p99_ns"] == "" and near(s["request:live=1000", "none"]["latency.request_metered_full.p99_ns"], 6e5)
# The longest pause of "none" is 5e12/1e7 ns: no window up to that leaves anything; of 1 ms half is left, of that a tenth is lost.
m = {float(r["window_ns"]): r for r in read("plots/mmu-cycles") if r["configuration"].endswith("none")}
assert sorted(m) == [5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8] and m[5e5]["mmu"] == "0" and m[1e6]["mmu"] == "0.45", m
r = [x for x in read("plots/latency-request-live-1000") if x["configuration"].endswith("none")]
assert [x["kind"] for x in r[::6]] == ["simple", "metered_100ms", "metered_full"] and [x["ns"] for x in r[::6]] == ["40000", "80000", "120000"], r
p = {x["configuration"].split()[-1]: x for x in read("plots/pareto-waiting-cycles")}
assert set(p) == {"generational", "pep848"} and p["pep848"]["gc.uncollected_peak"] == "100" and near(p["pep848"]["pauses.max_ns"], 555555), p
every = read("plots/timeline-cycles")
assert {x["phase"] for x in every} == {"run"}, every
t = [x for x in every if x["collection_ns"]]
assert len(t) == 80 and not any("none" in x["configuration"] for x in t) and t[0]["rss_bytes"] == "", len(t)
page = open(d + "/report.html").read()
plain = lambda row: re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row)).strip()
rows = [plain(x) for x in re.findall(r"<tr>.*?</tr>", page)]
assert "gc generational 625 us 500 us 0.844 0.894 10.0 % 1.000 8.00 M 45.8 MiB 5.00 k 312 KiB 2.000 1.25 ms 11.2 ms 1.250 1.250-1.250 1.250 1.250-1.250" in rows, rows
assert "gc none 40.0 us 200 us 1.00 ms 90.0 ms 80.0 us 400 us 2.00 ms 180 ms 120 us 600 us 3.00 ms 270 ms" in rows, rows
assert page.count("<h4>Collectors</h4>") == 2 and page.count("<h4>Requests</h4>") == 1
assert "gc none is best in both." in page and "gc pep848 is best in both." in page   # time against memory; pause against garbage
assert "Longest with gc generational: 112 ms from begin to end, 338 ms for one who came on time" in page, page
assert "Any 10 ms leave a thread at least 85.5 % of its time with gc none, the most of those that pause." in page
for kind in ("mmu-cycles", "pareto-pause-cycles", "latency-request-live-1000"):
    svg = open("%s/plots/%s.svg" % (d, kind)).read()
    assert "<desc>" in svg
P
}

@test "throughput against threads: a series a policy, each up to where it got" {
    made "$dir" blocks=6 noise=0 works="private/1 private/2 private/4 private/8" configs="pools@gil@none=1 pools@atomic@none=2 pools@objlock@none=0.5"
    python3 - "$dir/samples.jsonl" <<'P'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
for r in lines:
    if r["cell"]["rc"] == "objlock" and r["cell"]["threads"] == 8:
        r["status"], r["reason"] = "timeout", "over 60 s"
open(sys.argv[1], "w").write("".join(json.dumps(r) + "\n" for r in lines))
P
    run "$hg" report "$dir" --quiet
    [ "$status" -eq 0 ]
    [ -s "$dir/plots/throughput-private-live-1000.svg" ]
    python3 - "$dir/plots/throughput-private-live-1000.csv" <<'P'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
got = {}
for r in rows:
    got.setdefault(r["configuration"].split()[1], []).append(r)
assert {k: [int(r["threads"]) for r in v] for k, v in got.items()} == {"gil": [1, 2, 4, 8], "atomic": [1, 2, 4, 8], "objlock": [1, 2, 4]}, got
for rc, factor in (("gil", 1), ("atomic", 2), ("objlock", .5)):
    for r in got[rc]:
        rate = 1e7 * factor * int(r["threads"]) ** .9
        assert all(abs(float(r[k]) / rate - 1) < 1e-3 for k in ("ops_per_s", "ci_low", "ci_high")) and r["blocks"] == "6", r
P
    grep -q 'At 8 threads atomic is ahead' "$dir/report.html"
}

@test "axes: no two ticks read alike, a log axis has numbers beside 1, and a key has its place" {
    made "$dir" blocks=6 noise=0 works="churn/1 churn/2" configs="system=0.22 pools=0.2 pymalloc=0.15"
    made "$dir-far" blocks=6 noise=0 works="churn/1" configs="system=1 pools=0.5 pymalloc=0.15"
    "$hg" report "$dir" --quiet
    "$hg" report "$dir-far" --quiet
    python3 - "$dir/plots" "$dir-far/plots" <<'P'
import glob, re, sys
def texts(name):
    return [t.strip() for t in re.findall(r"<text>([^<]*)</text>", open(name).read())]
for name in glob.glob(sys.argv[1] + "/throughput-*.svg"):
    ticks = [t for t in texts(name) if re.fullmatch(r"[0-9.]+( [kMG])?", t) and t not in ("1", "2")]
    assert len(ticks) >= 4 and len(ticks) == len(set(ticks)), (name, ticks)
for name in glob.glob(sys.argv[2] + "/ratios-*.svg"):
    ticks = texts(name)
    assert "0.5" in ticks and "0.2" in ticks, (name, ticks)
P
}

@test "memory over time is what the work took: the baseline's memory is not in it" {
    made "$dir" blocks=2 noise=0 works="churn/1" configs="system=1 pools=1"
    python3 - "$dir/samples.jsonl" <<'P'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
for r in lines:
    r["memory"]["baseline_rss_bytes"] = 5 << 20
    r["memory"].pop("heap_peak_bytes", None)
    n = len(r["timeline"]["t_ns"])
    r["timeline"]["rss_bytes"] = [(5 << 20) + (i + 1) * (30 << 20) // n for i in range(n)]
open(sys.argv[1], "w").write("".join(json.dumps(r) + "\n" for r in lines))
P
    "$hg" report "$dir" --quiet
    python3 - "$dir" <<'P'
import csv, sys
d = sys.argv[1]
rows = list(csv.DictReader(open(d + "/plots/timeline-churn-live-1k.csv")))
assert rows and {r["baseline_rss_bytes"] for r in rows} == {str(5 << 20)}, rows[:2]
assert max(float(r["rss_bytes"]) for r in rows) == 35 << 20, rows
svg = open(d + "/plots/timeline-churn-live-1k.svg").read()
assert "MiB above the baseline" in svg
page = open(d + "/report.html").read()
assert "up to 30.0 MiB above what was resident before it began" in page
P
}

@test "the curve of utilisation never falls: half of the samples without a pause, the others with long ones" {
    made "$dir" blocks=7 noise=0 works="cycles/1" configs="pymalloc@gil@generational=1 pymalloc@gil@none=1"
    python3 - "$dir/samples.jsonl" <<'P'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
for r in lines:
    p = r["pauses"]
    if r["block"] < 4:
        p["max_ns"], share = None, 1.0
    else:
        p["max_ns"], share = 3000000, 0.0
    for k in ("mmu", "bmu"):
        p[k] = {w: share if w in ("1ms", "2ms") else 1.0 if share else 0.7 for w in p[k]}
open(sys.argv[1], "w").write("".join(json.dumps(r) + "\n" for r in lines))
P
    "$hg" report "$dir" --quiet
    python3 - "$dir/plots/mmu-cycles.csv" <<'P'
import csv, sys
last = {}
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) >= 12, rows
for r in rows:
    assert float(r["mmu"]) >= last.get(r["configuration"], 0), (r, rows)
    last[r["configuration"]] = float(r["mmu"])
P
}

@test "a run from before these keys, and one that an oracle could not finish: what is there is shown, what failed is said" {
    made "$dir" blocks=6 noise=0.01 works="cycles/1 request/1" cost="generational=0.1" oracle="generational=5000" \
        configs="pymalloc@gil@generational=1 pymalloc@gil@none=1.1"
    python3 - "$dir/samples.jsonl" <<'P'
import json, sys
out = []
for line in open(sys.argv[1]):
    r = json.loads(line)
    if r.get("oracle"):
        r.update(status="timeout", reason="the oracle was still walking after 60 s")
    else:
        r["gc"] = {"generations": [], "uncollected_peak": None}
        for k in ("mmu", "bmu"):
            r["pauses"][k] = {w: r["pauses"][k][w] for w in ("1ms", "10ms", "100ms")}
        for k in ("request_metered_100ms", "request_metered_full"):
            r["latency"].pop(k, None)
        for k in ("gc_t_ns", "gc_ns"):
            r["timeline"].pop(k, None)
    out.append(json.dumps(r))
open(sys.argv[1], "w").write("\n".join(out) + "\n")
P
    run "$hg" report "$dir"
    [ "$status" -eq 0 ]
    grep -q '6 of 18: timeout: the oracle was still walking' <<< "$output"
    grep -q '6 of 18 samples: timeout: the oracle' "$dir/report.html"
    [ "$(wc -l < "$dir/plots/mmu-cycles.csv")" -eq 9 ] # of either cell three windows and the longest pause
    [ -s "$dir/plots/pareto-pause-cycles.svg" ]
    [ ! -e "$dir/plots/pareto-waiting-cycles.svg" ]
    ! ls "$dir"/plots/latency-*.svg 2> /dev/null || false
    grep -q 'latency of requests' "$dir"/plots/percentiles-request-*.svg
    [ "$(grep -c '<h4>Requests</h4>' "$dir/report.html")" -eq 1 ]
    ! grep -q 'marks at the top' "$dir/report.html" || false
}

@test "a baseline that is not there: those that are, are named, and nothing is made" {
    made "$dir" blocks=6 noise=0.01 configs="system=1 pools=1"
    run "$hg" report "$dir" --baseline alloc=pymalloc
    [ "$status" -eq 2 ]
    [[ "$output" == *"there are: "*system*pools* || "$output" == *"there are: "*pools*system* ]]
    [ ! -e "$dir/report.html" ]
}

@test "a file cut anywhere: a report or a refusal, never a crash" {
    made "$dir" blocks=2 noise=0.02 works="request/1" cost="generational=0.1" oracle="generational=5000" \
        configs="pymalloc@gil@generational=1 pymalloc@gil@none=1.1"
    size=$(wc -c < "$dir/samples.jsonl")
    cp "$dir/samples.jsonl" "$BATS_TEST_TMPDIR/whole"
    for part in $(seq 1 4 100); do
        head -c $((size * part / 100)) "$BATS_TEST_TMPDIR/whole" > "$dir/samples.jsonl"
        PATH="$BATS_TEST_TMPDIR/empty" run "$hg" report "$dir" --quiet
        [ "$status" -eq 0 ] || [ "$status" -eq 2 ]
    done
}

@test "the same run gives the same report, and stale pictures go" {
    made "$dir" blocks=6 noise=0.01 configs="system=1 pools=1.1"
    "$hg" report "$dir" --quiet
    cp "$dir/report.html" "$dir/summary.csv" "$BATS_TEST_TMPDIR"
    touch "$dir/plots/memory-old.svg" "$dir/plots/notes.txt"
    "$hg" report "$dir" --quiet
    cmp "$dir/summary.csv" "$BATS_TEST_TMPDIR/summary.csv"
    cmp "$dir/report.html" "$BATS_TEST_TMPDIR/report.html"
    [ ! -e "$dir/plots/memory-old.svg" ]
    [ -e "$dir/plots/notes.txt" ]
}

@test "one block: no interval is claimed" {
    made "$dir" blocks=1 noise=0.01 configs="system=1 pools=1.1"
    run "$hg" report "$dir"
    [ "$status" -eq 0 ]
    grep -Eq '^  pools .* no CI ' <<< "$output"
    grep -q 'too few for an interval' "$dir/report.html"
}

@test "without gnuplot: tables, figures and the page, and the package is named" {
    made "$dir" blocks=6 noise=0.01 configs="system=1 pools=1.1"
    PATH="$BATS_TEST_TMPDIR/empty" run "$hg" report "$dir"
    [ "$status" -eq 0 ]
    grep -q 'gnuplot-nox' <<< "$output"
    [ -s "$dir/report.html" ]
    [ -s "$dir/summary.csv" ]
    ls "$dir"/plots/memory-*.csv
    grep -q 'pictures are missing' "$dir/report.html"
}

@test "words of a record do nothing: not to a shell, a page, a spreadsheet or a terminal" {
    made "$dir" blocks=6 noise=0.01 works="churn/1 request/1" cost="generational=0.1 none=0" oracle="generational=50 none=5" \
        configs="system=1 pools=1.1 system@gil@none=1 system@gil@generational=1"
    python3 - "$dir/samples.jsonl" "$BATS_TEST_TMPDIR/owned" <<'P'
import json, sys
touch = "touch " + sys.argv[2]
evil = "<script>alert(1)</script>`%s`$(%s)'; system(\"%s\")\x1b[2J\" onload=\"x" % (touch, touch, touch)
out = []
for line in open(sys.argv[1]):
    r = json.loads(line)
    if r["cell"]["alloc"] == "pools":
        r["cell"]["alloc"] = evil
    if r["cell"]["gc"] == "generational":
        r["cell"]["gc"] = evil + ",=x:<b>"
    r["cell"]["workload"] = "=cmd|" + r["cell"]["workload"][0] + evil
    r["cell"]["params"] = {"file": "|" + touch, evil: evil}
    r["cell"]["place"] = evil
    out.append(json.dumps(r))
open(sys.argv[1], "w").write("\n".join(out) + "\n")
P
    run "$hg" report "$dir"
    [ "$status" -eq 0 ]
    [ ! -e "$BATS_TEST_TMPDIR/owned" ]
    ! grep -q $'\x1b' <<< "$output" || false
    ! grep -q '<script' "$dir/report.html" || false
    ! grep -q 'onload="' "$dir/report.html" || false
    grep -q '&lt;script&gt;' "$dir/report.html"
    ! grep -Eq ',"?=cmd' "$dir/summary.csv" || false
    ls "$dir"/plots/latency-*.svg "$dir"/plots/mmu-*.svg "$dir"/plots/pareto-waiting-*.svg
    grep -q '<h4>Collectors</h4>' "$dir/report.html"
    for metric in max-pause lbo; do
        run "$hg" compare "$dir" --metric "$metric"
        [ "$status" -eq 0 ]
        ! grep -q $'\x1b' <<< "$output" || false
    done
}

@test "strange figures: zeros, huge ones and wrong types do not stop it" {
    made "$dir" blocks=6 noise=0.01 works="churn/1 cycles/1" cost="generational=0.1 none=0" \
        configs="system=1 pools=1.1 pymalloc=1 jemalloc=1 system@gil@none=1 system@gil@generational=1"
    python3 - "$dir/samples.jsonl" <<'P'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
odd = [0, -1, 1e308, 5e-324, "text", None, [], {}, True, 10**30]
keys = ["ops_per_s", "wall_ns", "memory", "fragmentation", "timeline", "pauses", "latency", "gc", "cell", "block", "position", "os", "status", "oracle"]
out = []
for i, r in enumerate(lines):
    r[keys[i % len(keys)]] = odd[(i // 3) % len(odd)]
    if isinstance(r.get("pauses"), dict):
        r["pauses"]["mmu"]["2ms"] = odd[i % len(odd)]
    if isinstance(r.get("latency"), dict):
        r["latency"]["request"] = {k: odd[(i + len(k)) % len(odd)] for k in ("p50_ns", "p99_ns", "p99_9_ns", "max_ns")}
    for key in ("gc_t_ns", "gc_ns"):
        if isinstance(r.get("timeline"), dict):
            r["timeline"][key] = [odd[(i + k) % len(odd)] for k in range(20)]
    for part in ("memory", "timeline", "pauses", "gc"):
        if isinstance(r.get(part), dict):
            for j, k in enumerate(r[part]):
                if (i + j) % 5 == 0:
                    r[part][k] = odd[(i + j) % len(odd)]
    out.append(json.dumps(r))
open(sys.argv[1], "w").write("\n".join(out).replace("1e+308", "1e308") + "\n")
P
    run "$hg" report "$dir"
    if [ "$status" -ne 0 ]; then # a number that JSON allows and no machine holds: named, not swallowed
        [ "$status" -eq 2 ]
        grep -q 'samples.jsonl:' <<< "$output"
        sed -i 's/1000000000000000000000000000000/7/g' "$dir/samples.jsonl"
        run "$hg" report "$dir"
    fi
    [ "$status" -eq 0 ]
    [ -s "$dir/report.html" ]
}

@test "bad input: exit 2, one line, nothing made" {
    refused() {
        run "$hg" report "$@"
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    }
    refused
    refused "$BATS_TEST_TMPDIR/none"
    refused a b
    refused --nonsense
    made "$dir" blocks=1 configs="system=1"
    : > "$dir/samples.jsonl"
    run "$hg" report "$dir"
    [ "$status" -eq 2 ]
    grep -q 'no samples' <<< "$output"
    [ "$(find "$dir" -mindepth 1 | wc -l)" -eq 2 ]
}
