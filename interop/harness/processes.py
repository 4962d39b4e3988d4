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


class Unsupported(Exception):
    """A peer cannot do what the case needs; the text says what."""


def expect(condition: object, what: str, text: str = "") -> None:
    """Fails the cell with `what`, and the end of `text`, unless the condition holds."""
    if not condition:
        raise Failure(f"{what}: {text[-300:].strip()}" if text else what)


def free_port(host: str = "127.0.0.1") -> int:
    """A port below the range of outgoing connections, free for TCP and for UDP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = random.randint(12_000, 32_000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(family, kind) as probe:
                    probe.bind((host, port))
            return port
        except OSError:
            continue


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
                self.__exit__()
                said = self.log.read_text(errors="replace")[-300:]
                raise Failure(f"{Path(self.command[0]).name} does not start: {said}")
            time.sleep(0.03)
        return self

    def _expire(self) -> None:
        self.expired = True
        self.process.kill()

    def _is_up(self, host: str, port: int) -> bool:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM if self.udp else socket.SOCK_STREAM) as probe:
            if not self.udp:
                return probe.connect_ex((host, port)) == 0
            try:
                probe.bind((host, port))
                return False
            except OSError:
                return True

    def __exit__(self, *_: object) -> None:
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
