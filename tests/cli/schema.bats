#!/usr/bin/env bats
# Every key that a sample, a run or a comparison has stands in results/SCHEMA.md, whose tables are the program's schema.

@test "the tables of SCHEMA.md are those of the schema" {
    top="$BATS_TEST_DIRNAME/../.."
    "$top/scripts/schema" "$HEAPGAUGE_BUILD/heapgauge" "$top/results/SCHEMA.md" > "$BATS_TEST_TMPDIR/made"
    diff "$top/results/SCHEMA.md" "$BATS_TEST_TMPDIR/made"
    grep -q '^| `memory.heap_peak_bytes` | integer, bytes | not reached |' "$BATS_TEST_TMPDIR/made"
    sed 's/^| `ops` .*/| `opps` | | | | |/' "$top/results/SCHEMA.md" > "$BATS_TEST_TMPDIR/changed"
    "$top/scripts/schema" "$HEAPGAUGE_BUILD/heapgauge" "$BATS_TEST_TMPDIR/changed" | diff - "$top/results/SCHEMA.md"
    run "$HEAPGAUGE_BUILD/heapgauge" list --schema allocs
    [ "$status" -eq 2 ]
    # Short names of metrics: those of the rows, in the help too.
    "$HEAPGAUGE_BUILD/heapgauge" compare --help | tr -d ',' | tr ' ' '\n' > "$BATS_TEST_TMPDIR/help"
    names=$(grep -o '(`--metric [^`]*' "$top/results/SCHEMA.md" | sed 's/.* //')
    [ "$(wc -w <<< "$names")" -gt 20 ]
    for name in $names; do grep -qx -- "$name" "$BATS_TEST_TMPDIR/help"; done
}

@test "every key is documented" {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    dir="$BATS_TEST_TMPDIR/run"
    "$hg" run --workload churn:live=5k,ops=50k --alloc system,pools --samples 2 --settle 0s --quiet --out "$dir" > /dev/null
    "$hg" run --workload cycles:ops=2k --alloc pools,pymalloc --rc gil --settle 0s --quiet --json > "$BATS_TEST_TMPDIR/object"
    "$hg" run --workload cycles:ops=2k --alloc pools --rc atomic --settle 0s --quiet --json >> "$BATS_TEST_TMPDIR/object"
    "$hg" compare "$dir" --json > "$BATS_TEST_TMPDIR/compare"
    python3 - "$BATS_TEST_DIRNAME/../../results/SCHEMA.md" "$dir" "$BATS_TEST_TMPDIR" <<'P'
import json, re, sys
text = open(sys.argv[1]).read()
words = set()
for code in re.findall(r"`([^`\n]+)`", text):
    words |= set(re.split(r"[\s.*\[\]]+", code))
opened = {"params", "environment", "heap", "classes"}   # described as a whole
# Of samples each path, word for word: patterns of families have a word in capitals, N and OP.
rows = {}
for row in re.findall(r"^\| `([^`]+)` \| (integer|real|bool|text|integers|JSON|object)\b", text, re.M):
    rows[re.compile(re.sub(r"(?<=\\.)[A-Z]+(?=\\.|$)", r"\\w+", re.escape(row[0])) + "$")] = row[1]
kinds = {"integer": (int,), "real": (float, int), "bool": (bool,), "text": (str,), "integers": (list,), "object": (dict, list)}
def check(v, path):
    kind = next((k for r, k in rows.items() if r.match(path)), None)
    if kind == "JSON" or kind and v is None:
        return
    if kind:
        assert isinstance(v, kinds[kind]), "%s is %r, not %s" % (path, v, kind)
    items = v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, list) and kind != "integers" else None
    assert kind or items, "%s is not in the tables" % path
    for k, x in items or ():
        check(x, "%s.%s" % (path, k) if path else k)
def walk(v, path):
    if isinstance(v, dict):
        for k, x in v.items():
            assert k in words or opened & set(path), "%s is not in SCHEMA.md" % ".".join(path + [k])
            walk(x, path + [k])
    elif isinstance(v, list):
        for x in v[:2]:
            walk(x, path)
samples = [json.loads(l) for f in (sys.argv[2] + "/samples.jsonl", sys.argv[3] + "/object") for l in open(f)]
assert len(samples) == 7, len(samples)
for s in samples:
    assert s["status"] == "ok", s["reason"]
    walk(s, [])
    check(s, "")
assert len(rows) > 150, len(rows)
walk(json.load(open(sys.argv[2] + "/run.json")), [])
walk(json.load(open(sys.argv[3] + "/compare")), [])
P
}

@test "a worker's line that is not of the schema fails its sample, which quotes the line" {
    cd "$BATS_TEST_TMPDIR"
    cp "$HEAPGAUGE_BUILD/heapgauge" here # beside a worker of our own
    says() { # LINE, what the reason has
        printf '#!/bin/sh\nprintf "%%s\\n" '"'%s'"' >&3\nexec sleep 60\n' "$1" > heapgauge-worker-gil
        chmod +x heapgauge-worker-gil
        run ./here run --workload churn:ops=1k --settle 0s --timeout 20s --quiet --json
        [ "$status" -eq 3 ]
        python3 -c 'import json, sys
s = json.loads(sys.argv[1])
assert s["status"] == "protocol" and sys.argv[2] in s["reason"] and sys.argv[3] in s["reason"], s["reason"]
assert s["fragmentation"]["internal"] is None and "fragmentation-internal" not in s' "$output" "$1" "$2"
    }
    says 'set fragmentation-internal 0.1' 'no such key'
    says 'set ops many' 'ops'
    says 'set ops 1.5' 'not an integer'
    says 'set memory.peak_rss_bytes 5' "not a worker"
    says 'hist nothing ns 5 1:1' 'no histogram'
    says 'phase peak 0 0' 'out of order'
    says 'fail noisy' 'no status'
    says 'hello' 'not of the protocol'
}
