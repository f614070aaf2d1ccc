#!/usr/bin/env bats
# shellcheck disable=SC2015,SC2154 # "a && b || report" as assertions; bats sets $stderr
# check: backends and wrappers that are sound pass; libraries can be checked; a failed check is status 1; bad input is 2.

setup_file() {
    bats_require_minimum_version 1.5.0
}

setup() {
    export hg="$HEAPGAUGE_BUILD/heapgauge"
}

# Under a sanitizer malloc(too much) is its own affair, and freed memory is kept from use.
sanitized() {
    nm "$hg" 2>/dev/null | grep -q '__[at]san_init'
}

@test "our backends and wrappers pass" {
    sanitized && skip "the sanitizer is the allocator here"
    run "$hg" check --alloc "system,pools,pymalloc,locked(pymalloc:layout=3.9),bump,debug(system),trace:frames=4(debug(locked(pymalloc)))"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *"# locked(pymalloc:layout=3.9)"*"ok alignment: "*"ok fork: "* ]]
    [ "$(grep -c '^ok ' <<< "$output")" -gt 60 ]
    [[ $output = *"skip reuse: by design"* ]]
    [[ ${lines[-1]} = *" passed, 0 failed, 1 skipped" ]]
}

@test "the real PyObject_Malloc passes where there is one" {
    sanitized && skip "the sanitizer is the allocator here"
    run "$hg" check --alloc cpython
    [ "$status" -eq 0 ]
    [[ $output = *"ok calloc"* || $output = *"skip open: "* ]]
}

@test "a libpython that does not serve is named, with what it is" {
    sanitized && skip "the sanitizer is the allocator here"
    libpython() { # NAME VERSION [FUNCTION...]
        local name=$1 version=$2 f
        shift 2
        { printf 'const char *Py_GetVersion(void) { return "%s"; }\n' "$version"
          for f; do printf 'void *%s(void *p) { return p; }\n' "$f"; done; } > fake.c
        "${CC:-cc}" -shared -fPIC -o "$name" fake.c
    }
    refused() { # NAME TEXT
        run "$hg" check --alloc "cpython:library=$PWD/$1"
        [ "$status" -eq 0 ]
        [[ $output = *"skip open: cpython: $PWD/$1 $2"*"0 passed, 0 failed, 1 skipped" ]]
    }
    cd "$BATS_TEST_TMPDIR"
    local calls=(PyObject_Malloc PyObject_Calloc PyObject_Realloc PyObject_Free _PyObject_DebugMallocStats)
    libpython two.so "2.7.18 (default)"
    refused two.so "is no libpython of Python 3"
    libpython new.so "3.16.0a1 (main)"
    refused new.so "is Python 3.16; this backend knows 3.9 to 3.15"
    libpython free.so "3.14.7 free-threading build (main)" "${calls[@]}"
    refused free.so "is a free-threaded Python 3.14, whose allocator is mimalloc, not pymalloc"
    libpython bare.so "3.11.2 (main)"
    refused bare.so "lacks PyObject_Malloc or _PyObject_DebugMallocStats"
    libpython stateless.so "3.13.5 (main)" "${calls[@]}"
    refused stateless.so "keeps its thread state where it is not found here"
    # The newest one is taken, and one that does not serve is not passed over in silence.
    libpython libpython3.15.so.1.0 "3.15.0 (main)"
    LD_LIBRARY_PATH=$PWD run "$hg" check --alloc cpython
    [[ $output = *"skip open: cpython: libpython3.15.so.1.0 lacks"*"unless library= names another"* ]]
}

