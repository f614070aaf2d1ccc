#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# What a recording knows of threads: when each began and ended, however it did; more of them than there are numbers; what
# their recording takes while the program runs.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    cd "$BATS_TEST_TMPDIR" || return 1
}

recorder() {
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-record.so" ] || skip "this build has no recorder"
}

build() { # NAME <SOURCE
    cat >"$1.c"
    cc -O1 -fno-builtin -w -pthread -o "$1" "$1.c"
}

info() { # FILE EXPRESSION: a Python expression on i, the trace's info, is true
    "$hg" trace info --json "$1" | python3 -c '
import json, sys
i = json.load(sys.stdin)
assert eval(sys.argv[1]), (sys.argv[1], i)' "$2"
}

@test "a thread for each request, more of them than there are numbers; also when heapgauge is killed" {
    recorder
    build requests <<'C'
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static void *serve(void *arg) { return malloc((size_t)arg); }
int main(int argc, char **argv)
{
    for (long i = 0; i < 66000; i++) {
        pthread_t t;
        void *block;
        if (pthread_create(&t, NULL, serve, (void *)(100 + i % 300))) return 1;
        pthread_join(t, &block);
        free(block);
    }
    if (argc > 1) kill(getppid(), SIGKILL);
    return 0;
}
C
    run -0 --separate-stderr "$hg" record -o r.hgt -- ./requests
    [[ "$stderr" == *" in 66001 threads to r.hgt"* ]]
    info r.hgt 'i["threads"] == i["threads_active"] == 66001 and i["threads_ended"] == i["threads_short"] == 66000'
    # The joiner goes on before the kernel has cleared the thread away, so two may be there beside it.
    info r.hgt '2 <= i["threads_peak"] <= 3 and i["ops"]["malloc"] == 66000 and not i["stopped"]'
    "$hg" trace info r.hgt | grep -q '^  threads  *66001 (66001 made calls); [23] at once; 66000 ended, 66000 of them with fewer than 1000 calls$'
    "$hg" record -o k.hgt -- ./requests kill || true
    for part in k.hgt.part.*; do "$hg" trace import "$part" -o k.hgt; done
    info k.hgt 'i["threads"] == 66001 and i["threads_ended"] == 66000 and i["ops"]["free"] == 66000'
}

@test "however a thread ends, its end is there, after the last of its calls" {
    recorder
    build ends <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static pthread_key_t key;
static _Thread_local int rounds;
static void late(void *p) /* its last round comes after the recorder's own */
{
    if (++rounds < 4) pthread_setspecific(key, p);
    else free(p);
}
static void *returns(void *arg) { pthread_setspecific(key, malloc(1001)); return NULL; }
static void *exits(void *arg) { free(malloc(1002)); pthread_exit(NULL); }
static void *cancelled(void *arg) { free(malloc(1003)); for (;;) pause(); }
static void *idle(void *arg) { return NULL; } /* never allocates */
static volatile int detached_done;
static void *detached(void *arg) { free(malloc(1005)); detached_done = 1; return NULL; }
static volatile int last_begun;
static void *last(void *main_thread)
{
    last_begun = 1;
    pthread_join(*(pthread_t *)main_thread, NULL);
    free(malloc(1006));
    exit(0); /* this one does not end, the program does */
}
int main(void)
{
    static pthread_t self;
    pthread_t t;
    pthread_key_create(&key, late);
    pthread_create(&t, NULL, returns, NULL); pthread_join(t, NULL);
    pthread_create(&t, NULL, exits, NULL); pthread_join(t, NULL);
    pthread_create(&t, NULL, cancelled, NULL); pthread_cancel(t); pthread_join(t, NULL);
    pthread_create(&t, NULL, idle, NULL); pthread_join(t, NULL);
    pthread_create(&t, NULL, detached, NULL); pthread_detach(t);
    while (!detached_done) usleep(1000);
    usleep(300000);
    self = pthread_self();
    pthread_create(&t, NULL, last, &self);
    while (!last_begun) usleep(1000);
    pthread_exit(NULL);
}
C
    "$hg" record -o e.hgt -- ./ends
    info e.hgt 'i["threads"] == 7 and i["threads_ended"] == 6 and i["threads_peak"] == 2 and not i["dropped"] and not i["unmatched"]'
    "$hg" trace export e.hgt >e.txt
    # Whose ends follow what: the free in the last destructor is before the end of its thread.
    awk '$1 == "@1" && /[-+]$/ { printf "%s", $2 }
        $2 == "a" && $4 ~ /^100.$/ { printf "a%s", $4; id = $3 }
        $2 == "f" && $3 == id { printf "f"; id = "none" }' e.txt >got
    [ "$(cat got)" = "+a1001f-+a1002f-+a1003f-+-+a1005f-+a1006f" ] || { cat got e.txt; false; }
    grep -qx -- - e.txt # the first thread's
}

