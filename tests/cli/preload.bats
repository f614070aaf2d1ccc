#!/usr/bin/env bats
# shellcheck disable=SC2015,SC2016,SC2154 # "a && b || report" as assertions; inner shells expand; bats sets $stderr
# preload: our backends in malloc's place in programs that are not ours, which must not notice; refusals; exit statuses;
# what trace() and debug() tell of such programs.

setup_file() {
    bats_require_minimum_version 1.5.0
    export hg="$HEAPGAUGE_BUILD/heapgauge" programs="$BATS_FILE_TMPDIR"
    local p
    for p in family holds damages stacks handlers hooked asks; do
        "${CC:-cc}" -std=gnu17 -g -O1 -fno-builtin -fno-omit-frame-pointer -pthread \
            -o "$programs/$p" "$BATS_TEST_DIRNAME/../programs/$p.c"
    done
    "${CC:-cc}" -std=gnu17 -g -O1 -fno-builtin -pthread -DFROM_A_LIBRARY -shared -fPIC \
        -o "$programs/libhandlers.so" "$BATS_TEST_DIRNAME/../programs/handlers.c"
    "${CC:-cc}" -std=gnu17 -O1 -fno-builtin -shared -fPIC -o "$programs/libhooks.so" "$BATS_TEST_DIRNAME/../programs/hooks.c" -ldl
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# The sanitizers stand in malloc's place themselves: their builds have no shim.
needs_shim() {
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-shim.so" ] || skip "this build has no libheapgauge-shim.so"
}

needs() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
}

backends=("pools" "system" "locked(pymalloc)" "locked(bump)" "trace:frames=4(debug(pools))")

# The program's output is the same bare and on every backend. Its own folder each time; standard error counts.
same_on_all() {
    local a i=0
    mkdir bare && (cd bare && "$@") > bare.out 2>&1
    for a in "${backends[@]}"; do
        i=$((i + 1))
        mkdir "on$i" && (cd "on$i" && timeout 60 "$hg" preload "$a" -- "$@") > "on$i.out" 2>&1 || {
            echo "$a: status $?" && tail -20 "on$i.out"
            return 1
        }
        cmp bare.out "on$i.out" || {
            echo "$a: other output"
            return 1
        }
    done
    [ -s bare.out ]
}

@test "the whole malloc family, on every backend" {
    needs_shim
    "$programs/family"
    for a in "${backends[@]}" "debug(locked(pymalloc:layout=3.9))" "trace(locked(system))"; do
        run timeout 60 "$hg" preload "$a" -- "$programs/family"
        [ "$status" -eq 0 ] || { echo "$a: $output"; return 1; }
        [ "$output" = "0 failures" ]
    done
}

@test "what a program asks of malloc, and has it give back, is the backend's: mallinfo2, malloc_stats, malloc_trim" {
    needs_shim
    [ "$(MALLOPT=1 "$programs/asks" trim)" = "0 failures" ] # on glibc itself
    local a
    for a in pools "debug(pools)" "trace(pools)" "locked(pools)"; do
        run timeout 60 "$hg" preload "$a" -- "$programs/asks" trim
        [ "$output" = "0 failures" ] || { echo "$a: $output"; return 1; }
    done
    run timeout 60 "$hg" preload "locked(pymalloc)" -- "$programs/asks" # its arenas go back as soon as they are empty
    [ "$output" = "0 failures" ] || { echo "$output"; return 1; }
    for a in system "trace(system)" "debug(system)"; do
        MALLOPT=1 run timeout 60 "$hg" preload "$a" -- "$programs/asks" trim
        [ "$output" = "0 failures" ] || { echo "$a: $output"; return 1; }
    done
}

@test "threads that ask for their stack, on stacks of every kind" {
    needs_shim
    "$programs/stacks" > bare
    grep -q '^done$' bare
    for a in "${backends[@]:0:2}" "trace(pools)" "debug(pools)" "trace(system)" "debug(system)" \
        "trace:frames=64(pools)" "debug:frames=16(system)"; do
        timeout 60 "$hg" preload "$a" -- "$programs/stacks" > out 2>&1 || { echo "$a: status $?"; cat out; return 1; }
        cmp bare out || { echo "$a: other output"; return 1; }
    done
}

