"""How much of the machine was taken by programs that are none of the harness's, while a cell was measured."""

import os
import resource
import time
from pathlib import Path

BUSY = 0.2
"""The share of all processors' time from which on a measurement says nothing about the peers."""


class Meter:
    """Measures from its making on. Only one cell may run meanwhile, whose programs must be over at the end."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.monotonic(), _busy(), _own()

    def others(self) -> float:
        """The share of all processors' time that others took."""
        span = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return max(0.0, (_busy() - self._busy) - (_own() - self._own)) / span if span > 0 else 0.0


def _busy() -> float:
    """Seconds that all processors have worked since the machine started."""
    names = "user nice system idle iowait irq softirq steal".split()
    values = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    spent = dict(zip(names, map(int, values)))
    ticks = sum(spent.get(name, 0) for name in names if name not in ("idle", "iowait"))
    return ticks / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Seconds that this process has worked, and the programs that it started and that are over."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in usages)
