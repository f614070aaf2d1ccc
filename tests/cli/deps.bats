#!/usr/bin/env bats
# install-deps: what it asks a package manager for, and what it says where something cannot be had. dpkg-query, apt-get, apt-cache, id
# and sudo are of this file's making, in a folder that is all of PATH: the machine's own packages are not asked about, nor changed.
# State, a name a line: installed ("NAME PROVIDED..."), offered (apt can install it), referenced (apt knows the name only), broken (its
# installation fails), no-network, not-root. Every call of apt-get is a line in calls.

bats_require_minimum_version 1.5.0

fake() { { printf '#!/bin/sh\nstate=%s\n' "$state"; cat; } > "$bin/$1"; chmod +x "$bin/$1"; }

setup() {
    dir="$BATS_TEST_TMPDIR" bin="$BATS_TEST_TMPDIR/bin" state="$BATS_TEST_TMPDIR/state"
    mkdir -p "$bin" "$state" "$dir/scripts"
    cp "$BATS_TEST_DIRNAME/../../scripts/install-deps" "$dir/scripts/"
    for tool in sh awk cat dirname env find grep head mkdir mktemp printf rm sed sort tail tr true; do
        ln -s "$(type -P "$tool")" "$bin/$tool"
    done
    touch "$state"/{installed,offered,referenced,broken,calls}
    fake dpkg-query <<'END'
case $* in
*Provides*) sed 's/\([^ ]*\) *\(.*\)/installed \1 \2/' $state/installed ;;
*) sed 's/ .*//; s/^/installed /' $state/installed ;;
esac
END
    fake apt-get <<'END'
verb= names= quiet=
while [ $# -gt 0 ]; do
    case $1 in
    -o) shift ;;
    -*) ;;
    *) [ "$verb" ] && names="$names $1" || verb=$1 ;;
    esac
    shift
done
echo "$verb$names" >> $state/calls
if [ -e $state/no-network ]; then echo "E: Failed to fetch: Could not resolve"; exit 100; fi
for n in $names; do
    grep -qxF "$n" $state/offered || { echo "E: Unable to locate package $n"; exit 100; }
    ! grep -qxF "$n" $state/broken || { echo "E: Sub-process dpkg returned an error: $n"; exit 100; }
done
for n in $names; do echo "$n" >> $state/installed; done
END
    fake apt-cache <<'END'
verb=$1; shift
for n; do
    case $n in -*) continue ;; esac
    if grep -qxF "$n" $state/offered; then printf '%s:\n  Installed: (none)\n  Candidate: 1.0\n' "$n"
    elif grep -qxF "$n" $state/referenced; then printf '%s:\n  Installed: (none)\n  Candidate: (none)\n' "$n"
    elif [ $verb = show ]; then exit 100
    fi
done
END
    fake id <<'END'
[ -e $state/not-root ] && echo 1000 || echo 0
END
    "$dir/scripts/install-deps" --list | sort -u > "$state/all"
    cp "$state/all" "$state/installed"
}

without() { for n; do sed -i "/^$n\( \|\$\)/d" "$state/installed"; done; }
offer() { printf '%s\n' "$@" >> "$state/offered"; }
deps() { PATH=$bin run --separate-stderr "$bin/sh" "$dir/scripts/install-deps" "$@"; }
has() { grep -qxF "$1" "$state/installed"; }

@test "where all is there it is silent and asks apt nothing, root or not" {
    deps
    [ "$status" = 0 ]
    [ -z "$output$stderr" ]
    [ ! -s "$state/calls" ]
    touch "$state/not-root"
    deps
    [ "$status" = 0 ]
    [ -z "$output$stderr" ]
    [ ! -s "$state/calls" ]
}

@test "a package is listed once" {
    [ -z "$("$dir/scripts/install-deps" --list | sort | uniq -d)" ]
}

@test "a name that another package provides counts as there" {
    without libtcmalloc-minimal4t64 libtcmalloc-minimal4
    echo "libtcmalloc-minimal4-of-elsewhere foo (= 1), libtcmalloc-minimal4 (= 2.16-1)" >> "$state/installed"
    deps
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [ ! -s "$state/calls" ]
}

@test "of alternatives one is enough, and the newest that there is is taken" {
    without libmimalloc3
    deps
    [ "$status" = 0 ]
    [ ! -s "$state/calls" ]
    without libmimalloc2.0
    offer libmimalloc2.0 libmimalloc3
    deps
    [ "$status" = 0 ]
    has libmimalloc3
    run ! has libmimalloc2.0
}

