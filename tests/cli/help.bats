#!/usr/bin/env bats
# shellcheck disable=SC2034,SC2154 # COMP_WORDS and COMP_CWORD are read by the completion, COMPREPLY is set by it
# What is made from the tables of the verbs and their options: --help, the manual page, the shell completion, a worker's arguments.

bats_require_minimum_version 1.5.0

setup() {
    top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    hg=$HEAPGAUGE_BUILD/heapgauge
    cd "$BATS_TEST_TMPDIR" || return
}

@test "every verb has --help, and its options are in it one by one" {
    [ "$("$hg" help | awk 'length > 80' | wc -l)" -eq 0 ]
    verbs=$("$hg" help | sed -n 's/^  heapgauge \([a-z]*\) .*/\1/p')
    [ "$(wc -w <<<"$verbs")" -ge 13 ]
    for verb in $verbs; do
        "$hg" "$verb" --help >out
        grep -q "^heapgauge $verb" out
        [ "$(awk 'length > 80' out | grep -vc '^heapgauge ')" -eq 0 ]
    done
    "$hg" run --help | grep -q -- '--latency count'
    "$hg" suite --help | tr -s ' \n' ' ' | grep -q 'run only 2 blocks: a quick look without confidence intervals'
    "$hg" suite --help | grep -q -- '--blocks count'
    run -1 grep -e --samples <("$hg" suite --help) # an option of run alone
}

@test "the manual page has the options that the program has (make docs)" {
    sed -n '/^\.\\" made by .*: begin$/,/^\.\\" made by .*: end$/p' "$top/docs/heapgauge.1" | sed '1d;$d' >page
    "$hg" help --man >program
    [ -s page ]
    cmp page program
    command -v groff >/dev/null || skip "no groff"
    run -0 groff -man -Tutf8 -ww "$top/docs/heapgauge.1"
    [[ "$output" != *warning* ]]
}

complete() { # WORD...: what the completion offers for the last one
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _heapgauge
    offered=" ${COMPREPLY[*]} "
}

@test "bash completes verbs, options, choices, the names of a list, and suites" {
    builtin complete -r 2>/dev/null || true
    "$hg" completion bash | sed 's/^complete /builtin complete /' >completion
    # shellcheck disable=SC1091
    . ./completion
    complete "$hg" re
    [ "$offered" = " record report " ]
    complete "$hg" run --la
    [ "$offered" = " --latency " ]
    complete "$hg" suite --s
    [ "$offered" = " --shard --seed " ]
    complete "$hg" sites --by f
    [ "$offered" = " file " ]
    complete "$hg" run --alloc pool
    [ "$offered" = " pools " ]
    complete "$hg" run --alloc = pool
    [ "$offered" = " pools " ]
    complete "$hg" run --alloc system,pool
    [ "$offered" = " system,pools " ]
    complete "$hg" run --rc bia
    [ "$offered" = " biased " ]
    complete "$hg" suite defa
    [ "$offered" = " default " ]
    complete "$hg" run --out f # a file's name: the shell's own
    [ "$offered" = "  " ]
    run -2 --separate-stderr "$hg" completion csh
    [[ "$stderr" == *"completion bash"* ]]
}

@test "make install puts the completion and the manual page where they are looked for" {
    [ "$HEAPGAUGE_BUILD" = "$top/build/release" ] || skip "of the release build"
    make -C "$top" -s -o all install DESTDIR="$PWD/root" PREFIX=/usr >/dev/null
    cmp root/usr/share/bash-completion/completions/heapgauge <("$hg" completion bash)
    [ -s root/usr/share/man/man1/heapgauge.1 ]
    [ "$(root/usr/bin/heapgauge --version)" = "$("$hg" --version)" ]
}

# Starts a worker as the front does and prints its first line.
worker() {
    python3 - "$HEAPGAUGE_BUILD/heapgauge-worker-gil" "$@" <<'PY'
import os, subprocess, sys, tempfile
say_r, say_w = os.pipe()
go_r, go_w = os.pipe()
page = tempfile.TemporaryFile()
page.truncate(1 << 20)
keep = [os.dup2(fd, 64 + i) for i, fd in enumerate((say_w, go_r, page.fileno()))]
def place():
    for i, fd in enumerate(keep):
        os.dup2(fd, 3 + i)
worker = subprocess.Popen(sys.argv[1:], preexec_fn=place, close_fds=False)
for fd in keep + [say_w, go_r]:
    os.close(fd)
for line in os.fdopen(say_r):
    if line.startswith(("phase", "fail")):
        print(line, end="")
        break
worker.kill()
PY
}

@test "a worker refuses an argument that it does not know or that does not parse" {
    good=(workload=churn:ops=10k alloc=system)
    [[ "$(worker "${good[@]}")" == "phase baseline"* ]]
    [[ "$(worker "${good[@]}" latncy=5)" == "fail not-applicable"*"'latncy'"*"'latency'"* ]]
    for wrong in latency=often threads=two threads=0 processes=0 process=1 oracle=-1 oracle=1000000 node=x node=5000 cpus=0,x level=both census=yes \
        work_seed=1x loose; do
        got=$(worker "${good[@]}" "$wrong")
        [[ "$got" == "fail not-applicable"* ]] || { echo "$wrong: $got"; return 1; }
    done
}

@test "run.json has the settings of the run" {
    "$hg" run --workload churn:ops=2k,live=100 --latency 7 --settle 0s --timeout 9s --memory-limit 1G --out r --quiet >/dev/null
    printf '[suite]\nblocks = 1\n[s]\nworkload = churn:ops=2k,live=100\n[suite]\nsettle = 1ms\noracle = 5\n' >s.ini
    "$hg" suite s.ini --out s --latency 0 --quiet >/dev/null
    python3 - <<'PY'
import json
r = json.load(open("r/run.json"))["settings"]
assert r == {"latency": 7, "settle_ns": 0, "timeout_ns": 9_000_000_000, "memory_limit_bytes": 1 << 30, "oracle": 0, "shard": "1/1", "settle_load": 0, "tails": "auto"}, r
s = json.load(open("s/run.json"))["settings"]
assert s["latency"] == 0 and s["settle_ns"] == 1_000_000 and s["oracle"] == 5 and s["memory_limit_bytes"] > 0, s
sample = json.loads(open("s/samples.jsonl").readline())
assert sample["latency"] is None, sample["latency"]
PY
}
