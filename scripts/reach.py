"""Which cases reach which lines of iperfref's sources (for scripts/mutants).

The suite is played once against a build that notes each of its basic blocks (impl/mutants/reach). A
line that begins no block belongs to the block of the nearest line above it in its function. One that
does may have begun in the block before: of `a && b` only b begins a block.
"""
import collections
import json
import mmap
import os
import re
import shutil
import subprocess

PROGRAM = "build/reach/iperfref"
FOLDER = "build/reach/cases"
CALL = re.compile(r"^\s*([0-9a-f]+):\s+call\s+[0-9a-f]+ <__sanitizer_cov_trace_pc>")
CALL_LEN = 5  # the bit stands for the address that the call returns to


def record(processes):
    """Play the suite: the ids of the cases that pass."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    subprocess.run(["make", "-s", "-j%d" % processes, "VARIANT=reach", PROGRAM], check=True)
    done = subprocess.run(["build/iperfspec", "test", "--build", PROGRAM, "--quiet", "--json", "-",
                           "--profile", "any", "--no-probe"],
                          env=dict(os.environ, IPERFREF_REACH=os.path.abspath(FOLDER)),
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(3)
    return {r["id"] for r in json.loads(done.stdout)["results"] if r["verdict"] == "pass"}


def blocks():
    """(file, function) -> {line: [bit]}, of all basic blocks."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", PROGRAM], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    calls = [int(m.group(1), 16) for m in map(CALL.match, listing.splitlines()) if m]
    told = subprocess.run(["addr2line", "-f", "-e", PROGRAM], check=True, stdout=subprocess.PIPE,
                          text=True, input="\n".join("%#x" % c for c in calls)).stdout.splitlines()
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for call, function, place in zip(calls, told[::2], told[1::2]):
        path, line = place.split(" ")[0].rsplit(":", 1)
        if line.isdigit():
            found[os.path.relpath(path), function][int(line)].append(call + CALL_LEN)
    return found


class Reach:
    def __init__(self, processes):
        self.sound = record(processes)
        self.blocks = blocks()
        self.cases = {}
        for name in os.listdir(FOLDER):
            with open(os.path.join(FOLDER, name), "rb") as f:
                self.cases[name.replace("|", "/")] = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)

    def cases_at(self, path, function, line):
        """Ids of the cases that reach the line; None where it is in no function, as in a table."""
        lines = self.blocks.get((path, function), {})
        above = sorted(n for n in lines if n <= line)
        if not above:
            return None
        bits = [bit for n in above[-2:] for bit in lines[n]]
        return {case for case, at in self.cases.items()
                if any(at[bit >> 3] >> (bit & 7) & 1 for bit in bits)}
