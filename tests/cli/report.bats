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
assert "made-host" in page and "crashed: SIGSEGV" in page and "@media(prefers-color-scheme:dark)" in page
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
    made "$dir" blocks=6 noise=0.01 configs="system=1 pools=1.1"
    python3 - "$dir/samples.jsonl" "$BATS_TEST_TMPDIR/owned" <<'P'
import json, sys
touch = "touch " + sys.argv[2]
evil = "<script>alert(1)</script>`%s`$(%s)'; system(\"%s\")\x1b[2J\" onload=\"x" % (touch, touch, touch)
out = []
for line in open(sys.argv[1]):
    r = json.loads(line)
    if r["cell"]["alloc"] == "pools":
        r["cell"]["alloc"] = evil
    r["cell"]["workload"] = "=cmd|" + evil
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
    ls "$dir"/plots/*.svg
}

@test "strange figures: zeros, huge ones and wrong types do not stop it" {
    made "$dir" blocks=6 noise=0.01 works="churn/1 cycles/1" configs="system=1 pools=1.1 pymalloc=1 jemalloc=1"
    python3 - "$dir/samples.jsonl" <<'P'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
odd = [0, -1, 1e308, 5e-324, "text", None, [], {}, True, 10**30]
keys = ["ops_per_s", "wall_ns", "memory", "fragmentation", "timeline", "pauses", "latency", "cell", "block", "position", "os", "status"]
out = []
for i, r in enumerate(lines):
    r[keys[i % len(keys)]] = odd[(i // 3) % len(odd)]
    for part in ("memory", "timeline", "pauses"):
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
        sed -i 's/: 1000000000000000000000000000000/: 7/' "$dir/samples.jsonl"
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
