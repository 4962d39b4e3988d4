"""Proxies as clients: Portico or HAProxy in front of the peer's server, and our HTTP/1.1 client in front of them."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from . import content
from .cell import Fetched, Job, Outcome
from .clients import ANYWHERE, Client
from .drivers import HTTP2, Fields, connect, http1
from .processes import Failure, Program, free_port
from .servers import ALL_SEMANTICS, check, found


class OneRequest(Client):
    """A client that a case of HTTP semantics can tell what to ask."""

    @contextmanager
    def connection(self, job: Job) -> Iterator["OneRequest.Asks"]:
        """A way to send requests, until the block ends."""
        raise NotImplementedError

    class Asks:
        """Sends one request after the other."""

        def __call__(
            self,
            path: str,
            method: str = "GET",
            fields: Fields | None = None,
            body: bytes = b"",
            cancel_after: int | None = None,
            websocket: bool = False,
        ) -> Fetched:
            """A request and its response."""
            raise NotImplementedError

    def fetch(self, job: Job) -> Outcome:
        started = time.monotonic()
        with self.connection(job) as ask:
            return Outcome([ask(content.path_of(size)) for size in job.sizes], time.monotonic() - started)


class Plain(OneRequest):
    """The harness's own HTTP/1.1 client."""

    name = "http1.py"
    versions = (1,)
    semantics = ALL_SEMANTICS - {"priorities"}

    @contextmanager
    def connection(self, job: Job) -> Iterator[OneRequest.Asks]:
        authority = job.tools.certificates.authority
        with _Reconnecting(job.host, job.port, authority, job.timeout) as asks:
            yield asks


class _Reconnecting(OneRequest.Asks):
    """HTTP/1.1 over one connection as long as responses are whole, then over another."""

    def __init__(self, host: str, port: int, authority: Path | None, timeout: float) -> None:
        self._make = lambda: connect(host, port, authority, ["http/1.1"], timeout)
        self._socket = self._make()
        self._used_up = False

    def __enter__(self) -> "_Reconnecting":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def __call__(self, path: str, *arguments: object, **named: object) -> Fetched:
        if self._used_up:
            self._socket.close()
            self._socket = self._make()
        result = http1(self._socket, path, *arguments, **named)  # type: ignore[arg-type]
        closes = result.fields.get("connection", "").lower() == "close"
        self._used_up = closes or not result.whole or named.get("cancel_after") is not None or result.status == 101
        if named.get("cancel_after") is not None:
            self._socket.close()
        return result


class Hyper(OneRequest):
    """The harness's own HTTP/2 client, on the Python package `h2`."""

    name = "h2.py"
    versions = (2,)
    semantics = ALL_SEMANTICS - {"priorities"}

    @contextmanager
    def connection(self, job: Job) -> Iterator[OneRequest.Asks]:
        with connect(job.host, job.port, job.tools.certificates.authority, ["h2"], job.timeout) as opened:
            yield HTTP2(opened).fetch  # type: ignore[misc]


