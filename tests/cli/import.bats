#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# heapgauge trace import: the forms that other tools write, against the calls that their programs are known to make
# (tests/programs/kin.c, operators.cc; tests/traces/README says what was written how); pipes; what is refused; input
# that is hostile.

bats_require_minimum_version 1.5.0

setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
    traces="$BATS_TEST_DIRNAME/../traces"
    cd "$BATS_TEST_TMPDIR" || return 1
}

imports() { # FILE: becomes x.hgt, without a word
    run --separate-stderr -0 "$hg" trace import "$1" -o x.hgt
    [ -z "$output$stderr" ]
}

exports() { # the text of x.hgt is standard input
    cat >wanted.txt
    "$hg" trace export x.hgt | diff wanted.txt -
}

needs() { # PROGRAM
    [ -n "$(type -t "$1")" ] || skip "no $1 here"
}

counted() { # KEY=N ...: of x.hgt's info; 0 when it is not there
    "$hg" trace info x.hgt --json >info.json
    python3 - "$@" <<'PY'
import json, sys
info = json.load(open("info.json"))
for word in sys.argv[1:]:
    key, n = word.split("=")
    assert int(info.get(key) or 0) == int(n), (word, info.get(key))
PY
}

refused() { # WORDS COMMAND...: exit 2, one line on standard error that holds the words, no trace
    run --separate-stderr "${@:2}"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ "$stderr" == *"$1"* ]]
    [ ! -e bad.hgt ]
}

bad() { # WORDS TEXT: the text is refused
    printf '%b' "$2" >bad.txt
    refused "bad.txt: $1" "$hg" trace import bad.txt -o bad.hgt
}

# What kin.c's main thread does after its thread and child; ids as they are without either.
@test "mtrace: what kin.c calls, but for threads, calloc and alignment" {
    imports "$traces/mtrace.txt"
    # 288 bytes: the thread's, by ld.so
    exports <<'EOT'
a 0 24
a 1 124
a 2 300
r 1 5000
a 3 640
a 4 50
f 0
r 4 200
a 0 8
a 5 1000
a 6 288
a 7 777
r 7 888
f 7
a 7 33
f 7
f 5
f 1
f 3
f 4
f 0
EOT
    counted failed=1 unmatched=0 conflicts=0 dropped=0 threads=1 left_blocks=2 left_bytes=588
    [ "$("$hg" trace info x.hgt --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["source"])')" = mtrace ]
}

@test "ltrace: one thread, garbage behind the arguments; posix_memalign shows no address without a prototype" {
    run --separate-stderr -0 "$hg" trace import "$traces/ltrace.txt" -o x.hgt
    [[ "$stderr" == *"posix_memalign's blocks are left out (1)"* ]]
    exports <<'EOT'
a 0 24
a 1 124
c 2 300
r 1 5000
A 3 64 640
a 4 50
f 0
r 4 200
a 0 8
f 1
f 3
f 4
f 0
EOT
    counted failed=1 unmatched=1 conflicts=0 dropped=1 threads=1 left_blocks=1 left_bytes=300
}

@test "ltrace -f -tt: threads by pid, a forked child's memory is its own, posix_memalign with its prototype" {
    imports "$traces/ltrace-f.txt"
    exports <<'EOT'
a 0 24
a 1 124
c 2 300
r 1 5000
A 3 64 640
a 4 50
f 0
r 4 200
a 0 8
A 5 128 1000
@1 +
@1 a 6 777
@1 r 6 888
@1 f 6
@1 a 6 33
@1 -
f 6
@1 +
@1 a 6 777
@1 r 6 888
@1 f 6
@1 a 6 33
@1 -
f 6
@1 +
@1 a 6 4444
@1 f 6
@1 -
f 5
f 1
f 3
f 4
f 0
EOT
    counted failed=1 unmatched=1 conflicts=0 dropped=0 threads=4 # the child's free of its parent's block
}

# operators.cc: what every form of its calls must come to.
operators() {
    cat <<'EOT'
a 0 4
a 1 40
A 2 64 128
A 3 64 384
a 4 100
f 0
f 1
f 2
f 3
f 4
a 4 5
f 4
EOT
}

@test "C++: operators mangled, demangled and nested (an operator's own malloc is not counted again)" {
    for name in ltrace-mangled ltrace-c++; do
        imports "$traces/$name.txt"
        operators | exports
        counted unmatched=0 conflicts=0 dropped=0
    done
}

