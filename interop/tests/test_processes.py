"""Programs that the harness runs: one that dies of itself fails its cell, whatever the client saw."""

import tempfile
import unittest
from pathlib import Path

from harness.processes import Failure, Program, free_port


class ProgramTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = Path(folder.name) / "log"

    def run_to_its_end(self, script: str, **options: object) -> None:
        with Program(["sh", "-c", script], self.log, **options) as program:  # type: ignore[arg-type]
            program.process.wait(10)

    def test_a_signal_is_a_failure_with_the_last_words(self) -> None:
        with self.assertRaisesRegex(Failure, "sh died with signal 11: FATAL: a bug"):
            self.run_to_its_end("echo FATAL: a bug; echo more; kill -SEGV $$")

    def test_a_status_is_one_too(self) -> None:
        with self.assertRaisesRegex(Failure, "sh died with status 3: so long"):
            self.run_to_its_end("echo so long; exit 3")

    def test_its_death_explains_what_went_wrong_then(self) -> None:
        with self.assertRaisesRegex(Failure, "died with status 4"):
            with Program(["sh", "-c", "exit 4"], self.log) as program:
                program.process.wait(10)
                raise ConnectionRefusedError

    def test_one_that_ends_well_or_is_stopped_is_none(self) -> None:
        self.run_to_its_end("exit 0")
        with Program(["sleep", "60"], self.log):
            pass

    def test_what_does_not_start_says_why(self) -> None:
        with self.assertRaisesRegex(Failure, "does not start: .*no configuration"):
            with Program(["sh", "-c", "echo no configuration"], self.log, ("127.0.0.1", free_port())):
                pass

    def test_a_udp_port_is_seen_without_taking_it(self) -> None:
        port = free_port()
        script = f"import socket,time;s=socket.socket(2,2);time.sleep(.3);s.bind(('127.0.0.1',{port}));time.sleep(9)"
        with Program(["python3", "-c", script], self.log, ("127.0.0.1", port), udp=True) as program:
            self.assertIsNone(program.process.poll())


class PortTest(unittest.TestCase):
    def test_no_port_is_given_twice(self) -> None:
        ports = [free_port() for _ in range(300)]
        self.assertEqual(len(set(ports)), 300)


if __name__ == "__main__":
    unittest.main()
