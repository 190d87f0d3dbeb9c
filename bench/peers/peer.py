# peer.py -- the part of peers.py's conversation that a Python program takes
#
# SPDX-License-Identifier: MIT
import sys
import time


def microseconds(run):
    """Of the processor for a call, over 50 ms; the clock is asked after twice as many calls each time."""
    start = end = time.process_time()
    done, calls = 0, 1
    while end - start < 0.05:
        for _ in range(calls):
            run()
        done += calls
        calls *= 2
        end = time.process_time()
    return (end - start) / done * 1e6


def serve(work):
    print(*work, flush=True)
    for line in sys.stdin:
        print(microseconds(work[line.strip()]), flush=True)
