"""Writes pcapng files: each datagram in an IP and a UDP header made for it, and the TLS secrets that open it.

Format: draft-ietf-opsawg-pcapng. Interface 0 is the side where datagrams enter the link, interface 1 where they leave.
"""

import ipaddress
import struct
from collections.abc import Iterable
from pathlib import Path

from .forwarder import Seen

LINKTYPE_RAW = 101
TLS_KEY_LOG = 0x544C534B


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(seen: Seen) -> bytes:
    """The datagram with UDP and IP headers before it, checksums right."""
    source, destination = (ipaddress.ip_address(host) for host in (seen.source[0], seen.destination[0]))
    length = 8 + len(seen.payload)
    udp = struct.pack("!HHHH", seen.source[1], seen.destination[1], length, 0)
    ends = source.packed + destination.packed
    if source.version == 4:
        pseudo = ends + struct.pack("!BBH", 0, 17, length)
        head = struct.pack("!BBHHHBBH", 0x45, seen.ecn, 20 + length, 0, 0x4000, 64, 17, 0)
        head = head[:10] + struct.pack("!H", _sum(head + ends)) + ends
    else:
        pseudo = ends + struct.pack("!II", length, 17)
        head = struct.pack("!IHBB", 6 << 28 | seen.ecn << 20, length, 17, 64) + ends
    checksum = _sum(pseudo + udp + seen.payload) or 0xFFFF
    return head + udp[:6] + struct.pack("!H", checksum) + seen.payload


def write(path: Path, packets: Iterable[Seen], began: float, secrets: str = "") -> None:
    """Writes the packets; `began` is the wall clock's time of their second 0, `secrets` an NSS key log."""
    with path.open("wb") as file:
        file.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for name in ("enters the link", "leaves the link"):
            file.write(_block(1, struct.pack("<HHI", LINKTYPE_RAW, 0, 0) + _option(2, name.encode()) + bytes(4)))
        if secrets:
            keys = secrets.encode()
            file.write(_block(10, struct.pack("<II", TLS_KEY_LOG, len(keys)) + _padded(keys)))
        for seen in packets:
            data = ip_packet(seen)
            stamp = int((began + seen.time) * 1_000_000)
            interface = 0 if seen.entered else 1
            head = struct.pack("<IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
            file.write(_block(6, head + _padded(data)))
