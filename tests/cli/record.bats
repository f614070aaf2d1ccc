#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# heapgauge record: real programs, threads, forks, execs, kills, full disks. The recorder is not built with sanitizers: a
# recorded program is not ours.

bats_require_minimum_version 1.5.0

setup() {
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-record.so" ] || skip "this build has no recorder"
    hg="$HEAPGAUGE_BUILD/heapgauge"
    cd "$BATS_TEST_TMPDIR" || return 1
}

build() { # NAME FLAGS... <SOURCE
    cat >"$1.c"
    cc -O1 -fno-builtin -w -pthread -o "$1" "$1.c" "${@:2}"
}

info() { # FILE EXPRESSION: a Python expression on i, the trace's info, is true
    "$hg" trace info --json "$1" | python3 -c '
import json, sys
i = json.load(sys.stdin)
assert eval(sys.argv[1]), (sys.argv[1], i)' "$2"
}

whole() { # FILE: nothing was missed
    info "$1" 'i["complete"] and i["unmatched"] in (None, 0) and i["conflicts"] in (None, 0) and not i["dropped"] and not i["stopped"]'
}

count() { # FILE SIZE: allocations and reallocs of that size (a pattern)
    "$hg" trace export "$1" | grep -cE "[acr] [0-9]+ $2\$" || true
}

no_litter() {
    [ -z "$(find . -name '*.part*' -o -name '*.tmp')" ]
}

@test "CPython on a JSON round trip: all of it, its output untouched, its status reported" {
    cat >j.py <<'EOF'
import json, sys
d = {str(i): {"a": [i, str(i)], "b": {"c": i * 1.5}} for i in range(2000)}
for _ in range(3):
    assert json.loads(json.dumps(d)) == d
print("done"); print("and said", file=sys.stderr); sys.exit(7)
EOF
    PYTHONMALLOC=malloc run -7 --separate-stderr "$hg" record -o j.hgt -- python3 j.py
    [ "$output" = "done" ]
    [[ "$stderr" == *"and said"*"heapgauge: recorded "*" calls of "*" to j.hgt ("*" bytes); it ended with exit 7"* ]]
    whole j.hgt
    info j.hgt 'i["ops"]["malloc"] > 50000 and i["end"] == "exit 7" and "j.py" in i["command"] and "python" in i["program"]'
    info j.hgt 'i["ops"]["free"] > 0.9 * (i["ops"]["malloc"] + i["ops"]["calloc"])'
    no_litter
}

@test "a compiler: its driver's calls, and with --children those of the programs that it runs" {
    echo 'int f(int x) { return x * 3; }' >f.c
    "$hg" record -o cc.hgt --children -- gcc -O2 -c f.c
    whole cc.hgt
    [ -s f.o ]
    found=
    for f in cc.*.hgt; do
        whole "$f"
        "$hg" trace info --json "$f" | grep -q '"program":"[^"]*/cc1"' && found=$f
    done
    info "$found" 'i["ops"]["malloc"] > 500'
    no_litter
}

@test "every way to allocate, and what each becomes" {
    build ways <<'EOF'
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void)
{
    void *volatile p = malloc(10001), *volatile q = calloc(3, 10007 / 3 + 1);
    if (malloc_usable_size(p) < 10001) return 1;
    p = realloc(p, 20003);
    free(p);
    p = realloc(NULL, 10009);
    p = realloc(p, 0); /* frees */
    p = reallocarray(q, 5, 3001);
    errno = 0;
    void *volatile none = reallocarray(p, SIZE_MAX, 2);
    if (none || errno != ENOMEM) return 2;
    none = malloc((size_t)1 << 62);
    none = realloc(p, (size_t)1 << 62); /* p stays */
    none = calloc((size_t)1 << 40, (size_t)1 << 40);
    if (none || ((char *)p)[15004]) return 3;
    free(p);
    free(NULL);
    p = malloc(0); free(p);
    void *m = NULL;
    if (posix_memalign(&m, 3, 10) != EINVAL || m) return 4;
    if (posix_memalign(&m, 256, 10037) || ((uintptr_t)m & 255)) return 5;
    free(m); m = aligned_alloc(512, 10240); free(m);
    m = memalign(64, 10039); if ((uintptr_t)m & 63) return 6;
    free(m); m = valloc(10061); if ((uintptr_t)m & 4095) return 7;
    free(m); m = pvalloc(10067); free(m);
    p = malloc(400009); /* mapped: far away, and larger than a word takes */
    q = malloc(10069); free(p); free(q);
    errno = 1234; p = malloc(10079); free(p); if (errno != 1234) return 8;
    return 0;
}
EOF
    run -0 --separate-stderr "$hg" record -o w.hgt -- ./ways
    [[ "$stderr" == *"ended with exit 0"* ]]
    whole w.hgt
    "$hg" trace export w.hgt | sed 's/^\(.\) [0-9]* /\1 /' | grep -E '^[acrA] (.* )?(0|1[0-9]{4}|2000[0-9]|12288|400009|1500.)$' >got
    diff got - <<'EOF'