@test "valgrind: processes by pid, each with its own memory; C++; time stamps" {
    imports "$traces/valgrind.txt"
    # 272 bytes: the thread's, by ld.so; the child frees b and that again
    exports <<'EOT'
a 0 24
a 1 124
c 2 300
r 1 5000
A 3 64 640
a 4 50
f 0
r 4 200
a 0 8
A 5 128 1000
c 6 272
a 7 777
r 7 888
f 7
a 7 33
f 7
@1 a 7 4444
@1 f 7
f 5
f 1
f 3
f 4
f 0
f 6
EOT
    counted failed=1 unmatched=2 conflicts=0 dropped=0 threads=2 left_blocks=1 left_bytes=300
    imports "$traces/valgrind-c++.txt"
    # 72,704 bytes: libstdc++'s own, for exceptions
    (echo 'a 0 72704' && operators | awk '{ $2++; print }' && echo 'f 0') | exports
}

@test "valgrind: a function that calls another one counts once; nothing but calls is read" {
    cat >v.txt <<'EOT'
hello from the program
--7-- malloc(50) = 0x4A42040
--7-- realloc(0x4A42040,0)free(0x4A42040)
--7--  = 0
--7-- realloc(0x0,100)malloc(100) = 0x4A420C0
--7-- malloc_usable_size(0x4A420C0) = 100
--7-- REDIR: 0x401 (libc.so.6:malloc) redirected to 0x402 (malloc)
==7== Invalid read of size 4
--7-- WARNING: unhandled amd64-linux syscall: 999
--7-- memalign(al 3, size 5) = 0x4A422A0
--7-- posix_memalign(al 64, size 100) = 0x4A42300
--7-- aligned_alloc(al 32, size 96) = 0x4A42400
EOT
    imports v.txt
    printf 'a 0 50\nf 0\na 0 100\na 1 5\nA 2 64 100\nA 3 32 96\n' | exports
}

@test "heaptrack, as its library writes it and interpreted; plain and packed by zstd" {
    needs zstd
    # 72,704 bytes: libstdc++'s own; 320: the thread's, by ld.so; reallocarray is not seen; a realloc is two calls
    cat >expected.txt <<'EOT'
a 0 72704
a 1 24
a 2 124
a 3 300
f 2
a 2 5000
a 4 640
a 5 50
f 1
f 5
a 5 200
a 1 8
a 6 1000
a 7 320
a 8 777
f 8
a 8 888
f 8
a 8 33
f 8
f 6
f 2
f 4
f 5
f 1
f 0
EOT
    for name in heaptrack heaptrack-raw; do
        imports "$traces/$name.zst"
        exports <expected.txt
        counted unmatched=0 conflicts=0 left_blocks=2 left_bytes=620
        zstd -qdc "$traces/$name.zst" | "$hg" trace import - -o x.hgt
        exports <expected.txt
    done
}

@test "heaptrack: the first version of the file, strings with newlines, which block of a class" {
    printf 'v 10000\nX ./p\nt 1 0\n+ 18 1 1000\n+ 20 1 1040\n- 1000\n- 9999\nc 1\n' >old.txt
    imports old.txt
    printf 'a 0 24\na 1 32\nf 0\n' | exports
    counted unmatched=1
    printf 'v 10500 3\ns 8 a\n+ 0\n- \ns 3 abc\na 18 1\n+ 0\n+ 0\n- 0\n- 0\n- 0\n' >new.txt
    imports new.txt
    printf 'a 0 24\na 1 24\nf 1\nf 0\n' | exports
    counted unmatched=1
    bad "line 2: '+' has 2 numbers" 'v 10500 3\n+ 1 2\n'
    bad "line 2: '5' is not a class of blocks" 'v 10500 3\n+ 5\n'
    bad "line 2: '1234567890abcdef0' is not a hexadecimal number" 'v 10500 3\na 1234567890abcdef0 1\n'
    bad "line 2: 'zz' begins no line" 'v 10500 3\nzz 1\n'
    bad "line 2: 'q' begins no line" 'v 10500 3\nq 1\n'
}

