"""What proves that the cases of a clause, and each file of cases, can fail (for scripts/mutants and
scripts/mutants-table).

A clause is proved by a case that names it and notices a fault of it (impl/mutants) or a stock build
that does otherwise; a file of cases by whatever makes one of its cases fail.
"""
import collections
import csv
import glob
import json
import sys

REPORTS = "build/report/conformance-*.json"
LEFT_OUT = "harness/cases/left-out"
PROOFS = "harness/cases/proofs"
LATE = {"timeout", "hang"}  # on a busy machine that is no fault yet
IN_FULL = ["--timeout-scale", "1"]
TRIED = 4  # faults that are tried for the sake of a clause, and kills that were late
TRIED_FOR_FILE = 24

Proof = collections.namedtuple("Proof", "clause case cause")


def clauses_of(*levels):
    """Those that can be seen from outside, as `iperfspec coverage` counts them: level by id."""
    with open("docs/clauses.tsv", encoding="utf-8") as f:
        rows = csv.DictReader((line for line in f if line[0] != "#"), delimiter="\t",
                              quoting=csv.QUOTE_NONE)
        return {r["id"]: r["level"] for r in rows if r["level"].split()[0] in levels
                and r["visible"] != "no" and r["binds"] != "-"}


def clauses_to_prove():
    return clauses_of("MUST", "SHOULD")


def left_out():
    """Clause or cell -> reason."""
    with open(LEFT_OUT, encoding="utf-8") as f:
        rows = (line.split() for line in f if line.strip() and line[0] != "#")
        return {row[0]: row[1] for row in rows if row[0] != "at-most"}


class Stock:
    """Where builds do otherwise: stock ones than the protocol says, and any build than is predicted of
    others. Else iperfref, which is made to pass, proves nothing."""
    def __init__(self, pattern=REPORTS):
        self.differs = {}    # clause -> (version, case)
        self.failed = set()  # ids of cases
        self.versions = []
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8") as f:
                report = json.load(f)
            self.failed |= {r["id"] for r in report["results"]
                            if r["verdict"] == "skip" and r["cause"] not in ("", "ok")}
            if report["subject"]["name"] == "iperf":
                self.versions.append(report["subject"]["version"])
                self.take(report)

    def take(self, report):
        for r in report["results"]:
            if r["verdict"] in ("pass", "skip", "error"):
                continue
            self.failed.add(r["id"])
            for clause in r["clauses"]:
                if r.get("clause", clause) == clause:
                    self.differs.setdefault(clause, (report["subject"]["version"], r["id"]))


def kinds_in_turn(fates):
    """The first of each kind, the second of each, ...: what one kind cannot show another may."""
    n = collections.Counter()
    turns = []
    for fate in fates:
        n[fate.mutant.kind] += 1
        turns.append((n[fate.mutant.kind], fate))
    return [fate for _, fate in sorted(turns, key=lambda turn: turn[0])]


class Prover:
    """Goes on where the first kill of each fault is known: judge is that of scripts/mutants, fates are
    what became of the faults; what is found is added to them."""
    def __init__(self, judge, fates):
        self.judge = judge
        self.fates = [f for f in fates if f.how == "clause" and f.mutant.kind != "operator"]
        self.named = collections.defaultdict(set)
        for case in judge.cases:
            for clause in case["clauses"]:
                self.named[clause].add(case["id"])
        self.clauses = sorted(set(clauses_to_prove()) & set(self.named))
        self.predictions = sorted(set(clauses_of("IS")) & set(self.named))

    def faults_of(self, clauses):
        """Those that break one of them, the most particular first."""
        fates = [f for f in self.fates if set(f.mutant.clauses) & clauses]
        return sorted(fates, key=lambda f: len(set(f.mutant.clauses) - clauses))

    def owns(self, fate, clause, kills):
        """Kills by an assertion of a case that names the clause; of a crash and the like by that."""
        of_its_kind = fate.mutant.kind == "fault"
        return [k for k in kills if clause in k.clauses and self.judge.is_own(fate.mutant, k) and
                (of_its_kind or k.cause not in self.judge.invariants)]

    def kills_for(self, clause, fates):
        """(fate, kill) of cases that name the clause: what is known first, then what is tried."""
        for fate in fates:
            for kill in self.owns(fate, clause, fate.kills):
                yield fate, kill
        for fate in kinds_in_turn(fates)[:TRIED]:
            for choice in self.judge.choices(self.named[clause], ["--clause", clause]):
                kills = self.judge.failures(fate.mutant, choice, self.judge.everything) or []
                fate.kills.extend(kills)
                own = self.owns(fate, clause, kills)
                yield from ((fate, kill) for kill in own)
                if own:
                    break

    def note(self, clause, fate, kill):
        fate.proves.append(Proof(clause, kill.case, kill.cause))
        sys.stdout.write("proved  %s by %s: %s (%s)\n" % (clause, fate.mutant.name, kill.case, kill.cause))
        sys.stdout.flush()

    def prove(self, clause):
        """What is late counts only if it still is when there is time, and where there is nothing
        better."""
        late = []
        for fate, kill in self.kills_for(clause, self.faults_of({clause})):
            if self.judge.is_sure(fate.mutant, kill):
                return self.note(clause, fate, kill)
            late.append((fate, kill))
        first = {fate.mutant.name: (fate, kill) for fate, kill in reversed(late)}
        for fate, kill in [*first.values(), *late][:TRIED]:
            if self.judge.really_late(fate.mutant, [kill], IN_FULL):
                return self.note(clause, fate, kill)
        return None

    def predictions_to_prove(self, stock):
        """IS clauses of which no case was seen to fail."""
        seen = self.seen() | stock.failed
        return [clause for clause in self.predictions if not seen & self.named[clause]]

    def seen(self):
        return {kill.case for fate in self.judge.fates for kill in fate.kills}

    def files_to_prove(self, stock):
        """Files of which no case was seen to fail, with the ids of their cases."""
        seen = self.seen() | stock.failed
        files = collections.defaultdict(list)
        for case in self.judge.cases:
            files[case["file"]].append(case["id"])
        return [ids for ids in files.values() if not seen & set(ids)]

    def fail(self, ids):
        """A fault of what the cases name that one of them notices."""
        ids = set(ids)
        clauses = {clause for case in self.judge.cases if case["id"] in ids
                   for clause in case["clauses"]}
        for fate in kinds_in_turn(self.faults_of(clauses))[:TRIED_FOR_FILE]:
            for choice in self.judge.choices(ids, None):
                kills = self.judge.failures(fate.mutant, choice, False) or []
                if kills and kills[0].cause in LATE:
                    kills = self.judge.really_late(fate.mutant, kills, IN_FULL)
                if kills:
                    fate.kills.extend(kills)
                    print("noticed  %s by %s (%s)" % (fate.mutant.name, kills[0].case, kills[0].cause),
                          flush=True)
                    return
