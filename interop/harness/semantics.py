"""The cases of HTTP semantics, each in HTTP/1.1, HTTP/2 and HTTP/3: what a client sees must be what RFC 9110 says."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import content
from .cases import MEGABIT, Case
from .cell import Fetched, Job, Outcome
from .checks import Played, whole
from .clients import Aioquic, Client
from .drivers import Fields
from .forwarder import LinkPlan
from .gateway import OneRequest
from .link import LinkSettings
from .origin import CHECKSUM_TRAILER, LARGE_FIELD_SIZE, LARGE_FIELDS
from .processes import Failure, Unsupported, expect
from .servers import Server

UPLOAD = 1_000_000
SLOW = LinkPlan.both(LinkSettings(delay=0.01, rate=4 * MEGABIT, queue=50))
"""A link on which responses have to wait for each other."""
HOLD = 7
"""Seconds that a client keeps a connection on which it cancelled a stream: longer than the case waits."""
TEXT_FRAME, CLOSE_FRAME = b"\x81\x05hello", b"\x88\x02\x03\xe8"
MASK = bytes([1, 2, 3, 4])


def _masked(frame: bytes) -> bytes:
    body = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(frame[2:]))
    return bytes([frame[0], frame[1] | 0x80]) + MASK + body


class AioquicAsks(OneRequest.Asks):
    """HTTP/3 requests by aioquic, each over a connection of its own."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._holding: threading.Thread | None = None

    def __call__(
        self,
        path: str,
        method: str = "GET",
        fields: Fields | None = None,
        body: bytes = b"",
        cancel_after: int | None = None,
        websocket: bool = False,
    ) -> Fetched:
        words = ["--method", method, "--show-body"] if not websocket else ["--protocol", "websocket", "--show-body"]
        words += [word for name, value in (fields or {}).items() for word in ("--header", f"{name}: {value}")]
        if websocket:
            words += ["--raw", body.hex(), "--header", "sec-websocket-version: 13"]
        elif body:
            words += ["--body", str(len(body))]
        if cancel_after is not None:
            # The connection stays after the cancel, so that the origin can only learn of it from the stream.
            words += ["--cancel-after", str(cancel_after), "--hold", str(HOLD)]
            self._holding = threading.Thread(target=self._run, args=(path, words))
            self._holding.start()
            time.sleep(1.0)
            return Fetched(whole=False)
        return self._run(path, words)

    def _run(self, path: str, words: list[str]) -> Fetched:
        return Aioquic().run(self._job, [path], words).responses[0]

    def finish(self) -> None:
        """Waits for the connection that was held."""
        if self._holding is not None:
            self._holding.join()


@contextmanager
def asking(client: Client, job: Job) -> Iterator[OneRequest.Asks]:
    """A way to let the client send requests one by one."""
    if isinstance(client, OneRequest):
        with client.connection(job) as ask:
            yield ask
    else:
        asks = AioquicAsks(job)
        try:
            yield asks
        finally:
            asks.finish()


def trailers(ask: OneRequest.Asks, job: Job) -> None:
    got = ask("/trailers")
    expect(got.status == 200 and got.digest == content.digest(1_000), f"status {got.status}, {got.size} bytes")
    expect(got.trailers.get(CHECKSUM_TRAILER) == content.digest(1_000), f"trailers {got.trailers}")


def early(ask: OneRequest.Asks, job: Job) -> None:
    got = ask("/early", "POST", body=content.body(UPLOAD))
    expect(got.status == 413, f"status {got.status} instead of the early 413")
    expect(got.body == b"too early to send that", f"body {got.body[:60]!r}")


def reset_client(ask: OneRequest.Asks, job: Job) -> None:
    name = f"{job.folder.name}-{time.monotonic_ns()}"
    ask(f"/endless?{name}", cancel_after=20_000)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if ask(f"/gone?{name}").body == b"1":
            return
        time.sleep(0.2)
    raise Failure("5 s after the client cancelled, the origin was still sending")


def reset_server(ask: OneRequest.Asks, job: Job) -> None:
    got = ask("/reset")
    expect(got.status in (200, 502), f"status {got.status}")
    expect(not got.whole or got.status == 502, "the broken response looks whole to the client")


def websocket(ask: OneRequest.Asks, job: Job) -> None:
    try:
        got = ask("/websocket", body=_masked(TEXT_FRAME) + _masked(CLOSE_FRAME), websocket=True)
    except ConnectionError as error:
        raise Failure(str(error)) from error
    expect(got.status in (101, 200), f"status {got.status} for the upgrade")
    expect(got.body == TEXT_FRAME + CLOSE_FRAME or b"hello" in got.body, f"echoed {got.body[:60]!r}")