@test "many threads at once, wave after wave: their recording takes what one wave takes" {
    recorder
    build waves <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
enum { WIDTH = 300, WAVES = 8 };
static pthread_barrier_t all;
static void *work(void *arg) { free(malloc(100)); pthread_barrier_wait(&all); return NULL; }
int main(void)
{
    pthread_attr_t attr;
    pthread_t t[WIDTH];
    struct stat st;
    char path[4096];
    pthread_barrier_init(&all, NULL, WIDTH);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 << 10);
    for (int w = 0; w < WAVES; w++) {
        for (int i = 0; i < WIDTH; i++)
            if (pthread_create(&t[i], &attr, work, NULL)) return 1;
        for (int i = 0; i < WIDTH; i++) pthread_join(t[i], NULL);
    }
    snprintf(path, sizeof path, "%s.%d.0", getenv("HEAPGAUGE_RECORD"), (int)getpid());
    return stat(path, &st) || printf("%lld\n", (long long)st.st_blocks * 512) < 0; /* the rest is a hole */
}
C
    run -0 --separate-stderr "$hg" record -o w.hgt -- ./waves
    [ "$output" -le $((4096 + 310 * 262144)) ]
    info w.hgt 'i["threads"] == 2401 and i["threads_ended"] == 2400 and 300 <= i["threads_peak"] <= 302'
}

@test "births, ends and gaps in the text form: out and in again, and what cannot be is refused by its line" {
    printf '%s\n' 'a 0 16' '@1 +' '@1 a 1 32' 'w 2500000' '@1 -' '@1 +' '@1 f 0' '@1 -' '-' '@7 +' >t.txt
    "$hg" trace import t.txt -o t.hgt
    "$hg" trace export t.hgt | diff - t.txt
    info t.hgt 'i["threads"] == 4 and i["threads_peak"] == 2 and i["threads_ended"] == 3 and i["threads_active"] == 3 and i["calls"] == 3 and i["gaps"] == 1 and i["gap_seconds"] == 2.5'
    "$hg" trace info t.hgt | grep -q '^  idle gaps  *1, 2.500 s$'
    [ "$(od -An -tu1 -j8 -N1 t.hgt | tr -d ' ')" = 2 ]
    # Without any of these it is a file that older versions read, except in a pipe.
    echo 'a 0 16' | "$hg" trace import - -o one.hgt
    [ "$(od -An -tu1 -j8 -N1 one.hgt | tr -d ' ')" = 1 ]
    "$hg" trace import t.txt -o - | cat >piped.hgt
    "$hg" trace export piped.hgt | diff - t.txt
    "$hg" run --workload trace:file=t.hgt --alloc system --settle 0s --json | grep -q '"ops":3[,}]'
    while IFS='|' read -r line text said; do
        printf '%b' "$text" >bad.txt
        run -2 --separate-stderr "$hg" trace import bad.txt -o bad.hgt
        [[ "$stderr" == *"bad.txt: line $line: "*"$said"* ]] || { echo "$text: $stderr"; false; }
    done <<'T'
2|@3 +\n@3 +\n|birth of thread 3, which is alive already
2|a 0 1\n+\n|birth of thread 0, which is alive already
1|-\n|end of thread 0, which is not alive
2|w 1\n+ 7\n|'+' has 1 words after it
1|@3 -\n|end of thread 3, which is not alive
3|@3 +\n@3 -\n@3 a 0 1\n|a call of thread 3, which has ended
1|@3 + 4\n|'+' has 1 words after it; the form is @T +
1|w\n|'w' has 0 words after it; the form is w MICROSECONDS
1|w 1s\n|'1s' is not a time
1|w 1099511627777\n|'1099511627777' is not a time: it takes 0 to 1099511627776
1|@2 w 5\n|'@2' before a w: a gap is of all threads
T
}

