"""One run of one program over loopback, for scripts/bench: what it moved, and what that cost.

iperf3 builds and iperfref as a pair of client and server, nuttcp and iperf2 likewise, and our bare
sender and receiver (harness/bench/bare.c). A run that fails is None.
"""
import contextlib
import json
import os
import re
import socket
import subprocess
import time

HOST = "127.0.0.1"
BARE = "build/bench/bare"
SPEC = "build/iperfspec"


class Run:
    """Bytes per second at each end; processor seconds per GB received, of both ends and of each;
    peak memory of both in bytes; intervals as (start, end, bytes)."""

    def __init__(self, received, seconds, cpu, sent=0.0, memory=0, intervals=()):
        self.received, self.sent, self.memory, self.intervals = received, sent, memory, intervals
        self.client_cpu, self.server_cpu = (c / max(received * seconds / 1e9, 1e-9) for c in cpu)
        self.cpu = self.client_cpu + self.server_cpu


def free_port():
    with socket.create_server((HOST, 0)) as s:
        return s.getsockname()[1]


def listening(port):
    """Whether somebody listens on that TCP port, or has that UDP port."""
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07")):
        with open("/proc/net/" + table, encoding="ascii") as f:
            if any(r.split()[1].endswith(":%04X" % port) and r.split()[3] == state
                   for r in list(f)[1:]):
                return True
    return False


def peak_memory(process):
    with contextlib.suppress(OSError, AttributeError):
        with open("/proc/%d/status" % process.pid, encoding="ascii") as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) * 1024
    return 0


def reap(process, patience):
    """Processor seconds of a process, which is killed if it does not end by itself. 0 of one that was
    seen to have ended before anybody could use it."""
    if process.returncode is not None:
        return 0.0
    deadline = time.monotonic() + patience
    while True:
        pid, _, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = 0
            return usage.ru_utime + usage.ru_stime
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.002)


def pair(server_args, client_args, port, seconds, stays=False):
    """Run a server and a client of it: their output, processor seconds, and memory of both together.
    stays: the server does not end by itself."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(server_args, **pipes) as server:
        deadline = time.monotonic() + 10
        while not listening(port) and server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        with subprocess.Popen(client_args, **pipes) as client:
            time.sleep(seconds * 0.8)
            memory = peak_memory(client) + peak_memory(server)
            said = client.stdout.read()
            client_cpu = reap(client, seconds + 10)
        if stays:
            server.terminate()
        server_cpu = reap(server, 1)
        return said, server.stdout.read(), (client_cpu, server_cpu), memory


def received_of(end):
    """Bytes per second that arrived, both ways together."""
    total = 0.0
    for suffix in ("", "_bidir_reverse"):
        s = end.get("sum_received" + suffix, {})
        if s.get("bytes", 0) > 0:
            total += s["bits_per_second"] / 8
        elif "sum" in end and not suffix:  # old builds: of UDP what was sent, and the loss
            s = end["sum"]
            total += s["bits_per_second"] / 8 * (1 - s.get("lost_percent", 0) / 100)
    return total


def iperf3(client, server, options, seconds):
    port = free_port()
    said, _, cpu, memory = pair(
        [server, "-s", "-B", HOST, "-p", str(port), "-1"],
        [client, "-c", HOST, "-p", str(port), "-t", str(seconds), "-J", *options], port, seconds)
    try:
        report = json.loads(said)
        end = report["end"]
        received = received_of(end)
    except (ValueError, KeyError):
        return None
    if received <= 0:
        return None
    return Run(received, seconds, cpu, end.get("sum_sent", end.get("sum", {})).get("bits_per_second", 0) / 8,
               memory, [(i["sum"]["start"], i["sum"]["end"], i["sum"]["bytes"])
                        for i in report.get("intervals", [])])


def bare(path, streams, seconds):
    out = subprocess.run([BARE, path, "-t", str(seconds), "-P", str(streams)],
                         capture_output=True, timeout=60, check=False).stdout
    try:
        said = json.loads(out)
    except ValueError:
        return None
    return Run(said["bytes"] / said["seconds"], said["seconds"], (said["cpu_s"], 0))


def nuttcp(options, seconds):
    port = free_port()
    said, _, cpu, memory = pair(
        ["nuttcp", "-1", "--nofork", "-P", str(port)],
        ["nuttcp", "-P", str(port), "-p", str(free_port()), "-T%d" % seconds, "-fparse", *options, HOST],
        port, seconds)
    rate = re.search(rb"rate_Mbps=([\d.]+)", said)
    return Run(float(rate.group(1)) * 1e6 / 8, seconds, cpu, memory=memory) if rate else None


def iperf2(options, seconds):
    """Of TCP the client's word counts, of UDP the server's, which has a line for each stream."""
    port, is_udp = free_port(), "-u" in options
    said, heard, cpu, memory = pair(
        ["iperf", "-s", "-B", HOST, "-p", str(port), "-f", "k", *(["-u"] if is_udp else [])],
        ["iperf", "-c", HOST, "-p", str(port), "-t", str(seconds), "-f", "k", *options],
        port, seconds, stays=True)
    rates = re.findall(rb"\[[ *]*\d+\] .* (\d+) Kbits/sec", heard if is_udp else said)
    return Run(sum(map(float, rates)) * 1e3 / 8, seconds, cpu, memory=memory) if rates else None


def load(build, tests, at_once, mode):
    """What `iperfspec load` says of a server: tests per second, and memory for each test at once."""
    try:
        out = subprocess.run([SPEC, "load", "--build", build, "--tests", str(tests), "--at-once",
                              str(at_once), "--mode", mode, "--json", "-"],
                             capture_output=True, timeout=120, check=False).stdout
        said = json.loads(out)
    except (ValueError, subprocess.TimeoutExpired):
        return None
    if said["good"] != tests:
        return None
    run = Run(0, 1, (0, 0))
    run.tests = said["tests_per_second"]
    server = said["server"]
    run.each = (server["most"]["memory_bytes"] - server["before"]["memory_bytes"]) / said["most_at_once"]
    return run
