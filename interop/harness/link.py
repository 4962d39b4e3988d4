"""What an emulated link does to datagrams: a model without sockets or clocks, which a seed makes repeatable.

A `Link` is one direction. It is told when a datagram enters and says when which bytes leave: none when it is lost, two
entries when it is duplicated. Times are seconds of whatever clock the caller uses.
"""

import random
from dataclasses import dataclass, field, replace

ECN_CE = 3
"""The ECN field of a datagram that met congestion (RFC 3168, section 5)."""


@dataclass(frozen=True)
class LinkSettings:
    """What one direction does. Probabilities are from 0 to 1; None means without a limit."""

    delay: float = 0.0
    """Seconds from one end to the other."""
    rate: float | None = None
    """Bits in a second; datagrams wait for each other."""
    queue: int = 1000
    """Datagrams that may wait for the rate; one more is dropped."""
    loss: float = 0.0
    loss_burst: int | None = None
    """At most so many losses one after the other, of packets of the handshake (long headers) and of others each:
    probes for the path's MTU that get through must not let the link swallow a handshake for good."""
    reorder: float = 0.0
    """Probability that a datagram is held back by `reorder_delay`, so that later ones overtake it."""
    reorder_delay: float = 0.01
    duplicate: float = 0.0
    corrupt: float = 0.0
    """Probability that a byte of the datagram changes."""
    corrupt_burst: int | None = None
    """At most so many corrupted datagrams one after the other, counted like losses."""
    mark: float = 0.0
    """Probability that an ECN-capable datagram is marked CE."""
    drop_numbers: frozenset[int] = field(default_factory=frozenset)
    """Datagrams that are lost by their number, from 1 on."""
    blackhole: tuple[float, float] | None = None
    """(start, length): from so many seconds after the first datagram on, everything is lost for that long."""

    def with_changes(self, **changes: object) -> "LinkSettings":
        """These settings but for the named ones."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Delivery:
    """A datagram that leaves the link."""

    time: float
    payload: bytes
    ecn: int


@dataclass
class LinkCounts:
    """What became of the datagrams of one direction."""

    entered: int = 0
    lost: int = 0
    overflowed: int = 0
    reordered: int = 0
    duplicated: int = 0
    corrupted: int = 0
    marked: int = 0


class Link:
    """One direction of an emulated link. Two links with the same settings and seed do the same to the same input."""

    def __init__(self, settings: LinkSettings, seed: int | str) -> None:
        self.settings = settings
        self.counts = LinkCounts()
        self._random = random.Random(seed)
        self._free_at = 0.0
        self._leaving: list[float] = []
        self._started: float | None = None
        # Of short headers, and of long ones.
        self._losses_in_a_row = [0, 0]
        self._corruptions_in_a_row = [0, 0]

    def enter(self, now: float, payload: bytes, ecn: int = 0) -> list[Delivery]:
        """What leaves the link for a datagram that enters it at `now`; calls come in the order of time."""
        settings, counts = self.settings, self.counts
        counts.entered += 1
        if self._started is None:
            self._started = now
        # Each datagram takes the same number of draws, so that one fate does not shift those of all later ones.
        loss, hold, twice, harm, mark = (self._random.random() for _ in range(5))
        place, change = self._random.random(), self._random.randrange(1, 256)
        kind = payload[0] >> 7 if payload else 0
        if self._loses(now, loss, kind):
            counts.lost += 1
            return []
        departs = self._departure(now, len(payload))
        if departs is None:
            counts.overflowed += 1
            return []
        if self._corrupts(harm, kind) and payload:
            counts.corrupted += 1
            index = int(place * len(payload))
            payload = payload[:index] + bytes([payload[index] ^ change]) + payload[index + 1 :]
        if ecn in (1, 2) and mark < settings.mark:
            counts.marked += 1
            ecn = ECN_CE
        arrives = departs + settings.delay
        if hold < settings.reorder:
            counts.reordered += 1
            arrives += settings.reorder_delay
        deliveries = [Delivery(arrives, payload, ecn)]
        if twice < settings.duplicate:
            counts.duplicated += 1
            deliveries.append(Delivery(arrives, payload, ecn))
        return deliveries

    def _loses(self, now: float, draw: float, kind: int) -> bool:
        settings = self.settings
        if self.counts.entered in settings.drop_numbers:
            return True
        if settings.blackhole is not None and self._started is not None:
            start, length = settings.blackhole
            if start <= now - self._started < start + length:
                return True
        limit = settings.loss_burst
        if draw < settings.loss and (limit is None or self._losses_in_a_row[kind] < limit):
            self._losses_in_a_row[kind] += 1
            return True
        self._losses_in_a_row[kind] = 0
        return False

    def _corrupts(self, draw: float, kind: int) -> bool:
        limit = self.settings.corrupt_burst
        if draw < self.settings.corrupt and (limit is None or self._corruptions_in_a_row[kind] < limit):
            self._corruptions_in_a_row[kind] += 1
            return True
        self._corruptions_in_a_row[kind] = 0
        return False

    def _departure(self, now: float, size: int) -> float | None:
        """When the last bit is on the wire; None when the queue is full."""
        rate = self.settings.rate
        if rate is None:
            return now
        self._leaving = [time for time in self._leaving if time > now]
        if len(self._leaving) > self.settings.queue:
            return None
        self._free_at = max(now, self._free_at) + size * 8 / rate
        self._leaving.append(self._free_at)
        return self._free_at