@test "a library is checked by its name, and a check that fails is status 1" {
    sanitized && skip "the sanitizer is the allocator here"
    for name in jemalloc mimalloc tcmalloc tbbmalloc rpmalloc snmalloc hoard mesh; do
        run "$hg" check --alloc "preload:$name" --only contents,overlap,threads
        if [ "$status" -eq 2 ]; then
            [[ $output = *"is not installed"* ]]
            continue
        fi
        [ "$status" -eq 0 ]
        [[ ${lines[-1]} = "3 passed, 0 failed, 0 skipped" ]]
    done
    # An allocator whose free does nothing at all is a library with a fault.
    cat > "$BATS_TEST_TMPDIR/keeps.c" <<'C'
#include <stddef.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *malloc(size_t n) { return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return __libc_realloc(p, n); }
void free(void *p) { (void)p; }
C
    "${CC:-cc}" -fno-builtin -shared -fPIC -o "$BATS_TEST_TMPDIR/keeps.so" "$BATS_TEST_TMPDIR/keeps.c"
    run "$hg" check --alloc "preload:$BATS_TEST_TMPDIR/keeps.so" --only reuse,contents
    [ "$status" -eq 1 ]
    [[ $output = *"FAIL reuse: memory is not used again"* ]]
    [[ $output = *"ok contents"* ]]
    [[ ${lines[-1]} = "1 passed, 1 failed, 0 skipped" ]]
}

@test "a library that dies at once is a failed check, not a silence" {
    sanitized && skip "the sanitizer is the allocator here"
    printf '#include <stdlib.h>\nvoid *malloc(size_t n) { (void)n; abort(); }\nvoid free(void *p) { (void)p; }\n' \
        > "$BATS_TEST_TMPDIR/dies.c"
    "${CC:-cc}" -fno-builtin -shared -fPIC -o "$BATS_TEST_TMPDIR/dies.so" "$BATS_TEST_TMPDIR/dies.c"
    run "$hg" check --alloc "preload:$BATS_TEST_TMPDIR/dies.so"
    [ "$status" -eq 1 ]
    [[ $output = *"FAIL worker: died of SIGABRT"* ]]
}

@test "entry points: which the library brings, and whether what each gives can be given back" {
    sanitized && skip "the sanitizer is the allocator here"
    cd "$BATS_TEST_TMPDIR" || return 1
    partial() { # FLAGS: ./partial.so
        "${CC:-cc}" -O1 -fno-builtin -w -shared -fPIC -pthread "$@" -o partial.so "$BATS_TEST_DIRNAME/../preload/partial_malloc.c"
    }
    partial
    run "$hg" check --alloc preload:./partial.so
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *"ok usable: "* ]]
    [[ $output = *"ok fork-handlers: "* ]]
    [[ $output = *"ok entry-points: what each gives can be given back; 10 of 26 are the library's; of libc.so.6: reallocarray"* ]]
    [[ ${lines[-1]} = "17 passed, 0 failed, 0 skipped" ]]
    partial -DNO_ALIGNED
    run "$hg" check --alloc preload:./partial.so --only entry-points,alignment
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output = *"ok alignment: "* ]]
    [[ $output = *"FAIL entry-points: blocks of aligned_alloc (libc.so.6) given to free (partial.so): SIGABRT"* ]]
    [[ $output != *"blocks of memalign"* ]]
    [[ $output = *"; 9 of 26 are the library's; of libc.so.6: reallocarray aligned_alloc"* ]]
    partial -DNO_USABLE
    run "$hg" check --alloc preload:./partial.so --only entry-points,usable
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *"skip usable: this allocator does not report a block's size"* ]]
    [[ $output = *"ok entry-points: "*"of libc.so.6: reallocarray "*"malloc_usable_size"* ]]
    partial -DLOSING
    run "$hg" check --alloc preload:./partial.so --only entry-points
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output = *"FAIL entry-points: malloc (partial.so) gave blocks that were not used again, with free_sized (partial.so); 11 of"* ]]
}

@test "bad input is refused before anything runs" {
    refused() {
        run --separate-stderr "$hg" check "${@:2}"
        [ "$status" -eq 2 ] && [ -z "$output" ] && [[ $stderr = *"$1"* ]] || { echo "$output $stderr"; return 1; }
    }
    refused "usage"
    refused "nothing to check" --alloc "system,locked(null)"
    refused "did you mean 'pools'" --alloc "system,poools"
    refused "not a shared library" --alloc preload:/etc/passwd
    refused "limit" --alloc system --limit 0
    refused "seed" --alloc system --seed x
    run "$hg" check --alloc system --only nosuch
    [ "$status" -eq 2 ]
    [[ $output = *"nosuch"* ]]
}
