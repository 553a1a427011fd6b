"""Verdicts of many runs of the same cases: what scripts/check-language and scripts/false-alarms share."""
import collections
import contextlib
import json
import math
import os
import subprocess
import sys


def at_most(runs, differing=0):
    """Upper end of Wilson's interval (95 %) for the share of what was seen so often in so many runs."""
    z = 1.96
    if not runs:
        return 1
    share = differing / runs
    spread = z * math.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    return (share + z * z / (2 * runs) + spread) / (1 + z * z / runs)


def word_of(judged):
    cause = judged.get("cause", "ok")
    return judged["verdict"] + ("" if cause == "ok" else ":" + cause)


class Tally:
    """What became of some cases on one build."""
    def __init__(self):
        self.cases = collections.defaultdict(collections.Counter)  # case -> verdicts
        self.wrong, self.carried, self.known = [], [], 0
        self.expected = collections.defaultdict(set)  # case -> verdicts that an expectation names

    def take(self, case, result):
        """One of the `results` of a report, under that name."""
        self.cases[case][word_of(result)] += 1
        if result["standing"] == "known":
            self.expected[case].add(word_of(result))
        if result["unexpected"]:
            self.wrong.append("%s: %s" % (result["id"], result["got"]))

    def take_finding(self, finding):
        """One of the findings of --persistent: another verdict on a process that is kept."""
        if "known" in finding:
            self.known += 1
            return
        before = finding["sequence"][:-1]
        self.carried.append("%s: %s with a process of its own, %s (%s) after %s" % (
            finding["id"], word_of(finding["fresh"]), word_of(finding["kept"]), finding["got"],
            ", ".join(before) if len(before) < 5 else "%d other cases" % len(before)))

    def differing(self):
        """Cases with more than one verdict; what is known to happen at times aside."""
        return {case: seen for case, seen in self.cases.items()
                if len(set(seen) - self.expected[case]) > 1}

    def runs(self):
        return sum(sum(seen.values()) for seen in self.cases.values())

    def words(self):
        total = collections.Counter()
        for seen in self.cases.values():
            total.update(seen)
        return " ".join("%s %d" % pair for pair in total.most_common())


@contextlib.contextmanager
def busy(n):
    """Burn the time of n processors meanwhile; ends with us, whatever becomes of us."""
    burner = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
    burners = [subprocess.Popen([sys.executable, "-c", burner]) for _ in range(n)]
    try:
        yield
    finally:
        for process in burners:
            process.kill()
            process.wait()


def play(command, path):
    """Run `iperfspec test --json PATH`: its report, its exit status, and its words. The report is
    None if there is none."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # that of an earlier run
    done = subprocess.run([*command, "--json", path], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f), done.returncode, done.stdout
    except (OSError, ValueError) as e:
        return None, done.returncode, "%s\n%s" % (e, done.stdout)
