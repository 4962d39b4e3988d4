"""Cost of a request over a range: of connections, of streams, of servers, of frontends with certificates."""
import time

from parts.cases import plain
from parts.measure import once, takes
from parts.peers import Shape, frontend
from parts.service import NotStarted

RATE = 3000  # requests for a second in the range of connections: the same work on few and on many


def alike(measure):
    """The proxies that take HAProxy's language: what the ranges compare."""
    return [peer for peer in measure.bench.peers if not peer.is_nginx]


def connections(measure, counts, limit):
    """At a set rate; the connections are there before the counting begins."""
    for version in (1, 3):
        for count in counts:
            if count > limit:
                measure.tell(f"connections {count}: more than the file descriptors here allow; left out")
                continue
            for turn in range(measure.plan.fewer if count < 5000 else 1):
                for peer in alike(measure):
                    case = plain(version, count, 10)
                    if takes(peer, case):
                        window(measure, peer, case, turn)


def window(measure, peer, case, turn):
    """CPU time and requests between two moments while all connections are there. What fell due during the handshakes
    comes at once after them: it waits in the server's queue instead of taking thousands of server connections."""
    service = peer.service(Shape(maxconn=case.connections + 1000, queue=200), tag="range")
    seen = []

    def sample(_):
        steady(service, 10 + case.connections / 200)
        for _ in range(2):
            seen.append((service.cpu_seconds(), *frontend(service)[1:]))
            if len(seen) == 1:
                time.sleep(measure.plan.brief)

    try:
        service.start()
        _, _, wrong = measure.hold(service, case, RATE, sample)
        cpu, requests, bad = (after - before for before, after in zip(*seen)) if len(seen) == 2 else (0, 0, 0)
        wrong = wrong or (f"{bad} answers 5xx" if bad else None)
        record = {"case": case.name, "proxy": peer.name, "requests": requests, "cpu_seconds": cpu,
                  "cost": cpu * 1e6 / requests if requests else None, "wrong": wrong}
        measure.keep(record, "connections", count=case.connections, round=turn + 1)
    except (NotStarted, OSError) as error:
        failed(measure, "connections", peer, case, case.connections, error)
    finally:
        service.stop()


def steady(service, patience):
    """Waits until requests come at the set rate: the last handshakes are over, and what they held up is made up for."""
    deadline, before = time.monotonic() + patience, frontend(service)[1]
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = frontend(service)[1]
        if 0.35 * RATE < now - before < 0.65 * RATE:
            return
        before = now


def failed(measure, part, peer, case, count, error):
    measure.keep({"case": case.name, "proxy": peer.name, "cost": None, "wrong": str(error)}, part, count=count, round=0)


def streams(measure, counts):
    """On 4 connections, in a closed loop."""
    services = {peer.name: peer.service(Shape()) for peer in alike(measure)}
    try:
        for service in services.values():
            service.start()
        for version in (2, 3):
            for count in counts:
                case = plain(version, 4, count)
                peers = [peer for peer in alike(measure) if takes(peer, case)]
                for turn in range(measure.plan.fewer):
                    for peer in peers if turn % 2 == 0 else peers[::-1]:
                        if turn == 0:
                            once(services[peer.name], case, measure.load, 0.2)
                        record = once(services[peer.name], case, measure.load, measure.plan.brief)
                        measure.keep(record, "streams", count=count, round=turn + 1)
    finally:
        for service in services.values():
            service.stop()


def sizes(measure, part, counts, shape_of, version, limit):
    """Of the configuration: each size starts anew, which gives the start-up time too."""
    for count in counts:
        if count > limit:
            measure.tell(f"{part} {count}: more than the file descriptors here allow; left out")
            continue
        for peer in alike(measure):
            service = peer.service(shape_of(count), tag=part)
            case = plain(version, 32)
            try:
                service.start(patience=300)
                once(service, case, measure.load, 0.3 + min(2.0, count / 2500))
                for turn in range(measure.plan.fewer):
                    record = once(service, case, measure.load, measure.plan.brief)
                    record["start_seconds"] = service.start_seconds
                    record["memory"] = service.memory()
                    measure.keep(record, part, count=count, round=turn + 1)
                measure.tell(f"            started in {service.start_seconds:.3f} s")
            except (NotStarted, OSError) as error:
                failed(measure, part, peer, case, count, error)
            finally:
                service.stop()


def servers(measure, counts, limit):
    """Servers of one backend, all at the same origin, in turn; each keeps connections of its own."""
    sizes(measure, "servers", counts, lambda count: Shape(servers=count, maxconn=4000), 1, limit)


def frontends(measure, counts, limit):
    """Frontends with a TLS listener each, all with the same certificate file; the last has the load."""
    sizes(measure, "frontends", counts, lambda count: Shape(frontends=count), 2, limit)