@test "fork handlers of the program, and of a library before it, may allocate" {
    needs_shim
    local a handler library
    for a in "${backends[@]}" "trace(pools)" "debug(pools)" "trace(system)"; do
        for handler in prepare parent child; do
            for library in "" "$programs/libhandlers.so"; do
                LD_PRELOAD=$library run timeout 20 "$hg" preload "$a" -- "$programs/handlers" $handler threads
                [ "$status" -eq 0 ] && [ "$output" = forked ] || {
                    echo "$a, $handler handler ${library:+of a library}: status $status, $output"
                    return 1
                }
            done
        done
    done
}

@test "a library that hooks functions of the C library may allocate there" {
    needs_shim
    local a h
    for h in mmap munmap madvise mremap open sched_yield pthread_mutex_lock; do
        for a in pools system "debug(system)" "trace(system)" "locked(pymalloc)" bump; do
            HOOK=$h LD_PRELOAD="$programs/libhooks.so" run timeout 60 "$hg" preload "$a" -- "$programs/hooked"
            [ "$status" -eq 0 ] && [ "$output" = fine ] || { echo "$a, hook of $h: status $status, $output"; return 1; }
        done
    done
}

@test "java, and threads of python3, run the same on trace() and debug()" {
    needs_shim
    backends=("trace(pools)" "debug(pools)" "trace:frames=16(system)" "debug:frames=16(system)")
    local ran=
    if command -v java >/dev/null; then
        ran=yes
        same_on_all java -Xmx64m -version
        rm -r ./*
    fi
    if command -v python3 >/dev/null; then
        ran=yes
        same_on_all python3 -c '
import threading, queue
q = queue.Queue()
def work(n):
    q.put(sum(len(str(i) * 3) for i in range(n)))
for _ in range(20):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 200, 40)]
    [t.start() for t in threads]; [t.join() for t in threads]
print(sorted(q.get() for _ in range(100)))'
    fi
    [ -n "$ran" ] || skip "neither java nor python3 is installed"
}

@test "python3 runs the same" {
    needs_shim
    needs python3
    cat > p.py <<'PY'
import hashlib, json, threading, subprocess, sys
out = []
def work(n):
    d = {str(i): [i, i * 0.5, "x" * (i % 700)] for i in range(n)}
    out.append(hashlib.sha256(json.dumps(d, sort_keys=True).encode()).hexdigest())
threads = [threading.Thread(target=work, args=(4000,)) for _ in range(3)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(out))
print(subprocess.run([sys.executable, "-c", "print(sum(range(10**5)))"], capture_output=True, text=True).stdout)
PY
    same_on_all python3 "$PWD/p.py"
}

@test "gcc compiles to the same bytes" {
    needs_shim
    needs gcc
    same_on_all sh -c "gcc -O2 -g -fdebug-prefix-map=\$PWD=. -c -o o.o '$BATS_TEST_DIRNAME/../programs/family.c' && sha256sum o.o"
}

@test "sqlite3 answers the same" {
    needs_shim
    needs sqlite3
    cat > q.sql <<'SQL'
create table t(id integer primary key, k text, v real);
insert into t with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)
  select i, printf('key-%05d-%s', (i * 7919) % 30011, hex(i)), i * 0.25 from n;
create index by_k on t(k);
select count(*), sum(v), min(k), max(k) from t;
select substr(k, 1, 6) p, count(*), group_concat(id % 7) from t where id % 50 = 3 group by p order by p limit 20;
SQL
    same_on_all sh -c "sqlite3 d.db < '$PWD/q.sql'"
}

@test "zstd and xz compress the same with two threads" {
    needs_shim
    needs zstd
    needs xz
    seq 1 150000 > input
    same_on_all sh -c "zstd -q -T2 -B1M -7 -c '$PWD/input' | sha256sum && xz -T2 -2 --block-size=300KiB -c '$PWD/input' | sha256sum"
}

@test "git does the same" {
    needs_shim
    needs git
    same_on_all sh -c '
        export GIT_AUTHOR_DATE="2020-01-01T00:00:00Z" GIT_COMMITTER_DATE="2020-01-01T00:00:00Z" HOME=$PWD GIT_CONFIG_NOSYSTEM=1
        git init -q -b main . && git config user.name N && git config user.email e@example.org
        for i in 1 2 3; do seq $i 20000 > f$i && git add . && git commit -qm "change $i"; done
        git gc -q && git fsck 2>&1 && git log --stat --format=%H%s && git diff HEAD~2 | sha256sum'
}

@test "libraries, by short name and by path" {
    needs_shim # a sanitizer's runtime would have to come before the library
    lib=
    for name in jemalloc mimalloc tcmalloc tbbmalloc rpmalloc snmalloc hoard mesh; do
        run --separate-stderr "$hg" preload "$name" -- sh -c 'echo "$LD_PRELOAD"'
        if [ "$status" -eq 0 ]; then
            lib=${output%%:*}
            [[ $lib = /*.so* ]]
        else
            [ "$status" -eq 2 ]
            [[ $stderr = *"is not installed"* ]]
        fi
    done
    [ -n "$lib" ] || skip "no library is installed"
    [ "$("$hg" preload "$lib" -- sh -c 'echo "$LD_PRELOAD"')" = "$lib" ]
    [ "$("$hg" preload "preload:$lib" -- sh -c 'echo "$LD_PRELOAD"')" = "$lib" ]
    [ "$(LD_PRELOAD=$lib "$hg" preload "$lib" -- sh -c 'echo "$LD_PRELOAD"')" = "$lib:$lib" ]
}

@test "the exit status is the program's" {
    needs_shim
    run "$hg" preload pools -- sh -c 'exit 7'
    [ "$status" -eq 7 ]
    run "$hg" preload pools -- sh -c 'kill -TERM $$'
    [ "$status" -eq 143 ]
    run "$hg" preload --by line "trace(pools)" -- "$programs/holds"
    [ "$status" -eq $((128 + $(kill -l USR2))) ]
    run "$hg" preload --by file "trace(pools)" -- sh -c 'exit 9'
    [ "$status" -eq 9 ]
    run -127 "$hg" preload pools -- /nowhere/program
    run -126 "$hg" preload pools -- /etc/passwd
}

@test "what cannot work is refused with what would" {
    refused() {
        run --separate-stderr "$hg" preload "${@:2}"
        [ "$status" -eq 2 ] && [ -z "$output" ] && [[ $stderr = *"$1"* ]] || { echo "$stderr"; return 1; }
    }
    refused "locked(pymalloc)" pymalloc -- true
    refused "locked(pymalloc)" "debug(pymalloc)" -- true
    refused "bump" null -- true
    refused "locked(pymalloc)" "locked(cpython)" -- true
    refused "no wrapper of ours" "trace(preload:jemalloc)" -- true
    refused "debug(pools)" "debug(preload:jemalloc)" -- true
    refused "did you mean 'pools'" pool -- true
    refused "/nowhere.so" /nowhere.so -- true
    refused "not a shared library" /etc/passwd -- true
    refused "usage" pools
    refused "usage" pools --
    refused "usage" -- true
    refused "trace(pools)" --by line jemalloc -- true
    needs_shim
    refused "trace(" --snapshot s pools -- true
    refused "not a signal" --snapshot s --signal NOSUCH "trace(pools)" -- true
    refused "nowhere" --snapshot /nowhere/s "trace(pools)" -- true
    # The library itself refuses too, when it is used without the command.
    run env LD_PRELOAD="$HEAPGAUGE_BUILD/libheapgauge-shim.so" HEAPGAUGE_ALLOC="pymalloc" true
    [ "$status" -eq 2 ]
    [[ $output = *"locked(pymalloc)"* ]]
}

@test "a program that a preloaded library does not reach is refused with the reason" {
    needs_shim
    printf '#include <stdlib.h>\nint main(void) { void *volatile p = malloc(1); free(p); return 3; }\n' > p.c
    refused() { # REASON PROGRAM: by all that could stand before it, and by record
        local a
        for a in pools "trace(system)" jemalloc; do
            run --separate-stderr "$hg" preload "$a" -- "$2"
            [[ $stderr = *"is not installed"* ]] && continue
            [ "$status" -eq 2 ] && [ -z "$output" ] && [[ $stderr = *"$2 would not be served by "*": $1"* ]] || {
                echo "$a: status $status, $stderr"
                return 1
            }
        done
        run --separate-stderr "$hg" record -o r.hgt -- "$2"
        [ "$status" -eq 2 ] && [[ $stderr = *"$2 made no call that could be recorded: $1"* ]] || { echo "$stderr"; return 1; }
    }
    "${CC:-cc}" -O1 -fno-builtin -static -o static p.c
    refused "it is statically linked" "$PWD/static"
    printf '#!%s\n' "$PWD/static" > script
    chmod +x script
    refused "it is statically linked" "$PWD/script"
    PATH=$PWD:$PATH refused "it is statically linked" static
    cat > own.c <<'C'
#include <stddef.h>
static char room[1 << 20];
static size_t used;
void *malloc(size_t n) { void *p = room + used; used += (n + 15) & ~(size_t)15; return p; }
void free(void *p) { (void)p; }
void *calloc(size_t n, size_t m) { return malloc(n * m); }
void *realloc(void *p, size_t n) { (void)p; return malloc(n); }
int main(void) { return malloc(1) == NULL; }
C
    "${CC:-cc}" -O1 -fno-builtin -o own own.c
    refused "it brings its own malloc" "$PWD/own"
    # A set-user-ID program of another user: made by root, or there already.
    "${CC:-cc}" -O1 -fno-builtin -o plain p.c
    run -3 "$hg" preload pools -- ./plain
    local other=
    if [ "$(id -u)" -eq 0 ]; then
        chown 65534 plain
        chmod 4755 plain
        other=$PWD/plain
    else
        other=$(command -v su || true)
    fi
    if [ -u "$other" ] && ! findmnt -no OPTIONS -T "$other" | grep -q nosuid && ! grep -q 'NoNewPrivs:.*1' /proc/self/status; then
        run --separate-stderr "$hg" preload pools -- "$other"
        [ "$status" -eq 2 ]
        [[ $stderr = *"it is set-user-ID"* ]]
    fi
}

@test "trace() reports who holds memory, and what changed between two moments" {
    needs_shim
    run --separate-stderr "$hg" preload --snapshot s --signal USR2 --by line "trace(pools)" -- "$programs/holds"
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [[ $stderr = *"holds.c:10: size=3900 B, count=13, average=300 B, ever=13"* ]]
    [[ $stderr = *"holds.c:17: size=0 B, count=0, "*"ever=1"* ]]
    [ -e s ] && [ -e s.1 ] && [ ! -e s.2 ]
    run "$hg" sites s.1
    [ "$status" -eq 0 ]
    [[ $output = *"holds.c:17: size=7000 B, count=1, "* ]]
    [[ $output = *"holds.c:10: size=3000 B, count=10, "* ]]
    run "$hg" sites s s.1
    [[ ${lines[1]} = *"holds.c:17: size=0 B (-7000 B), count=0 (-1)"* ]]
    [[ ${lines[2]} = *"holds.c:10: size=3900 B (+900 B), count=13 (+3)"* ]]
    run "$hg" sites --by file s
    [[ $output = *"holds.c: size=3900 B, count=13"* ]]
    "$hg" preload --snapshot t "trace:frames=8(debug(pools))" -- "$programs/holds" || [ $? -eq $((128 + $(kill -l USR2))) ]
    [ ! -e t ] # it died of the signal that nobody asked for
    "$hg" preload --snapshot t --signal 12 "trace:frames=8(debug(pools))" -- "$programs/holds" || [ $? -eq 3 ]
    run "$hg" sites --by traceback t
    [[ $output = *"holds.c:10 three_hundred"$'\n'*"holds.c:25 main"* ]]
    run "$hg" sites --cumulative t
    [[ $output = *"holds.c:25: size=3000 B, count=10"* ]]
}

@test "sites refuses what is no snapshot" {
    echo nonsense > n
    run "$hg" sites n
    [ "$status" -eq 2 ]
    [[ $output = *"n:1: not a snapshot"* ]]
    run "$hg" sites nowhere
    [ "$status" -eq 2 ]
    run "$hg" sites
    [ "$status" -eq 2 ]
    run "$hg" sites --by traceback --cumulative n
    [ "$status" -eq 2 ]
}

@test "children of a traced program write snapshots of their own" {
    needs_shim
    "$hg" preload --snapshot s "trace(pools)" -- bash -c 'ls / > /dev/null; ls / > /dev/null; :'
    [ -e s ]
    files=(s.[0-9]*)
    [ "${#files[@]}" -eq 2 ]
    run "$hg" sites "${files[0]}"
    [ "$status" -eq 0 ]
}

@test "debug() finds damage in a program, and names the lines" {
    needs_shim
    "$hg" preload "debug(pools)" -- "$programs/damages"
    run "$hg" preload "debug(pools)" -- "$programs/damages" twice
    [ "$status" -eq 134 ]
    [[ $output = *"double free: block 0x"*" of 40 bytes"* ]]
    [[ $output = *"found by this call:"*"#0 free_twice ("*"damages+0x"*"damages.c:18"* ]]
    [[ $output = *"allocated:"*"#0 free_twice ("*"damages.c:16"*"#1 main ("* ]]
    [[ $output = *"freed:"*"#0 free_twice ("*"damages.c:17"* ]]
    run "$hg" preload "debug(trace(pools))" -- "$programs/damages" overrun
    [ "$status" -eq 134 ]
    [[ $output = *"overrun: block 0x"*" of 40 bytes was written behind its end: the byte at +40 is 0x01"* ]]
    [[ $output = *"allocated:"*"#0 overrun ("*"damages.c:9"* ]]
    # trace() outside adds its own 16 bytes to the block that debug() sees; the line is the program's all the same.
    run "$hg" preload "trace(debug(pools))" -- "$programs/damages" overrun
    [ "$status" -eq 134 ]
    [[ $output = *"overrun: block 0x"*" of 56 bytes"*"allocated:"*"#0 overrun ("*"damages.c:9"* ]]
    # Without the command, or with one that does not answer, objects and offsets.
    for command in "" /nowhere/heapgauge "$(command -v false)"; do
        run env LD_PRELOAD="$HEAPGAUGE_BUILD/libheapgauge-shim.so" HEAPGAUGE_ALLOC="debug(pools)" HEAPGAUGE_COMMAND="$command" \
            "$programs/damages" twice
        [ "$status" -eq 134 ]
        [[ $output = *"double free"*"#0 ? ("*"damages+0x"*"freed:"* ]]
    done
}

@test "where prints what is at an address of a process, and refuses what is none" {
    address=$(sed -n 's/^\([0-9a-f]*\)-.* r-xp .*bash.*/\1/p' /proc/$$/maps | head -1)
    [ "$(printf '%s\n1\n' "${address:-0}" | "$hg" where $$ | wc -l)" -eq 2 ]
    [ "$(echo 1 | "$hg" where $$)" = $'\t\t' ]
    refused() {
        run --separate-stderr "$hg" where "${@:2}" <<< "zz"
        [ "$status" -eq 2 ] && [[ $stderr = *"$1"* ]] || { echo "$stderr"; return 1; }
    }
    refused "line 1: not an address: zz" $$
    refused "'x' is not the number of a process" x
    refused "cannot read /proc/0/maps" 0
    refused "usage"
}

