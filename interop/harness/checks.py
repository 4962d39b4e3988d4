"""What the packets and the responses of a cell must show, case by case: each function raises Failure unless they do."""

from dataclasses import dataclass

from . import content
from .cell import Job, Outcome
from .clients import Client
from .forwarder import TO_CLIENT, TO_SERVER
from .keys import CHACHA20, SUITE_NAMES
from .packets import HANDSHAKE, INITIAL, ONE_RTT, RETRY, V1, V2, ZERO_RTT, Header, split
from .processes import TooSlow, Unsupported, expect
from .servers import Server
from .trace import Packet, Trace


@dataclass(frozen=True)
class Played:
    """A cell after it ran."""

    job: Job
    client: Client
    server: Server
    outcome: Outcome
    trace: Trace
    rebindings: int


def whole(played: Played) -> None:
    """Every file arrived, with the right bytes as far as the client tells."""
    got = played.outcome.responses
    wanted = played.job.sizes[: len(got)] if played.outcome.first_connection_idle else played.job.sizes
    expect(len(got) == len(wanted), f"{len(got)} responses of {len(wanted)}")
    # Several at once may be reported in another order: compare as sets of what was asked.
    for response in got:
        state = response.fields.get("termination state", "")
        expect(response.status is not None, f"no response came {state}".strip())
        expect(response.status == 200, f"status {response.status} {state}".strip())
        expect(response.whole, f"a response broke off after {response.size} bytes {state}")
    told = sorted((one.size or 0, one.digest or "") for one in got if one.digest is not None)
    right = sorted((size, content.digest(size)) for size in wanted)
    expect(not told or told == right, f"other bytes than asked for: sizes {[size for size, _ in told]}")


def connections(played: Played, count: int) -> None:
    """So many handshakes were made (a client may have started more that led nowhere)."""
    made = played.trace.handshakes()
    expect(made == count, f"{made} handshakes on the wire, not {count}")


def plain(played: Played) -> None:
    """The files came over one connection, or over one each with clients that know no more."""
    whole(played)
    sizes = played.job.sizes
    together = played.client.parallel and not played.job.separately
    connections(played, len(sizes) if not together else len(set(sizes)) if played.client.one_path else 1)


def handshake(played: Played) -> None:
    plain(played)
    expect(not played.trace.of(RETRY), "the server sent a Retry that the case does not ask for")


def longrtt(played: Played) -> None:
    plain(played)
    first = played.trace.of(INITIAL, TO_SERVER)[0].seen.time
    answer = min(one.time for one in played.trace.datagrams if one.direction == TO_CLIENT and not one.entered)
    expect(answer - first >= 1.4, f"the first answer came after {answer - first:.2f} s; the link has 1.5 s")


def chacha20(played: Played) -> None:
    plain(played)
    connection = played.trace.connections[0]
    offered = connection.client_hello.suites if connection.client_hello else ()
    chosen = connection.server_hello.suites if connection.server_hello else ()
    names = ", ".join(SUITE_NAMES.get(one, hex(one)) for one in offered)
    # GnuTLS adds TLS_EMPTY_RENEGOTIATION_INFO_SCSV (0x00ff), which is no suite.
    expect(set(offered) - {0x00FF} == {CHACHA20}, f"the client offered {names}")
    expect(chosen == (CHACHA20,), f"the server chose {[SUITE_NAMES.get(one, hex(one)) for one in chosen]}")


def multiplexing(played: Played) -> str | None:
    plain(played)
    streams = {f.numbers[0] for _, f in played.trace.frames_of("STREAM", TO_SERVER) if f.numbers[0] % 4 == 0}
    if played.trace.has_keys:
        expect(len(streams) >= len(played.job.sizes), f"{len(streams)} request streams on the wire")
    return f"{len(streams)} streams" if streams else None


def retry(played: Played) -> None:
    whole(played)
    retries = played.trace.of(RETRY, TO_CLIENT)
    expect(retries, "no Retry packet was seen")
    token = retries[0].header.token
    used = [one for one in played.trace.of(INITIAL, TO_SERVER) if one.header.token == token]
    expect(used, "no Initial packet carries the Retry's token")


