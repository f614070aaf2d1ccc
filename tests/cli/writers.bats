#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr
# How every file is written (alloc/base/file_out.h), by each of the programs that make one.

bats_require_minimum_version 1.5.0

writers="import export heapmap pauses heap"
# What goes into other people's programs is not built with sanitizers.
[ ! -e "$HEAPGAUGE_BUILD/libheapgauge-record.so" ] || writers="record $writers"
[ ! -e "$HEAPGAUGE_BUILD/libheapgauge-shim.so" ] || writers="snapshot $writers"

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    cd "$BATS_TEST_TMPDIR" || return 1
    export TMPDIR=$PWD # where the part of a recording to a full device stays
    printf 'a 0 100\nf 0\n' >in.txt
    "$hg" trace import in.txt -o in.hgt
}

write() { # WRITER FILE
    case $1 in
    record) "$hg" record -o "$2" -- ls -d . ;;
    import) "$hg" trace import in.txt -o "$2" ;;
    export) "$hg" trace export in.hgt -o "$2" ;;
    snapshot) "$hg" preload 'trace(pools)' --snapshot "$2" -- bash -c : ;;
    heapmap) "$hg" run --workload churn:live=1k,ops=10k --alloc pools --settle 0s --quiet --heapmap "$2" ;;
    pauses) "$hg" run --workload cycles:ops=2k,live=10 --rc gil --alloc pymalloc --settle 0s --quiet --pauses "$2" ;;
    heap) "$hg" run --workload cycles:ops=2k,live=10 --rc gil --alloc pymalloc --settle 0s --quiet --heap-snapshot "$2" ;;
    esac
}

made() { # WRITER FILE: the name that a plain file gets
    if [ "$1" = heap ]; then echo "$2.peak"; else echo "$2"; fi
}

starts() { # WRITER: what its files begin with
    case $1 in
    record | import) echo HGT ;;
    export) echo 'a 0 100' ;;
    snapshot) echo 'heapgauge-snapshot 1' ;;
    heapmap) echo 'phase,t_ns' ;;
    pauses) echo 'thread,cause' ;;
    heap) echo 'heapgauge-heap 2' ;;
    esac
}

holds() { # WRITER FILE
    grep -aq "$(starts "$1")" "$2" || { echo "$1: $2 does not hold what it writes"; return 1; }
}

no_leavings() {
    [ -z "$(find . -name '*.tmp' -o -name '*.part*')" ]
}

device() { # NAME MINOR
    [ "$(id -u)" -eq 0 ] || skip "a device is made by root alone"
    mknod "$1" c 1 "$2" 2>/dev/null || skip "no device can be made here"
    (: >"$1") 2>/dev/null || [ "$2" = 7 ] || skip "devices cannot be opened in this file system"
}

@test "a device stays a device" {
    device null 3
    for w in $writers; do
        run write "$w" null
        [ "$status" -eq 0 ] || { echo "$w: $output"; return 1; }
        [ -c null ] || { echo "$w replaced the device"; return 1; }
        [ -z "$(find . -name 'null?*')" ]
    done
    no_leavings
}

@test "a FIFO takes it and stays" {
    mkfifo pipe
    for w in $writers; do
        timeout 20 cat pipe >got 3>&- &
        reader=$!
        write "$w" pipe >out 2>&1 || { cat out; return 1; }
        wait "$reader"
        [ -p pipe ]
        holds "$w" got
    done
    no_leavings
}

@test "a symbolic link is followed, also to what is not there" {
    mkdir there
    for w in $writers; do
        file=$(made "$w" "link-$w")
        ln -s "there/$w" "$file"
        for _ in dangling live; do
            write "$w" "link-$w" >out 2>&1 || { cat out; return 1; }
            [ -L "$file" ]
            [ -f "there/$w" ] && [ ! -L "there/$w" ]
            holds "$w" "there/$w"
        done
    done
    no_leavings
}

@test "standard output, by its names" {
    for w in $writers; do
        for name in - /dev/stdout /proc/self/fd/1; do
            write "$w" "$name" 2>err | cat >got
            holds "$w" got || { cat err; return 1; }
            write "$w" "$name" 2>err >got
            holds "$w" got || { cat err; return 1; }
        done
    done
    no_leavings
}

@test "a folder and a socket are refused" {
    mkdir folder folder.peak folder.begin
    for w in $writers; do
        run --separate-stderr write "$w" folder
        [ "$status" -eq 2 ] || { echo "$w: $status $stderr"; return 1; }
        [[ "$stderr" == *"cannot write folder"*"a folder"* ]]
    done
    no_leavings
}

@test "a full disk is reported" {
    device full 7
    for w in $writers; do
        run --separate-stderr write "$w" full
        # The program itself ran: its own status is what preload returns.
        [ "$w" = snapshot ] || [ "$status" -eq 2 ] || { echo "$w: $status $stderr"; return 1; }
        [[ "$stderr" == *"cannot write "*"No space left on device"* ]] || { echo "$w: $stderr"; return 1; }
        [ -c full ]
    done
}

@test "another user's file, and what is not of the kind, are not replaced" {
    for w in $writers; do
        for file in mine mine.begin mine.peak mine.drained; do echo 'int main(void);' >"$file"; done
        run --separate-stderr write "$w" mine
        [ "$status" -eq 2 ] || { echo "$w: $status $stderr"; return 1; }
        [[ "$stderr" == *"is there, and not "* ]] || { echo "$w: $stderr"; return 1; }
        [ "$(cat mine mine.peak | uniq)" = 'int main(void);' ]
    done
    [ "$(id -u)" -eq 0 ] || return 0
    : >other
    : >other.begin
    chown 65534 other other.begin
    for w in $writers; do
        run --separate-stderr write "$w" other
        [ "$status" -eq 2 ] || { echo "$w: $status $stderr"; return 1; }
        [[ "$stderr" == *"belongs to another user"*"write to another file"* ]]
        [ ! -s other ]
    done
}

@test "a file keeps its mode, and a write that fails keeps the file" {
    for w in $writers; do
        file=$(made "$w" "kept-$w")
        write "$w" "kept-$w" >/dev/null 2>&1
        chmod 640 "$file"
        write "$w" "kept-$w" >/dev/null 2>&1
        [ "$(stat -c %a "$file")" = 640 ]
        cp "$file" before
        # No file may grow: writes give EFBIG once the signal is ignored.
        run bash -c "trap '' XFSZ; ulimit -f 0; $(declare -f write); hg='$hg'; write $w kept-$w 2>&1 | cat"
        [[ "$output" == *"File too large"* ]] || { echo "$w: $output"; return 1; }
        cmp "$file" before || { echo "$w: $output"; return 1; }
    done
    no_leavings
}