@test "idle times are recorded where asked: those of the whole process, before the call that ends them" {
    recorder
    build idle <<'C'
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static volatile int done;
static void *waits(void *arg) { free(malloc(2001)); usleep(1500000); free(malloc(2002)); return NULL; }
int main(void)
{
    pthread_t t;
    free(malloc(1001));
    usleep(250000);
    free(malloc(1002));
    pthread_create(&t, NULL, waits, NULL);
    for (int i = 0; i < 40; i++) { usleep(5000); free(malloc(500)); } /* while this one works, nobody is idle */
    pthread_join(t, NULL);
    return 0;
}
C
    "$hg" record -o i.hgt --gaps 100ms -- ./idle
    info i.hgt 'i["gaps"] >= 2 and 0.4 < i["gap_seconds"]'
    "$hg" trace export i.hgt >i.txt
    "$hg" trace export i.hgt | python3 -c '
import sys
at, size = {}, lambda line: line.rsplit(" ", 1)[1]
lines = [l.strip() for l in sys.stdin]
for i, l in enumerate(lines):
    if l.startswith("w "):
        at[size(lines[i + 1])] = int(l[2:])
assert 230000 < at.pop("1002") < 1000000, at
assert 150000 < at["2002"] < 1450000, at # not the thread by itself: all of them'
    "$hg" record -o none.hgt -- ./idle
    info none.hgt 'i["gaps"] == 0'
    HEAPGAUGE_RECORD_GAPS=1 "$hg" record -o none.hgt -- ./idle
    info none.hgt 'i["gaps"] == 0'
    run -2 "$hg" record -o none.hgt --gaps soon -- ./idle
    [[ "$output" == *"soon"*"gaps"* || "$output" == *"gaps"*"soon"* ]]
}

@test "a replay with the recording's threads starts and ends them, and waits in its gaps where asked" {
    awk 'BEGIN {
        for (job = 0; job < 60; job++) {
            t = 1 + job % 3
            if (job >= 3) print "@" t " -"
            print "@" t " +"
            for (i = 0; i < 300; i++) print "@" t " a", job * 300 + i, 100 + i
            for (i = 0; i < 299; i++) print "@" t " f", job * 300 + i
            if (job % 20 == 10) print "w 100000"
        }
    }' >jobs.txt
    "$hg" trace import jobs.txt -o jobs.hgt
    for how in order=live order=strict repeat=2,verify=1; do
        "$hg" run --workload "trace:file=jobs.hgt,threads=recorded,$how" --alloc system,null,bump,pools --settle 0s --json >samples
        [ "$(grep -c '"status":"ok"' samples)" -eq 4 ]
        [ "$(grep -o '"checksum":"[0-9a-f]*"' samples | sort -u | wc -l)" -eq 1 ]
        case $how in
            repeat*) [ "$(grep -c '"threads_started":120[,}]' samples)" -eq 4 ] ;;
            *) [ "$(grep -c '"threads_started":60[,}]' samples)" -eq 4 ] && [ "$(grep -c '"ops":35940[,}]' samples)" -eq 4 ] ;;
        esac
    done
    "$hg" run --workload trace:file=jobs.hgt,threads=recorded,gaps=1 --alloc system --settle 0s --json | python3 -c '
import json, sys
s = json.loads(sys.stdin.readline())
assert s["replay"]["idle_ns"] >= 3e8 > s["wall_ns"], s # the clock stood
assert abs(s["ops_per_s"] / (s["ops"] * 1e9 / s["wall_ns"]) - 1) < 1e-6, s
assert s["replay"]["peak_live_replayed_bytes"] == s["replay"]["peak_live_recorded_bytes"], s["replay"]'
    run -0 "$hg" run --workload trace:file=jobs.hgt,threads=recorded --alloc system --threads 2 --settle 0s --json
    [[ "$output" == *'"not-applicable"'*'give --threads 1'* ]]
    for how in threads=recorded gaps=1; do
        run -2 "$hg" run --workload "trace:file=jobs.hgt,$how,order=free" --alloc system --settle 0s
        [[ "$output" == *"$how needs an order"* ]]
    done
}

@test "a thousand threads at once are replayed on pools; when one cannot be started, its number and the reason are said" {
    recorder # sanitizers need more address space than the limit below
    for ((i = 1; i < 1000; i++)); do echo "@$i +"; done >t.txt
    for ((i = 1; i < 1000; i++)); do echo "@$i a $i 100"; done >>t.txt
    for ((i = 1; i < 1000; i++)); do echo "@$i -"; done >>t.txt
    "$hg" trace import t.txt -o t.hgt
    "$hg" run --workload trace:file=t.hgt,threads=recorded --alloc pools --settle 0s --quiet --json >s
    python3 -c 'import json; s = json.load(open("s")); assert s["status"] == "ok" and s["replay"]["threads_started"] == 999, s'
    run -3 bash -c "ulimit -v 3000000; ulimit -s 8192
        '$hg' run --workload trace:file=t.hgt,threads=recorded --alloc system --settle 0s --quiet --json >s"
    python3 -c '
import json, re
s = json.load(open("s"))
assert re.search(r"cannot start thread \d+ of the recording: Resource temporarily unavailable\Z", s["reason"]), s["reason"]'
}