@test "Android's memory_replay: threads, old and new lines, tagged addresses, threads that end" {
    cat >android.txt <<'EOT'
901: malloc 0xb400007c12345670 20
901: calloc 0x7f1000 3 100
902: memalign 0x7f2000 64 1000
902: realloc 0x7f3000 0x7f1000 400
902: malloc 0x0 99
902: free 0x7f2000
902: thread_done 0x0
901: free 0x5000
902: malloc 0x7f2000 8 1000000 1000200
901: realloc 0x7f4000 0x0 30 1000300 1000400
901: free 0xb400007c12345670 1000500 1000600
901: free 0x0
902: thread_done 0x0 1000700
901: thread_done 0x0
EOT
    imports android.txt
    exports <<'EOT'
a 0 20
c 1 300
@1 +
@1 A 2 64 1000
@1 r 1 400
@1 f 2
@1 -
@1 +
@1 a 2 8
a 3 30
f 0
@1 -
-
EOT
    counted threads=3 failed=1 unmatched=1
    bad "line 2: 'x' is not a thread" '1: malloc 0x10 1\nx\n'
    bad "line 2: 'mmap' is not an action" '1: malloc 0x10 1\n1: mmap 0x10 1\n'
    bad "line 2: '' in memalign: the form is TID: memalign ADDRESS ALIGNMENT SIZE" '1: malloc 0x10 1\n1: memalign 0x10 1\n'
    bad "line 2: '18446744073709551616' in malloc" '1: malloc 0x10 1\n1: malloc 0x20 18446744073709551616\n'
    bad "line 1: a block of 140737488355329 bytes" '1: malloc 0x10 140737488355329\n'
    bad "line 1: calloc of a product beyond" '1: calloc 0x10 4294967296 4294967296\n'
}

