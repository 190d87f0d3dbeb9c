# peers.py -- the same work done by libprune and by other programs, in turn
#
# Each program is a process of its own, of one thread, and waits: for a line with the name of some work it answers
# with how many microseconds of the processor a call took, over at least 50 ms. So all meet the same machine, round
# by round, each in a loop in its own language. Medians of ratios go into the CSV file, whose
# ratio is libprune's time by the other's. usage: peers.py CSV OURS NAME=COMMAND ...
#
# SPDX-License-Identifier: MIT
import statistics
import subprocess
import sys

ROUNDS = 15
GOALS = {("model/784-300-100-10/s90/b1", "onnxruntime"): 1 / 8}


class Peer:
    """A process that has said what it can do; `work` is empty if it could not be started."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, shell=True, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.work = self.process.stdout.readline().split()

    def time(self, work):
        self.process.stdin.write(work + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        return self.process.stderr.read().strip().split("\n")[-1]


def race(work, peers):
    """Microseconds of each peer, round by round; the first round warms up."""
    times = [[peer.time(work) for peer in peers] for _ in range(ROUNDS + 1)]
    return list(zip(*times[1:]))


def report(csv, work, peers, times):
    for peer, theirs in zip(peers[1:], times[1:]):
        ratios = sorted(mine / other for mine, other in zip(times[0], theirs))
        mine, other, ratio = (statistics.median(values) for values in (times[0], theirs, ratios))
        low, high = ratios[ROUNDS // 4], ratios[ROUNDS - 1 - ROUNDS // 4]
        goal = GOALS.get((work, peer.name))
        verdict = "" if goal is None else f"   goal {goal:.3f}: " + (
            "met" if ratio <= goal else "missed" if low > goal else "within noise")
        print(f"{work:30} {mine:10.2f} us  {peer.name:12} {other:10.2f} us   {ratio:6.3f}  ({low:.3f} .. {high:.3f}){verdict}")
        csv.write(f"{work},{mine:.3f},us,{peer.name},{other:.3f},{ratio:.4f}\n")


def main():
    path, ours, *others = sys.argv[1:]
    peers = [Peer(*entry.split("=", 1)) for entry in ["libprune=" + ours, *others]]
    if not peers[0].work:
        sys.exit("peers.py: " + peers[0].end())
    with open(path, "w", encoding="ascii") as csv:
        csv.write("name,value,unit,reference,reference_value,ratio\n")
        for work in peers[0].work:
            able = [peer for peer in peers if work in peer.work]
            report(csv, work, able, race(work, able))
    for peer in peers:
        there = bool(peer.work)
        reason = peer.end()
        if not there:
            print(f"{peer.name}: not installed ({reason})")


main()
