"""Whom a handshake that took too long is blamed on: the link only with its own losses as evidence, never a silent peer."""

import unittest
from types import SimpleNamespace

from harness.forwarder import TO_CLIENT, TO_SERVER, Seen
from harness.frames import Frame
from harness.packets import HANDSHAKE, INITIAL, Header, split
from harness.patience import Patience, Verdict, verdict
from harness.trace import Connection, Packet

CURL = Patience(10)
QUIC_GO = Patience(10, idle=5)
PORTICO_SERVES, PORTICO_ASKS = frozenset({TO_CLIENT}), frozenset({TO_SERVER})


class Story:
    """A connection's packets, as a test tells them."""

    def __init__(self) -> None:
        self.connection = Connection(1)
        self.packets: list[Packet] = []
        self.datagrams: list[Seen] = []

    def send(
        self, time: float, direction: int, kind: str, *frames: str, comes: bool = True, offset: int = 0, size: int = 300
    ) -> "Story":
        """A packet of its own datagram; `comes` is false when the link takes it."""
        payload = _long_packet(kind, len(self.packets))
        seen = Seen(time, direction, payload, 0, ("c", 1), ("s", 2), True)
        (header,) = split(payload)
        read = tuple(Frame(n, (offset, size), bytes(size)) if n == "CRYPTO" else Frame(n) for n in frames)
        self.packets.append(Packet(seen, header, self.connection, None, 0, read))
        self.datagrams.append(seen)
        if comes:
            self.datagrams.append(Seen(time + 0.015, direction, payload, 0, ("c", 1), ("s", 2), False))
        return self

    def judged(self, patience: Patience, gives_up: int, ours: frozenset[int]) -> Verdict | None:
        datagrams = sorted(self.datagrams, key=lambda one: one.time)
        trace = SimpleNamespace(connections=[self.connection], packets=self.packets, datagrams=datagrams)
        return verdict(trace, patience, gives_up, ours)  # type: ignore[arg-type]


def _long_packet(kind: str, number: int) -> bytes:
    first = {INITIAL: 0xC0, HANDSHAKE: 0xE0}[kind]
    body = number.to_bytes(2, "big") * 575
    token = b"\0" if kind == INITIAL else b""
    length = (0x4000 | len(body)).to_bytes(2, "big")
    return bytes([first]) + (1).to_bytes(4, "big") + b"\x04abcd\x04efgh" + token + length + body