a 10001
c 10008
r 20003
a 10009
r 15005
a 0
A 256 10037
A 512 10240
A 64 10039
A 4096 10061
A 4096 12288
a 400009
a 10069
a 10079
EOF
    info w.hgt 'i["left_blocks"] <= 1' # standard output's buffer, at most
    info w.hgt 'i["failed"] == 4'
}

threads_program() {
    build threads <<'EOF'
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#define N 20000
#define T 4
/* Each block goes from the thread that made it to the next one's hands and back into the heap: addresses wander. */
static _Atomic(void *) hand[T][64];
static void *run(void *arg)
{
    long me = (long)arg;
    for (int i = 0; i < N; i++) {
        if (i % 50 == 0) sched_yield();
        void *p = malloc(1000 + (size_t)(i % 200));
        if (i % 5 == 0) p = realloc(p, 3000 + (size_t)(i % 70));
        free(atomic_exchange(&hand[(me + 1) % T][i % 64], p));
        p = atomic_exchange(&hand[me][(i * 7) % 64], NULL);
        if (p && i % 3) p = realloc(p, 5000);
        free(p);
    }
    return NULL;
}
int main(void)
{
    pthread_t t[T];
    for (int round = 0; round < 3; round++) {
        for (long i = 0; i < T; i++) pthread_create(&t[i], NULL, run, (void *)i);
        for (int i = 0; i < T; i++) pthread_join(t[i], NULL);
    }
    for (int i = 0; i < T; i++) for (int j = 0; j < 64; j++) free(hand[i][j]);
    return 0;
}
EOF
}

@test "threads that free each other's blocks: every call, in an order that could have been, replayed on many threads" {
    threads_program
    "$hg" record -o t.hgt -- ./threads
    whole t.hgt
    info t.hgt 'i["threads"] == 13 and i["remote_frees"] > 100'
    "$hg" trace export t.hgt >t.txt
    [ "$(grep -cE '(^| )a [0-9]+ 1[01][0-9]{2}$' t.txt)" -eq 240000 ]
    [ "$(grep -cE '(^| )r [0-9]+ 30[0-9]{2}$' t.txt)" -eq 48000 ]
    "$hg" run --workload trace:file=t.hgt,verify=1 --alloc system,pools --threads 4 --settle 0s --json >samples
    [ "$(grep -c '"status":"ok"' samples)" -eq 2 ]
}

@test "a program killed half way: not one call is lost" {
    build killed <<'EOF'
#include <signal.h>
#include <stdlib.h>
int main(void)
{
    for (int i = 0; i < 123456; i++) { void *volatile p = malloc(777); if (i % 2) free(p); }
    raise(SIGKILL);
    return 0;
}
EOF
    run -137 --separate-stderr "$hg" record -o k.hgt -- ./killed
    [[ "$stderr" == *"it ended with signal 9 (Killed)"* ]]
    whole k.hgt
    info k.hgt 'i["end"] == "signal 9 (Killed)"'
    [ "$(count k.hgt 777)" -eq 123456 ]
    info k.hgt 'i["ops"]["free"] >= 61728'
    no_litter
}

@test "threads killed from outside, at any moment" {
    threads_program
    sed -i 's/round < 3/round < 100000/' threads.c && cc -O1 -pthread -o threads threads.c
    for pause in 0.05 0.13; do
        "$hg" record -o o.hgt -- ./threads 2>said &
        sleep "$pause"
        until pkill -KILL -P $! -x threads; do sleep 0.02; done
        wait $! || [ $? -eq 137 ]
        grep -q 'it ended with signal 9' said
        info o.hgt 'i["complete"] and i["conflicts"] in (None, 0) and i["unmatched"] in (None, 0)'
        [ "$(grep -cE 'calls of .*/threads' said)" -eq 1 ]
    done
}

