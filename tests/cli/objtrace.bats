#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr and its lines are set by run --separate-stderr
bats_require_minimum_version 1.5.0
# Object scripts from the command line: stat lines in stats[], bad scripts refused before anything is started.

setup() {
    heapgauge=$HEAPGAUGE_BUILD/heapgauge
    cd "$BATS_TEST_TMPDIR" || return 1
}

run_script() {
    run --separate-stderr "$heapgauge" run --workload "objtrace:file=$1" --alloc pymalloc --rc gil --gc "${2-generational:version=3.11}" --json
}

text() { # the text under key $1 in the sample
    grep -o "\"$1\":\"[^\"]*\"" <<<"$output" | head -n 1 | cut -d '"' -f 4
}

stat_line() { # the $1th stat line, from 1
    grep -o '"stats":\[[^]]*\]' <<<"$output" | grep -o '"counts=[^"]*"' | tr -d '"' | sed -n "$1p"
}

refuse() { # the script on standard input is refused with words that match $1
    cat >bad.hgo
    run_script bad.hgo
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ "$stderr" =~ $1 ]] || { echo "said: $stderr"; return 1; }
}

@test "a ring that dies is found by the collection that the script asks for" {
    cat >ring.hgo <<'END'
# two nodes that hold each other
hgo 1
roots 2
node 0 1
node 1 1
set 0 0 1
set 1 0 0
weak 1 0
drop 0
stat
collect 2
stat
END
    run_script ring.hgo
    [ "$status" -eq 0 ]
    [ "$(text status)" = ok ]
    [ "$(stat_line 1)" = "counts=3,0,0 collections=0,0,0 collected=0,0,0 uncollectable=0,0,0 finalised=0 callbacks=0 tracked=list:0,dict:0,tuple:0,node:2,weak:1" ]
    [ "$(stat_line 2)" = "counts=0,0,0 collections=0,0,1 collected=0,0,2 uncollectable=0,0,0 finalised=0 callbacks=1 tracked=list:0,dict:0,tuple:0,node:0,weak:1" ]
    [ -z "$(stat_line 3)" ]
}

@test "every collector under the GIL runs the script to the same checksum" {
    printf 'hgo 1\nroots 1\nlist 0\nappend 0 0\ndrop 0\ncollect 2\nstat\n' >self.hgo
    for gc in generational:version=3.13 incremental:version=3.14.0 incremental:version=3.14.1 pep848 pep848:version=draft \
        generational:trigger=bytes none; do
        run_script self.hgo "$gc"
        [ "$status" -eq 0 ]
        [ "$(text status)" = ok ]
        text checksum >>sums
        [ "$gc" = none ] || [[ "$(stat_line 1)" == *tracked=list:0,* ]]
    done
    [ "$(sort -u sums | wc -l)" -eq 1 ]
    grep -q . sums
}

@test "a legacy finaliser keeps its cycle and what it leads to: uncollectable" {
    printf 'hgo 1\nroots 2\nnode 0 2\nset 0 0 0\nnode 1 0\nset 0 1 1\ndel 0\ndrop 1\ndrop 0\ncollect 2\nstat\n' >del.hgo
    for gc in generational generational:version=3.13 incremental:version=3.14.0 incremental:version=3.14.1 pep848 pep848:version=draft; do
        run_script del.hgo "$gc"
        [ "$status" -eq 0 ]
        [[ "$(stat_line 1)" == *"collected=0,0,0 uncollectable=0,0,2 finalised=0 "*node:2* ]]
    done
}

@test "stw says how it found its objects; a walk that cannot be is not-applicable, with what would work" {
    printf 'hgo 1\nroots 1\nlist 0\nappend 0 0\ndrop 0\ncollect 2\nstat\n' >self.hgo
    for way in walk registry; do
        run --separate-stderr "$heapgauge" run --workload objtrace:file=self.hgo --alloc pools --rc biased --gc "stw:find=$way" --json
        [ "$(text status)" = ok ]
        [ "$(text find)" = "$way" ]
        [[ "$(stat_line 1)" == *"collected=0,0,1 "* ]]
    done
    run --separate-stderr "$heapgauge" run --workload objtrace:file=self.hgo --alloc "locked(pools)" --rc biased --gc stw:find=walk --json
    [ "$(text status)" = not-applicable ]
    [[ "$(text reason)" == *"take pools, or find=registry"* ]]
    run --separate-stderr "$heapgauge" run --workload objtrace:file=self.hgo --alloc "locked(pools)" --rc biased --gc stw --json
    [ "$(text find)" = registry ]
}

@test "a bad line names its number and the word, exit 2" {
    refuse 'bad.hgo:3: .apend. is not an operation; did you mean .append.' <<<$'hgo 1\nroots 2\napend 0 1'
    refuse 'bad.hgo:1: .hog. is not the version line' <<<'hog 1'
    refuse 'bad.hgo:1: .2. is not a version' <<<'hgo 2'
    refuse 'bad.hgo:3: .2. is out of range: a root is 0 to 1' <<<$'hgo 1\nroots 2\nlist 2'
    refuse 'bad.hgo:2: .0. names a root before' <<<$'hgo 1\nlist 0'
    refuse 'bad.hgo:3: .x. is not a whole number' <<<$'hgo 1\nroots 2\nint 0 x'
    refuse 'bad.hgo:3: .append. needs more words' <<<$'hgo 1\nroots 2\nappend 0'
    refuse 'bad.hgo:3: .del. needs more words' <<<$'hgo 1\nroots 2\ndel'
    refuse 'bad.hgo:3: root .0. holds None, del needs a node' <<<$'hgo 1\nroots 2\ndel 0'
    refuse 'bad.hgo:3: .7. is one word too many' <<<$'hgo 1\nroots 2\nlist 0 7'
    refuse 'bad.hgo:3: .3. is out of range: a generation is 0 to 2' <<<$'hgo 1\nroots 2\ncollect 3'
    refuse 'bad.hgo:4: root .0. holds an int, append needs a list' <<<$'hgo 1\nroots 2\nint 0 1\nappend 0 1'
    refuse 'bad.hgo:4: index .3. is past the end .length 2.' <<<$'hgo 1\nroots 2\nnode 0 2\nget 1 0 3'
    refuse 'bad.hgo:4: key .k. is not in the dict' <<<$'hgo 1\nroots 2\ndict 0\nunput 0 k'
    refuse 'bad.hgo:1: .. is not the version line' </dev/null
    head -c 4096 /dev/urandom >bad.hgo
    run_script bad.hgo
    [ "$status" -eq 2 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "what depends on the collector is found by the run: check-failed, with the line" {
    # root 1 may hold what its finaliser left there
    cat >late.hgo <<'END'
hgo 1
roots 2
node 0 1
fin 0 1
append 1 0
END
    run_script late.hgo
    [ "$(text status)" = check-failed ]
    [[ "$(text reason)" == *"late.hgo:5: root '1' holds None, append needs a list"* ]]
}

@test "no script, a folder, a missing file: one line, exit 2" {
    for file in "" "$BATS_TEST_TMPDIR" nothing.hgo; do
        run_script "$file"
        [ "$status" -eq 2 ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
}

@test "thresholds out of range and collectors without their lock are refused" {
    printf 'hgo 1\n' >e.hgo
    for gc in generational:thresholds=1/2 generational:thresholds=1/2/x generational:thresholds=1/2/99999999999 \
        pep848:thresholds=1/131073/1 pep848:version=draft,thresholds=1/99999/1 pep848:limit=outside \
        pep848:version=draft,closure=old stw; do
        run_script e.hgo "$gc"
        [ "$status" -eq 2 ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    run "$heapgauge" run --workload objtrace:file=e.hgo --rc atomic --gc generational
    [ "$status" -eq 2 ]
    [[ "$output" == *GIL* ]]
}
