"""Programs that the harness runs: free ports, starting, waiting, stopping, and the two ways a cell may not pass."""

import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Failure(Exception):
    """A cell did not come out as it should; the text says how."""


class TooSlow(Failure):
    """A cell came out right, and took longer than it may: the machine may be to blame for that."""


class HeldUp(Failure):
    """The link held a handshake up for longer than a peer waits: the cell says nothing about the two."""


class Unsupported(Exception):
    """A peer cannot do what the case needs; the text says what."""


def expect(condition: object, what: str, text: str = "") -> None:
    """Fails the cell with `what`, and the end of `text`, unless the condition holds."""
    if not condition:
        raise Failure(f"{what}: {text[-300:].strip()}" if text else what)


_given: set[int] = set()
"""The ports that this run gave away: cells beside each other must not get the same one before either is bound."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port below the range of outgoing connections, free for TCP and for UDP, and given only once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = random.randint(12_000, 32_000)
        if port in _given:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(family, kind) as probe:
                    probe.bind((host, port))
        except OSError:
            continue
        if len(_given) > 10_000:
            _given.clear()
        _given.add(port)
        return port


def _udp_ports(is_ipv6: bool) -> set[int]:
    """The local ports of all UDP sockets. To try to bind the port would take it from the program that is starting."""
    lines = Path("/proc/net/udp6" if is_ipv6 else "/proc/net/udp").read_text().splitlines()[1:]
    return {int(line.split()[1].rsplit(":", 1)[1], 16) for line in lines}


class Program:
    """A program that runs until the block ends; what it writes goes to a log."""

    def __init__(
        self,
        command: Sequence[object],
        log: Path,
        listens: tuple[str, int] | None = None,
        udp: bool = False,
        environment: Mapping[str, str] | None = None,
        limit: float = 150,
    ) -> None:
        """It listens on the address `listens` when it is ready; after `limit` seconds it is killed."""
        self.expired = False
        self._watch = threading.Timer(limit, self._expire)
        self.command = [str(word) for word in command]
        self.log, self.listens, self.udp = log, listens, udp
        self.environment = {**os.environ, **(environment or {})}

    def __enter__(self) -> "Program":
        with self.log.open("a") as log:
            log.write("$ " + " ".join(self.command) + "\n")
            log.flush()
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment
            )
        self._watch.daemon = True
        self._watch.start()
        deadline = time.monotonic() + 20
        while self.listens and not self._is_up(*self.listens):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                said = self.log.read_text(errors="replace")[-300:]
                raise Failure(f"{Path(self.command[0]).name} does not start: {said}")
            time.sleep(0.03)
        return self

    def _expire(self) -> None:
        self.expired = True
        self.process.kill()

    def _is_up(self, host: str, port: int) -> bool:
        if self.udp:
            return port in _udp_ports(":" in host)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            return probe.connect_ex((host, port)) == 0

    def __exit__(self, kind: object = None, error: BaseException | None = None, *_: object) -> None:
        # A program that died of itself may have answered all the same: that is no pass.
        status = None if self.expired else self.process.poll()
        self._stop()
        if status:
            reason = f"signal {-status}" if status < 0 else f"status {status}"
            raise Failure(f"{Path(self.command[0]).name} died with {reason}: {self._last_words()}") from error

    def _last_words(self) -> str:
        """The line of the log that says what a program died of."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if "FATAL" in line or "crashed:" in line or "Fatal error" in line]
        return (telling or lines or ["no word"])[-1][-200:]

    def _stop(self) -> None:
        self._watch.cancel()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(6)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def output(
    command: Sequence[object],
    log: Path,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    statuses: Sequence[int] = (0,),
) -> str:
    """What a program writes that must end in time with one of the statuses; it goes to the log too."""
    words = [str(word) for word in command]
    with log.open("a") as file:
        file.write("$ " + " ".join(words) + "\n")
    name = Path(words[0]).name
    try:
        done = subprocess.run(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as expired:
        log.open("ab").write(expired.stdout or b"")
        raise Failure(f"client {name} was not over after {timeout:g} s") from expired
    log.open("ab").write(done.stdout)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode not in statuses:
        raise Failure(f"client {name} ended with status {done.returncode}: {text[-300:].strip()}")
    return text
