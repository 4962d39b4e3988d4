"""The measurements: CPU time by case, latency at set rates, memory of idle connections, two workers."""
import os
import signal
import time

from parts.cases import plain
from parts.peers import Shape, frontend
from parts.service import NotStarted

FAILED = "FAILED: "


def once(service, case, load, seconds, rate=None):
    """One load on one service. Returns a record; `cost` is CPU time in µs for one unit."""
    command = load.command(case, service.addresses[case.behind][case.secure], seconds, rate)
    before = service.cpu_seconds()
    found = load.run(command, seconds)
    death = service.death()
    cpu = 0.0 if death else service.cpu_seconds() - before
    wrong = found["wrong"]
    if death:
        wrong = f"{service.name} {death}; {wrong or 'no request failed'}"
        service.start()
    units = found["bytes"] / 1e6 if case.unit == "MB" else found["requests"]
    return {
        "case": case.name, "proxy": service.peer.name, "requests": found["requests"], "bytes": found["bytes"],
        "cpu_seconds": cpu, "cost": cpu * 1e6 / units if units and not death else None, "wrong": wrong,
        "seconds": found["seconds"], "latency": found["latency"], "command": " ".join(command),
    }


def takes(peer, case):
    """True if the proxy has what the case asks for."""
    return (case.version < 3 or peer.has_quic) and case.behind in peer.behind