def _handshake_messages(trace: Trace, connection: object) -> list[tuple[int, bytes]]:
    """The server's TLS messages after its hello, by type; empty without keys."""
    pieces: dict[int, bytes] = {}
    for packet, frame in trace.frames_of("CRYPTO", TO_CLIENT):
        if packet.kind == HANDSHAKE and packet.connection is connection:
            pieces[frame.numbers[0]] = frame.data
    data = b""
    for offset, piece in sorted(pieces.items()):
        if offset <= len(data):
            data += piece[len(data) - offset :]
    messages, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        messages.append((data[at], data[at + 4 : at + 4 + size]))
        at += 4 + size
    return messages


def resumption(played: Played) -> None:
    whole(played)
    made = [one for one in played.trace.connections if one.client_hello and one.server_hello]
    expect(len(made) >= 2, f"{len(made)} handshakes on the wire, not 2")
    first, last = (_handshake_messages(played.trace, one) for one in (made[0], made[-1]))
    if played.outcome.resumed is not None:
        expect(played.outcome.resumed, "the client says that the second session was not resumed")
    elif not last:
        raise Unsupported("neither peer writes its TLS secrets, so nothing shows whether the session was resumed")
    if first and last:
        expect(any(kind == 11 for kind, _ in first), "the first handshake has no certificate")
        expect(all(kind != 11 for kind, _ in last), "the second handshake has a certificate: it was not resumed")


def zerortt(played: Played) -> None:
    whole(played)
    early = played.trace.of(ZERO_RTT, TO_SERVER)
    expect(early, "the client sent no 0-RTT packet: the ticket does not allow early data, or was not used for it")
    messages = _handshake_messages(played.trace, early[-1].connection)
    if played.outcome.early_accepted is not None:
        expect(played.outcome.early_accepted, "the server rejected the early data")
    elif messages:
        extensions = next((body for kind, body in messages if kind == 8), b"")
        expect(42 in _extension_types(extensions), "the server rejected the early data (EncryptedExtensions)")
    else:
        raise Unsupported("neither peer writes its TLS secrets, so nothing shows whether early data was accepted")


def _extension_types(body: bytes) -> set[int]:
    types, at = set(), 2
    while at + 4 <= len(body):
        types.add(int.from_bytes(body[at : at + 2], "big"))
        at += 4 + int.from_bytes(body[at + 2 : at + 4], "big")
    return types


def keyupdate(played: Played) -> str:
    whole(played)
    if not played.trace.has_keys:
        raise Unsupported("neither peer writes its TLS secrets, so the key phase cannot be seen")
    counts = []
    for direction, name in ((TO_SERVER, "client"), (TO_CLIENT, "server")):
        new = [one for one in played.trace.of(ONE_RTT, direction) if one.generation > 0]
        expect(new, f"the {name} sent no packet in a new key phase")
        counts.append(f"{len(new)} packets of the {name}")
    return ", ".join(counts)


def ecn(played: Played) -> str:
    whole(played)
    shares = []
    for direction, name in ((TO_SERVER, "client"), (TO_CLIENT, "server")):
        sent = [one for one in played.trace.datagrams if one.entered and one.direction == direction]
        marked = sum(1 for one in sent if one.ecn in (1, 2))
        expect(marked, f"the {name} marked none of its {len(sent)} datagrams ECT")
        shares.append(f"{name} {marked}/{len(sent)}")
        if played.trace.has_keys:
            other = "server" if direction == TO_SERVER else "client"
            back = TO_CLIENT if direction == TO_SERVER else TO_SERVER
            expect(list(played.trace.frames_of("ACK_ECN", back)), f"the {other} sent no ACK with ECN counts")
    return "ECT: " + ", ".join(shares)


def _validates(headers: list[Header]) -> bool:
    return any(one.kind == HANDSHAKE or (one.kind == INITIAL and one.token) for one in headers)


def amplification(played: Played) -> str:
    whole(played)
    received, sent, worst = 0, 0, 0.0
    for one in played.trace.datagrams:
        if one.direction == TO_SERVER and not one.entered:
            if _validates(split(one.payload)):
                break
            received += len(one.payload)
        elif one.direction == TO_CLIENT and one.entered:
            sent += len(one.payload)
            worst = max(worst, sent / received if received else 99.0)
            expect(sent <= 3 * received, f"before validation the server sent {sent} bytes for {received} received")
    expect(sent > 0, "the server sent nothing before the client's address was validated")
    return f"{sent} bytes for {received} ({worst:.2f}×)"


