#!/usr/bin/env bats
# Every key that a sample, a run or a comparison has stands in results/SCHEMA.md.

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
walk(json.load(open(sys.argv[2] + "/run.json")), [])
walk(json.load(open(sys.argv[3] + "/compare")), [])
P
}
