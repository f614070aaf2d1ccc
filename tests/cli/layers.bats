#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
# The shape of the house: direction of includes, who maps memory, who includes which library, what each program is made of.

bats_require_minimum_version 1.5.0

setup() {
    top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    house=$BATS_TEST_TMPDIR/house
}

build_house() {
    mkdir -p "$house/alloc/base" "$house/gc" "$house/alloc/wrap" "$house/workloads/trace/format" "$house/bench/host" "$house/bench/result" "$house/bench/plan"
    printf '#include <sys/mman.h>\nvoid *f(void) { return mmap(0, 1, 0, 0, -1, 0); }\n' >"$house/alloc/base/os.c"
    printf '#include "alloc/base/os.h"\n#include "gc/gc.h"\n' >"$house/workloads/x.c"
    printf '#include "bench/result/record.h"\n#include <hwloc.h>\n' >"$house/bench/host/place.c"
    printf '#include <jansson.h>\n' >"$house/bench/result/record.c"
}

breach() { # FILE TEXT MESSAGE: a house with this one change is refused with this message
    build_house
    printf '%b' "$2" >>"$house/$1"
    run -1 "$top/scripts/check-layers" "$house"
    [[ "$output" == *"$3"* ]]
    [ "${#lines[@]}" -eq 1 ]
}

@test "this source keeps the shape of the house" {
    run -0 "$top/scripts/check-layers" "$top"
    [ -z "$output" ]
}

@test "no circle of files in any program but the pairs that are named" {
    [ "$(basename "$HEAPGAUGE_BUILD")" = release ] || skip "looked for in the release build"
    run -0 "$top/scripts/check-layers" "$top" --objects "$HEAPGAUGE_BUILD"
    [ -z "$output" ]
}

@test "a house in order is accepted, whatever its comments and strings say" {
    build_house
    printf '/* mmap(x)\n#include "../bench/x.h" */ // munmap(y)\nchar *s = "mmap(z)";\n' >>"$house/gc/a.c"
    run -0 "$top/scripts/check-layers" "$house"
}

@test "an include that points upward is found" {
    breach alloc/wrap/a.c '#include "gc/object.h"\n' 'alloc/wrap/a.c:1: alloc/ may not include "gc/object.h"'
    rm -r "$house"
    breach alloc/wrap/a.c '#include "../../gc/object.h"\n' 'alloc/wrap/a.c:1: alloc/ may not include "../../gc/object.h"'
}

@test "workloads may not include bench" {
    breach workloads/y.c '\n#include "bench/store.h"\n' 'workloads/y.c:2: workloads/ may not include'
}

@test "rooms of the front point one way" {
    breach bench/result/r.c '#include "bench/plan/plan.h"\n' 'bench/result/r.c:1: bench/result/ may not include'
    rm -r "$house"
    breach bench/plan/p.c '#include "gc/heap/heap.h"\n' 'bench/plan/p.c:1: bench/plan/ may not include'
}

@test "files that refer to each other in a circle are found, by their objects" {
    build_house
    mkdir -p "$house/build/obj/gc" "$house/build/obj-gil/gc"
    printf 'int b(void); int a(void) { return b(); }\n' >"$house/gc/a.c"
    printf 'int c(void); int b(void) { return c(); }\n' >"$house/gc/b.c"
    printf 'int c(void) { return 1; }\n' >"$house/gc/d.c"
    for f in a b d; do "${CC:-cc}" -c -o "$house/build/obj-gil/gc/$f.o" "$house/gc/$f.c"; done
    mv "$house/build/obj-gil/gc/b.o" "$house/build/obj/gc"
    printf 'int a(void); int c(void) { return a(); }\n' >"$house/gc/d.c"
    "${CC:-cc}" -c -o "$house/build/obj-gil/gc/gone.o" "$house/gc/d.c" # of a file that has gone
    run -0 "$top/scripts/check-layers" "$house" --objects "$house/build"
    mv "$house/build/obj-gil/gc/gone.o" "$house/build/obj-gil/gc/d.o"
    run -1 "$top/scripts/check-layers" "$house" --objects "$house/build"
    [[ "$output" == "obj-gil: a circle of 3 files: gc/a.c gc/b.c gc/d.c (by a b c)" ]]
}

@test "recorder, replayer and tool share the format and nothing else" {
    for from in record replay tool; do
        for to in record replay tool; do
            [ "$from" != "$to" ] || continue
            rm -rf "$house"
            mkdir -p "$house/workloads/trace/$from"
            breach "workloads/trace/$from/a.c" "#include \"workloads/trace/$to/b.h\"\n" "workloads/trace/$from/ may not include"
        done
    done
}

@test "memory mapped outside os.c is found" {
    breach gc/m.c 'void g(void) { munmap(0, 1); }\n' 'gc/m.c:1: only alloc/base/os.c maps memory: munmap'
}

@test "hwloc and the JSON library have one includer each" {
    breach bench/host/env.c '#include <hwloc.h>\n' 'only bench/host/place.c includes hwloc'
    rm -r "$house"
    breach bench/plan/plan.c '#include <jansson.h>\n' 'only bench/result/record.c includes jansson'
}

@test "the front contains no workload, a worker no topology and no JSON" {
    run -0 nm "$HEAPGAUGE_BUILD/heapgauge"
    [[ "$output" == *" main"* ]]
    names=$(sed -n 's/^ *W(\([a-z0-9_]*\)).*/\1/p' "$top/workloads/list.h")
    [ "$(wc -w <<<"$names")" -gt 40 ]
    for name in $names; do
        [[ "$output" == *" workload_info_$name"* ]]
        [[ "$output" != *" workload_$name"$'\n'* ]]
    done
    for worker in "$HEAPGAUGE_BUILD"/heapgauge-worker-*; do
        run -0 readelf -d "$worker"
        [[ "$output" == *libc.so* ]]
        [[ "$output" != *hwloc* && "$output" != *jansson* ]]
    done
}
