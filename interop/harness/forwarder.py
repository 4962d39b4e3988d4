"""A UDP forwarder in user space: clients talk to it, it talks to the server, and a `Link` each way stands between.

It is also where the packets are seen: each datagram is kept with its time, direction and ECN field, once as it enters
the link and, unless it is lost, once as it leaves.
"""

import heapq
import itertools
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from .link import Link, LinkSettings

TO_SERVER, TO_CLIENT = 0, 1
ANCILLARY_SPACE = 128
CROSS_SIZE = 1_200


@dataclass(frozen=True)
class Seen:
    """A datagram at one end of the link."""

    time: float
    """Seconds since the forwarder started."""
    direction: int
    payload: bytes
    ecn: int
    source: tuple[str, int]
    destination: tuple[str, int]
    entered: bool
    """True when it entered the link at its sender's end, false when it left at the receiver's."""


@dataclass(frozen=True)
class LinkPlan:
    """Both directions, and what the path between them does to addresses."""

    to_server: LinkSettings = LinkSettings()
    to_client: LinkSettings = LinkSettings()
    rebind_after: float | None = None
    """Seconds after a client's first datagram at which its address towards the server changes; then again each time."""
    rebind: str = "port"
    """What changes: `port` or `address`."""
    rebind_times: int = 3
    cross_rate: float | None = None
    """Bits in a second that somebody else's datagrams take of the way to the client."""

    @staticmethod
    def both(settings: LinkSettings, **others: object) -> "LinkPlan":
        """The same settings each way."""
        return LinkPlan(settings, settings, **others)  # type: ignore[arg-type]


@dataclass
class _Path:
    """A client's address and the socket that speaks to the server for it."""

    client: tuple[str, int]
    upstream: socket.socket
    started: float
    rebound: int = 0
    sockets: list[socket.socket] = field(default_factory=list)


class Forwarder:
    """Forwards between `address` and a server, in a thread of its own, from `with` to the end of the block."""

    def __init__(self, server: tuple[str, int], plan: LinkPlan, seed: int | str, port: int = 0) -> None:
        self.server, self.plan = server, plan
        self.seen: list[Seen] = []
        self.rebindings: list[float] = []
        self.links = (Link(plan.to_server, f"{seed}/server"), Link(plan.to_client, f"{seed}/client"))
        self.family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._local = "::1" if self.family == socket.AF_INET6 else "127.0.0.1"
        self._front = self._socket(self._local, port)
        self.address: tuple[str, int] = self._front.getsockname()[:2]
        self._paths: dict[tuple[str, int], _Path] = {}
        self._by_socket: dict[socket.socket, _Path] = {}
        self._pending: list[tuple[float, int, int, bytes, int, _Path]] = []
        self._order = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ)
        self._cross_sent = 0
        self._stopping = False
        self._began = time.monotonic()
        self.wall_clock = time.time()
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def __enter__(self) -> "Forwarder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join()
        for one in (self._front, *self._by_socket):
            one.close()
        self._selector.close()

    def _socket(self, host: str, port: int = 0) -> socket.socket:
        made = socket.socket(self.family, socket.SOCK_DGRAM)
        if self.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        made.setblocking(False)
        made.bind((host, port))
        return made

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _run(self) -> None:
        while not self._stopping:
            wait = 0.05 if self.plan.cross_rate is None else 0.002
            if self._pending:
                wait = min(wait, max(0.0, self._pending[0][0] - self._now()))
            for key, _ in self._selector.select(wait):
                self._receive(key.fileobj)  # type: ignore[arg-type]
            self._rebind_when_due()
            self._cross()
            self._deliver()

    def _receive(self, source: socket.socket) -> None:
        for _ in range(64):
            try:
                payload, ancillary, _, sender = source.recvmsg(65_535, ANCILLARY_SPACE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # ICMP's "port unreachable" of a closed end comes as an error; the datagram is just lost.
                continue
            ecn = self._ecn(ancillary)
            now = self._now()
            if source is self._front:
                path = self._paths.get(sender[:2]) or self._path(sender[:2], now)
                self._enter(now, TO_SERVER, payload, ecn, path)
            elif (path := self._by_socket.get(source)) is not None:
                self._enter(now, TO_CLIENT, payload, ecn, path)

    def _path(self, client: tuple[str, int], now: float) -> _Path:
        upstream = self._socket(self._local)
        path = self._paths[client] = _Path(client, upstream, now)
        self._own(upstream, path)
        return path

    def _own(self, upstream: socket.socket, path: _Path) -> None:
        path.upstream = upstream
        path.sockets.append(upstream)
        self._by_socket[upstream] = path
        self._selector.register(upstream, selectors.EVENT_READ)

    def _rebind_when_due(self) -> None:
        after = self.plan.rebind_after
        if after is None:
            return
        for path in self._paths.values():
            due = path.started + after * (path.rebound + 1)
            if path.rebound < self.plan.rebind_times and self._now() >= due:
                path.rebound += 1
                host = self._local
                if self.plan.rebind == "address":
                    host = f"127.0.0.{2 + path.rebound}"
                self._own(self._socket(host), path)
                self.rebindings.append(self._now())

    def _cross(self) -> None:
        """Puts others' datagrams into the link towards the client: they take rate and queue and go nowhere."""
        rate = self.plan.cross_rate
        while rate is not None and self._paths and self._cross_sent * CROSS_SIZE * 8 < rate * self._now():
            self._cross_sent += 1
            self.links[TO_CLIENT].enter(self._now(), bytes(CROSS_SIZE))

    def _enter(self, now: float, direction: int, payload: bytes, ecn: int, path: _Path) -> None:
        self._record(now, direction, payload, ecn, path, entered=True)
        for delivery in self.links[direction].enter(now, payload, ecn):
            entry = (delivery.time, next(self._order), direction, delivery.payload, delivery.ecn, path)
            heapq.heappush(self._pending, entry)

    def _deliver(self) -> None:
        while self._pending and self._pending[0][0] <= self._now():
            _, _, direction, payload, ecn, path = heapq.heappop(self._pending)
            now = self._now()
            target = self.server if direction == TO_SERVER else path.client
            sender = path.upstream if direction == TO_SERVER else self._front
            try:
                sender.sendmsg([payload], self._mark(ecn), 0, target)
            except OSError:
                continue
            self._record(now, direction, payload, ecn, path, entered=False)

    def _record(self, now: float, direction: int, payload: bytes, ecn: int, path: _Path, entered: bool) -> None:
        near = path.client if entered == (direction == TO_SERVER) else path.upstream.getsockname()[:2]
        far = self.address if entered == (direction == TO_SERVER) else self.server
        source, destination = (near, far) if direction == TO_SERVER else (far, near)
        self.seen.append(Seen(now, direction, payload, ecn, source, destination, entered))

    def _ecn(self, ancillary: list[tuple[int, int, bytes]]) -> int:
        for _, _, data in ancillary:
            if data:
                return data[0] & 3
        return 0

    def _mark(self, ecn: int) -> list[tuple[int, int, bytes]]:
        if ecn == 0:
            return []
        if self.family == socket.AF_INET6:
            return [(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, struct.pack("i", ecn))]
        return [(socket.IPPROTO_IP, socket.IP_TOS, struct.pack("i", ecn))]
