"""One run of one program over loopback, for scripts/bench: what it moved, and what that cost.

iperf3 builds and iperfref as a pair of client and server, nuttcp and iperf2 likewise, and our bare
sender and receiver (harness/bench/bare.c). A run that fails or says nothing is None.
"""
import json
import os
import re
import socket
import subprocess
import time

HOST = "127.0.0.1"
BARE = "build/bench/bare"


class Run:
    """Bytes per second at either end; processor seconds, and peak memory, of both."""

    def __init__(self, received, cpu_s, seconds, sent=0.0, memory=0, intervals=None):
        self.received, self.sent = received, sent
        self.cpu_per_gb = cpu_s / (received * seconds / 1e9) if received > 0 else float("inf")
        self.memory, self.intervals = memory, intervals or []


def free_port():
    """A port that nobody listens on, nor the next one."""
    with socket.create_server((HOST, 0)) as s:
        return s.getsockname()[1]


def listening(port):
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as f:
            if any(r.split()[1].endswith(":%04X" % port) and r.split()[3] == "0A"
                   for r in list(f)[1:]):
                return True
    return False


def reap(process, timeout=20):
    """Processor seconds and peak memory of a process, which is ended if it does not end itself."""
    deadline = time.monotonic() + timeout
    while True:
        pid, _, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = 0
            return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.002)


def pair(server_args, client_args, port, seconds, keep_server=False):
    """Run both; (client's output, processor seconds of client and server, memory of both).
    keep_server: it does not end by itself."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    server = subprocess.Popen(server_args, **quiet)
    try:
        deadline = time.monotonic() + 10
        while not listening(port) and server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        client = subprocess.Popen(client_args, **{**quiet, "stdout": subprocess.PIPE})
        out = client.stdout.read()
        client.stdout.close()
        client_cost = reap(client, seconds + 20)
        if keep_server:
            server.terminate()
        server_cost = reap(server)
    finally:
        if server.returncode is None:
            server.kill()
            server.wait()
    return out, (client_cost[0], server_cost[0]), client_cost[1] + server_cost[1]


def received_of(end):
    """Bytes per second that arrived, both ways together."""
    total = 0.0
    for suffix in ("", "_bidir_reverse"):
        s = end.get("sum_received" + suffix)
        if s and (s.get("bytes", 0) > 0 or "sum" not in end):
            total += s["bits_per_second"] / 8
        elif "sum" in end and not suffix:  # old builds: of UDP what was sent, and the loss
            s = end["sum"]
            total += s["bits_per_second"] / 8 * (1 - s.get("lost_percent", 0) / 100)
    return total


def iperf3(client, server, options, seconds):
    port = free_port()
    out, cpu, memory = pair([server, "-s", "-B", HOST, "-p", str(port), "-1"],
                            [client, "-c", HOST, "-p", str(port), "-t", str(seconds), "-J", *options],
                            port, seconds)
    try:
        report = json.loads(out)
        end = report["end"]
        run = Run(received_of(end), sum(cpu), seconds,
                  end.get("sum_sent", end.get("sum", {})).get("bits_per_second", 0) / 8, memory,
                  [(i["sum"]["start"], i["sum"]["end"], i["sum"]["bytes"])
                   for i in report.get("intervals", [])])
    except (ValueError, KeyError):
        return None
    run.client_cpu, run.server_cpu = cpu
    return run if run.received > 0 else None


def bare(path, streams, seconds, length=None):
    out = subprocess.run([BARE, path, "-t", str(seconds), "-P", str(streams),
                          *(["-l", str(length)] if length else [])],
                         capture_output=True, timeout=60, check=False).stdout
    try:
        said = json.loads(out)
    except ValueError:
        return None
    return Run(said["bytes"] / said["seconds"], said["cpu_s"], said["seconds"])


def nuttcp(options, seconds):
    port = free_port()
    out, cpu, memory = pair(["nuttcp", "-1", "--nofork", "-P", str(port)],
                            ["nuttcp", "-P", str(port), "-p", str(free_port()), "-T%d" % seconds,
                             "-fparse", *options, HOST], port, seconds)
    said = dict(re.findall(rb"(\w+)=(\S+)", out))
    try:
        rate = float(said[b"rate_Mbps"]) * 1e6 / 8
    except (KeyError, ValueError):
        return None
    return Run(rate, sum(cpu), seconds, memory=memory)


def iperf2(options, seconds):
    port = free_port()
    udp = "-u" in options
    server = ["iperf", "-s", "-B", HOST, "-p", str(port), *(["-u"] if udp else [])]
    client = ["iperf", "-c", HOST, "-p", str(port), "-t", str(seconds), "-y", "C", *options]
    if udp:
        return None
    out, cpu, memory = pair(server, client, port, seconds, keep_server=True)
    rates = [float(line.split(b",")[-1]) / 8 for line in out.splitlines() if line.count(b",") >= 8]
    return Run(rates[-1], sum(cpu), seconds, memory=memory) if rates else None
