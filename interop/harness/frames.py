"""Reads the frames of an opened packet (RFC 9000, section 19; RFC 9221), and the TLS messages of the handshake."""

from dataclasses import dataclass

from .packets import Malformed, varint

NAMES = {
    0x00: "PADDING",
    0x01: "PING",
    0x02: "ACK",
    0x03: "ACK_ECN",
    0x04: "RESET_STREAM",
    0x05: "STOP_SENDING",
    0x06: "CRYPTO",
    0x07: "NEW_TOKEN",
    0x10: "MAX_DATA",
    0x11: "MAX_STREAM_DATA",
    0x12: "MAX_STREAMS",
    0x13: "MAX_STREAMS",
    0x14: "DATA_BLOCKED",
    0x15: "STREAM_DATA_BLOCKED",
    0x16: "STREAMS_BLOCKED",
    0x17: "STREAMS_BLOCKED",
    0x18: "NEW_CONNECTION_ID",
    0x19: "RETIRE_CONNECTION_ID",
    0x1A: "PATH_CHALLENGE",
    0x1B: "PATH_RESPONSE",
    0x1C: "CONNECTION_CLOSE",
    0x1D: "CONNECTION_CLOSE",
    0x1E: "HANDSHAKE_DONE",
}
# How many integers make up a frame that has nothing else.
_INTEGERS = {0x01: 0, 0x04: 3, 0x05: 2, 0x10: 1, 0x11: 2, 0x12: 1, 0x13: 1, 0x14: 1, 0x15: 2, 0x16: 1, 0x17: 1}
_INTEGERS |= {0x19: 1, 0x1E: 0}


@dataclass(frozen=True)
class Frame:
    """One frame: its name, its integers in the order of RFC 9000, and its bytes if it carries some."""

    name: str
    numbers: tuple[int, ...] = ()
    data: bytes = b""


def _integers(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    values = []
    for _ in range(count):
        value, at = varint(data, at)
        values.append(value)
    return values, at


def frames(payload: bytes) -> list[Frame]:
    """The frames of a payload; those before a frame that is unknown or broken when there is one."""
    found: list[Frame] = []
    at = 0
    try:
        while at < len(payload):
            kind, at = varint(payload, at)
            if kind == 0:
                continue
            frame, at = _frame(payload, kind, at)
            found.append(frame)
    except Malformed:
        pass
    return found


def _frame(data: bytes, kind: int, at: int) -> tuple[Frame, int]:
    if kind in _INTEGERS:
        values, at = _integers(data, at, _INTEGERS[kind])
        return Frame(NAMES[kind], tuple(values)), at
    if kind in (0x02, 0x03):
        values, at = _integers(data, at, 4)
        _, at = _integers(data, at, 2 * values[2])
        marks: list[int] = []
        if kind == 0x03:
            marks, at = _integers(data, at, 3)
        return Frame(NAMES[kind], (*values, *marks)), at
    if kind == 0x06:
        values, at = _integers(data, at, 2)
        return Frame("CRYPTO", tuple(values), data[at : at + values[1]]), at + values[1]
    if 0x08 <= kind <= 0x0F:
        values, at = _integers(data, at, 2 if kind & 4 else 1)
        offset = values[1] if kind & 4 else 0
        size = len(data) - at
        if kind & 2:
            size, at = varint(data, at)
        return Frame("STREAM", (values[0], offset, size, kind & 1), data[at : at + size]), at + size
    if kind == 0x07:
        size, at = varint(data, at)
        return Frame("NEW_TOKEN", (), data[at : at + size]), at + size
    if kind == 0x18:
        values, at = _integers(data, at, 2)
        size = data[at] if at < len(data) else 0
        return Frame("NEW_CONNECTION_ID", tuple(values), data[at + 1 : at + 1 + size]), at + 1 + size + 16
    if kind in (0x1A, 0x1B):
        return Frame(NAMES[kind], (), data[at : at + 8]), at + 8
    if kind in (0x1C, 0x1D):
        values, at = _integers(data, at, 2 if kind == 0x1C else 1)
        size, at = varint(data, at)
        return Frame("CONNECTION_CLOSE", (values[0],), data[at : at + size]), at + size
    if kind in (0x30, 0x31):
        size = len(data) - at
        if kind == 0x31:
            size, at = varint(data, at)
        return Frame("DATAGRAM", (), data[at : at + size]), at + size
    raise Malformed(f"unknown frame 0x{kind:x}")


@dataclass(frozen=True)
class Hello:
    """What a ClientHello or ServerHello tells: its random and its cipher suites (one in a ServerHello)."""

    random: bytes
    suites: tuple[int, ...]


def hello(message: bytes) -> Hello | None:
    """The hello that the bytes of a CRYPTO stream begin with; None while it is not whole (RFC 8446, section 4.1)."""
    if len(message) < 4 or message[0] not in (1, 2):
        return None
    size = int.from_bytes(message[1:4], "big")
    if len(message) < 4 + size or size < 40:
        return None
    at = 4 + 2 + 32
    random = message[6:38]
    at += 1 + message[at]
    if message[0] == 2:
        return Hello(random, (int.from_bytes(message[at : at + 2], "big"),))
    count = int.from_bytes(message[at : at + 2], "big") // 2
    words = message[at + 2 : at + 2 + 2 * count]
    return Hello(random, tuple(int.from_bytes(words[2 * i : 2 * i + 2], "big") for i in range(count)))
