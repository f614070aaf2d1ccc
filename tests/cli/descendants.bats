#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr
# heapgauge record and the processes of a program: its exit status, children of every kind, daemons that outlive it, and
# what is said of those that are not recorded.

setup_file() {
    bats_require_minimum_version 1.5.0
    export hg="$HEAPGAUGE_BUILD/heapgauge" starts="$BATS_FILE_TMPDIR/starts" daemon="$BATS_FILE_TMPDIR/daemon"
    cc -O1 -fno-builtin -w -o "$starts" "$BATS_TEST_DIRNAME/../programs/starts.c"
    cat >"$daemon.c" <<'C'
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    if (fork()) _exit(3);
    setsid();
    if (fork()) _exit(0);
    for (int i = 0; i < atoi(argv[1]) * 100; i++) {
        free(malloc(70001));
        usleep(10000);
    }
    return 0;
}
C
    cc -O1 -fno-builtin -w -o "$daemon" "$daemon.c"
}

setup() {
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-record.so" ] || skip "this build has no recorder"
    cd "$BATS_TEST_TMPDIR" || return 1
}

count() { # SIZE FILES...
    local size=$1 file
    shift
    for file in "$@"; do "$hg" trace export "$file"; done | grep -cE "a [0-9]+ $size\$" || true
}

@test "the exit status is the program's; heapgauge's own failures keep theirs" {
    run -0 "$hg" record -o a.hgt -- sh -c 'exit 0'
    run -7 "$hg" record -o a.hgt -- sh -c 'exit 7'
    run -143 "$hg" record -o a.hgt -- sh -c 'kill -TERM $$'
    [ -s a.hgt ]
    rm a.hgt
    run -2 "$hg" record -o a.hgt -- ./nothing
    run -2 "$hg" record -o a.hgt --chidlren -- true
    [ ! -e a.hgt ]
}

@test "--children: a program that is started with another environment, in every way that there is" {
    local way how
    for way in execve preloads execvpe execle fexecve execv execvp execl execlp posix_spawn posix_spawnp system popen; do
        for how in fork vfork; do
            [ "$how" = fork ] || [[ $way == exec* ]] || continue
            rm -f ./*.hgt
            run -0 --separate-stderr "$hg" record --children -o s.hgt -- "$starts" $way ${how#fork}
            [ "$(count 60000 s.hgt)" -eq 1 ]
            [ "$(count 60001 s.*.hgt)" -eq 1 ] || { echo "$way $how: $stderr"; ls; return 1; }
            [[ "$stderr" != *"are not recorded"* ]] || { echo "$way $how: $stderr"; return 1; }
        done
    done
    # without --children theirs is as they want it
    rm -f ./*.hgt
    run -0 "$hg" record -o s.hgt -- "$starts" execve
    [ "$(echo ./*.hgt)" = ./s.hgt ]
    # what could not be started is no program that is missing
    run -0 --separate-stderr "$hg" record --children -o s.hgt -- "$starts" nothing
    [[ "$stderr" != *"are not recorded"* ]]
    rm -f ./*.hgt
    run -0 --separate-stderr "$hg" record --children -o s.hgt -- env -i "$starts" work
    [ "$(count 60001 s.hgt)" -eq 1 ]
}

@test "--children: programs that cannot be recorded are counted" {
    echo 'int main(void) { return 0; }' >static.c
    cc -static -o static static.c 2>/dev/null || skip "no static C library"
    run -0 --separate-stderr "$hg" record --children -o s.hgt -- sh -c './static; ./static; "$0" work; :' "$starts"
    [[ "$stderr" == *"2 of the 4 programs that were started are not recorded: statically linked"* ]] || { echo "$stderr"; return 1; }
}

@test "children that made most calls, and were not recorded, are counted, with the option that records them" {
    printf '%s\n' '#include <stdlib.h>' 'int main(void) { for (int i = 0; i < 5000; i++) free(malloc(9)); return 0; }' >busy.c
    cc -O1 -fno-builtin -o busy busy.c
    run -0 --separate-stderr "$hg" record -o s.hgt -- sh -c './busy; ./busy; ./busy; :'
    [[ "$stderr" =~ "3 processes that it started made "([0-9]+)" calls, which are not recorded: record --children" ]] || { echo "$stderr"; return 1; }
    [ "${BASH_REMATCH[1]}" -ge 29800 ]
    [ "${BASH_REMATCH[1]}" -le 30100 ]
    run -0 --separate-stderr "$hg" record --children -o s.hgt -- sh -c './busy; ./busy; ./busy; :'
    [[ "$stderr" != *"not recorded"* ]] || { echo "$stderr"; return 1; }
    [ "$(count 9 s.*.hgt)" -eq 15000 ]
}

@test "a daemon: waited for; its trace has its calls, and nothing is left beside" {
    run -3 --separate-stderr "$hg" record --children -o d.hgt -- "$daemon" 1
    [[ "$stderr" == *"itself made no call, so there is no d.hgt; it ended with exit 3"* ]] || { echo "$stderr"; return 1; }
    [ "$(count 70001 d.*.hgt)" -eq 100 ]
    [ "$(find . -name '*.hgt*' | wc -l)" -eq 1 ]
}

@test "a daemon that is not waited for: its growing part is named, with what makes a trace of it" {
    run -3 --separate-stderr "$hg" record --children --wait 300ms -o d.hgt -- "$daemon" 2
    [[ "$stderr" =~ "process "([0-9]+)" goes on, and "([^ ]+)" is growing; when it has ended: heapgauge trace import "([^ ]+)" -o "([^ ]+) ]] || { echo "$stderr"; return 1; }
    local pid=${BASH_REMATCH[1]} part=${BASH_REMATCH[2]} out=${BASH_REMATCH[4]}
    [ "$part" = "${BASH_REMATCH[3]}" ]
    [ -e "$part" ]
    while kill -0 "$pid" 2>/dev/null && [ "$(cut -d' ' -f3 "/proc/$pid/stat")" != Z ]; do sleep 0.05; done
    "$hg" trace import "$part" -o "$out"
    [ "$(count 70001 "$out")" -eq 200 ]
}

@test "Ctrl-C ends the wait" {
    "$hg" record --children -o d.hgt -- "$daemon" 4 2>said 3>&- &
    local record=$! waited=0
    until grep -q 'waiting for their end' said; do sleep 0.1; waited=$((waited + 1)); [ $waited -lt 300 ]; done
    kill -TERM $record
    wait $record || [ $? -eq 3 ]
    grep -q 'goes on, and .* is growing' said
}