@test "a C++ program's new and delete are ours" {
    needs_shim
    needs c++
    cat > p.cc <<'CC'
#include <map>
#include <memory>
#include <new>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>
struct alignas(256) wide { char c[512]; };
int main()
{
    std::map<int, std::string> m;
    std::vector<std::thread> t;
    for (int i = 0; i < 20000; i++)
        m[i * 7919 % 20011] = std::string(i % 90, 'a' + i % 26);
    for (int i = 0; i < 3; i++)
        t.emplace_back([] { for (int k = 1; k < 30000; k++) delete[] new char[k % 700 + 1]; });
    for (auto &x : t)
        x.join();
    auto w = std::make_unique<wide>();
    void *p = ::operator new(100, std::nothrow);
    ::operator delete(p, std::size_t(100));
    bool refused = false;
    try { p = ::operator new(SIZE_MAX / 4); } catch (const std::bad_alloc &) { refused = true; }
    std::size_t sum = 0;
    for (auto &e : m)
        sum = sum * 31 + e.first + e.second.size();
    std::printf("%zu %d %d\n", sum, (int)((std::uintptr_t)w.get() % 256), refused);
}
CC
    c++ -std=c++17 -O1 -g -pthread -o p p.cc
    same_on_all "$PWD/p"
    [[ $(cat bare.out) = *" 0 1" ]]
    run --separate-stderr "$hg" preload --by line "trace:frames=1(pools)" -- "$PWD/p"
    [ "$status" -eq 0 ]
}