def large_headers(ask: OneRequest.Asks, job: Job) -> None:
    got = ask("/headers", fields={f"x-large-{number}": "q" * LARGE_FIELD_SIZE for number in range(LARGE_FIELDS)})
    expect(got.status == 200, f"status {got.status}")
    expect(int(got.body or b"0") >= LARGE_FIELDS * LARGE_FIELD_SIZE, f"the origin got {got.body!r} bytes of fields")
    arrived = [name for name in got.fields if name.startswith("x-large-")]
    expect(len(arrived) == LARGE_FIELDS, f"{len(arrived)} large fields of {LARGE_FIELDS} came back")


def interim(ask: OneRequest.Asks, job: Job) -> None:
    got = ask("/hints")
    expect(got.status == 200 and got.body == b"after the hints", f"status {got.status}")
    expect(got.interim == [103], f"interim responses {got.interim}")


ACTIONS: dict[str, Callable[[OneRequest.Asks, Job], None]] = {
    "trailers": trailers,
    "early": early,
    "reset-client": reset_client,
    "reset-server": reset_server,
    "websocket": websocket,
    "large-headers": large_headers,
    "interim": interim,
}


def play(client: Client, job: Job, kind: str) -> Outcome:
    """Lets the client do what the case says."""
    if kind == "upload":
        if isinstance(client, OneRequest) or isinstance(client, Aioquic):
            with asking(client, job) as ask:
                return Outcome([ask("/echo", "POST", body=content.body(UPLOAD))])
        return client.fetch(job)
    if kind == "priorities":
        return Outcome(_priorities(job))
    if kind in ACTIONS:
        with asking(client, job) as ask:
            ACTIONS[kind](ask, job)
        return Outcome()
    return client.fetch(job)


def _priorities(job: Job) -> list[Fetched]:
    """Three responses of low urgency are asked for first, then one of high urgency (RFC 9218)."""
    paths = [content.path_of(200_000)] * 3 + [content.path_of(100_000)]
    return Aioquic().run(job, paths, ["--urgencies", "7,7,7,0"]).responses


def _urgent_first(played: Played) -> str:
    responses = played.outcome.responses
    expect(len(responses) == 4 and all(one.status == 200 and one.whole for one in responses), "not all responses came")
    urgent = responses[3].seconds
    before = sum(1 for one in responses[:3] if one.seconds < urgent)
    expect(before == 0, f"{before} of 3 responses of urgency 7 ended before the one of urgency 0 ({urgent:.2f} s)")
    return f"urgent after {urgent:.2f} s, last after {max(one.seconds for one in responses):.2f} s"


def _uploaded(played: Played) -> None:
    got = played.outcome.responses[0]
    wanted = f"{UPLOAD} bytes".encode()
    expect(got.status == 200 and wanted in got.body, f"status {got.status}, body {got.body[:60]!r}")


def _nothing(played: Played) -> None:
    """The client judged while it ran."""


_KINDS: tuple[tuple[str, str, str, Callable[[Played], str | None], tuple[int, ...]], ...] = (
    ("download", "D", "a file of 1 MB", whole, (1_000_000,)),
    ("upload", "UP", "1 MB to the origin", _uploaded, (UPLOAD,)),
    ("many", "MR", "100 requests", whole, (1_000,) * 100),
    ("trailers", "T", "a trailer field after the body", _nothing, ()),
    ("early", "ER", "the response before the upload's end", _nothing, ()),
    ("reset-client", "RC", "the client cancels, the origin notices", _nothing, ()),
    ("reset-server", "RS", "the origin breaks off, the client notices", _nothing, ()),
    ("websocket", "W", "WebSocket: RFC 6455, 8441, 9220", _nothing, ()),
    ("large-headers", "LH", "8 KB of fields both ways", _nothing, ()),
    ("interim", "1X", "103 Early Hints", _nothing, ()),
)

SEMANTICS: tuple[Case, ...] = tuple(
    Case(f"{kind}-h{version}", f"{letter}{version}", f"{about} over HTTP/{version}", check, sizes, versions=(version,))
    for kind, letter, about, check, sizes in _KINDS
    for version in (1, 2, 3)
) + (Case("priorities-h3", "P3", "urgency decides the order (RFC 9218)", _urgent_first, link=SLOW, versions=(3,)),)


def kind_of(case: Case) -> str:
    """The kind of a case of HTTP semantics: its name without the version."""
    return case.name.rsplit("-h", 1)[0]


def can(client: Client, server: Server, case: Case) -> None:
    """Raises Unsupported, with the reason, when one of the two cannot play the case."""
    kind = kind_of(case)
    for peer, role in ((client, "client"), (server, "server")):
        if kind not in peer.semantics:
            raise Unsupported(f"the {role} {peer.name} has no means for it")
