#!/usr/bin/env bats
# shellcheck disable=SC2015,SC2154 # "a && b || report" as assertions; bats sets $stderr
# Names besides malloc and free: C++'s operators in all forms, glibc's second names, C23's frees with a size. Under
# preload each block comes from the backend and goes back to it; record writes each call down once, whichever
# allocator the program brings.

setup_file() {
    bats_require_minimum_version 1.5.0
    export hg="$HEAPGAUGE_BUILD/heapgauge" programs="$BATS_FILE_TMPDIR"
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-shim.so" ] || return 0
    local source="$BATS_TEST_DIRNAME/../programs" kind
    cc -std=gnu17 -O1 -fno-builtin -w -o "$programs/second" "$source/second.c"
    command -v c++ >/dev/null || return 0
    c++ -std=c++17 -O1 -fno-builtin -o "$programs/alone" "$source/newdelete.cc"
    for kind in ALL SOME ON_MALLOC ON_LIBC; do
        cc -O1 -fno-builtin -w -shared -fPIC -D$kind -o "$programs/lib$kind.so" "$source/brought.c"
        c++ -std=c++17 -O1 -fno-builtin -o "$programs/with$kind" "$source/newdelete.cc" \
            -Wl,--no-as-needed "$programs/lib$kind.so"
    done
    printf '%s\n' '#include <new>' '#include <string>' 'extern "C" int run(void) {' \
        'for (int i = 0; i < 100; i++) { std::string s(50001, 0); if (s.size() != 50001) return 1; }' \
        'volatile std::size_t huge = PTRDIFF_MAX / 2; void *volatile p = nullptr;' \
        'try { p = ::operator new(huge); return 2; } catch (const std::bad_alloc &) { }' \
        'p = ::operator new(huge, std::nothrow); return p ? 3 : 0; }' >"$programs/plugin.cc"
    sed -i '1i #include <cstdint>' "$programs/plugin.cc"
    c++ -std=c++17 -O1 -fno-builtin -shared -fPIC -o "$programs/plugin.so" "$programs/plugin.cc"
    printf '%s\n' '#include <dlfcn.h>' 'int main(int c, char **v) { void *p = dlopen(v[1], RTLD_NOW | RTLD_LOCAL);' \
        'return p ? ((int (*)(void))dlsym(p, "run"))() : 9; }' >"$programs/loader.c"
    cc -O1 -w -o "$programs/loader" "$programs/loader.c"
}

setup() {
    [ -e "$HEAPGAUGE_BUILD/libheapgauge-shim.so" ] || skip "this build has no libraries to preload"
    cd "$BATS_TEST_TMPDIR" || return 1
}

needs_cxx() {
    [ -x "$programs/loader" ] || skip "there is no C++ compiler"
}

backends=("pools" "system" "locked(pymalloc)" "locked(bump)" "debug(system)" "debug(pools)" "trace(pools)")

# Runs the program on every backend: status 0 and the words.
on_all() { # WORDS COMMAND...
    local a
    for a in "${backends[@]}"; do
        run timeout 60 "$hg" preload "$a" -- "${@:2}"
        [ "$status" -eq 0 ] && [ "$output" = "$1" ] || { echo "$a: ${*:2}: status $status, $output"; return 1; }
    done
}

# Each size once, in this order, and every block's free was seen.
recorded() { # FIRST LAST COMMAND...
    rm -f r.hgt
    run -0 --separate-stderr "$hg" record -o r.hgt -- "${@:3}"
    [[ "$stderr" != *"not seen"* ]] || { echo "$stderr"; return 1; }
    "$hg" trace info --json r.hgt | grep -q '"unmatched":\(0\|null\)' || { "$hg" trace info r.hgt; return 1; }
    "$hg" trace export r.hgt | awk -v a="$1" -v b="$2" '$1 != "f" && $NF >= a && $NF <= b { print $NF }' >sizes
}

@test "C++: every form of new and delete is served by the backend, whatever allocator the program has linked" {
    needs_cxx
    [ "$("$programs/alone" xh)" = "0 failures" ]
    on_all "0 failures" "$programs/alone" xh
    for kind in ALL SOME ON_MALLOC ON_LIBC; do
        on_all "0 failures" "$programs/with$kind" xh
    done
    local library
    for library in "$programs"/lib*.so; do
        LD_PRELOAD=$library on_all "0 failures" "$programs/alone" xh
    done
}

@test "C++: each call is recorded once, by an allocator that the program has linked or preloaded, or none" {
    needs_cxx
    local kind library
    recorded 30000 30999 "$programs/alone"
    [ "$(wc -l <sizes)" -eq 16 ]
    recorded 30000 30999 "$programs/withALL"
    seq 30001 30016 | diff sizes -
    for kind in SOME ON_MALLOC ON_LIBC; do
        recorded 30000 30999 "$programs/with$kind"
        [ "$(wc -l <sizes)" -eq 16 ] || { echo "$kind"; cat sizes; return 1; }
    done
    for library in "$programs"/lib*.so; do
        LD_PRELOAD=$library recorded 30000 30999 "$programs/alone"
        [ "$(wc -l <sizes)" -eq 16 ] || { echo "$library"; cat sizes; return 1; }
    done
    # exceptions and new-handlers pass by; the handler's own free is recorded
    recorded 30000 30999 "$programs/alone" xh
    [ "$(wc -l <sizes)" -eq 22 ]
}

@test "C++: a plugin whose runtime is known to it alone" {
    needs_cxx
    on_all "" "$programs/loader" "$programs/plugin.so"
    recorded 50000 50999 "$programs/loader" "$programs/plugin.so"
    [ "$(wc -l <sizes)" -eq 100 ]
}

@test "installed libraries that bring the operators: served by the backend, recorded like the bare program" {
    needs_cxx
    local name path ran=
    for name in jemalloc mimalloc tcmalloc; do
        path=$(find /usr/lib /usr/local/lib -name "lib${name}*.so.*" 2>/dev/null | sort | head -1)
        [ -n "$path" ] || continue
        ran=yes
        c++ -std=c++17 -O1 -fno-builtin -o linked "$BATS_TEST_DIRNAME/../programs/newdelete.cc" -Wl,--no-as-needed "$path"
        on_all "0 failures" ./linked x
        recorded 30000 30999 ./linked
        [ "$(wc -l <sizes)" -eq 16 ] || { echo "$path"; cat sizes; return 1; }
        LD_PRELOAD=$path recorded 30000 30999 "$programs/alone"
        [ "$(wc -l <sizes)" -eq 16 ] || { echo "$path"; cat sizes; return 1; }
    done
    [ -n "$ran" ] || skip "neither jemalloc, mimalloc nor tcmalloc is installed"
}

@test "glibc's second names and C23's frees: blocks cross, each is recorded once" {
    on_all "done, sized" "$programs/second"
    recorded 40000 41000 "$programs/second"
    diff sizes - <<'SIZES'
40001
40004
40003
40005
40006
40960
40008
40064
40009
40010
40011
40012
40013
40128
SIZES
}
