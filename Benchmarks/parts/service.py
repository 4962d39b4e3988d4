"""A server that runs while something is measured: a proxy, or an origin."""
import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path


class NotStarted(Exception):
    """A program did not start; the text tells what it said."""


def allow_files(count):
    """Lets this process and those it starts open so many files, as far as the system permits. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for want in ((count, max(hard, count)), (min(count, hard), hard)):
        if soft >= count:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, want)
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Service:
    """A process on one core (or some), its ports and its log. `ports` are TCP ports that it has to listen on."""

    def __init__(self, name, version, command, core, ports, work, has_quic=False):
        self.name, self.version, self.command = name, version, command
        self.cores = {core} if isinstance(core, int) else set(core)
        self.ports, self.has_quic = ports, has_quic
        self.log = Path(work) / f"{name}.out"
        self.process = None
        self.start_seconds = None

    def start(self, patience=10):
        """Starts it and waits until it listens. Sets `start_seconds`, the time that took."""
        for port in self.ports:
            if listens(port):
                raise NotStarted(f"{self.name} cannot have port {port}: another program listens there; try again")
        began = time.monotonic()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, self.cores))
        for port in self.ports:
            while not listens(port):
                code = self.process.poll()
                if code is not None or time.monotonic() - began > patience:
                    how = f"does not listen on port {port} after {patience} s" if code is None else self.death()
                    text = self.log.read_text(errors="replace").strip()[-2000:]
                    self.stop()
                    raise NotStarted(f"{self.name} {how}: {' '.join(self.command)}\n{text or '(it said nothing)'}")
                time.sleep(0.005)
        self.start_seconds = time.monotonic() - began
        if self.death():  # another program has the port
            raise NotStarted(f"{self.name} {self.death()}: {' '.join(self.command)}\n"
                             f"{self.log.read_text(errors='replace').strip()[-2000:]}")

    def death(self):
        """How the process ended, in words; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"

    def pids(self):
        """The process and its children."""
        pids = [self.process.pid]
        for pid in pids:
            try:
                pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                pass
        return pids

    def cpu_seconds(self):
        """User and system time of the process and its children."""
        return sum(cpu_seconds(pid) for pid in self.pids())

    def user_seconds(self):
        """User time of the process and its children, in steps of 10 ms."""
        ticks = sum(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]) for pid in self.pids())
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Bytes of memory that are the process's and its children's own: private pages, resident."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def cpu_seconds(pid):
    """User and system time of a process, from its CPU clock (clock_getcpuclockid(3)): to the nanosecond, where
    /proc/PID/stat counts ticks of 10 ms."""
    return time.clock_gettime((~pid << 3) | 2)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
