"""A program under valgrind's callgrind: zeroing its counters, dumping them, and reading what was dumped."""
import collections
import re
import socket
import subprocess
import time

from parts.machine import fail

# What counts as a call of `malloc`: the ways to ask the C library for memory (posix_memalign calls malloc itself).
ALLOCATIONS = {"malloc", "calloc", "realloc"}


def command_line(valgrind, output, program):
    """`program` (a list of words) under callgrind, whose dumps go to `output`.1, `output`.2 …"""
    return [valgrind, "--tool=callgrind", "--quiet", "--vgdb=yes", f"--callgrind-out-file={output}", *program]


class Counters:
    """The counters of a running service that was started with `command_line`."""

    def __init__(self, service, vgdb, output, port):
        self.service, self.vgdb, self.output, self.port = service, vgdb, output, port
        self.dumps = 0

    def zero(self):
        self._ask("zero")

    def dump(self):
        """Writes what was counted since the last `zero` or `dump`. Returns the file."""
        self._ask("dump")
        self.dumps += 1
        path = self.output.with_name(f"{self.output.name}.{self.dumps}")
        for _ in range(200):
            if path.exists() and "\ntotals:" in path.read_text(errors="replace")[-200:]:
                return path
            time.sleep(0.05)
        fail(f"callgrind did not write {path}; see {self.service.log}")

    def _ask(self, what):
        """Asks by vgdb, the program behind callgrind_control: that one waits for ever where it has no terminal."""
        asking = subprocess.Popen(
            [self.vgdb, f"--pid={self.service.process.pid}", "--wait=10", what], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        for _ in range(30):
            try:
                said, _ = asking.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                # Where ptrace is forbidden the program answers once it wakes up: a connection wakes it.
                with socket.socket() as probe:
                    probe.connect_ex(("127.0.0.1", self.port))
                continue
            if asking.returncode == 0:
                return
            fail(f"vgdb could not {what} the counters of process {self.service.process.pid}: {said.strip()[-500:]}")
        asking.kill()
        asking.communicate()
        fail(f"callgrind did not {what} its counters within 30 s; see {self.service.log}")


def read(path):
    """Instructions in all, and calls by name, of one dump."""
    instructions, calls, names, called = 0, collections.Counter(), {}, None
    with open(path, errors="replace") as lines:
        for line in lines:
            if line.startswith(("fn=", "cfn=")):
                match = re.match(r"c?fn=\((\d+)\)(?: (.*))?", line)
                if match[2]:
                    names[match[1]] = re.sub(r"'\d+$", "", match[2])  # 'N: a level of recursion
                if line[0] == "c":
                    called = names.get(match[1], match[1])
            elif line.startswith("calls="):
                calls[called] += int(line[6:].split()[0])
            elif line.startswith("summary:"):
                instructions = int(line.split()[1])
    return instructions, calls


def figures(path, requests):
    """The gate's figures for one request."""
    instructions, calls = read(path)
    if instructions == 0:
        fail(f"callgrind counted nothing: {path}")
    return {
        "instructions": instructions / requests,
        "swift_retain": calls["swift_retain"] / requests,
        "swift_release": calls["swift_release"] / requests,
        "malloc": sum(calls[name] for name in ALLOCATIONS) / requests,
    }
