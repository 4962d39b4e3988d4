"""The endpoint script of the official runner: what it plays, and 127 for all else."""

import os
import subprocess
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "runner/run_endpoint.sh"


def status(**variables: str) -> int:
    """The script's exit status with these variables; no program of ours is there for it to start."""
    environment = {"PATH": os.environ["PATH"], "PROGRAMS": "/nonexistent", "LOGS": "/nonexistent", **variables}
    return subprocess.run([SCRIPT], env=environment, capture_output=True, timeout=20).returncode


class EndpointTest(unittest.TestCase):
    def test_unknown_cases_are_unsupported(self) -> None:
        for role in ("server", "client"):
            for case in ("handshake", "v2", "no-such-case", ""):
                with self.subTest(role=role, case=case):
                    self.assertEqual(status(ROLE=role, TESTCASE=case or " "), 127)

    def test_the_role_has_its_own_variable(self) -> None:
        self.assertEqual(status(ROLE="client", TESTCASE="http3", TESTCASE_CLIENT="handshake"), 127)
        self.assertEqual(status(ROLE="server", TESTCASE="http3", TESTCASE_SERVER="handshake"), 127)

    def test_known_cases_are_played(self) -> None:
        # They go on until they miss something: a certificate, or what to ask for.
        for role in ("server", "client"):
            self.assertNotIn(status(ROLE=role, TESTCASE="http3", CERTS="/nonexistent"), (0, 127))

    def test_no_role(self) -> None:
        self.assertNotIn(status(TESTCASE="http3"), (0, 127))


if __name__ == "__main__":
    unittest.main()
