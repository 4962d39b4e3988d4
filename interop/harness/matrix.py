"""Runs the cells: one client, one server, one case, over one emulated link; then asks the case what to think of it."""

import json
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NoReturn

from . import cases, pcap, semantics
from .cases import Case
from .cell import Job, Tools
from .checks import Played, explain
from .clients import Client
from .forwarder import TO_CLIENT, TO_SERVER, Forwarder, LinkPlan
from .load import BUSY, Meter
from .patience import verdict
from .processes import Failure, HeldUp, TooSlow, Unsupported, free_port
from .servers import Server
from .trace import Trace

PASSED, FAILED, UNSUPPORTED = "passed", "failed", "unsupported"
ALL_CASES: tuple[Case, ...] = cases.TRANSPORT + semantics.SEMANTICS
SEMANTIC_NAMES = {case.name for case in semantics.SEMANTICS}
OURS = {"portico", "portico-load"}
TRIES = 5
"""How often a cell is played that gave no verdict: the link held a handshake up, or the machine was busy."""


@dataclass
class Cell:
    """The result of one cell."""

    client: str
    server: str
    case: str
    letter: str
    result: str
    reason: str = ""
    """Why it failed or is unsupported; for a passed one, what was measured."""
    seconds: float = 0.0
    folder: str = ""
    """Where its logs are, below the run's folder."""
    run: int = 1
    seed: str = ""


@dataclass(frozen=True)
class Plan:
    """One cell to run."""

    client: Client
    server: Server
    case: Case
    run: int
    doubts: bool = False
    """Plays the case although one of the two is known to lack it."""

    def lacks(self) -> str | None:
        """Why the case is known not to work with these two, if it is."""
        return self.server.lacks.get(self.case.name) or self.client.lacks.get(self.case.name)


_ports = threading.Lock()


def plans(clients: Iterable[Client], servers: Iterable[Server], chosen: Iterable[Case], repeat: int) -> list[Plan]:
    """Every pair and case whose HTTP version both speak."""
    found = []
    for run in range(1, repeat + 1):
        for server in servers:
            for client in clients:
                for case in chosen:
                    version = case.versions[0]
                    if version in client.versions and version in server.versions:
                        found.append(Plan(client, server, case, run))
    return found


def run(tools: Tools, folder: Path, plan: Plan, seed: int, alone: bool = True) -> Cell | None:
    """Runs one cell; whatever goes wrong becomes its result. None: it was too slow beside others, and is to be measured
    alone."""
    earlier: list[str] = []
    for attempt in range(1, TRIES + 1):
        cell, job = _prepare(tools, folder, plan, seed, attempt)
        meter, started = Meter(), time.monotonic()
        again = None
        try:
            cell.reason = _play(plan, job, cell.seed) or ""
        except Unsupported as reason:
            cell.result, cell.reason = UNSUPPORTED, str(reason)
        except HeldUp as reason:
            again = str(reason)
        except TooSlow as reason:
            if not alone:
                return None
            others = meter.others()
            if others >= BUSY:
                again = f"{reason}, while others took {others:.0%} of the machine"
            cell.result, cell.reason = FAILED, f"{reason} (alone; others took {others:.0%} of the machine)"
        except Failure as reason:
            cell.result, cell.reason = FAILED, str(reason)
        except Exception as error:  # noqa: BLE001 - a bug here must not end the run, and must not look like a pass
            cell.result, cell.reason = FAILED, f"harness: {type(error).__name__}: {error}"
            (job.folder / "harness.log").write_text(traceback.format_exc())
        cell.seconds = round(time.monotonic() - started, 2)
        if again is not None:
            cell.result, cell.reason = UNSUPPORTED, f"no verdict: {again}"
        elif earlier:
            cell.reason = f"{cell.reason}; " if cell.reason else ""
            cell.reason += f"try {attempt}, after: {'; '.join(earlier)}"
        _finish(cell, job)
        if again is None:
            break
        earlier.append(again)
        if attempt < TRIES:
            kept = job.folder.with_name(f"{job.folder.name}-try{attempt}")
            shutil.rmtree(kept, ignore_errors=True)
            job.folder.rename(kept)
    return cell


def _prepare(tools: Tools, folder: Path, plan: Plan, seed: int, attempt: int) -> tuple[Cell, Job]:
    """The cell as it is when all goes well, and what its peers are to do, in an empty folder."""
    client, server, case = plan.client, plan.server, plan.case
    name = f"{server.name}/{client.name}/{case.name}" + (f"-{plan.run}" if plan.run > 1 else "")
    own = folder / name
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    # The same cell gets the same fate whatever else runs.
    cell_seed = f"{seed}/{name}" + (f"/{attempt}" if attempt > 1 else "")
    cell = Cell(client.name, server.name, case.name, case.letter, PASSED, "", 0.0, name, plan.run, cell_seed)
    with _ports:
        port = free_port(case.host)
    job = Job(
        tools, own, case.name, case.versions[0], case.host, case.knob, case.sizes, case.separately, case.timeout, port
    )
    return cell, job


