"""The load generator: one run of it, and what it found."""
import json
import os
import re
import subprocess

from parts.machine import AUTHORITY, PROGRAMS, fail, program


class Load:
    """`tool` is portico-load or h2load; it runs on `core` (a number, or a set of them)."""

    def __init__(self, tool, core):
        self.tool, self.cores = tool, {core} if isinstance(core, int) else set(core)
        named = os.environ.get("PORTICO_LOAD") or str(PROGRAMS / "portico-load")
        self.path = named if tool == "portico-load" else program("h2load")
        if not self.path or not os.access(self.path, os.X_OK):
            fail(f"there is no {tool}: run `make bench`, which builds and installs what it needs")

    def can(self, case):
        return case.version < 3 or self.tool == "portico-load"

    def command(self, case, port, seconds, rate=None):
        """The words that start the load of `case` on `port`; `rate` is in requests for a second, None: closed loop."""
        url = f"{'https' if case.secure else 'http'}://127.0.0.1:{port}{case.path}"
        options = [self.path, "-c", str(case.connections)]
        options += ["-m", str(case.streams)] if case.version > 1 else []
        if self.tool == "portico-load":
            options += [f"--http{case.version}", "-d", str(seconds), "--timeout", "30", "--json", "-"]
            options += ["--ca", str(AUTHORITY)] if case.secure else []
            options += ["--per-connection", "1"] if case.new_connections else []
            options += ["-r", f"{rate:.0f}"] if rate else []
        else:
            options += ["--h1"] if case.version == 1 else []
            if case.new_connections:
                # One request for each of its clients, which all connect at once.
                count = str(int(min(1000, 500 * seconds)))
                options[2] = count
                options += ["-n", count]
            else:
                options += ["-D", str(max(1, round(seconds)))]
        return options + [url]

    def begin(self, command):
        """Starts a load that the caller ends."""
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, self.cores))

    def run(self, command, seconds):
        """Runs one load. Returns what it found: `requests` answered with 2xx, `bytes` received, `wrong` (what failed,
        or None), and with portico-load `seconds` and `latency` (seconds by percentile)."""
        process = self.begin(command)
        try:
            output, errors = process.communicate(timeout=seconds + 40)
        except subprocess.TimeoutExpired:
            return nothing(f"{self.tool} did not end")
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        reader = read_portico if self.tool == "portico-load" else read_h2load
        return reader(output) or nothing((errors or output).strip()[-300:] or f"{self.tool} gave no result")


def nothing(wrong):
    return {"requests": 0, "bytes": 0, "wrong": wrong, "seconds": 0, "latency": None}


def read_portico(output):
    if not output.lstrip().startswith("{"):
        return None
    result = json.loads(output)
    bad = {**result["errors"], **{key: count for key, count in result["status"].items() if key != "2xx"}}
    bad["connections lost"] = result["connections_reopened"]
    words = ", ".join(f"{key} {count}" for key, count in bad.items() if count)
    return {"requests": result["status"]["2xx"], "bytes": result["bytes_received"], "wrong": words or None,
            "seconds": result["seconds"], "latency": result["latency"]}


def read_h2load(output):
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output)
    status = re.search(r"status codes: (\d+) 2xx", output)
    data = re.search(r"\((\d+)\) data", output)
    if not (counts and status and data):
        return None
    bad = zip(("failed", "errored", "timeout"), counts.groups()[1:])
    words = ", ".join(f"{key} {count}" for key, count in bad if int(count))
    return {"requests": int(status[1]), "bytes": int(data[1]), "wrong": words or None, "seconds": 0, "latency": None}
