"""The command: options, peers, progress, report."""

import argparse
import datetime
import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from . import certificates, content, report
from .cell import Tools
from .clients import Aioquic, Chromium, Client, Curl, Nghttp, Ngtcp2, PorticoLoad
from .gateway import HAProxyClient, Hyper, Plain, PorticoClient
from .matrix import ALL_CASES, FAILED, OURS, PASSED, UNSUPPORTED, Cell, plans, run_all
from .origin import Origin
from .servers import ALL as SERVERS

CLIENTS: tuple[Client, ...] = (
    Ngtcp2(),
    Aioquic(),
    Curl(),
    Chromium(),
    PorticoClient(),
    PorticoLoad(),
    HAProxyClient(),
    Nghttp(),
    Hyper(),
    Plain(),
)


def chosen(all_names: list[str], wanted: list[str], what: str) -> set[str]:
    """The names that were asked for; all when none was."""
    words = [word for one in wanted for word in one.split(",")]
    for word in words:
        if word not in all_names:
            sys.exit(f"interop: there is no {what} {word!r}; there are {', '.join(all_names)}")
    return set(words or all_names)


def arguments(root: Path) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="interop/run",
        description="Every client with every server in every test case, over an emulated link. Exit status: 0, or 1 "
        "when a cell failed.",
    )
    add = parser.add_argument
    programs = os.environ.get("PORTICO_PROGRAMS", root / ".build/release")
    add("--client", action="append", default=[], metavar="NAMES", help=", ".join(one.name for one in CLIENTS))
    add("--server", action="append", default=[], metavar="NAMES", help=", ".join(one.name for one in SERVERS))
    add("--case", action="append", default=[], metavar="NAMES", help="test cases; --list shows them")
    add("--ours", action="store_true", help="only pairs in which Portico takes part")
    add("--seed", type=int, default=None, metavar="N", help="the link's seed (random; the run prints it)")
    add("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2), metavar="N", help="cells at a time")
    add("--repeat", type=int, default=1, metavar="N", help="run each cell so many times")
    add(
        "--programs",
        type=Path,
        default=programs,
        metavar="FOLDER",
        help="portico's (or PORTICO_PROGRAMS; .build/release)",
    )
    add("--output", type=Path, default=root / ".build/interop", metavar="FOLDER", help="logs and page (.build/interop)")
    add("--doubt", action="store_true", help="only the cells that a peer is known to lack: play them and see")
    add("--list", action="store_true", help="list the test cases and end")
    return parser.parse_args()


def progress(total: int, done: int, cell: Cell) -> None:
    """A line for each cell as it ends."""
    reason = " ".join(cell.reason.split())[:160]
    sign = report.SIGNS[cell.result]
    print(
        f"[{done}/{total}] {sign} {cell.server} ← {cell.client}, {cell.case} ({cell.seconds:.1f} s) {reason}",
        flush=True,
    )


def main() -> int:
    """Runs the command; its exit status."""
    sources = Path(__file__).resolve().parent.parent
    root = sources.parent
    options = arguments(root)
    if options.list:
        for case in ALL_CASES:
            print(f"{case.name:<22}{case.letter:<5}{case.about}")
        return 0
    clients = chosen([one.name for one in CLIENTS], options.client, "client")
    servers = chosen([one.name for one in SERVERS], options.server, "server")
    names = chosen([one.name for one in ALL_CASES], options.case, "test case")
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    began = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    folder = options.output.resolve()
    if folder.exists() and any(folder.iterdir()) and not (folder / "results.json").exists():
        if folder != (root / ".build/interop").resolve():
            sys.exit(f"interop: {folder} is not empty and not of an earlier run")
    shutil.rmtree(folder, ignore_errors=True)
    content.write(folder / "www")
    (folder / "results.json").write_text("{}\n")
    made = certificates.make(folder / "certificates")
    with Origin() as origin:
        programs = Path(options.programs).resolve()
        tools = Tools(programs, Path(sys.executable), sources, folder / "www", made, origin)
        todo = plans(
            [one for one in CLIENTS if one.name in clients],
            [one for one in SERVERS if one.name in servers],
            [one for one in ALL_CASES if one.name in names],
            options.repeat,
        )
        if options.ours:
            todo = [one for one in todo if {one.client.name, one.server.name} & OURS]
        if options.doubt:
            todo = [replace(one, doubts=True) for one in todo if one.lacks() is not None]
        print(f"interop: seed {seed}, {len(todo)} cells, {options.jobs} at a time", flush=True)
        cells = run_all(tools, folder, todo, seed, options.jobs, lambda done, cell: progress(len(todo), done, cell))
    report.write(folder, cells, seed, began)
    print(f"\n{report.text(cells)}\n\n{report.counted(cells)}; seed {seed}; {folder / 'index.html'}")
    if failures := report.failures(folder, cells):
        print(f"\nfailed:\n{failures}")
    if missing := report.grouped(cells, UNSUPPORTED):
        print(f"\nunsupported:\n{missing}")
    if not any(cell.result == PASSED for cell in cells):
        print("interop: no cell passed")
        return 1
    return 1 if any(cell.result == FAILED for cell in cells) else 0
