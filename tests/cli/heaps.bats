#!/usr/bin/env bats
# heaps.bats: the workloads that collectors are compared on do the same work under every policy and collector, with one thread and with two, and
# give everything back; and they have the shape they are there for. Shapes are tested by counts, never by time.
setup() {
    hg="$HEAPGAUGE_BUILD/heapgauge"
}

# status and checksum of each sample of one workload.
samples() {
    "$hg" run --workload "$1" --alloc pools --settle 0s --quiet --json --threads "$2" --rc gil \
        --gc none,generational,generational:version=3.13,incremental,incremental:version=3.14.1,pep848
    "$hg" run --workload "$1" --alloc pools --settle 0s --quiet --json --threads "$2" --rc tracing --gc tracing:min=100
    "$hg" run --workload "$1" --alloc pools --settle 0s --quiet --json --threads "$2" --rc atomic,biased,objlock --gc none,stw
}

same_everywhere() {
    local found
    for threads in ${2:-1 2}; do
        found=$(samples "$1" "$threads" | sed 's/^.*"status":"\([^"]*\)".*"checksum":"\([^"]*\)".*$/\1 \2/')
        [ "$(wc -l <<<"$found")" -eq 13 ]
        [ "$(sort -u <<<"$found" | wc -l)" -eq 1 ]
        [[ "$found" == ok* ]]
        [[ "$found" != *0000000000000000* ]]
    done
}

# The figure gc.NAME of one sample under a collector.
figure() {
    "$hg" run --workload "$2" --alloc pymalloc --rc gil --gc "$3" --settle 0s --quiet --json ${4:-} |
        sed -n 's/^.*"'"$1"'":\([0-9][0-9.]*\).*$/\1/p' | tail -1
}

@test "growth: the same work everywhere, of each kind" {
    same_everywhere growth:kind=tuple,ops=5k
    same_everywhere growth:kind=record,ops=5k
    same_everywhere growth:dead=0.3,lag=50,ops=5k
}

@test "decay: the same work everywhere" {
    same_everywhere decay:heap=3k,ops=6k
}

@test "cycles beside a heap, long-lived trees: the same work everywhere" {
    same_everywhere cycles:live=20,heap=1k,ops=2k
    same_everywhere long-lived:heap=3k,shape=tree,ops=6k
}

@test "binary-trees, gcbench: the same work everywhere" {
    same_everywhere binary-trees:depth=7
    same_everywhere gcbench:depth=6,array=100
}

@test "message-buffer: the same work everywhere" {
    same_everywhere message-buffer:window=100,ops=2k
    same_everywhere message-buffer:text=inside,window=100,ops=2k
}

@test "gc-traversal, gc-collect: the same work everywhere; one thread" {
    same_everywhere gc-traversal:levels=30,ops=3 1
    same_everywhere gc-collect:cycles=10,ops=3 1
    run "$hg" run --workload gc-collect:ops=3 --alloc pools --rc gil --gc none --threads 2 --quiet
    [ "$status" -ne 0 ]
}

@test "growth: tuples of numbers make 3.14.0 follow the list again and again, and give 3.14.1 nothing to do" {
    [ "$(figure references growth:kind=tuple,ops=100k incremental)" -gt $((10 * $(figure references growth:kind=tuple,ops=100k generational:version=3.13))) ]
    [ "$(figure references growth:kind=tuple,ops=100k incremental:version=3.14.1)" -eq 0 ]
}

@test "growth: a part dies old, and waits" {
    [ "$(figure uncollected_peak growth:ops=50k generational "--oracle 10")" -eq 0 ]
    [ "$(figure uncollected_peak growth:dead=0.5,lag=100,ops=50k none "--oracle 10")" -gt 20000 ]
}

@test "decay: all of the heap dies, and nothing else is garbage" {
    [ "$(figure uncollected_peak decay:heap=5k,ops=50k none "--oracle 10")" -eq 5000 ]
}

@test "cycles: self-references beside a heap pile up under 3.14.1, not under 3.13" {
    few=$(figure uncollected_peak cycles:length=1,live=0,heap=50k,ops=300k generational:version=3.13 "--oracle 20")
    many=$(figure uncollected_peak cycles:length=1,live=0,heap=50k,ops=300k incremental:version=3.14.1 "--oracle 20")
    [ "$few" -lt 2100 ]
    [ "$many" -gt 20000 ]
}

@test "message-buffer: text inside a container starts pep848's collections, text outside does not, unless all bytes count" {
    runs() {
        "$hg" run --workload "$1" --alloc pymalloc --rc gil --gc "$2" --settle 0s --quiet --json |
            sed -n 's/^.*"generations":\[{"collections":\([0-9]*\).*$/\1/p'
    }
    for version in author draft; do
        [ "$(runs message-buffer:text=inside,window=100,size=16k,ops=2k pep848:version=$version)" -ge 7 ]
        [ "$(runs message-buffer:window=100,size=16k,ops=2k pep848:version=$version)" -eq 0 ]
        [ "$(runs message-buffer:window=100,size=16k,ops=2k pep848:version=$version,bytes=all)" -ge 7 ]
    done
}

@test "binary-trees and gcbench: no garbage at any time" {
    [ "$(figure uncollected_peak binary-trees:depth=8 none "--oracle 10")" -eq 0 ]
    [ "$(figure uncollected_samples gcbench:depth=6,array=100 none "--oracle 10")" -eq 10 ]
    [ "$(figure uncollected_peak gcbench:depth=6,array=100 none "--oracle 10")" -eq 0 ]
}

@test "long-lived: a tree in the making is whole under a collector that counts nothing" {
    live=$("$hg" run --workload long-lived:heap=20k,shape=tree,ops=1k --alloc pools --rc tracing --gc tracing:min=100,growth=0.1 --settle 0s \
        --quiet --json | sed -n 's/^.*"live_objects":\([0-9]*\).*$/\1/p')
    [ "$live" -ge 20000 ]
}
