"""Lines that no fuzz target reaches, each with its reason.

usage: unreached.py LCOV RULES REPORT

LCOV is what llvm-cov exports of all targets together, RULES has rows of a file (a pattern), what in
it (a function, a pattern of functions, or /a regular expression/ for a line), and why it cannot be
reached, separated by tabs; the first that fits counts. Lines that follow each other are one block,
which a rule for one of them explains. Exit status 1 if a block has no reason, or a row is of no use.
"""
import bisect
import collections
import fnmatch
import re
import sys

ROOMS = ("impl/wire/", "harness/script/", "harness/capture/")

Block = collections.namedtuple("Block", "file function first lines")


def read_lcov(path):
    """Per file: {line: count}, {first line: function}."""
    counts, functions, file = collections.defaultdict(collections.Counter), collections.defaultdict(dict), ""
    with open(path, encoding="utf-8") as f:
        for row in f:
            key, _, value = row.rstrip("\n").partition(":")
            if key == "SF":
                file = value.removeprefix("./")
            elif key == "FN":
                line, name = value.split(",", 1)
                functions[file][int(line)] = name.rsplit(":", 1)[-1]
            elif key == "DA":
                line, count = value.split(",")[:2]
                counts[file][int(line)] += int(count)
    return counts, functions


def blocks(counts, functions):
    """Unreached lines of the rooms that follow each other within a function."""
    for file in sorted(counts):
        if not file.startswith(ROOMS) or not file.endswith(".c"):
            continue
        with open(file, encoding="utf-8") as f:
            source = [""] + f.read().split("\n")
        starts = sorted(functions[file])
        block = None
        for line in sorted(counts[file]):
            at = bisect.bisect(starts, line) - 1
            if counts[file][line] > 0 or at < 0:
                block = None
                continue
            function = functions[file][starts[at]]
            if block is None or block.function != function:
                block = Block(file, function, line, [])
                yield block
            block.lines.append(source[line].strip())


def fits(rule, block):
    file, what, _ = rule
    if not fnmatch.fnmatch(block.file, file):
        return False
    if what.startswith("/"):
        return any(re.search(what.strip("/"), line) for line in block.lines)
    return fnmatch.fnmatch(block.function, what)


def read_rules(path):
    with open(path, encoding="utf-8") as f:
        rules = [tuple(row.rstrip("\n").split("\t")) for row in f if row.strip() and not row.startswith("#")]
    for rule in rules:
        if len(rule) != 3 or not rule[2]:
            sys.exit(f"{path}: not file, what, reason: {rule[0]}")
    return rules


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    rules = read_rules(sys.argv[2])
    of_rule, bare, n = collections.defaultdict(list), [], 0
    # A list, since the blocks' lines are complete behind the last alone.
    for block in list(blocks(*read_lcov(sys.argv[1]))):
        n += len(block.lines)
        rule = next((r for r in rules if fits(r, block)), None)
        (bare if rule is None else of_rule[rule]).append(block)
    with open(sys.argv[3], "w", encoding="utf-8") as out:
        for rule in rules:
            if of_rule[rule]:
                print(f"\n{rule[2]}:", file=out)
            for block in of_rule[rule]:
                print(f"  {block.file}:{block.first} {block.function} ({len(block.lines)})", file=out)
                print("".join(f"      {line}\n" for line in block.lines), end="", file=out)
    print(f"{n} lines of {', '.join(ROOMS)} are reached by no input; why: {sys.argv[3]}")
    for block in bare:
        print(f"no reason: {block.file}:{block.first} {block.function}: {block.lines[0]}")
    stale = [rule for rule in rules if not of_rule[rule]]
    for file, what, _ in stale:
        print(f"nothing is unreached there: {file} {what}")
    sys.exit(1 if bare or stale else 0)


main()
