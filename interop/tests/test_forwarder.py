"""The forwarder on real sockets: it passes datagrams both ways, changes addresses, carries ECN, and writes a pcap."""

import socket
import struct
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import pcap
from harness.forwarder import TO_SERVER, Forwarder, LinkPlan
from harness.link import LinkSettings


class Echo:
    """A server that sends each datagram back, and remembers where from it came and how it was marked."""

    def __enter__(self) -> "Echo":
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.sources: list[tuple[str, int]] = []
        self.marks: list[int] = []
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _run(self) -> None:
        while True:
            try:
                data, ancillary, _, source = self.socket.recvmsg(2_000, 100)
            except OSError:
                return
            self.sources.append(source)
            self.marks.append(ancillary[0][2][0] & 3 if ancillary else -1)
            if data == b"end":
                return
            self.socket.sendto(data, source)


def talk(plan: LinkPlan, count: int, pause: float = 0.0, tos: int = 0) -> tuple[Forwarder, Echo, list[bytes]]:
    """Sends so many datagrams, one after the other's echo."""
    with Echo() as echo, Forwarder(echo.socket.getsockname(), plan, 1) as link:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        client.settimeout(5)
        got = []
        for number in range(count):
            client.sendto(b"%d" % number, link.address)
            got.append(client.recv(2_000))
            time.sleep(pause)
        echo.socket.sendto(b"end", echo.socket.getsockname())
        client.close()
    return link, echo, got


class ForwarderTests(unittest.TestCase):
    """Both directions over the loopback."""

    def test_it_passes_both_ways_with_the_delay(self) -> None:
        started = time.monotonic()
        _, _, got = talk(LinkPlan.both(LinkSettings(delay=0.02)), 5)
        self.assertEqual(got, [b"0", b"1", b"2", b"3", b"4"])
        self.assertGreaterEqual(time.monotonic() - started, 5 * 0.04)

    def test_the_port_changes_and_then_the_address(self) -> None:
        for what, hosts in (("port", 1), ("address", 3)):
            plan = LinkPlan(rebind_after=0.1, rebind=what, rebind_times=2)
            _, echo, got = talk(plan, 20, pause=0.02)
            sources = dict.fromkeys(echo.sources[:20])
            self.assertEqual(len(got), 20)
            self.assertEqual(len(sources), 3, what)
            self.assertEqual(len({host for host, _ in sources}), hosts, what)

    def test_marks_pass(self) -> None:
        _, echo, _ = talk(LinkPlan(), 2, tos=2)
        self.assertEqual(echo.marks[:2], [2, 2])

    def test_a_pcap_holds_every_datagram(self) -> None:
        link, _, _ = talk(LinkPlan(), 3)
        self.assertEqual(len(link.seen), 12)
        self.assertEqual(sum(1 for one in link.seen if one.entered and one.direction == TO_SERVER), 3)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.pcapng"
            pcap.write(path, link.seen, link.wall_clock, "CLIENT_RANDOM 00 00\n")
            data, kinds, at = path.read_bytes(), [], 0
            while at < len(data):
                kind, length = struct.unpack_from("<II", data, at)
                self.assertEqual(struct.unpack_from("<I", data, at + length - 4), (length,))
                kinds.append(kind)
                at += length
        self.assertEqual(kinds, [0x0A0D0D0A, 1, 1, 10] + [6] * 12)

    def test_ip_headers_are_right(self) -> None:
        link, _, _ = talk(LinkPlan(), 1)
        packet = pcap.ip_packet(link.seen[0])
        words = struct.unpack("!10H", packet[:20])
        total = sum(words)
        self.assertEqual((total & 0xFFFF) + (total >> 16), 0xFFFF)
        self.assertEqual(struct.unpack("!HH", packet[20:24]), (link.seen[0].source[1], link.seen[0].destination[1]))
        self.assertEqual(packet[28:], link.seen[0].payload)


if __name__ == "__main__":
    unittest.main()