class Gateway(OneRequest):
    """A proxy whose server line names the peer; what its clients ask comes in HTTP/1.1."""

    versions = (1, 2, 3)
    knobs = ANYWHERE | {"chacha20", "resumption", "zerortt"}
    follows_to_v2 = True
    semantics = ALL_SEMANTICS - {"priorities"}
    ecn = True

    def binary(self, job: Job) -> Path | None:
        raise NotImplementedError

    def missing(self, job: Job) -> str | None:
        binary = self.binary(job)
        return None if binary and binary.exists() else f"{self.name} is not here ({binary})"

    def configuration(self, job: Job, port: int) -> str:
        """haproxy.cfg for the job."""
        kind = {1: "", 2: "", 3: "quic6@" if ":" in job.host else "quic4@"}[job.version]
        alpn = {1: "http/1.1", 2: "h2", 3: "h3"}[job.version]
        words = {"chacha20": "ciphersuites TLS_CHACHA20_POLY1305_SHA256", "zerortt": "allow-0rtt"}.get(job.knob, "")
        verify = f"ssl verify required ca-file {job.tools.certificates.authority} sni str(localhost)"
        retries = "retry-on conn-failure 0rtt-rejected" if job.knob == "zerortt" else ""
        reuse = "never" if job.separately or job.knob in ("resumption", "zerortt") else "always"
        target = f"{job.host}:{job.port}"
        return f"""global
    log stdout format raw local0
    hard-stop-after 2s
    nbthread 1
    expose-experimental-directives
    tune.bufsize 32768
defaults
    mode http
    log global
    option httplog
    timeout connect 20s
    timeout client 40s
    timeout server 40s
    timeout tunnel 40s
frontend front
    bind 127.0.0.1:{port}
    default_backend back
backend back
    http-reuse {reuse}
    {retries}
    server peer {kind}{target} {verify} alpn {alpn} {words}
"""

    @contextmanager
    def running(self, job: Job) -> Iterator[int]:
        """The proxy, started; its port."""
        port = free_port()
        path = job.folder / "client.cfg"
        path.write_text(self.configuration(job, port))
        binary = self.binary(job)
        check(binary, path, job.client_log)
        command = [binary, "-db", "-f", path]
        listens = ("127.0.0.1", port)
        with Program(command, job.client_log, listens, environment=self.keys(job), limit=job.timeout) as program:
            try:
                yield port
            finally:
                if program.expired:
                    raise Failure(f"the requests through {self.name} were not over after {job.timeout:g} s")

    @contextmanager
    def connection(self, job: Job) -> Iterator[OneRequest.Asks]:
        with self.running(job) as port, _Reconnecting("127.0.0.1", port, None, job.timeout) as asks:
            yield asks

    def fetch(self, job: Job) -> Outcome:
        with self.running(job) as port:
            started = time.monotonic()

            def one(size: int) -> Fetched:
                with _Reconnecting("127.0.0.1", port, None, job.timeout) as ask:
                    return ask(content.path_of(size))

            sequential = job.separately or job.knob in ("resumption", "zerortt")
            responses = []
            if sequential:
                responses = [one(size) for size in job.sizes]
            else:
                # The first request opens the connection that the others then share.
                responses = [one(job.sizes[0])]
                with ThreadPoolExecutor(16) as pool:
                    responses += list(pool.map(one, job.sizes[1:]))
            seconds = time.monotonic() - started
            self._explain(job, responses)
            return Outcome(responses, seconds)

    def _explain(self, job: Job, responses: list[Fetched]) -> None:
        """Adds to a failed response what the proxy logged about it."""
        log = job.client_log.read_text(errors="replace") if job.client_log.exists() else ""
        states = re.findall(r"back/peer \S+ \d+ \d+ - - (\S{4})", log)
        for response, state in zip(responses, states):
            response.fields["termination state"] = state


class PorticoClient(Gateway):
    """Portico with a `server … quic4@` line."""

    name = "portico"

    def binary(self, job: Job) -> Path:
        return job.tools.programs / "portico"


class HAProxyClient(Gateway):
    """HAProxy by the environment variable HAPROXY: 3.3 and later have QUIC towards servers."""

    name = "haproxy"
    ecn = False
    lacks = {
        "rebind-port": "HAProxy 3.5-dev5 as client answers no PATH_CHALLENGE",
        "rebind-addr": "HAProxy 3.5-dev5 as client answers no PATH_CHALLENGE",
        "handshakecorruption": "HAProxy 3.5-dev5 as client dies of some damaged packets: BUG_ON at quic_tls.c:286",
        "reset-server-h3": "HAProxy 3.5-dev5 as client does not pass on a RESET_STREAM within 30 s",
        "websocket-h3": "HAProxy 3.5-dev5 has no extended CONNECT in HTTP/3 (RFC 9220)",
    }

    def binary(self, job: Job) -> Path | None:
        return found("HAPROXY", "haproxy")
