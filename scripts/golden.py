"""The recorded sessions that rawpeer replays, and what a peer's messages must have in common with them.

Shares no code and no table with impl/.
"""
import glob
import json
import os
import re
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "impl", "tests", "vectors")
CLEAN = ["tcp", "time", "reverse", "bidir", "parallel", "blocks", "options", "udp", "udp-reverse",
         "udp-bidir", "udp-parallel", "udp-64bit", "server-output"]


class Wrong(Exception):
    """The peer broke a rule; the text begins with the clause."""


def number(version):
    return tuple(int(n) for n in re.findall(r"\d+", version))


class Golden:
    """One recorded session, cut into its messages."""

    def __init__(self, path):
        self.name = os.path.basename(path)[:-len(".session")]
        self.head, sides = {}, {"C": b"", "S": b""}
        with open(path, encoding="ascii") as f:
            for line in f:
                if line.startswith("#"):
                    continue
                if match := re.match(r"([a-z-]+): (.*)", line):
                    self.head[match[1]] = match[2]
                elif match := re.match(r"[\d.]+ ([CS]) ((?:[0-9a-f]{2})+)$", line):
                    sides[match[1]] += bytes.fromhex(match[2])
        self.mode = self.head["mode"]
        self.client_version = re.sub(r"^iperf3 | .*", "", self.head["client"]) or "raw"
        self.from_client, self.from_server = sides["C"], sides["S"]
        self.params_text = self.results = self.answer = None
        self.params = {}
        if self.mode in CLEAN + ["client-terminate", "server-terminate"]:
            self.params_text, rest = self.text(self.from_client[37:])
            self.params = json.loads(self.params_text)
        if self.mode in CLEAN:
            self.results = json.loads(self.text(rest[1:])[0])
            self.answer = json.loads(self.text(self.from_server[5:])[0])

    @staticmethod
    def text(data):
        n = struct.unpack(">I", data[:4])[0]
        return data[4:4 + n], data[4 + n:]


def load(client="*", server="*", mode="*"):
    paths = glob.glob(os.path.join(VECTORS, "%s-%s-*.session" % (client, server)))
    sessions = [Golden(p) for p in sorted(paths)]
    return [s for s in sessions if mode in ("*", s.mode)]


def newest():
    return max((s.client_version for s in load(mode="tcp")), key=number)


def like_version(version, stock=True):
    """The recorded session of that version (or, unless it is stock, the newest's) for a mode."""
    known = {s.client_version for s in load(mode="tcp")}
    like = version if stock and version in known else newest()

    def of(mode):
        found = [s for s in load(server=like, mode=mode)
                 if s.client_version in (like, "raw")]
        found[0].stock = stock
        return found[0]
    return of


# --- messages ---------------------------------------------------------------------------------

def stream_ids(n):
    return [1] + list(range(3, n + 2))  # (STR-6)


def directions(params):
    """For each stream, whether the client sends on it (STR-2)."""
    n = params["parallel"]
    if "bidirectional" in params:
        return [True] * n + [False] * n
    return ["reverse" not in params] * n


def check_results(got, like, streams, we_are_client):
    """The peer's results: members as recorded, ids in order, sums as the wire carried."""
    missing = [k for k in like if k not in got and k != "server_output_json"]
    extra = [k for k in got if k not in like and not k.startswith("server_output")]
    if missing or extra:
        raise Wrong("RES-1: results lack %s, have too much: %s" % (missing, extra))
    want = stream_ids(len(streams))
    ids = [s["id"] for s in got["streams"]]
    if ids != want:
        raise Wrong("STR-6: stream ids %s, want %s" % (ids, want))
    peer_sends = any(s.sends is False for s in streams)
    if (got["sender_has_retransmits"] in (0, 1)) != peer_sends and \
            got["sender_has_retransmits"] != (1 << 64) - 1:  # -1 of 3.12 and 3.13 (DEF-17)
        raise Wrong("RES-5: sender_has_retransmits %s" % got["sender_has_retransmits"])
    for mine, theirs in zip(streams, got["streams"]):
        lacking = [k for k in like["streams"][0] if k not in theirs]
        if lacking:
            raise Wrong("RES-10: stream %d lacks %s" % (theirs["id"], lacking))
        check_sums(mine, theirs, we_are_client)


def check_sums(mine, theirs, we_are_client):
    told = "stream %d: %d bytes reported, %d here" % (theirs["id"], theirs["bytes"], mine.bytes)
    if mine.sends and theirs["bytes"] != mine.bytes and we_are_client:
        raise Wrong("RES-11 " + told)
    if mine.sends and theirs["bytes"] > mine.bytes:
        raise Wrong("RES-11 " + told)
    if not mine.sends and theirs["bytes"] < mine.bytes:
        raise Wrong("RES-11 " + told)
    if not mine.udp:
        return
    if mine.sends and we_are_client and (theirs["packets"], theirs["errors"]) != (mine.packets, 0):
        raise Wrong("UDP-7 stream %d: packets %d, errors %d, sent %d" %
                    (theirs["id"], theirs["packets"], theirs["errors"], mine.packets))
    if not mine.sends and theirs["packets"] < mine.highest:
        raise Wrong("RES-16 stream %d: packets %d, seen %d" %
                    (theirs["id"], theirs["packets"], mine.highest))


def check_params(got, likes):
    """As one of the recorded clients sends them: a stock build as its own version, others as any."""
    wrongs = []
    for like in likes:
        try:
            return check_params_of(got, like.params)
        except Wrong as e:
            wrongs.append(e)
    raise wrongs[0]


def check_params_of(got, like):
    free = {"client_version", "gso_bf_size", "gro_bf_size"}
    missing = [k for k in like if k not in got]
    extra = [k for k in got if k not in like]
    if missing or extra:
        raise Wrong("PARAM-1: parameters lack %s, have too much: %s" % (missing, extra))
    for key, value in like.items():
        if key not in free and (got[key] != value or isinstance(got[key], bool) != isinstance(value, bool)):
            raise Wrong("PARAM-1: %s is %r, want %r" % (key, got[key], value))
