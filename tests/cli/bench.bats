#!/usr/bin/env bats
# scripts/bench: its exit status, with a heapgauge of this file's making.

setup() {
    dir="$BATS_TEST_TMPDIR"
    mkdir -p "$dir/build"
    cat > "$dir/build/heapgauge" <<'END'
#!/bin/sh
[ "$1" != suite ] || { mkdir "$6" && cp samples.jsonl "$6/" && exit "$(cat status)"; }
END
    chmod +x "$dir/build/heapgauge"
}

bench() { # STATUS RECORD...
    cd "$dir" || return 1
    echo "$1" > status
    printf '%s\n' '{"status":"ok"}' "${@:2}" > samples.jsonl
    run "$BATS_TEST_DIRNAME/../../scripts/bench" build
}
peer='{"status":"wrong-library","reason":"mimalloc is not installed: libmimalloc.so.2 is in no library directory"}'

@test "bench ends with where the report is" {
    bench 0
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} = "bench: the report is $dir/results/"*/report.html ]]
}

@test "a peer that is not installed fails no bench, another cell does" {
    bench 3 "$peer"
    [ "$status" -eq 0 ]
    bench 3 "$peer" '{"status":"crashed","reason":"SIGSEGV"}'
    [ "$status" -eq 3 ]
    bench 3 '{"status":"wrong-library","reason":"malloc comes from a but free from b"}'
    [ "$status" -eq 3 ]
    bench 2
    [ "$status" -eq 2 ]
}