class PatienceTests(unittest.TestCase):
    """Portico as server, whose client gives up after 10 s, but for the tests of the other way round."""

    def hello(self, lost: int = 0) -> Story:
        """The client's hello at 0, 1, 3, 7 s, the first ones lost."""
        story = Story()
        for number, time in enumerate((0.0, 1.0, 3.0, 7.0)[: lost + 1]):
            story.send(time, TO_SERVER, INITIAL, "CRYPTO", comes=number >= lost)
        return story

    def test_the_link_took_what_both_sent_in_time(self) -> None:
        story = self.hello(lost=3)
        for time in (7.02, 8.02, 10.02):
            story.send(time, TO_CLIENT, INITIAL, "ACK", "CRYPTO", comes=False)
        found = story.judged(CURL, TO_SERVER, PORTICO_SERVES)
        assert found is not None
        self.assertTrue(found.excused, found.words)
        # Three hellos and two answers of six packets until then.
        self.assertIn("took 5 of 6 packets of a handshake, which held it up for 10.0 s", found.words)

    def test_a_server_that_does_not_answer_is_to_blame(self) -> None:
        story = self.hello()
        story.send(9.9, TO_SERVER, INITIAL, "PING").send(10.1, TO_SERVER, INITIAL, "PING")
        found = story.judged(CURL, TO_SERVER, PORTICO_SERVES)
        assert found is not None
        self.assertFalse(found.excused)
        self.assertIn("only 0.0 of 10.0 s", found.words)

    def test_a_server_that_does_not_send_again_is_to_blame(self) -> None:
        story = self.hello()
        story.send(0.02, TO_CLIENT, INITIAL, "CRYPTO").send(0.02, TO_CLIENT, HANDSHAKE, "CRYPTO", comes=False)
        for time in (0.3, 1.0, 3.0, 7.0, 10.1):
            story.send(time, TO_SERVER, HANDSHAKE, "PING")
        found = story.judged(CURL, TO_SERVER, PORTICO_SERVES)
        assert found is not None
        self.assertFalse(found.excused)
        self.assertRegex(found.words, "sent nothing for 9.7 s while bytes of its Handshake flight missed")

    def test_a_server_that_closes_is_to_blame(self) -> None:
        story = self.hello(lost=3).send(7.02, TO_CLIENT, INITIAL, "CONNECTION_CLOSE", comes=False)
        story.send(10.1, TO_SERVER, INITIAL, "PING")
        found = story.judged(CURL, TO_SERVER, PORTICO_SERVES)
        assert found is not None
        self.assertFalse(found.excused)
        self.assertIn("closed the connection at 7.02 s", found.words)

    def test_a_server_that_may_not_send_more_is_not_to_blame(self) -> None:
        story = self.hello()
        for time in (0.02, 0.021, 0.022):
            story.send(time, TO_CLIENT, INITIAL, "CRYPTO", comes=False, offset=round(time * 1e6))
        for time in (1.0, 3.0, 7.0):
            story.send(time, TO_SERVER, INITIAL, "PING", comes=False)
        story.send(10.1, TO_SERVER, INITIAL, "PING", comes=False)
        found = story.judged(CURL, TO_SERVER, PORTICO_SERVES)
        assert found is not None
        self.assertTrue(found.excused, found.words)

    def test_who_has_finished_did_not_give_up(self) -> None:
        story = self.hello(lost=3).send(7.02, TO_CLIENT, INITIAL, "CRYPTO").send(7.02, TO_CLIENT, HANDSHAKE, "CRYPTO")
        story.send(7.05, TO_SERVER, HANDSHAKE, "CRYPTO").send(20.0, TO_SERVER, HANDSHAKE, "PING")
        self.assertIsNone(story.judged(CURL, TO_SERVER, PORTICO_SERVES))

    def test_who_gave_up_before_its_time_is_not_excused(self) -> None:
        story = self.hello(lost=2).send(8.0, TO_SERVER, INITIAL, "PING", comes=False)
        self.assertIsNone(story.judged(CURL, TO_SERVER, PORTICO_SERVES))

    def client(self, *times: float) -> Story:
        """Portico asks quic-go: all goes well but for its last flight, which it sends at these times."""
        story = self.hello().send(0.02, TO_CLIENT, INITIAL, "CRYPTO").send(0.02, TO_CLIENT, HANDSHAKE, "CRYPTO")
        for time in times:
            story.send(time, TO_SERVER, HANDSHAKE, "CRYPTO", comes=False)
        return story.send(12.0, TO_CLIENT, HANDSHAKE, "PING")

    def test_a_server_that_hears_nothing_for_its_idle_time(self) -> None:
        found = self.client(0.05, 1.05, 3.05, 7.05).judged(QUIC_GO, TO_CLIENT, PORTICO_ASKS)
        assert found is not None
        self.assertTrue(found.excused, found.words)
        self.assertIn("5 s without a packet", found.words)

    def test_a_client_that_sends_its_last_flight_once_is_to_blame(self) -> None:
        found = self.client(0.05).judged(QUIC_GO, TO_CLIENT, PORTICO_ASKS)
        assert found is not None
        self.assertFalse(found.excused)
        self.assertIn("Handshake flight missed", found.words)

    def test_a_client_that_does_not_probe_is_to_blame(self) -> None:
        story = self.hello()
        for time in (0.02, 0.5, 1.5, 3.5, 7.5):
            story.send(time, TO_CLIENT, INITIAL, "CRYPTO", comes=False)
        found = story.send(11.0, TO_CLIENT, INITIAL, "CRYPTO").judged(QUIC_GO, TO_CLIENT, PORTICO_ASKS)
        assert found is not None
        self.assertFalse(found.excused)
        self.assertIn("no probe", found.words)


if __name__ == "__main__":
    unittest.main()