@test "heapgauge itself killed: the recording stays and becomes a trace" {
    build slow <<'EOF'
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
    for (int i = 0; i < 5000; i++) { void *volatile p = malloc(888); free(p); }
    close(creat("ready", 0600));
    while (access("go", F_OK)) usleep(5000);
    for (int i = 0; i < 5000; i++) { void *volatile p = malloc(888); free(p); }
    close(creat("ended", 0600));
    return 0;
}
EOF
    "$hg" record -o s.hgt -- ./slow >/dev/null 2>&1 3>&- &
    until [ -e ready ]; do sleep 0.02; done
    kill -KILL $!
    wait $! || true
    [ ! -e s.hgt ]
    touch go
    until [ -e ended ]; do sleep 0.02; done
    part=$(ls s.hgt.part.*)
    "$hg" trace import "$part" -o s.hgt
    [ "$(count s.hgt 888)" -eq 10000 ]
}

@test "two recordings to one file at one time: each keeps its own parts" {
    build slow <<'EOF'
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
    close(creat("ready", 0600));
    while (access("go", F_OK)) usleep(5000);
    for (int i = 0; i < 5000; i++) { void *volatile p = malloc(888); free(p); }
    return 4;
}
EOF
    build quick <<'EOF'
#include <stdlib.h>
int main(void) { for (int i = 0; i < 100; i++) { void *volatile p = malloc(777); free(p); } return 0; }
EOF
    "$hg" record -o s.hgt -- ./slow 2>slow.err 3>&- &
    until [ -e ready ]; do sleep 0.02; done
    "$hg" record -o s.hgt -- ./quick 2>quick.err
    [ "$(count s.hgt 777)" -eq 100 ]
    [ "$(wc -l <quick.err)" -eq 1 ] # it was no other program before
    "$hg" record --children -o s.hgt -- sh -c './quick; ./quick' 2>quick.err
    [ "$(grep -cE 'goes on|slow' quick.err)" -eq 0 ]
    touch go
    status=0
    wait $! || status=$?
    [ "$status" -eq 4 ]
    [ "$(count s.hgt 888)" -eq 5000 ]
    no_litter
}

@test "forks: the child's calls are not the parent's, however it was forked" {
    build forks <<'EOF'
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    void *volatile kept = malloc(1111);
    for (int i = 0; i < 6; i++) {
        pid_t pid = i % 3 == 0 ? fork() : i % 3 == 1 ? (pid_t)syscall(SYS_clone, 17, 0, 0, 0, 0) : vfork();
        if (pid == 0) {
            if (i % 3 == 2) _exit(0);
            for (int j = 0; j < 100; j++) { void *volatile p = malloc(2222); free(p); }
            free(kept);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
        for (int j = 0; j < 10; j++) { void *volatile p = malloc(3333); free(p); }
    }
    free(kept);
    return 0;
}
EOF
    "$hg" record -o f.hgt -- ./forks
    whole f.hgt
    [ "$(count f.hgt 1111)" -eq 1 ]
    [ "$(count f.hgt 2222)" -eq 0 ]
    [ "$(count f.hgt 3333)" -eq 60 ]
    [ "$(ls -- *.hgt)" = f.hgt ]
    "$hg" record --children -o g.hgt -- ./forks
    whole g.hgt
    [ "$(count g.hgt 3333)" -eq 60 ]
    set -- g.*.hgt
    [ $# -eq 4 ]
    for f in g.*.hgt; do
        [ "$(count "$f" 2222)" -eq 100 ]
        info "$f" 'i["forked"] == 1 and i["unmatched"] == 1'
    done
    no_litter
}

@test "fork handlers that allocate, also of a library that came before the recorder" {
    cc -O1 -fno-builtin -pthread -o handlers "$BATS_TEST_DIRNAME/../programs/handlers.c"
    cc -O1 -fno-builtin -pthread -DFROM_A_LIBRARY -shared -fPIC -o libhandlers.so "$BATS_TEST_DIRNAME/../programs/handlers.c"
    for library in "" "$PWD/libhandlers.so"; do
        for handler in prepare parent child; do
            rm -f h*.hgt
            LD_PRELOAD=$library timeout 60 "$hg" record --children -o h.hgt -- ./handlers $handler
            whole h.hgt
            children=(h.*.hgt)
            [ "${#children[@]}" -eq 20 ] # one each, and the handler's calls are in it
            for child in "${children[@]}"; do
                [ "$(count "$child" 200)" -eq 1 ]
                [ "$(count "$child" 39)" -eq "$([ $handler = child ] && echo 1 || echo 0)" ]
            done
            [ "$(count h.hgt 39)" -eq "$([ $handler = child ] && echo 0 || echo 20)" ]
        done
    done
    no_litter
}

@test "exec: the trace is of the program that it became" {
    run -0 --separate-stderr "$hg" record -o x.hgt -- sh -c 'exec env A=b python3 -c pass'
    [[ "$stderr" == *"was another program before"* ]]
    info x.hgt '"python" in i["program"]'
    whole x.hgt
    no_litter
}

@test "allocations before any constructor, and after the last destructor of a thread" {
    build early <<'EOF'
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
static void *volatile first;
static void before(int argc, char **argv, char **env)
{
    (void)argc; (void)argv; (void)env;
    for (int i = 0; i < 10000; i++) { free(first); first = malloc(4321); }
}
__attribute__((section(".preinit_array"), used)) static void (*const early)(int, char **, char **) = before;
static pthread_key_t key;
static void end(void *p)
{
    free(p);
    void *volatile q = malloc(5555);
    static __thread int rounds;
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS) pthread_setspecific(key, q); else free(q);
}
static void *run(void *arg) { (void)arg; pthread_setspecific(key, malloc(5554)); return NULL; }
int main(void)
{
    pthread_key_create(&key, end);
    for (int i = 0; i < 300; i++) { pthread_t t; pthread_create(&t, NULL, run, NULL); pthread_join(t, NULL); }
    free(first);
    return 0;
}
EOF
    "$hg" record -o e.hgt -- ./early
    whole e.hgt
    [ "$(count e.hgt 4321)" -eq 10000 ]
    [ "$(count e.hgt 5554)" -eq 300 ]
    [ "$(count e.hgt 5555)" -eq 1200 ]
    info e.hgt 'i["threads"] == 301 and i["left_blocks"] <= 8'
    # Threads that end pass the rest of their segment on: 300 of them do not take 300 segments of 256 KiB.
    HEAPGAUGE_RECORD=$PWD/raw HEAPGAUGE_RECORD_CHILDREN=1 LD_PRELOAD=$HEAPGAUGE_BUILD/libheapgauge-record.so ./early
    [ $(($(stat -c %b raw.*.0) * 512)) -lt 1000000 ] # the file is longer, by a hole
}

