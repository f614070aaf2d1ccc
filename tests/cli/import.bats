#!/usr/bin/env bats
# heapgauge trace import: what it reads from, and foreign files that it refuses.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "a pipe loses nothing: two operations and four come out as they went in" {
    printf 'a 0 64\nf 0\n' >two.txt
    printf 'a 0 64\na 1 32\nf 0\nf 1\n' >four.txt
    for name in two four; do
        # shellcheck disable=SC2002 # the pipe is what is tested
        cat $name.txt | (sleep 0.2 && "$hg" trace import /dev/stdin -o $name.hgt)
        "$hg" trace export $name.hgt | diff $name.txt -
    done
}
