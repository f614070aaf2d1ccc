"""A server that forks its workers, in a real CPython: what of the parent's pages a worker copies, by cause.

The counterpart of heapgauge's workload prefork, with its parameters: the same records, one full collection, gc.freeze() or
not, then one worker a cause. Prints a line `CAUSE BYTES` for each: Private_Dirty of the worker at the end of its work, less what
it was right after the fork. Linux; a build with the GIL.

    prefork.py [--heap 200000] [--freeze] [--churn 100000]
"""
import argparse
import gc
import os


def private_dirty():
    with open("/proc/self/smaps_rollup", "rb") as rollup:
        for line in rollup:
            if line.startswith(b"Private_Dirty:"):
                return int(line.split()[1]) << 10
    raise SystemExit("smaps_rollup has no Private_Dirty")


def copied(work):
    """Bytes that a worker of its own copies while it does this."""
    out, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        before = private_dirty()
        work()
        os.write(answer, b"%d" % (private_dirty() - before))
        os._exit(0)
    os.close(answer)
    with os.fdopen(out, "rb") as end:
        text = end.read()
    if os.waitpid(pid, 0)[1] != 0 or not text:
        raise SystemExit("a worker ended without an answer")
    return int(text)


def main():
    options = argparse.ArgumentParser(allow_abbrev=False)
    options.add_argument("--heap", type=int, default=200000)
    options.add_argument("--freeze", action="store_true")
    options.add_argument("--churn", type=int, default=100000)
    options = options.parse_args()
    gc.disable()
    records = [{"n": i, "t": (i, [i])} for i in range(options.heap)]
    gc.collect()
    if options.freeze:
        gc.freeze()

    def read():
        total = 0
        for record in records:
            total += record["n"]

    def churn():
        for i in range(options.churn):
            [i + 1000]

    for name, work in (("read", read), ("collect", gc.collect), ("churn", churn)):
        print(name, copied(work), flush=True)


main()
