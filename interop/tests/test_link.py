"""The emulated link: the same seed gives the same fate, and each setting does what it says."""

import unittest

from harness.link import ECN_CE, Link, LinkSettings


def fates(settings: LinkSettings, seed: int, count: int = 2_000) -> tuple[Link, list[list]]:
    """What becomes of so many numbered datagrams, one each millisecond."""
    link = Link(settings, seed)
    return link, [link.enter(number / 1000, number.to_bytes(4, "big") * 25, 2) for number in range(count)]


class LinkTests(unittest.TestCase):
    """One direction of the link."""

    everything = LinkSettings(0.01, 5e6, 20, loss=0.1, reorder=0.1, duplicate=0.1, corrupt=0.1, mark=0.1)

    def test_a_seed_makes_it_repeatable(self) -> None:
        self.assertEqual(fates(self.everything, 7)[1], fates(self.everything, 7)[1])
        self.assertNotEqual(fates(self.everything, 7)[1], fates(self.everything, 8)[1])

    def test_one_kind_of_fate_does_not_shift_another(self) -> None:
        lossy, marked = LinkSettings(loss=0.2), LinkSettings(loss=0.2, duplicate=0.3, mark=0.5)
        gone = [[not one for one in fates(settings, 3)[1]] for settings in (lossy, marked)]
        self.assertEqual(gone[0], gone[1])

    def test_a_bare_link_changes_nothing(self) -> None:
        for number, deliveries in enumerate(fates(LinkSettings(), 1)[1]):
            self.assertEqual(
                [(one.time, one.payload[:4], one.ecn) for one in deliveries],
                [(number / 1000, number.to_bytes(4, "big"), 2)],
            )

    def test_delay_and_rate(self) -> None:
        link = Link(LinkSettings(delay=0.1, rate=8_000), 1)
        times = [link.enter(0.0, bytes(100))[0].time for _ in range(3)]
        for got, wanted in zip(times, (0.2, 0.3, 0.4), strict=True):
            self.assertAlmostEqual(got, wanted)

    def test_a_full_queue_drops(self) -> None:
        link = Link(LinkSettings(rate=8_000, queue=2), 1)
        arrived = [bool(link.enter(0.0, bytes(100))) for _ in range(5)]
        self.assertEqual(arrived, [True, True, True, False, False])
        self.assertEqual(link.counts.overflowed, 2)
        self.assertTrue(link.enter(0.11, bytes(100)), "room again when one has left")

    def test_loss_comes_as_often_as_told_and_no_burst_is_longer(self) -> None:
        link, deliveries = fates(LinkSettings(loss=0.3, loss_burst=3), 5)
        self.assertAlmostEqual(link.counts.lost / 2_000, 0.3, delta=0.04)
        bursts = "".join("." if one else "x" for one in deliveries).split(".")
        self.assertEqual(max(map(len, bursts)), 3)

    def test_bursts_of_a_handshake_are_its_own(self) -> None:
        link = Link(LinkSettings(loss=0.9, loss_burst=3), 5)
        fates = [
            (number % 2, link.enter(number / 1000, bytes([0xC0 if number % 2 else 0x40]) * 50)) for number in range(400)
        ]
        for kind in (0, 1):
            bursts = "".join("." if one else "x" for which, one in fates if which == kind).split(".")
            self.assertEqual(max(map(len, bursts)), 3, "whatever the other kind's luck is")

    def test_duplicates_and_corruption(self) -> None:
        link, deliveries = fates(LinkSettings(duplicate=0.25, corrupt=0.25), 5)
        self.assertEqual(sum(len(one) for one in deliveries), 2_000 + link.counts.duplicated)
        changed = 0
        for number, (first, *_) in enumerate(deliveries):
            sent = number.to_bytes(4, "big") * 25
            differing = sum(a != b for a, b in zip(sent, first.payload, strict=True))
            self.assertLessEqual(differing, 1)
            changed += differing
        self.assertEqual(changed, link.counts.corrupted)
        self.assertAlmostEqual(changed / 2_000, 0.25, delta=0.04)

    def test_a_held_datagram_is_overtaken(self) -> None:
        _, deliveries = fates(LinkSettings(reorder=0.1, reorder_delay=0.005), 5)
        order = [one.payload for one in sorted((one for part in deliveries for one in part), key=lambda one: one.time)]
        self.assertNotEqual(order, sorted(order))

    def test_dropped_by_number_and_blackhole(self) -> None:
        arrived = [bool(one) for one in fates(LinkSettings(drop_numbers=frozenset({2, 3})), 1, 5)[1]]
        self.assertEqual(arrived, [True, False, False, True, True])
        arrived = [bool(one) for one in fates(LinkSettings(blackhole=(0.002, 0.002)), 1, 6)[1]]
        self.assertEqual(arrived, [True, True, False, False, True, True])

    def test_marks_only_what_can_be_marked(self) -> None:
        link = Link(LinkSettings(mark=1.0), 1)
        marks = [link.enter(0.0, b"x", ecn)[0].ecn for ecn in (0, 1, 2, 3)]
        self.assertEqual(marks, [0, ECN_CE, ECN_CE, 3])
        self.assertEqual(link.counts.marked, 2)


if __name__ == "__main__":
    unittest.main()
