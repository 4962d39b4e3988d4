"""How a cell gets its result: what is played again, what is measured alone, and that a fault stays one."""

import tempfile
import threading
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from harness import checks, matrix, report
from harness.cases import TRANSPORT
from harness.forwarder import TO_CLIENT
from harness.frames import Frame
from harness.matrix import FAILED, PASSED, UNSUPPORTED, Plan
from harness.processes import Failure, HeldUp, TooSlow

GOODPUT = next(case for case in TRANSPORT if case.name == "goodput")
HANDSHAKELOSS = next(case for case in TRANSPORT if case.name == "handshakeloss")
PEERS = (SimpleNamespace(name="client"), SimpleNamespace(name="server"))


class ResultTests(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.seeds: list[str] = []

    def play(self, outcomes: list, others: float = 0.0, alone: bool = True, case=GOODPUT):  # noqa: ANN001, ANN201
        """Runs a cell whose tries come out like this: an exception is raised, a string is what was measured."""
        left = iter(outcomes)

        def play(plan: Plan, job: object, seed: str) -> str:
            self.seeds.append(seed)
            (job.folder / "client.log").write_text("what the try left")  # type: ignore[attr-defined]
            outcome = next(left)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        with mock.patch.object(matrix, "_play", play), mock.patch.object(matrix.Meter, "others", lambda _: others):
            return matrix.run(None, self.folder, Plan(*PEERS, case, 1), 7, alone)  # type: ignore[arg-type]

    def test_slow_beside_others_is_measured_alone(self) -> None:
        self.assertIsNone(self.play([TooSlow("1688 kbit/s")], alone=False))

    def test_slow_alone_on_a_quiet_machine_is_a_failure_at_once(self) -> None:
        cell = self.play([TooSlow("1688 kbit/s"), "9000 kbit/s"], others=0.05)
        self.assertEqual((cell.result, len(self.seeds)), (FAILED, 1))
        self.assertIn("others took 5%", cell.reason)

    def test_slow_on_a_busy_machine_is_no_verdict(self) -> None:
        cell = self.play([TooSlow("1 kbit/s")] * 5, others=0.7)
        self.assertEqual((cell.result, len(self.seeds)), (UNSUPPORTED, 5))
        self.assertIn("others took 70% of the machine", cell.reason)

    def test_a_handshake_that_was_held_up_is_played_again_over_another_link(self) -> None:
        cell = self.play([HeldUp("the link took 6 of 12 packets"), ""], case=HANDSHAKELOSS)
        self.assertEqual(cell.result, PASSED)
        self.assertEqual(self.seeds, ["7/server/client/handshakeloss", "7/server/client/handshakeloss/2"])
        self.assertEqual(cell.reason, "try 2, after: the link took 6 of 12 packets")
        self.assertTrue((self.folder / "server/client/handshakeloss-try1/client.log").exists(), "its logs are kept")

    def test_a_fault_after_that_is_a_failure(self) -> None:
        cell = self.play([HeldUp("the link"), Failure("status 500")], case=HANDSHAKELOSS)
        self.assertEqual((cell.result, cell.reason), (FAILED, "status 500; try 2, after: the link"))

    def test_a_fault_is_never_played_again(self) -> None:
        cell = self.play([Failure("status 500"), ""], case=HANDSHAKELOSS)
        self.assertEqual((cell.result, len(self.seeds)), (FAILED, 1))

    def test_what_was_slow_runs_at_the_end_with_nothing_beside(self) -> None:
        running, most_beside, runs = set(), [], []
        lock = threading.Lock()

        def play(plan: Plan, job: object, seed: str) -> str:
            with lock:
                running.add(seed)
                beside = len(running)
            threading.Event().wait(0.05)
            with lock:
                running.discard(seed)
                runs.append(seed)
                if plan.case is GOODPUT and runs.count(seed) == 2:
                    most_beside.append(beside)
            if plan.case is GOODPUT and runs.count(seed) == 1:
                raise TooSlow("slow")
            return ""

        todo = [Plan(*PEERS, case, run) for run in (1, 2, 3) for case in (GOODPUT, HANDSHAKELOSS)]
        told = []
        with mock.patch.object(matrix, "_play", play):
            cells = matrix.run_all(None, self.folder, todo, 7, 4, lambda done, cell: told.append(done))  # type: ignore
        self.assertEqual([cell.result for cell in cells], [PASSED] * 6)
        self.assertEqual([cell.case for cell in cells], [plan.case.name for plan in todo])
        self.assertEqual(most_beside, [1, 1, 1])
        self.assertEqual(told, [1, 2, 3, 4, 5, 6])

    def test_a_failed_cell_says_where_to_look(self) -> None:
        cell = self.play([Failure("status 500")])
        told = report.failures(self.folder, [cell])
        self.assertIn(str(self.folder / "server/client/goodput"), told)
        self.assertIn("--server server --client client --case goodput --seed 7", told)


class SpeedTests(unittest.TestCase):
    """The speed is that of the file, not of what the client asks for when it has it."""

    def played(self, *pieces: tuple[float, int, int, int]) -> object:
        frames = [
            (SimpleNamespace(connection=None, seen=SimpleNamespace(time=time)), Frame("STREAM", (s, at), bytes(size)))
            for time, s, at, size in pieces
        ]
        trace = SimpleNamespace(frames_of=lambda name, direction: frames if direction == TO_CLIENT else [])
        return SimpleNamespace(trace=trace, job=SimpleNamespace(sizes=(1000,)))

    def test_the_end_is_the_files_last_new_byte(self) -> None:
        played = self.played((1.0, 0, 0, 600), (2.0, 0, 600, 450), (2.5, 0, 0, 600), (9.0, 4, 0, 300))
        self.assertEqual(checks._files_end(played, 9.0), 2.0)  # type: ignore[arg-type]

    def test_without_keys_it_is_the_last_packet(self) -> None:
        self.assertEqual(checks._files_end(self.played(), 9.0), 9.0)  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