@test "ltrace: calls that others interrupt; a free counts where it begins, an allocation where it returns" {
    cat >l.txt <<'EOT'
10 p->malloc(24)                              = 0x1000
10 p->free(0x1000 <unfinished ...>
11 p->malloc(16 <unfinished ...>
11 <... malloc resumed> )                     = 0x1000
10 <... free resumed> )                       = <void>
10 p->realloc(0x2000, 40 <unfinished ...>
11 p->puts("malloc(8) = 0x30")                = 3
11 --- SIGUSR1 (User defined signal 1) ---
10 <... realloc resumed> )                    = 0x3000
10 p->qsort(0x1, 2, 3, 4 <unfinished ...>
10 p->malloc(7)                               = 0x4000
10 <... qsort resumed> )                      = <void>
10 p->realloc(0x3000, 80 <unfinished ...>
10 libc.so.6->malloc(80 <unfinished ...>
11 libc.so.6->free(0x1000)                    = <void>
10 <... malloc resumed> )                     = 0x5000
10 libc.so.6->free(0x3000)                    = <void>
10 <... realloc resumed> )                    = 0x5000
10 p->realloc(0x5000, 99999999999999)         = nil
10 p->free(nil)                               = <void>
11 +++ exited (status 0) +++
10 p->calloc(3, 5 <unfinished ...>
10 +++ killed by SIGKILL +++
EOT
    imports l.txt
    exports <<'EOT'
a 0 24
f 0
@1 +
@1 a 0 16
a 1 40
a 2 7
@1 f 0
r 1 80
@1 -
EOT
    counted unmatched=1 failed=1 dropped=1 conflicts=0
}

@test "ltrace: calls inside one that is left by an exception are counted as dropped" {
    cat >l.txt <<'EOT'
p->main(1 <unfinished ...>
p->_Znwm(9000 <unfinished ...>
libstdc++.so.6->malloc(9000)                  = 0
libstdc++.so.6->malloc(144)                   = 0x5000
p->free(0x5000)                               = <void>
<... main resumed> )                          = 0
p->malloc(8)                                  = 0x6000
p->_Znwm(7 <unfinished ...>
libstdc++.so.6->malloc(7)                     = 0x7000
<... _Znwm resumed> )                         = 0x7000
EOT
    imports l.txt
    printf 'a 0 8\na 1 7\n' | exports
    counted dropped=4 unmatched=0 failed=0
}

@test "ltrace: every prefix; system calls between; more calls of the kin" {
    for prefix in '' '10 ' '[pid 10] ' '17:24:42 ' '10 17:24:42.024012 ' '1732814682.123456 ' '  0.000031 ' '10   0.000031 ' \
        '10 1.5 [0x401136] '; do
        {
            echo "${prefix}SYS_brk(0) = 0x55bdcb0c3000"
            echo "${prefix}__libc_start_main(0x401136, 1, 0x7ffd <unfinished ...>"
            echo "${prefix}malloc(24) = 0x1000 <0.000123>"
            echo "${prefix}prog->memalign(32, 100, 0x1, 0x2) = 0x2000"
            echo "${prefix}valloc@libc.so.6(10) = 0x3000"
            echo "${prefix}libx.so.1->pvalloc(4097) = 0x5000"
            echo "${prefix}reallocarray(0x1000, 3, 5) = 0x1000"
            echo "${prefix}free_sized(0x2000, 100) = <void>"
            echo "${prefix}exit(0 <no return ...>"
            echo "${prefix}+++ exited (status 0) +++"
        } >l.txt
        imports l.txt
        printf 'a 0 24\nA 1 32 100\nA 2 4096 10\nA 3 4096 8192\nr 0 15\nf 1\n' | exports
    done
}

@test "an address that is handed out again, and frees of unknown ones, are counted" {
    printf '= Start\n@ p:[0x1] + 0x10 0x8\n@ p:[0x1] + 0x10 0x9\n@ p:[0x1] - 0x99\n@ p q:(f+0x1)[0x1] < 0x98\n@ p > 0x20 0x4\n@ p - 0x10\n' >m.txt
    imports m.txt
    printf 'a 0 8\nf 0\na 0 9\na 1 4\nf 0\n' | exports
    counted conflicts=1 unmatched=2
}

@test "mtrace: errors by line and word; a realloc that was cut in two" {
    bad "line 2: 'nonsense' ends with no operation" '= Start\nnonsense\n'
    bad "line 2: '0x12345678123456789' is not an address" '= Start\n@ p - 0x12345678123456789\n'
    bad "line 2: '0xz' is not a size" '= Start\n@ p + 0x10 0xz\n'
    bad "line 2: a block of 281474976710656 bytes" '= Start\n@ p + 0x10 0x1000000000000\n'
    printf '= Start\n@ p + 0x10 0x8\n@ p < 0x10\n@ p + 0x20 0x4\n@ p ! 0x10 0x99\n@ p - 0x10\n= End\n' >m.txt
    imports m.txt
    printf 'a 0 8\na 1 4\nf 0\n' | exports
    counted dropped=1 failed=1
}

@test "ltrace and valgrind: errors by line and word" {
    bad "line 2: 'x) = 0x20' is not what malloc takes" 'malloc(8) = 0x10\nmalloc(x) = 0x20\n'
    bad "line 2: 'what' is not what malloc returned" 'malloc(8) = 0x10\nmalloc(8) = what\n'
    bad "line 2: '99999999999999999999) = 0x20' is not what malloc takes" 'malloc(8) = 0x10\nmalloc(99999999999999999999) = 0x20\n'
    bad "line 1: a block of a product beyond 2^64" 'calloc(4294967296, 4294967296) = 0x10\n'
    bad "line 1: '8' is not what malloc takes" '--5-- malloc(8\n'
    bad "line 2: ' = what' in the place of the address" '--5-- malloc(8) = 0x10\n--5-- malloc(8) = what\n'
}

@test "a last line that was cut off is left out, with a warning; line ends of DOS are taken" {
    printf '= Start\n@ p + 0x10 0x8\n@ p + 0x20 0x123' >m.txt
    run --separate-stderr -0 "$hg" trace import m.txt -o x.hgt
    [[ "$stderr" == *"m.txt: line 3 has no end: it is left out as cut off"* ]]
    echo 'a 0 8' | exports
    counted dropped=1
    sed 's/$/\r/' "$traces/ltrace-mangled.txt" >dos.txt
    imports dos.txt
    operators | exports
}

@test "nothing to import is no silent success; what is good of a damaged trace has a way" {
    run --separate-stderr -0 "$hg" trace import - -o x.hgt </dev/null
    [ "$stderr" = "heapgauge: standard input is empty: a trace of 0 calls is written" ]
    for ((i = 0; i < 100000; i++)); do echo "a $i $((i * 7919 % 5000))"; done >many.txt # more than one chunk
    "$hg" trace import many.txt -o many.hgt
    head -c -40 many.hgt >cut.hgt
    run --separate-stderr -2 "$hg" trace import --partial cut.hgt -o x.hgt
    [[ "$stderr" == *"heapgauge trace export --partial FILE | heapgauge trace import - -o F.hgt"* ]]
    "$hg" trace export --partial cut.hgt 2>/dev/null | "$hg" trace import - -o x.hgt
    "$hg" trace export x.hgt >good.txt
    [ -s good.txt ]
    cmp -n "$(stat -c %s good.txt)" good.txt many.txt
}

@test "a zstd file that was cut off needs --partial; a damaged one is refused" {
    needs zstd
    python3 - <<'PY' | zstd -q >long.zst
import random
random.seed(1)
print("= Start")
for i in range(200000):
    print(f"@ p:[{random.randrange(1 << 40):#x}] + {0x1000 + i * 16:#x} 0x8")
PY
    head -c 1000000 long.zst >cut.zst
    refused "cut.zst ends in the middle of its zstd data: it was cut off (--partial takes what is there)" \
        "$hg" trace import cut.zst -o bad.hgt
    run --separate-stderr -0 "$hg" trace import --partial cut.zst -o x.hgt
    [[ "$stderr" == *"cut.zst ends in the middle of its zstd data: it was cut off; the part before it is written"* ]]
    calls=$("$hg" trace info x.hgt --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["calls"])')
    zstd -qdc cut.zst 2>zstd.err | grep -c 0x8$ >whole || true
    [ "$calls" -eq "$(cat whole)" ]
    printf 'XXXX' | dd of=long.zst bs=1 seek=500000 conv=notrunc status=none
    refused "long.zst: damaged zstd data" "$hg" trace import long.zst -o bad.hgt
}

@test "a pipe loses nothing, whatever the form, however late and in however small pieces it comes" {
    printf 'a 0 64\nf 0\n' >two.txt
    printf 'a 0 64\na 1 32\nf 0\nf 1\n' >four.txt
    for name in two four; do
        # shellcheck disable=SC2002 # the pipe is what is tested
        cat $name.txt | (sleep 0.2 && "$hg" trace import /dev/stdin -o $name.hgt)
        "$hg" trace export $name.hgt | diff $name.txt -
    done
    for name in mtrace.txt ltrace-f.txt valgrind.txt heaptrack.zst heaptrack-raw.zst; do
        imports "$traces/$name"
        "$hg" trace export x.hgt -o file.txt
        python3 -c '
import sys, time
data = open(sys.argv[1], "rb").read()
for i in range(0, len(data), 1 if len(data) < 2000 else 7):
    sys.stdout.buffer.write(data[i:i + (1 if len(data) < 2000 else 7)]); sys.stdout.buffer.flush()
' "$traces/$name" | "$hg" trace import - -o x.hgt
        exports <file.txt
    done
}

@test "profiles are refused with the reason, packed files with what unpacks them, the rest with what is known" {
    bad "a heap profile of jemalloc: it holds sums or samples, not the calls in their order" 'heap_v2/524288\n  t*: 1: 82338 [0: 0]\n'
    bad "a heap profile of tcmalloc (gperftools): it holds sums" 'heap profile:      1:     1024 [     1:     1024] @ heapprofile\n'
    bad "a profile of valgrind's massif: it holds sums" 'desc: --time-unit=B\ncmd: ./p\ntime_unit: B\n'
    bad "perf's data file: it holds sums" 'PERFILE2\0\0\0\0'
    bad "a profile of pprof: it holds sums" '\n\004\010\001\020\002\n\004'
    bad "a gzip file: if it is a profile of pprof, it holds sums or samples" '\037\213\010\000'
    bad "an xz file: unpack it first: xzcat FILE" '\xfd\x37zXZ\0'
    bad "an .hgt trace already" '\211HGT\r\n\032\n'
    bad "line 1: 'what' is not an operation of a form that is known: import takes the text form (a c r A f + - w; .rep too), mtrace, valgrind, heaptrack, memory_replay, ltrace" 'what is this\n'
    bad "not text, and no packed form that is known: import takes" 'zb\0cd\n'
    bad "ltrace, but no call of malloc or its kin in it that succeeded: ltrace -f -o FILE PROGRAM writes one (strace" 'brk(NULL)  = 0x55\nread(3, "", 9) = 0\n'
    bad "mtrace, but no call of malloc" '= Start\n= End\n'
}

@test "lines of any length, NUL bytes and thousands of places need little memory" {
    python3 - <<'PY'
import random
random.seed(2)
with open("long.txt", "w") as f:
    f.write('malloc(8) = 0x10\nputs("' + "x" * 3000000 + '") = 1\nmalloc(9) = 0x20\n')
    f.write("y" * 70000 + "\nfree(0x10) = <void>\n" + "z" * 2000000)
with open("wide.txt", "w") as f:
    f.write("= Start\n")
    for i in range(300000):
        a = random.getrandbits(63) | 1
        f.write(f"@ p + {a:#x} 0x10\n@ p - {a:#x}\n" if i % 30 else f"@ p + {a:#x} 0x10\n")
PY
    run --separate-stderr -0 "$hg" trace import long.txt -o x.hgt
    [[ "$stderr" == *"line 6 has no end"* ]]
    printf 'a 0 8\na 1 9\nf 0\n' | exports
    bad "line 2: a NUL byte: this is not text" '= Start\n@ p + \0 0x10\n'
    bad "line 2: '@ ccc" "= Start\n@ $(head -c 100000 /dev/zero | tr '\0' c) + 0x10 0x8\n"
    [[ "$HEAPGAUGE_BUILD" == *asan* || "$HEAPGAUGE_BUILD" == *tsan* ]] && return
    (ulimit -v 200000 && "$hg" trace import wide.txt -o x.hgt)
    counted calls=590000 left_blocks=10000
}

# A line a tool: the calls of `kin` with no thread, which are the same however it is seen.
kin_alone() { # FORM: the words that it has
    cat <<'EOT' | case $1 in
a 0 24
a 1 124
c 2 300
r 1 5000
A 3 64 640
a 4 50
f 0
r 4 200
a 0 8
A 5 128 1000
f 5
f 1
f 3
f 4
f 0
EOT
    valgrind) cat ;;
    mtrace) sed -e 's/^c/a/' -e 's/^A \([0-9]*\) [0-9]*/a \1/' ;;
    esac
}

