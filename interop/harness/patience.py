"""Did the link hold a handshake up for longer than a peer waits, or is one of the peers to blame?

Some peers give a handshake up after some seconds of their own, for which they have no option. A link that loses a third of
the datagrams sometimes takes longer, with the best of peers: each loss doubles the wait for the next try (RFC 9002, section
6.2). Such a cell says nothing about the two, and is played again over another link.

That verdict is the link's to give, not the peer's: nearly all the time that the handshake took must be time in which bytes
of it were missing that the link had taken away, and Portico must have sent them again as often and as soon as RFC 9002 has
it. Whoever is slow, sends nothing, or gives up of himself is not excused.
"""

from dataclasses import dataclass

from .forwarder import TO_CLIENT, TO_SERVER, Seen
from .packets import HANDSHAKE, INITIAL, split
from .trace import Connection, Packet, Trace


@dataclass(frozen=True)
class Patience:
    """How long a peer waits for a handshake, in seconds."""

    total: float
    """From the client's first packet, as the peer sees it, to the handshake's end."""
    idle: float | None = None
    """Without a packet of the handshake that arrives."""


@dataclass(frozen=True)
class Verdict:
    """What the packets say about a handshake that was given up."""

    excused: bool
    words: str


FIRST_WAIT = 1.5
"""Seconds after which a sender must try again at the latest: the probe timeout is 1 s without a sample of the round trip
(RFC 9002, section 6.2.2), and a busy machine needs some more. Each further wait may be twice as long."""
UNEXPLAINED = 1.0
"""Seconds of a handshake that need no explanation: round trips, work of the peers."""
ONE_TRY = 0.25
"""Datagrams within so many seconds belong to one try."""
FULL_DATAGRAM = 1_200

Span = tuple[float, float]


def verdict(trace: Trace, patience: Patience, gives_up: int, ours: frozenset[int]) -> Verdict | None:
    """What to think of the handshakes; None when the peer's patience ran out with none of them.

    `gives_up` is the direction in which the impatient peer sends, `ours` those in which Portico does.
    """
    arrivals = _arrivals(trace.datagrams)
    end = max((one.time for one in trace.datagrams), default=0.0)
    found = None
    for connection in trace.connections:
        judged = _Handshake(trace, connection, arrivals).judge(patience, gives_up, ours, end)
        if judged is not None and not judged.excused:
            return judged
        found = found or judged
    return found


def _arrivals(datagrams: list[Seen]) -> dict[bytes, float]:
    """When each packet left the link whole, by its bytes."""
    found: dict[bytes, float] = {}
    for one in datagrams:
        if not one.entered:
            for header in split(one.payload):
                found.setdefault(header.packet, one.time)
    return found