@test "signal handlers that allocate, on an allocator of the user's own that allows it" {
    build sig <<'EOF'
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
static volatile int ticks;
static void tick(int s) { (void)s; ticks++; for (int i = 0; i < 3; i++) { void *volatile p = malloc(999); free(p); } }
int main(void)
{
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 200}, {0, 200}}, NULL);
    while (ticks < 1000) { void *volatile p = malloc(99); p = realloc(p, 190); free(p); }
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    return 0;
}
EOF
    cat >mine.c <<'EOF'
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
static _Atomic size_t used;
static char *base(void)
{
    static char *_Atomic b;
    if (!b) b = mmap(NULL, (size_t)1 << 36, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return b;
}
/* Goes round in 1 GiB: blocks live briefly. A block's size stands before it. */
void *malloc(size_t n)
{
    size_t at = __atomic_fetch_add((size_t *)&used, (n + 31) & ~(size_t)15, 5);
    char *p = base() + at % (1 << 30) + 16;
    memcpy(p - 8, &n, 8);
    return p;
}
void *calloc(size_t a, size_t b) { return memset(malloc(a * b), 0, a * b); }
void *realloc(void *p, size_t n)
{
    void *q = malloc(n);
    size_t old = 0;
    if (p) memcpy(&old, (char *)p - 8, 8);
    return memcpy(q, p ? p : q, n < old ? n : old);
}
void free(void *p) { (void)p; }
EOF
    cc -O1 -fno-builtin -w -shared -fPIC -o mine.so mine.c
    LD_PRELOAD=$PWD/mine.so run -0 --separate-stderr "$hg" record -o s.hgt -- ./sig
    [[ "$stderr" == *"it ended with exit 0"* ]]
    info s.hgt 'i["complete"] and i["calls"] > 5000'
    # What was dropped is counted; the rest fits together but for what the dropped calls touched.
    info s.hgt '(i["unmatched"] or 0) <= (i["dropped"] or 0)'
    # Of the 3000 calls and more, those that met a handler within the recorder are dropped: most where it is slow.
    info s.hgt '(i["dropped"] or 0) + '"$(count s.hgt 999)"' >= 3000'
    [ "$(basename "$HEAPGAUGE_BUILD")" = cov ] || [ "$(count s.hgt 999)" -ge 2000 ]
}

@test "a library that hooks functions of the C library may allocate there, and is recorded" {
    local p=$BATS_TEST_DIRNAME/../programs h
    "${CC:-cc}" -std=gnu17 -O1 -fno-builtin -shared -fPIC -o hooks.so "$p/hooks.c" -ldl
    "${CC:-cc}" -std=gnu17 -O1 -fno-builtin -pthread -o hooked "$p/hooked.c"
    for h in open mmap munmap madvise mremap getrlimit sched_yield clock_gettime pthread_mutex_lock; do
        LD_PRELOAD=$PWD/hooks.so HOOK=$h run -0 --separate-stderr timeout 60 "$hg" record -o m.hgt -- ./hooked
        [ "$output" = fine ]
        [ "${#stderr_lines[@]}" -eq 1 ] || { echo "hook of $h: $stderr"; return 1; }
        info m.hgt 'not i["dropped"] and not i["unmatched"]'
    done
}

@test "what cannot be done is said before the program starts" {
    refuse() { # WORDS COMMAND...
        run --separate-stderr "${@:2}"
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ "$stderr" == *"$1"* ]]
    }
    echo precious >notes
    refuse 'notes is there, and not an .hgt trace' "$hg" record -o notes -- touch ran
    refuse 'cannot write nodir/x.hgt' "$hg" record -o nodir/x.hgt -- touch ran
    refuse 'cannot write .: it is there, and not a file' "$hg" record -o . -- touch ran
    refuse 'where to write' "$hg" record -- touch ran
    refuse 'which program' "$hg" record -o x.hgt
    refuse 'cannot run ./nothere: No such file' "$hg" record -o x.hgt -- ./nothere
    refuse 'cannot run ./notes: Permission denied' "$hg" record -o x.hgt -- ./notes
    [ ! -e ran ]
    [ ! -e x.hgt ]
    [ "$(cat notes)" = precious ]
    no_litter
}

@test "a program that cannot be recorded is recognised" {
    build static -static <<'EOF'
#include <stdlib.h>
int main(void) { void *volatile p = malloc(1); free(p); return 3; }
EOF
    run -2 --separate-stderr "$hg" record -o x.hgt -- ./static
    [[ "$stderr" == *"statically linked"*"it ended with exit 3"* ]]
    [ ! -e x.hgt ]
    no_litter
}

@test "no room for the recording: the part that there is, and how much is missing" {
    build many <<'EOF'
#include <stdlib.h>
int main(void) { for (int i = 0; i < 400000; i++) { void *volatile p = malloc(666); free(p); } return 0; }
EOF
    # A limit on file size stands in for a full disk: growing the file fails in the same place.
    run -3 --separate-stderr bash -c "ulimit -f 1600; exec '$hg' record -o d.hgt -- ./many"
    [[ "$stderr" == *"it ended with exit 0"*"recording stopped before the program did: File too large"* ]]
    info d.hgt 'i["stopped"] == "File too large" and i["dropped"] > 400000 and i["calls"] > 150000 and i["unmatched"] in (None, 0)'
    info d.hgt '800000 <= i["calls"] + i["dropped"] < 802000'
    no_litter
    # Not even a small one: a reason, not a signal. What heapgauge ignores the program does not.
    run -2 --separate-stderr bash -c "ulimit -f 20; exec '$hg' record -o e.hgt -- ./many"
    [[ "$stderr" == "heapgauge: cannot write e.hgt: File too large" ]]
    no_litter
    [ "$(grep SigIgn /proc/self/status)" = "$("$hg" record -o i.hgt -- grep SigIgn /proc/self/status)" ]
}

@test "a program that closes all descriptors and goes elsewhere is recorded on" {
    build closer <<'EOF'
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
    void *volatile p = malloc(1);
    for (int fd = 0; fd < 2000; fd++) close(fd);
    for (int fd = 0; fd < 600; fd++) if (open("victim", O_RDWR | O_CREAT, 0600) < 0) return 1;
    if (chdir("/")) return 2;
    for (int i = 0; i < 200000; i++) { p = malloc(555); free(p); }
    return 0;
}
EOF
    run -0 --separate-stderr "$hg" record -o c.hgt -- ./closer
    [[ "$stderr" == *"exit 0"* ]]
    whole c.hgt
    [ "$(count c.hgt 555)" -eq 200000 ]
    [ ! -s victim ]
    no_litter
}