def ipv6(played: Played) -> None:
    plain(played)
    expect(all(":" in one.source[0] for one in played.trace.datagrams), "some datagrams are not IPv6")


def version2(played: Played) -> None:
    whole(played)
    first = next((one for one in played.trace.of(INITIAL, TO_SERVER)), None)
    expect(first is not None and first.header.version == V1, "the client did not begin with version 1")
    for sender, direction in (("server", TO_CLIENT), ("client", TO_SERVER)):
        later = played.trace.of(HANDSHAKE, direction)
        expect(later, f"no Handshake packet of the {sender} was seen")
        numbers = {one.header.version for one in later}
        expect(numbers == {V2}, f"the {sender}'s Handshake packets have version {numbers}")


def rebinding(played: Played) -> str:
    whole(played)
    sources = {one.source for one in played.trace.datagrams if one.direction == TO_SERVER and not one.entered}
    expect(played.rebindings and len(sources) > 1, "the transfer was over before the path changed")
    _path_was_validated(played)
    return f"{len(sources)} paths"


def _path_was_validated(played: Played) -> None:
    if played.trace.has_keys:
        challenges = list(played.trace.frames_of("PATH_CHALLENGE", TO_CLIENT))
        expect(challenges, "the server sent no PATH_CHALLENGE on the new path")
        expect(list(played.trace.frames_of("PATH_RESPONSE", TO_SERVER)), "the client sent no PATH_RESPONSE")


def migration(played: Played) -> str:
    whole(played)
    sources: dict[tuple[str, int], set[bytes]] = {}
    lengths = [one.lengths.get(TO_SERVER, 8) for one in played.trace.connections]
    for packet in played.trace.of(ONE_RTT, TO_SERVER):
        size = packet.connection.lengths.get(TO_SERVER, 8) if packet.connection else lengths[0]
        sources.setdefault(packet.seen.source, set()).add(packet.header.packet[1 : 1 + size])
    expect(len(sources) > 1, "the client stayed on one address")
    first, *others = sources.values()
    for other in others:
        expect(not other & first, "the client used a connection ID on two paths")
    _path_was_validated(played)
    return f"{len(sources)} paths"


def _measured(played: Played, floor: float) -> str:
    """Throughput from the first 1-RTT packet of the server to the files' end, in kbit/s; fails below the floor."""
    whole(played)
    data = [one.seen.time for one in played.trace.of(ONE_RTT, TO_CLIENT)]
    expect(len(data) > 1, "no 1-RTT packets of the server were seen")
    span = _files_end(played, max(data)) - min(data)
    rate = sum(played.job.sizes) * 8 / span / 1000 if span > 0 else 0.0
    if rate < floor:
        raise TooSlow(f"{rate:.0f} kbit/s of 10000 is below {floor:.0f}")
    return f"{rate:.0f} kbit/s"


def _files_end(played: Played, otherwise: float) -> float:
    """When the last byte of the files was sent; where the packets can not be read, what the caller says.

    What comes later is not the transfer's: a browser asks for the site's icon when it has shown the page.
    """
    ends: dict[tuple[int, int], tuple[int, float]] = {}
    for packet, frame in played.trace.frames_of("STREAM", TO_CLIENT):
        stream, offset = frame.numbers[0], frame.numbers[1]
        end = offset + len(frame.data)
        known = ends.get((id(packet.connection), stream), (0, 0.0))
        if end > known[0]:
            ends[(id(packet.connection), stream)] = (end, packet.seen.time)
    smallest = min(played.job.sizes)
    return max((time for end, time in ends.values() if end >= smallest), default=otherwise)


def goodput(played: Played) -> str:
    return _measured(played, 2_000)


def crosstraffic(played: Played) -> str:
    return _measured(played, 800)


def explain(packet: Packet) -> str:
    """One packet in a line, for a cell's packet list."""
    way = "→" if packet.direction == TO_SERVER else "←"
    number = f" #{packet.opened.number}" if packet.opened else ""
    names = " ".join(frame.name for frame in packet.frames)
    return f"{packet.seen.time:9.4f} {way} {packet.kind}{number} {len(packet.header.packet)} B {names}"
