"""The endpoint script of the official runner: what it plays, and 127 for all else."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

RUNNER = Path(__file__).resolve().parent.parent / "runner"
SCRIPT = RUNNER / "run_endpoint.sh"


def status(**variables: str) -> int:
    """The script's exit status with these variables; no program of ours is there for it to start."""
    with tempfile.TemporaryDirectory() as logs:
        environment = {"PATH": os.environ["PATH"], "PROGRAMS": "/nonexistent", "LOGS": logs, **variables}
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


class DockerfileTest(unittest.TestCase):
    """What can be seen without building the image; `runner/rehearse` builds it."""

    dockerfile = (RUNNER / "Dockerfile").read_text().replace("\\\n", " ")

    def test_it_installs_every_library_that_the_package_links(self) -> None:
        package = (RUNNER.parent.parent / "Package.swift").read_text()
        wanted = set(re.findall(r'apt: "([^"]+)"', package)) | {"libngtcp2-crypto-gnutls-dev"}
        installed = set(re.search(r"install -y --no-install-recommends (.*)", self.dockerfile)[1].split())  # type: ignore[index]
        self.assertLessEqual(wanted, installed)

    def test_it_builds_what_a_release_is(self) -> None:
        makefile = (RUNNER.parent.parent / "Makefile").read_text()
        release = re.search(r"^release := (.*)$", makefile, re.MULTILINE)[1]  # type: ignore[index]
        self.assertIn(release, self.dockerfile)


if __name__ == "__main__":
    unittest.main()