@test "any libpython that the backend cpython serves is enough, and the release's newest is installed" {
    local group=(libpython3.15 libpython3.14 libpython3.13 libpython3.11) name
    for name in "${group[@]}"; do
        without "${group[@]}"
        echo "$name" >> "$state/installed"
        deps
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [ ! -s "$state/calls" ]
    done
    for name in "${group[@]}"; do # of Debian 12, of 13, of later ones: each has older ones, too
        without "${group[@]}"
        printf '%s\n' "${group[@]}" | sed -n "/^$name\$/,\$p" > "$state/offered"
        deps
        [ "$status" = 0 ]
        has "$name"
        [ "$(grep -c '^libpython3[.0-9]*$' "$state/installed")" = 1 ]
    done
    without "${group[@]}"
    : > "$state/offered"
    deps
    [ "$status" = 0 ]
    [[ $stderr = *'no libpython3.15: the backend "cpython" and its comparison with pymalloc are left out (this release has no such package)'* ]]
}

@test "an alternative that does not install gives way to the older one" {
    without libmimalloc3 libmimalloc2.0
    offer libmimalloc2.0 libmimalloc3
    echo libmimalloc3 > "$state/broken"
    deps
    [ "$status" = 0 ]
    has libmimalloc2.0
}

@test "a name that apt only knows as a reference stops nothing, costs one line, and is asked for once" {
    without gcc spin libjemalloc2
    offer gcc spin
    echo libjemalloc2 > "$state/referenced"
    deps
    [ "$status" = 0 ]
    has gcc
    has spin
    [ "$(grep -c 'no libjemalloc2: jemalloc is not measured' <<< "$stderr")" = 1 ]
    : > "$state/calls"
    deps
    [ "$status" = 0 ]
    [ ! -s "$state/calls" ]
    [ "$stderr" = "install-deps: no libjemalloc2: jemalloc is not measured (this release has no such package)" ]
}

@test "an optional package that fails to install keeps none of the others out" {
    without libhwloc-dev sqlite3 zstd spin
    offer libhwloc-dev sqlite3 zstd spin
    echo zstd > "$state/broken"
    deps
    [ "$status" = 0 ]
    has libhwloc-dev
    has sqlite3
    has spin
    [[ $stderr = *"no zstd: "*"apt-get install zstd"* ]]
}

@test "what is needed and gone from the release: its name, its use, what to type, status 2" {
    without libdw-dev
    deps
    [ "$status" = 2 ]
    [[ $stderr = *"no libdw-dev (names of functions in reports)"*"apt-get install libdw-dev"* ]]
}

@test "no network: a reason, status 2 for what is needed and 0 for what is not, and nothing is remembered" {
    without spin
    offer spin gcc
    touch "$state/no-network"
    deps
    [ "$status" = 0 ]
    [[ $stderr = *"apt-get update failed"*"Could not resolve"*"no spin: the models of the locks are not checked"* ]]
    [ ! -e "$dir/build/deps-absent" ]
    without gcc
    deps
    [ "$status" = 2 ]
    [[ $stderr = *"no gcc (the C compiler)"* ]]
}

@test "not root and no sudo: optional ones are a line each and 0; needed ones are named, with what to type, and 2" {
    touch "$state/not-root"
    without spin
    deps
    [ "$status" = 0 ]
    [ ! -s "$state/calls" ]
    [ "$stderr" = "install-deps: no spin: the models of the locks are not checked (as root: apt-get install spin)" ]
    without gcc
    deps
    [ "$status" = 2 ]
    [ ! -s "$state/calls" ]
    [[ $stderr = *"not root, and no sudo: as root, apt-get install gcc"* ]]
}

@test "not root: through sudo where it lets us" {
    touch "$state/not-root"
    without gcc
    offer gcc
    fake sudo <<< 'exec "$@"'
    deps
    [ "$status" = 0 ]
    has gcc
    without gcc
    fake sudo <<< 'echo sudo: a password is required >&2; exit 1'
    deps
    [ "$status" = 2 ]
    [[ $stderr = *"as root, apt-get install gcc"* ]]
}

@test "a system without apt: what is needed is looked for by itself, and named where it is not there" {
    rm "$bin/apt-get" "$bin/dpkg-query"
    for tool in make ld bats prove ps python3 gnuplot; do ln -s "$bin/sh" "$bin/$tool"; done
    fake gcc <<< '! grep -q "$(cat $state/no-header 2>/dev/null || echo nothing.h)"'
    deps
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    echo hwloc.h > "$state/no-header"
    deps
    [ "$status" = 2 ]
    [[ $stderr = *"no libhwloc-dev "*"this system has no apt"* ]]
    [[ $stderr != *"libdw-dev"* ]]
}

@test "lint adds its tools; another word is refused" {
    deps lint
    [ "$status" = 0 ]
    [[ $stderr = *"no shellcheck: "* ]]
    rm "$dir/build/deps-absent"
    offer clang-format clang-tidy cppcheck shellcheck bear
    deps lint
    [ "$status" = 0 ]
    has shellcheck
    deps lnit
    [ "$status" = 2 ]
    [[ $stderr = *"'lnit' is not known"* ]]
}