@test "mtrace and valgrind as they are here, on a program whose calls are known" {
    needs cc
    cc -O0 -o kin "$BATS_TEST_DIRNAME/../programs/kin.c" -lpthread
    if [ -n "$(type -t valgrind)" ]; then
        valgrind --tool=none --log-file=none.txt ./kin || skip "valgrind does not run here"
        valgrind --trace-malloc=yes --log-file=v.txt ./kin
        imports v.txt
        kin_alone valgrind | exports
    fi
    MALLOC_TRACE=m.txt LD_PRELOAD=libc_malloc_debug.so.0 ./kin 2>ld.txt
    [ -s m.txt ] || skip "no libc_malloc_debug.so.0 here"
    imports m.txt
    kin_alone mtrace | exports
}

@test "a long file of every form is the same trace as its text; in pieces that fall anywhere, and packed" {
    python3 - <<'PY'
import random
random.seed(9)
names = ["text", "mtrace", "ltrace", "valgrind", "memory_replay", "heaptrack"]
f = {n: open(n + ".txt", "w") for n in names}
f["mtrace"].write("= Start\n")
f["heaptrack"].write("v 10400 3\n")
free, live, ids, n = [0x5500_0000_0000 + i * 16 for i in range(40000)], [], {}, 0
random.shuffle(free)
for i in range(60000):
    k = random.random()
    if k < 0.4 and live or not free:
        a = live.pop(random.randrange(len(live)))
        free.append(a)
        f["text"].write(f"f {ids.pop(a)}\n")
        f["mtrace"].write(f"@ {'p' * random.randrange(300)}:[0x1] - {a:#x}\n")
        f["ltrace"].write(f"7 p->free({a:#x})     = <void>\n")
        f["valgrind"].write(f"--7-- free(0x{a:X})\n")
        f["memory_replay"].write(f"7: free {a:#x}\n")
        f["heaptrack"].write(f"- {a:x}\n")
    else:
        a, s = free.pop(), random.randrange(1 << random.randrange(40))
        live.append(a)
        n += 1
        ids[a] = n
        f["text"].write(f"a {n} {s}\n")
        f["mtrace"].write(f"@ p:[0x1] + {a:#x} {s:#x}\n")
        f["ltrace"].write(f"7 p->malloc({s})      = {a:#x}\n" + f"7 p->puts(\"{'x' * random.randrange(200)}\") = 1\n")
        f["valgrind"].write(f"--7-- malloc({s}) = 0x{a:X}\n")
        f["memory_replay"].write(f"7: malloc {a:#x} {s}\n")
        f["heaptrack"].write(f"+ {s:x} 1 {a:x}\n")
PY
    [ "$(stat -c %s mtrace.txt)" -gt 3000000 ] # of a buffer of 1 MiB
    imports text.txt
    "$hg" trace export x.hgt -o same.txt
    for name in mtrace ltrace valgrind memory_replay heaptrack; do
        imports $name.txt
        exports <same.txt
    done
    dd if=mtrace.txt bs=4093 status=none | "$hg" trace import - -o x.hgt
    exports <same.txt
    needs zstd
    zstd -q --no-check ltrace.txt && imports ltrace.txt.zst
    exports <same.txt
    split -n 3 mtrace.txt part. && zstd -q part.a? && cat part.*.zst >frames.zst # one frame behind the other
    imports frames.zst
    exports <same.txt
}