class _Handshake:
    """The packets of one connection's handshake, with what became of each on the link."""

    def __init__(self, trace: Trace, connection: Connection, arrivals: dict[bytes, float]) -> None:
        self.trace, self.arrivals = trace, arrivals
        self.all = [one for one in trace.packets if one.connection is connection]
        self.packets = [one for one in self.all if one.kind in (INITIAL, HANDSHAKE)]

    def judge(self, patience: Patience, gives_up: int, ours: frozenset[int], end: float) -> Verdict | None:
        """What to think of it; None when the peer did not run out of patience."""
        begin = self._begin(gives_up)
        if begin is None:
            return None
        over = self._over(gives_up)
        deadline, limit = begin + patience.total, f"{patience.total:g} s"
        if patience.idle is not None and (quiet := self._quiet(gives_up, begin, patience.idle)) is not None:
            if quiet + patience.idle < deadline:
                deadline, limit = quiet + patience.idle, f"{patience.idle:g} s without a packet"
        # A peer's clock and ours need not agree on the last tenths of a second.
        if min(over if over is not None else end, end) < deadline - 0.3:
            return None
        closed = [one.seen.time for one in self.all if one.direction in ours and self._closes(one)]
        if closed and min(closed) < deadline - 0.3:
            return Verdict(False, f"Portico closed the connection at {min(closed):.2f} s")
        if (fault := self._silence(ours, begin, deadline)) is not None:
            return Verdict(False, fault)
        missing = _union([span for flight in self._flights() for span in self._missing(flight)])
        held = sum(max(0.0, min(stop, deadline) - max(start, begin)) for start, stop in missing)
        waited = deadline - begin
        if waited - held > UNEXPLAINED:
            return Verdict(False, f"only {held:.1f} of {waited:.1f} s of the handshake were the link's")
        gone = [one for one in self.packets if self._arrived(one) is None and begin <= one.seen.time < deadline]
        return Verdict(
            True,
            f"the link took {len(gone)} of {sum(one.seen.time < deadline for one in self.packets)} packets of a "
            f"handshake, which held it up for {held:.1f} s, and the peer gives up after {limit}",
        )

    def _arrived(self, packet: Packet) -> float | None:
        return self.arrivals.get(packet.header.packet)

    def _begin(self, gives_up: int) -> float | None:
        """When the impatient peer's clock begins: with the client's first packet, at a server with the first to come."""
        first = [one for one in self.packets if one.kind == INITIAL and one.direction == TO_SERVER]
        if gives_up == TO_SERVER:
            return min((one.seen.time for one in first), default=None)
        return min((time for one in first if (time := self._arrived(one)) is not None), default=None)

    def _over(self, gives_up: int) -> float | None:
        """When the handshake was complete at the impatient peer: when the client sends its last flight, or when that
        comes."""
        last = [one for one in self.packets if one.kind == HANDSHAKE and one.direction == TO_SERVER and _crypto(one)]
        if gives_up == TO_SERVER:
            return min((one.seen.time for one in last), default=None)
        return min((time for one in last if (time := self._arrived(one)) is not None), default=None)

    def _quiet(self, gives_up: int, begin: float, idle: float) -> float | None:
        """Since when the peer had waited so long for a packet, the first time that it did."""
        towards = TO_CLIENT if gives_up == TO_SERVER else TO_SERVER
        came = sorted(time for one in self.packets if one.direction == towards and (time := self._arrived(one)))
        times = [begin, *(time for time in came if time > begin), float("inf")]
        return next((one for one, following in zip(times, times[1:]) if following - one >= idle), None)

    @staticmethod
    def _closes(packet: Packet) -> bool:
        return any(frame.name == "CONNECTION_CLOSE" for frame in packet.frames)

    def _flights(self) -> list[list[Packet]]:
        """The packets with pieces of the handshake, by what they are of and who sends them."""
        kinds = [(kind, direction) for kind in (INITIAL, HANDSHAKE) for direction in (TO_SERVER, TO_CLIENT)]
        return [
            [one for one in self.packets if (one.kind, one.direction) == which and _crypto(one)] for which in kinds
        ]

    def _missing(self, flight: list[Packet]) -> list[Span]:
        """The times in which bytes of a flight were sent, and had not come."""
        events = [(one.seen.time, 0, one) for one in flight]
        events += [(time, 1, one) for one in flight if (time := self._arrived(one)) is not None]
        sent: set[int] = set()
        came: set[int] = set()
        spans, since = [], None
        for time, kind, packet in sorted(events, key=lambda one: one[:2]):
            (came if kind else sent).update(_bytes(packet))
            if sent - came and since is None:
                since = time
            elif not sent - came and since is not None:
                spans.append((since, time))
                since = None
        return spans + ([(since, float("inf"))] if since is not None else [])

    def _silence(self, ours: frozenset[int], begin: float, deadline: float) -> str | None:
        """Why Portico is to blame: it did not send again in time what was missing, or, as client, did not probe."""
        for direction in ours:
            mine = [one for one in self.packets if one.direction == direction]
            for flight in self._flights():
                if not flight or flight[0].direction != direction:
                    continue
                times = [one.seen.time for one in flight]
                for start, stop in self._missing(flight):
                    until = min(stop, deadline)
                    gap = self._long_gap(direction, [time for time in times if start <= time <= until], until)
                    if gap is not None:
                        return f"Portico sent nothing for {gap:.1f} s while bytes of its {flight[0].kind} flight missed"
            if direction == TO_SERVER:
                probes = [one.seen.time for one in mine if _crypto(one) or any(f.name == "PING" for f in one.frames)]
                gap = self._long_gap(direction, probes, min(deadline, self._over(TO_SERVER) or deadline))
                if gap is not None:
                    return f"Portico sent no probe of the handshake for {gap:.1f} s"
        return None

    def _long_gap(self, direction: int, times: list[float], until: float) -> float | None:
        """A wait between tries, or after the last one, that is longer than it may be."""
        tries: list[float] = []
        for time in sorted(times):
            if not tries or time - tries[-1] > ONE_TRY:
                tries.append(time)
        for count, (one, following) in enumerate(zip(tries, [*tries[1:], until])):
            gap = following - one
            if direction == TO_CLIENT:
                gap -= self._blocked(one, following)
            if gap > FIRST_WAIT * 2**count:
                return gap
        return None

    def _blocked(self, start: float, stop: float) -> float:
        """Seconds in which the server could send no full datagram: three times what came is all that it may send
        before the client's address is validated (RFC 9000, section 8.1)."""
        own = {one.header.packet for one in self.all}
        blocked, since = 0.0, None
        room = 0
        for one in self.trace.datagrams:
            headers = split(one.payload)
            if not any(header.packet in own for header in headers):
                continue
            if one.direction == TO_SERVER and not one.entered:
                if any(header.kind == HANDSHAKE for header in headers):
                    room = 1 << 30
                room += 3 * len(one.payload)
            elif one.direction == TO_CLIENT and one.entered:
                room -= len(one.payload)
            time = min(max(one.time, start), stop)
            if room < FULL_DATAGRAM and since is None:
                since = time
            elif room >= FULL_DATAGRAM and since is not None:
                blocked += time - since
                since = None
        return blocked + (stop - since if since is not None else 0.0)


def _crypto(packet: Packet) -> bool:
    return any(frame.name == "CRYPTO" for frame in packet.frames)


def _bytes(packet: Packet) -> set[int]:
    """The places in the handshake's stream that a packet carries."""
    found: set[int] = set()
    for frame in packet.frames:
        if frame.name == "CRYPTO":
            found.update(range(frame.numbers[0], frame.numbers[0] + len(frame.data)))
    return found


def _union(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined
