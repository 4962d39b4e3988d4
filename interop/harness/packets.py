"""Takes a datagram apart into QUIC packets, as far as the headers show (RFC 9000, section 17; RFC 9369, section 3)."""

from dataclasses import dataclass

V1 = 0x00000001
V2 = 0x6B3343CF
V2_DRAFT = 0x709A50C4

INITIAL, ZERO_RTT, HANDSHAKE, RETRY, NEGOTIATION, ONE_RTT = (
    "Initial",
    "0-RTT",
    "Handshake",
    "Retry",
    "Version Negotiation",
    "1-RTT",
)
_LONG_TYPES = {
    V1: (INITIAL, ZERO_RTT, HANDSHAKE, RETRY),
    V2: (RETRY, INITIAL, ZERO_RTT, HANDSHAKE),
    V2_DRAFT: (RETRY, INITIAL, ZERO_RTT, HANDSHAKE),
}


class Malformed(Exception):
    """The bytes are no QUIC packet: corrupted, or not QUIC."""


@dataclass(frozen=True)
class Header:
    """What a packet shows without keys."""

    kind: str
    version: int | None
    destination: bytes | None
    """The destination connection ID; None in a 1-RTT packet, which does not tell its length."""
    source: bytes
    token: bytes
    number_offset: int
    """Where the protected packet number begins."""
    packet: bytes
    """The packet's own bytes, without those of others in the datagram."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The variable-length integer at `at`, and where it ends (RFC 9000, section 16)."""
    if at >= len(data):
        raise Malformed("ends within an integer")
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        raise Malformed("ends within an integer")
    return int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size


def _taken(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        raise Malformed("ends within a field")
    return data[at : at + size], at + size


def split(datagram: bytes) -> list[Header]:
    """The packets of a datagram. What follows a packet that cannot be read is left out."""
    packets: list[Header] = []
    rest = datagram
    while rest:
        try:
            header = _first(rest)
        except Malformed:
            break
        if header is None:
            break
        packets.append(header)
        rest = rest[len(header.packet) :]
    return packets


def _first(data: bytes) -> Header | None:
    if not data[0] & 0x80:
        # The fixed bit tells nothing: peers may clear it (RFC 9287). Zeros alone are padding after the last packet.
        return Header(ONE_RTT, None, None, b"", b"", 0, data) if data.strip(b"\0") else None
    if len(data) < 7:
        raise Malformed("too short for a long header")
    version = int.from_bytes(data[1:5], "big")
    destination, at = _taken(data, 6, data[5])
    if at >= len(data):
        raise Malformed("no source connection ID")
    source, at = _taken(data, at + 1, data[at])
    if version == 0:
        return Header(NEGOTIATION, 0, destination, source, b"", at, data)
    types = _LONG_TYPES.get(version)
    if types is None:
        raise Malformed(f"unknown version 0x{version:08x}")
    kind = types[(data[0] >> 4) & 3]
    token = b""
    if kind == RETRY:
        return Header(RETRY, version, destination, source, data[at:-16], at, data)
    if kind == INITIAL:
        size, at = varint(data, at)
        token, at = _taken(data, at, size)
    length, at = varint(data, at)
    if at + length > len(data):
        raise Malformed("ends within the packet")
    return Header(kind, version, destination, source, token, at, data[: at + length])