class Measure:
    """Runs measurements with the plan's rounds and seconds. Records go to `records`, lines to `tell`."""

    def __init__(self, bench, load, plan, tell):
        self.bench, self.load, self.plan, self.tell = bench, load, plan, tell
        self.records = []

    def keep(self, record, where, **more):
        """Adds a record and prints its line."""
        record = {"part": where, **more, **record}
        for origin in self.bench.origins:
            if death := origin.death():
                record["wrong"] = f"{origin.name} {death}: {origin.log}; {record.get('wrong') or 'no request failed'}"
                origin.start()
        self.records.append(record)
        cost = f"{record['cost']:9.1f} µs" if record.get("cost") else "        -   "
        what = " ".join(f"{key} {value}" for key, value in more.items() if key != "round")
        self.tell(f"{where:11} {record['case']:9} {what:17} {record['proxy']:8} {cost}"
                  + (f"  {record['requests']:8} requests" if "requests" in record else "")
                  + (f"  {FAILED}{record['wrong']}" if record.get("wrong") else ""))
        return record

    # The table's cases: all proxies run, one has load at a time; another is first in each round.

    def cases(self, cases):
        services = {peer.name: peer.service(Shape(behind=peer.behind)) for peer in self.bench.peers}
        try:
            for service in services.values():
                service.start()
            for case in cases:
                peers = [peer for peer in self.bench.peers if takes(peer, case)]
                for peer in peers:  # fills idle pools and caches; not counted, but a failure is
                    warm = once(services[peer.name], case, self.load, 0.3)
                    if warm["wrong"]:
                        self.keep({**warm, "cost": None}, "cases", round=0)
                for turn in range(self.plan.rounds):
                    shift = turn % len(peers) if peers else 0
                    for peer in peers[shift:] + peers[:shift]:
                        record = once(services[peer.name], case, self.load, self.plan.seconds)
                        self.keep(record, "cases", round=turn + 1)
        finally:
            for service in services.values():
                service.stop()

    # Latency at shares of what the slowest of the proxies can carry: all get the same rate.

    def latency(self, shares):
        services = {peer.name: peer.service(Shape(behind=[1])) for peer in self.bench.peers}
        try:
            for service in services.values():
                service.start()
            for case in (plain(1, 64), plain(2), plain(3)):
                peers = [peer for peer in self.bench.peers if takes(peer, case)]
                carried = []
                for peer in peers:
                    once(services[peer.name], case, self.load, 0.3)
                    full = once(services[peer.name], case, self.load, max(0.5, self.plan.seconds / 2))
                    carried.append(full["requests"] / full["seconds"] if full["seconds"] else 0)
                    self.keep(full, "saturation", round=1)
                if not carried or min(carried) <= 0:
                    continue
                for share in shares:
                    for turn in range(self.plan.fewer):
                        shift = turn % len(peers)
                        for peer in peers[shift:] + peers[:shift]:
                            record = once(services[peer.name], case, self.load, self.plan.seconds,
                                          min(carried) * share / 100)
                            record = self.keep(record, "latency", share=share, round=turn + 1)
                            record["rate"] = min(carried) * share / 100
        finally:
            for service in services.values():
                service.stop()

    # Memory of connections that have had a request and wait for the next: what four fifths of them add to the rest, so
    # that what the process has from its start on does not count.

    def memory(self, count, most):
        for version in (1, 2, 3):
            for peer in self.bench.peers:
                if takes(peer, plain(version)):
                    # The small ones have to be many to show among the pages of a process.
                    self.idle(peer, version, min(count * 4, most) if version == 1 else min(count, most))

    def idle(self, peer, version, count):
        held, wrong = [], None
        for many in (count // 5, count):
            case = plain(version, many, 1)
            service = peer.service(Shape(maxconn=count + 500), tag="memory")
            try:
                service.start()
                current, memory, wrong = self.hold(service, case, max(50, many / 4),
                                                  lambda load: self.quiet(service, load))
                held.append((current, memory))
            except (NotStarted, OSError) as error:
                wrong = str(error)
                held.append((0, 0))
            finally:
                service.stop()
            if wrong:
                break
        more = held[-1][0] - held[0][0]
        each = None if wrong or more <= 0 else (held[-1][1] - held[0][1]) / more
        self.keep({"case": case.name, "proxy": peer.name, "wrong": wrong, "bytes_each": each}, "memory",
                  connections=held[-1][0])
        if each is not None:
            self.tell(f"            {each / 1024:.1f} KiB for a connection")

    def quiet(self, service, load):
        """The service's memory, once each connection has had a request, the load has stopped, and all has settled."""
        # At the rate of the load all have had one after four seconds; what is idle for a second may then be packed.
        time.sleep(max(4, self.plan.settle))
        os.kill(load.pid, signal.SIGSTOP)
        time.sleep(max(5, self.plan.settle))
        return service.memory()

    def hold(self, service, case, rate, then):
        """Starts a load that keeps its connections, and once all are there runs `then(process)`. Returns their number, what
        `then` returned, and what went wrong or None."""
        command = self.load.command(case, service.addresses[1][case.secure], 3600, rate)
        process = self.load.begin(command)
        deadline, current, said = time.monotonic() + 20 + case.connections / 50, 0, ""
        try:
            while time.monotonic() < deadline and process.poll() is None:
                current = frontend(service)[0]
                if current >= case.connections:
                    return current, then(process), None
                time.sleep(0.1)
        finally:
            has_ended = process.poll() is not None
            process.kill()
            said = process.communicate()[1].strip()[-300:]
        if has_ended:
            return current, None, f"the load ended: {said}: {' '.join(command)}"
        return current, None, f"only {current} of {case.connections} connections came about: {' '.join(command)}"

    # One worker, then two.

    def workers(self):
        """With four cores two of them are the proxy's and throughput shows; with two, CPU time for a request does:
        when it stays, two workers carry twice as much."""
        allowed = sorted(os.sched_getaffinity(0))
        is_wide = len(allowed) >= 4
        load = type(self.load)(self.load.tool, allowed[2:] if is_wide else allowed)
        for peer in self.bench.peers:
            if peer.is_nginx:
                continue
            services = {count: peer.service(Shape(workers=count), core=set(allowed[:count]), tag=f"workers{count}")
                        for count in (1, 2)}
            try:
                for service in services.values():
                    service.start()
                for case in (plain(1, 64), plain(2), plain(3)):
                    if not takes(peer, case):
                        continue
                    for turn in range(self.plan.fewer):
                        for count, service in services.items():
                            if turn == 0:
                                once(service, case, load, 0.3)
                            record = once(service, case, load, self.plan.brief)
                            record["throughput"] = record["requests"] / record["seconds"] if record["seconds"] else None
                            record["throughput_shows"] = is_wide
                            self.keep(record, "workers", workers=count, round=turn + 1)
            finally:
                for service in services.values():
                    service.stop()
