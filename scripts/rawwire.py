"""Bytes, queues and data streams, for rawpeer. Shares no code and no table with impl/."""
import contextlib
import json
import os
import select
import socket
import struct
import threading
import time

from golden import Wrong

WAIT = 15  # s, for what must come; generous, since it only matters when something is wrong


def read(sock, n, what):
    got = b""
    sock.settimeout(WAIT)
    while len(got) < n:
        try:
            piece = sock.recv(n - len(got))
        except socket.timeout:
            raise Wrong("%s: nothing for %d s" % (what, WAIT)) from None
        except ConnectionError as e:
            raise Wrong("%s: %s after %s" % (what, e, got.hex() or "nothing")) from None
        if not piece:
            raise Wrong("%s: closed after %s" % (what, got.hex() or "nothing"))
        got += piece
    return got


def expect(sock, want, what):
    got = read(sock, len(want), what)
    if got != want:
        raise Wrong("%s: want %s, got %s" % (what, want.hex(), got.hex()))


def read_json(sock, what):
    n = struct.unpack(">I", read(sock, 4, what))[0]
    if not 2 <= n <= 1 << 20:
        raise Wrong("JSON-1 %s: length %d" % (what, n))
    text = read(sock, n, what)
    if text[:1] != b"{" or text[-1:] != b"}":
        raise Wrong("JSON-2 %s: not just an object: %r" % (what, text))
    return json.loads(text)


def frame(value):
    text = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return struct.pack(">I", len(text)) + text


def is_quiet(sock, seconds=0.0):
    return not select.select([sock], [], [], seconds)[0]


def rest(sock):
    """What still comes, until the peer closes; a reset ends it too (CLOSE-2)."""
    got = b""
    sock.settimeout(WAIT)
    try:
        while piece := sock.recv(65536):
            got += piece
    except ConnectionError:
        pass
    except socket.timeout:
        raise Wrong("CLOSE-11: not closed %d s after %s" % (WAIT, got.hex() or "nothing")) from None
    return got


def make_cookie():
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[b & 31] for b in os.urandom(36)).encode() + b"\0"


def until(holds, wrong):
    """Wait for what the kernel and another process do, of which nobody is told: the one place that sleeps."""
    deadline = time.monotonic() + WAIT
    while not holds():
        if time.monotonic() > deadline:
            raise wrong
        time.sleep(0.005)


def queues(protocol, local, remote):
    """Bytes that wait in the socket local -> remote, sending and receiving; zeros if there is none."""
    def key(addr):
        return "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(addr[0]))[0], addr[1])
    for table in ("/proc/net/" + protocol, "/proc/net/" + protocol + "6"):
        with contextlib.suppress(OSError), open(table, encoding="ascii") as f:
            for row in list(f)[1:]:
                col = row.split()
                ends = [c[-13:] for c in col[1:3]]  # the last word of a mapped IPv6 address
                if ends == [key(local), key(remote)]:
                    return tuple(int(n, 16) for n in col[4].split(":"))
    return 0, 0


class Stream:
    """One data stream; counts what it moved. A thread reads, so that nobody blocks on us."""

    def __init__(self, sock, params, sends, where=None):
        self.sock, self.sends, self.where = sock, sends, where
        self.udp = "udp" in params
        self.len = params["len"]
        self.wide = "udp_counters_64bit" in params
        self.bytes = self.packets = self.highest = 0
        self.wrong = None
        self.arrived, self.stop = threading.Event(), threading.Event()
        self.thread = None

    def start(self, work):
        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def receive(self):
        self.sock.settimeout(0.1)
        while True:
            try:
                data = self.sock.recv(65536)
            except socket.timeout:
                if self.stop.is_set():
                    return
                continue
            except OSError:
                return
            if not data and not self.udp:
                return
            self.bytes += len(data)
            if self.udp:
                self.take_datagram(data)
            self.arrived.set()

    def take_datagram(self, data):
        self.packets += 1
        usec = struct.unpack(">I", data[4:8])[0]
        seq = struct.unpack(">Q" if self.wide else ">I", data[8:16 if self.wide else 12])[0]
        if len(data) != self.len:
            self.wrong = "UDP-3: datagram of %d bytes, len is %d" % (len(data), self.len)
        if usec > 999999:
            self.wrong = "UDP-1: %d microseconds" % usec
        if seq != self.highest + 1:
            self.wrong = "UDP-5: number %d after %d" % (seq, self.highest)
        self.highest = seq

    def send_block(self):
        if not self.udp:
            self.sock.sendall(b"\xa5" * self.len)
        else:
            now = time.monotonic()
            head = struct.pack(">II", int(now), int(now % 1 * 1000000))
            self.packets += 1
            head += struct.pack(">Q" if self.wide else ">I", self.packets)
            self.sock.send(head + b"\xa5" * (self.len - len(head)))
        self.bytes += self.len

    def send_until_stopped(self):
        """At about one block in 20 ms: the peer must be able to keep up."""
        self.sock.settimeout(WAIT)
        with contextlib.suppress(OSError):
            while not self.stop.wait(0.02):
                self.send_block()

    def is_empty(self):
        """Whether nothing is under way between the two ends, and all that arrived was read."""
        protocol = "udp" if self.udp else "tcp"
        ends = [self.sock.getsockname(), self.sock.getpeername()]
        return not any(queues(protocol, *ends)) and not any(queues(protocol, *reversed(ends)))

    def drained(self):
        """Wait until the receiver has read all that was sent. Twice: between the looks at the two ends bytes
        may have moved."""
        until(lambda: self.is_empty() and self.is_empty(),
              Wrong("FLOW-1: the stream's data was not read for %d s" % WAIT))

    def finish(self):
        self.stop.set()
        if self.thread:
            self.thread.join(WAIT)
        if self.wrong:
            raise Wrong(self.wrong)

    def result(self, template, sid):
        mine = dict(template, id=sid, bytes=self.bytes)
        if self.udp:
            mine.update(packets=self.packets if self.sends else self.highest, errors=0)
        return mine
