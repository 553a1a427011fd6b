"""Seeds of the capture target: recorded captures made short, and the shapes that those don't have."""
import gzip
import struct

ETHERNET, RAW, COOKED, COOKED2, NULL = 1, 101, 113, 276, 0
HEADERS = 80    # bytes kept of packets of the streams: what they carry is the same everywhere
LIMIT = 12000   # bytes of a seed


def read(path):
    """A recorded capture: its link type, [(seconds, nanoseconds, length on the wire, bytes)]."""
    data = gzip.open(path).read()
    packets, at = [], 24
    while at + 16 <= len(data):
        sec, ns, caplen, wire = struct.unpack_from("<IIII", data, at)
        packets.append((sec, ns, wire, data[at + 16:at + 16 + caplen]))
        at += 16 + caplen
    return struct.unpack_from("<I", data, 20)[0], packets


def connection(link, frame):
    """Both ends, in any order; None for what is neither TCP nor UDP over IP."""
    ip = frame[14:] if link == ETHERNET else frame
    if ip[:1] and ip[0] >> 4 == 4:
        ends, ports = ip[12:20], ip[4 * (ip[0] & 15):][:4]
        return tuple(sorted((ends[:4] + ports[:2], ends[4:] + ports[2:])))
    if ip[:1] and ip[0] >> 4 == 6:
        return tuple(sorted((ip[8:24] + ip[40:42], ip[24:40] + ip[42:44])))
    return None


def shortened(link, packets):
    """The control connection whole, and of the streams the headers, as far as there is room."""
    size, out, control = 0, [], connection(link, packets[0][3])
    for sec, ns, wire, frame in packets:
        if connection(link, frame) != control:
            frame = frame[:HEADERS]
        size += len(frame) + 16
        if size < LIMIT:
            out.append((sec, ns, wire, frame))
    return out


def pcap(link, packets, order="<", nanoseconds=True):
    out = struct.pack(order + "IHHiIII", 0xa1b23c4d if nanoseconds else 0xa1b2c3d4, 2, 4, 0, 0, 65535, link)
    for sec, ns, wire, frame in packets:
        out += struct.pack(order + "IIII", sec, ns if nanoseconds else ns // 1000, len(frame), wire) + frame
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def pcapng(link, packets, order="<"):
    """Two interfaces, of which the second counts nanoseconds; enhanced, simple and old packets."""
    out = block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    out += block(order, 1, struct.pack(order + "HHI", link, 0, 0))
    out += block(order, 1, struct.pack(order + "HHI", link, 0, 0) + struct.pack(order + "HHB3xI", 9, 1, 9, 0))
    for n, (sec, ns, wire, frame) in enumerate(packets):
        ticks = sec * 10**6 + ns // 1000 if n % 2 == 0 else sec * 10**9 + ns
        stamp = struct.pack(order + "II", ticks >> 32, ticks & 0xffffffff)
        sizes = struct.pack(order + "II", len(frame), wire)
        if n % 5 == 4:
            out += block(order, 2, struct.pack(order + "HH", n % 2, 0) + stamp + sizes + frame)
        else:
            out += block(order, 6, struct.pack(order + "I", n % 2) + stamp + sizes + frame)
    frame = packets[-1][3]
    return out + block(order, 3, struct.pack(order + "I", len(frame)) + frame) + block(order, 5, bytes(12))


def ip_of(link, frame):
    return frame[14:] if link == ETHERNET else frame


def udp(payload, port):
    """Inside a UDP datagram over IPv4 over Ethernet."""
    head = struct.pack(">HHHH", 40000, port, len(payload) + 8, 0)
    return struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(payload), 7, 0, 64, 17, 0) + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + \
        head + payload


def fragments(ip):
    """An IPv4 packet in two."""
    if ip[0] >> 4 != 4 or len(ip) < 60:
        return [ip]
    head = 4 * (ip[0] & 15)
    cut = (len(ip) - head) // 2 // 8 * 8
    first = bytearray(ip[:head + cut])
    second = bytearray(ip[:head] + ip[head + cut:])
    for part, more, offset in ((first, 0x2000, 0), (second, 0, cut // 8)):
        part[2:4] = struct.pack(">H", len(part))
        part[6:8] = struct.pack(">H", more | offset)
    return [bytes(first), bytes(second)]


MACS = bytes(range(12))
IP = b"\x08\0"
# How an IP packet (of version 4) is carried: link type, what goes in front.
CARRIERS = (
    (RAW, lambda ip: ip),
    (COOKED, lambda ip: b"\0\0\0\1\0\6\2\0\0\0\0\1\0\0" + IP + ip),
    (COOKED2, lambda ip: IP + b"\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0" + ip),
    (NULL, lambda ip: b"\2\0\0\0" + ip),
    (9, lambda ip: b"\0\x21" + ip),
    (ETHERNET, lambda ip: MACS + b"\x81\0\0\5" + IP + ip),
    (ETHERNET, lambda ip: MACS + b"\x88\xa8\0\5\x81\0\0\6" + IP + ip),
    (ETHERNET, lambda ip: MACS + b"\x88\x64\x11\0\0\1" + struct.pack(">H", len(ip) + 2) + b"\0\x21" + ip),
    (ETHERNET, lambda ip: MACS + b"\x88\x47\0\0\x11\x40" + ip),
    (ETHERNET, lambda ip: MACS + struct.pack(">H", len(ip) + 8) + b"\xaa\xaa\3\0\0\0" + IP + ip),
    (RAW, lambda ip: struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(ip), 7, 0, 64, 4, 0) + bytes(8) + ip),
    (RAW, lambda ip: struct.pack(">BBHHHBBH", 0x45, 0, 24 + len(ip), 7, 0, 64, 47, 0) + bytes(8) + b"\0\0" + IP + ip),
    (RAW, lambda ip: udp(b"\x08\0\0\0\0\0\5\0" + MACS + IP + ip, 4789)),
    (RAW, lambda ip: udp(b"\0\0\x65\x58\0\0\5\0" + MACS + IP + ip, 6081)),
    (RAW, lambda ip: udp(b"\x30\xff" + struct.pack(">H", len(ip)) + b"\0\0\0\1" + ip, 2152)),
)


def carried(link, packets, carrier):
    to, wrap = carrier
    rows = [(sec, ns, wrap(ip_of(link, frame))) for sec, ns, _, frame in packets]
    return pcap(to, [(sec, ns, len(frame), frame) for sec, ns, frame in rows])


def seeds(folder):
    paths = sorted(folder.glob("*.pcap.gz"))
    for path in paths:
        link, packets = read(path)
        yield pcap(link, shortened(link, packets))
    link, packets = read(folder / "3.18-3.18-tcp.pcap.gz")
    packets = shortened(link, packets)
    for carrier in CARRIERS:
        yield carried(link, packets, carrier)
    yield pcap(RAW, [(sec, ns, len(part), part) for sec, ns, _, frame in packets
                     for part in fragments(ip_of(link, frame))])
    yield pcap(link, [(s, n, w, f[:70]) for s, n, w, f in packets])
    yield pcap(link, packets, ">")
    yield pcap(link, packets, "<", False) * 2
    for order in "<>":
        yield pcapng(link, packets, order)
    yield gzip.compress(pcap(link, packets), mtime=0)
    yield gzip.compress(pcapng(link, packets), mtime=0)[:-9]