def _finish(cell: Cell, job: Job) -> None:
    """Removes what nobody will look at, and keeps the result."""
    for unneeded in ("downloads", "upload", "download", "profile"):
        target = job.folder / unneeded
        shutil.rmtree(target, ignore_errors=True) if target.is_dir() else target.unlink(missing_ok=True)
    (job.folder / "cell.json").write_text(json.dumps(asdict(cell), indent=1) + "\n")


def _play(plan: Plan, job: Job, seed: str) -> str | None:
    client, server, case = plan.client, plan.server, plan.case
    semantic = case.name in SEMANTIC_NAMES
    for peer in (client, server):
        if (reason := peer.missing(job)) is not None:
            raise Unsupported(reason)
    if (reason := plan.lacks()) is not None and not plan.doubts:
        raise Unsupported(reason)
    (semantics.can if semantic else cases.can)(client, server, case)
    kind = semantics.kind_of(case)
    if job.version != 3:
        with server.program(job):
            job.port = job.server_port
            outcome = semantics.play(client, job, kind)
            return case.check(Played(job, client, server, outcome, Trace([]), 0))
    link: Forwarder | None = None
    try:
        with server.program(job), Forwarder((job.host, job.server_port), _link(plan), seed) as link:
            job.port = link.address[1]
            outcome = semantics.play(client, job, kind) if semantic else client.fetch(job)
            time.sleep(0.1)
    except Failure as failure:
        # The packets of a cell that failed are kept too, even when a peer died.
        _blame(plan, _write_trace(job, link) if link else Trace([]), failure)
    trace = _write_trace(job, link)
    try:
        return case.check(Played(job, client, server, outcome, trace, len(link.rebindings)))
    except Failure as failure:
        _blame(plan, trace, failure)


def _blame(plan: Plan, trace: Trace, failure: Failure) -> NoReturn:
    """Raises the failure; or HeldUp, when the link let no handshake through for as long as one of the two waits."""
    ours = {TO_SERVER for name in OURS if plan.client.name == name} | {
        TO_CLIENT for name in OURS if plan.server.name == name
    }
    said = []
    if plan.case.hinders_handshakes:
        for peer, direction in ((plan.client, TO_SERVER), (plan.server, TO_CLIENT)):
            if peer.patience is None:
                continue
            found = verdict(trace, peer.patience, direction, frozenset(ours))
            if found is not None and found.excused:
                raise HeldUp(f"{peer.name} gave a handshake up: {found.words}") from failure
            said += [f"{peer.name}'s patience ran out, and the link is not to blame: {found.words}"] if found else []
    if said:
        raise Failure("; ".join([str(failure), *said])) from failure
    raise failure


def _link(plan: Plan) -> LinkPlan:
    """The case's link. What it drops by number comes after the ClientHello, which may take several datagrams."""
    link = plan.case.link
    later = frozenset(number + plan.client.hello_datagrams - 1 for number in link.to_server.drop_numbers)
    return replace(link, to_server=link.to_server.with_changes(drop_numbers=later))


def _write_trace(job: Job, link: Forwarder) -> Trace:
    """Keeps the packets: a pcap, a list in plain text, and what the link did."""
    logs = (job.keylog(end) for end in ("client", "server"))
    secrets = "".join(log.read_text(errors="replace") for log in logs if log.exists())
    trace = Trace(link.seen, secrets)
    pcap.write(job.folder / "link.pcapng", link.seen, link.wall_clock, secrets)
    counts = {name: asdict(one.counts) for name, one in zip(("to server", "to client"), link.links)}
    lines = [f"# {json.dumps(counts)}", f"# address changes at {link.rebindings}"]
    (job.folder / "packets.txt").write_text("\n".join(lines + [explain(one) for one in trace.packets]) + "\n")
    return trace


def run_all(
    tools: Tools, folder: Path, chosen: list[Plan], seed: int, jobs: int, progress: Callable[[int, Cell], None]
) -> list[Cell]:
    """Runs the cells, several at a time, and tells of each as it ends; the results in the order of the plans.

    What was too slow beside others is measured once more at the end, with nothing beside it.
    """
    results: dict[int, Cell] = {}
    slow: list[int] = []

    def ended(index: int, cell: Cell) -> None:
        results[index] = cell
        progress(len(results), cell)

    alone = jobs == 1 or len(chosen) == 1
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(run, tools, folder, plan, seed, alone): index for index, plan in enumerate(chosen)}
        for future in as_completed(futures):
            cell = future.result()
            if cell is None:
                slow.append(futures[future])
            else:
                ended(futures[future], cell)
    for index in sorted(slow):
        cell = run(tools, folder, chosen[index], seed)
        assert cell is not None
        ended(index, cell)
    return [results[index] for index in range(len(chosen))]
