"""What the packets of one cell say: each datagram taken apart, opened where there are keys, and asked by the cases."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .forwarder import TO_CLIENT, TO_SERVER, Seen
from .frames import Frame, Hello, frames, hello
from .keys import AES_128, AES_256, CHACHA20, Keys, Opened, initial_secrets, key_log
from .packets import HANDSHAKE, INITIAL, NEGOTIATION, ONE_RTT, RETRY, ZERO_RTT, Header, split

_LABELS = {
    (HANDSHAKE, TO_SERVER): "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    (HANDSHAKE, TO_CLIENT): "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    (ONE_RTT, TO_SERVER): "CLIENT_TRAFFIC_SECRET_0",
    (ONE_RTT, TO_CLIENT): "SERVER_TRAFFIC_SECRET_0",
    (ZERO_RTT, TO_SERVER): "CLIENT_EARLY_TRAFFIC_SECRET",
}


@dataclass(frozen=True)
class Packet:
    """One QUIC packet of the trace."""

    seen: Seen
    header: Header
    connection: "Connection | None"
    opened: Opened | None
    generation: int
    """How many key updates its keys are after the first."""
    frames: tuple[Frame, ...]

    @property
    def kind(self) -> str:
        return self.header.kind

    @property
    def direction(self) -> int:
        return self.seen.direction


@dataclass(eq=False)
class Connection:
    """One connection and its keys, as far as they are known."""

    version: int
    originals: set[bytes] = field(default_factory=set)
    """Connection IDs that long headers named."""
    lengths: dict[int, int] = field(default_factory=dict)
    """Length of the destination connection ID in 1-RTT packets of each direction."""
    client_hello: Hello | None = None
    server_hello: Hello | None = None
    crypto: dict[int, dict[int, bytes]] = field(default_factory=lambda: {TO_SERVER: {}, TO_CLIENT: {}})
    keys: dict[tuple[str, int], list[Keys]] = field(default_factory=dict)
    expected: dict[tuple[str, int], int] = field(default_factory=dict)

    def crypto_begin(self, direction: int) -> bytes:
        """The bytes of the Initial CRYPTO stream from its start to the first gap."""
        data = b""
        for offset, piece in sorted(self.crypto[direction].items()):
            if offset > len(data):
                break
            data += piece[len(data) - offset :]
        return data


class Trace:
    """All packets of a cell at the end where they entered the link, and those that left it, in the order of time."""

    def __init__(self, seen: Iterable[Seen], secrets: str = "") -> None:
        self._secrets = key_log(secrets)
        self.connections: list[Connection] = []
        self.datagrams = list(seen)
        self.packets = [packet for one in self.datagrams if one.entered for packet in self._read(one)]
        self.has_keys = any(one.opened is not None and one.kind == ONE_RTT for one in self.packets)

    def of(self, kind: str, direction: int | None = None) -> list[Packet]:
        """The packets of a kind, of one direction or both."""
        return [one for one in self.packets if one.kind == kind and direction in (None, one.direction)]

    def frames_of(self, name: str, direction: int | None = None) -> Iterator[tuple[Packet, Frame]]:
        """The frames of that name that could be read."""
        for packet in self.packets:
            if direction in (None, packet.direction):
                yield from ((packet, frame) for frame in packet.frames if frame.name == name)

    def handshakes(self) -> int:
        """Connections in which both ends said hello."""
        return sum(1 for one in self.connections if one.client_hello and one.server_hello)

    def _read(self, seen: Seen) -> Iterator[Packet]:
        for header in split(seen.payload):
            if header.kind in (RETRY, NEGOTIATION):
                connection = self._named(header)
                if header.kind == RETRY and connection is not None:
                    self._initial(connection, header.version or 0, header.source)
                yield Packet(seen, header, connection, None, 0, ())
            elif header.kind == ONE_RTT:
                yield self._short(seen, header)
            else:
                yield self._long(seen, header)

    def _named(self, header: Header) -> Connection | None:
        for connection in reversed(self.connections):
            if header.destination in connection.originals or header.source in connection.originals - {b""}:
                return connection
        return None

    def _initial(self, connection: Connection, version: int, destination: bytes) -> None:
        client, server = initial_secrets(version, destination)
        connection.version = version
        connection.originals.add(destination)
        connection.keys.setdefault((INITIAL, TO_SERVER), []).append(Keys(client, AES_128, version))
        connection.keys.setdefault((INITIAL, TO_CLIENT), []).append(Keys(server, AES_128, version))

    def _long(self, seen: Seen, header: Header) -> Packet:
        version, destination = header.version or 0, header.destination or b""
        connection = self._named(header)
        if header.kind == INITIAL and seen.direction == TO_SERVER:
            if connection is None or (connection.version != version and destination not in connection.originals):
                connection = Connection(version)
                self.connections.append(connection)
                self._initial(connection, version, destination)
        if connection is None:
            return Packet(seen, header, None, None, 0, ())
        if connection.version != version:
            # Compatible version negotiation: the Initial keys of the new version come from the same ID.
            for original in list(connection.originals):
                self._initial(connection, version, original)
        if header.kind != ZERO_RTT:
            connection.originals.add(header.source)
            connection.lengths[TO_CLIENT if seen.direction == TO_SERVER else TO_SERVER] = len(header.source)
        packet = self._opened(seen, header, connection, header.number_offset)
        if packet.opened is not None and header.kind == INITIAL:
            self._learn(connection, packet)
        return packet

    def _learn(self, connection: Connection, packet: Packet) -> None:
        for frame in packet.frames:
            if frame.name == "CRYPTO":
                connection.crypto[packet.direction][frame.numbers[0]] = frame.data
        if packet.direction == TO_SERVER and connection.client_hello is None:
            connection.client_hello = hello(connection.crypto_begin(TO_SERVER))
        if packet.direction == TO_CLIENT and connection.server_hello is None:
            connection.server_hello = hello(connection.crypto_begin(TO_CLIENT))

    def _short(self, seen: Seen, header: Header) -> Packet:
        for connection in reversed(self.connections):
            size = connection.lengths.get(seen.direction)
            if size is None:
                continue
            packet = self._opened(seen, header, connection, 1 + size)
            if packet.opened is not None:
                return packet
        return Packet(seen, header, None, None, 0, ())

    def _opened(self, seen: Seen, header: Header, connection: Connection, offset: int) -> Packet:
        space = (header.kind, seen.direction)
        expected = connection.expected.get(space, 0)
        for generation, keys in self._candidates(connection, space):
            opened = keys.open(header.packet, offset, expected)
            if opened is None:
                continue
            connection.expected[space] = max(expected, opened.number + 1)
            known = connection.keys.setdefault(space, [])
            if keys not in known and header.kind != INITIAL:
                known.append(keys)
            return Packet(seen, header, connection, opened, generation, tuple(frames(opened.payload)))
        return Packet(seen, header, connection, None, 0, ())

    def _candidates(self, connection: Connection, space: tuple[str, int]) -> Iterator[tuple[int, Keys]]:
        known = connection.keys.get(space, [])
        if known:
            yield from reversed(list(enumerate(known)))
            if space[0] == ONE_RTT:
                yield len(known), known[-1].next()
            return
        if space not in _LABELS or connection.client_hello is None:
            return
        secret = self._secrets.get(connection.client_hello.random, {}).get(_LABELS[space])
        if secret is None:
            return
        suites = (AES_256,) if len(secret) == 48 else (AES_128, CHACHA20)
        for suite in suites:
            yield 0, Keys(secret, suite, connection.version)
