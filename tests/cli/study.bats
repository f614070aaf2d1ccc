#!/usr/bin/env bats
# study.bats: the command that runs a suite of collectors and makes its tables.
setup() {
    study="$BATS_TEST_DIRNAME/../../scripts/study"
    export HEAPGAUGE="$HEAPGAUGE_BUILD/heapgauge"
    ini="$BATS_TEST_TMPDIR/tiny.ini"
    out="$BATS_TEST_TMPDIR/run"
    cat >"$ini" <<-'END'
		[suite]
		blocks   = 1
		baseline = gc=generational:version=3.13
		settle   = 0s
		# --- the first part ---
		[rings]
		workload = cycles:length=3,live=10,ops=5k
		alloc    = pymalloc
		rc       = gil
		gc       = none, pep848, generational:version=3.13, stw
		[a list, that grows]
		workload = growth:kind=tuple,ops=5k
		alloc    = pymalloc
		rc       = gil, atomic
		gc       = generational:version=3.13, incremental
	END
}

# The rows of a section, without their heading.
rows() {
    awk -v want="### $1" '/^###? / { on = $0 == want } on && /^\|/ && !/^\|--/ && !/^\| collector/' "$out/tables.md"
}

@test "study: a table a section, the baseline first, what does not go together left out" {
    "$study" --suite "$ini" "$out"
    [ "$(grep -c '^### ' "$out/tables.md")" -eq 2 ]
    [ "$(grep -n '^## The first part' "$out/tables.md" | cut -d: -f1)" -lt "$(grep -n '^### rings' "$out/tables.md" | cut -d: -f1)" ]
    [ "$(rows rings | wc -l)" -eq 3 ]
    rows rings | head -1 | grep -q '^| generational:version=3.13 | A/A'
    rows rings | grep -q '^| pep848 | '
    [ "$(rows 'a list, that grows' | wc -l)" -eq 2 ]
    [ "$(grep '^|' "$out/tables.md" | tr -cd '|\n' | sort -u | wc -l)" -eq 1 ] # as many columns in every row
    [ -s "$out/report.html" ]
}

@test "study: figures are the run's own, and a run that is there is not run again" {
    "$study" --suite "$ini" "$out"
    before=$(cksum <"$out/samples.jsonl")
    peak=$(awk -F, '/pep848/ { gsub(/"[^"]*"/, "w"); for (i = 1; i <= NF; i++) if (head[i] == "memory.peak_rss_bytes") printf "(%.2f|%.1f|%.0f)", $i / 1e6, $i / 1e6, $i / 1e6 }
        NR == 1 { for (i = 1; i <= NF; i++) head[i] = $i }' "$out/summary.csv")
    [ -n "$peak" ]
    rows rings | grep '^| pep848 ' | grep -qE "\\| $peak \\|"
    "$study" --suite "$ini" "$out"
    [ "$before" = "$(cksum <"$out/samples.jsonl")" ]
}

@test "study: a section whose workload is written in another way than compare's has no rows, and is named" {
    "$study" --suite "$ini" "$out"
    sed -i 's/length=3,live=10,ops=5k/live=10,length=3,ops=5k/' "$ini"
    run "$study" --suite "$ini" "$out"
    [ "$status" -eq 1 ]
    [[ "$output" == *"section [rings] has no samples"* ]]
}

@test "study: bad input" {
    run "$study"
    [ "$status" -eq 2 ]
    run "$study" --suite no-such "$out"
    [ "$status" -eq 2 ]
    [[ "$output" == *no-such.ini* ]]
    run "$study" --suite "$ini" --other "$out"
    [ "$status" -eq 2 ]
    printf '[x]\nworkload = nothing\n' >"$ini"
    run "$study" --suite "$ini" "$out"
    [ "$status" -eq 2 ]
}
