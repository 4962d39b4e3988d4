"""Clients under test. Each runs for one cell, and reports what it fetched; what it cannot do it says beforehand."""

import json
import re
import time
from abc import ABC, abstractmethod

from . import content
from .cell import Fetched, Job, Outcome
from .patience import Patience
from .processes import Failure, output
from .servers import NO_V2, found


class Client(ABC):
    """A client: what it can do, and a run of it."""

    name = ""
    versions: tuple[int, ...] = (3,)
    knobs: frozenset[str] = frozenset()
    """The knobs of a job that it knows."""
    follows_to_v2 = False
    """Offers QUIC version 2, and goes on with it when a server prefers it."""
    semantics: frozenset[str] = frozenset()
    """The cases of HTTP semantics that it can play."""
    parallel = True
    """Several files over one connection at a time."""
    one_path = False
    """All requests of a connection are for the same file."""
    ecn = False
    hello_datagrams = 1
    """Datagrams that its ClientHello takes."""
    patience: Patience | None = None
    """How long it waits for a handshake, when nothing makes it wait longer than a bad link may take."""
    lacks: dict[str, str] = {}
    """Cases that this version of the client is known not to play, and why."""

    def missing(self, job: Job) -> str | None:
        """Why it is not here, if it is not."""
        return None

    @abstractmethod
    def fetch(self, job: Job) -> Outcome:
        """Fetches the job's files."""

    def keys(self, job: Job) -> dict[str, str]:
        """The environment that makes the client write its TLS secrets."""
        return {"SSLKEYLOGFILE": str(job.keylog("client"))}


ANYWHERE = frozenset({"", "retry", "large certificate"})
"""Knobs of the server alone."""


class Ngtcp2(Client):
    """ngtcp2's sample client on GnuTLS, from Debian."""

    name = "ngtcp2"
    knobs = ANYWHERE | {"chacha20", "resumption", "zerortt", "keyupdate", "migrate"}
    semantics = frozenset({"download", "upload", "many"})
    ecn = True
    lacks = {"v2": NO_V2}

    def missing(self, job: Job) -> str | None:
        return None if found("GTLSCLIENT", "gtlsclient") else "gtlsclient is not here (Debian: ngtcp2-client)"

    def fetch(self, job: Job) -> Outcome:
        started = time.monotonic()
        responses: list[Fetched] = []
        if job.knob in ("resumption", "zerortt"):
            kept = [f"--session-file={job.folder / 'session'}", f"--tp-file={job.folder / 'parameters'}"]
            responses += self._run(job, job.sizes[:1], [*kept, "--disable-early-data"])
            if not (job.folder / "session").exists():
                raise Failure("the server gave no session ticket")
            later = ["--disable-early-data"] if job.knob == "resumption" else []
            responses += self._run(job, job.sizes[1:], [*kept, *later])
        elif job.separately:
            for size in job.sizes:
                responses += self._run(job, (size,), [])
        else:
            responses += self._run(job, job.sizes, self._words(job))
        return Outcome(responses, time.monotonic() - started)

    def _words(self, job: Job) -> list[str]:
        suite = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305"
        return {
            "chacha20": [f"--ciphers={suite}"],
            "keyupdate": ["--key-update=100ms"],
            "migrate": ["--change-local-addr=300ms"],
            "upload": ["-m", "POST", f"--data={job.folder / 'upload'}"],
        }.get(job.knob, [])

    def _run(self, job: Job, sizes: tuple[int, ...], words: list[str]) -> list[Fetched]:
        folder = job.folder / "downloads"
        folder.mkdir(exist_ok=True)
        command = [found("GTLSCLIENT", "gtlsclient"), "--no-quic-dump", "--no-http-dump", "--exit-on-all-streams-close"]
        command += ["--handshake-timeout=60s", f"--qlog-dir={job.qlog}", f"--download={folder}", "--sni=localhost"]
        urls = [job.url(content.path_of(size) + f"?{index}") for index, size in enumerate(sizes)]
        if job.case.startswith("upload"):
            (job.folder / "upload").write_bytes(content.body(sizes[0]))
            words = ["-m", "POST", f"--data={job.folder / 'upload'}"]
            urls = [job.url("/echo")]
        text = output([*command, *words, job.host, job.port, *urls], job.client_log, job.timeout, self.keys(job))
        if job.case.startswith("upload"):
            saved = folder / "echo"
            return [
                Fetched(200 if "[:status: 200]" in text else None, body=saved.read_bytes() if saved.exists() else b"")
            ]
        responses = []
        for index, size in enumerate(sizes):
            saved = folder / (content.path_of(size)[1:] + f"?{index}")
            if not saved.exists():
                saved = folder / content.path_of(size)[1:]
            data = saved.read_bytes() if saved.exists() else b""
            responses.append(Fetched(200, len(data), content.digest(size) if data == content.body(size) else "other"))
        statuses = text.count("[:status: 200]")
        if statuses != len(sizes):
            raise Failure(f"{statuses} responses with status 200 of {len(sizes)}")
        return responses


class Aioquic(Client):
    """`clients/aioquic_get.py`."""

    name = "aioquic"
    knobs = ANYWHERE | {"chacha20", "resumption", "zerortt", "keyupdate", "migrate", "v2"}
    follows_to_v2 = True
    semantics = frozenset(
        "download upload many trailers early reset-client reset-server websocket priorities large-headers interim".split()
    )

    def missing(self, job: Job) -> str | None:
        return None if job.tools.python.exists() else "aioquic is not here (scripts/setup test)"

    def fetch(self, job: Job) -> Outcome:
        started = time.monotonic()
        if job.separately:
            parts = [self.run(job, [content.path_of(size)]) for size in job.sizes]
            return Outcome([one for part in parts for one in part.responses], time.monotonic() - started)
        words = {
            "chacha20": ["--chacha20"],
            "v2": ["--v2"],
            "resumption": ["--resume", "--no-early-data"],
            "zerortt": ["--resume"],
            "keyupdate": ["--rounds", "2", "--key-update"],
            "migrate": ["--rounds", "2", "--migrate"],
        }.get(job.knob, [])
        sizes = job.sizes
        if "--rounds" in words or "--resume" in words:
            sizes = sizes[1:]
        outcome = self.run(job, [content.path_of(size) for size in sizes], words)
        outcome.seconds = time.monotonic() - started
        outcome.first_connection_idle = "--resume" in words
        return outcome

    def run(self, job: Job, paths: list[str], words: list[str] | None = None) -> Outcome:
        """Runs the client with these options; responses that broke off are reported, not refused."""
        command = [job.tools.python, job.tools.sources / "clients/aioquic_get.py", job.url(paths[0])]
        command += [word for path in paths[1:] for word in ("--also", path)]
        command += ["--connect-to", f"[{job.host}]:{job.port}", "--ca", job.tools.certificates.authority]
        command += ["--secrets", job.keylog("client"), "--qlog", job.qlog, "--timeout", job.timeout - 2]
        text = output([*command, *(words or [])], job.client_log, job.timeout, statuses=(0, 1, 2))
        if text.find("{") < 0:
            raise Failure(f"client aioquic_get.py: {text[-300:]}")
        report = json.loads(text[text.index("{") :])
        if "error" in report:
            raise Failure(f"aioquic: {report['error']}; closed by {report['closed']}")
        responses = [
            Fetched(
                one["status"],
                one["body_bytes"],
                one["body_sha256"],
                one["interim"],
                dict(one["headers"]),
                dict(one["trailers"]),
                one.get("body", "").encode(),
                one["ended"],
                one["seconds"] or job.timeout,
            )
            for one in report["responses"]
        ]
        shake = report["handshake"] or {}
        resumed, early = shake.get("resumed"), shake.get("early_data_accepted")
        return Outcome(responses, resumed=resumed, early_accepted=early)


class Curl(Client):
    """curl: from PyPI with BoringSSL and ngtcp2 for HTTP/3, Debian's for the others. One request each time."""

    name = "curl"
    versions = (1, 2, 3)
    knobs = ANYWHERE
    semantics = frozenset({"download", "upload"})
    parallel = False
    # libcurl's QUIC_HANDSHAKE_TIMEOUT; there is no option for it.
    patience = Patience(10)

    def missing(self, job: Job) -> str | None:
        return None if job.tools.python.exists() else "curl_cffi is not here (scripts/setup test)"

    def fetch(self, job: Job) -> Outcome:
        started = time.monotonic()
        return Outcome([self._one(job, size) for size in job.sizes], time.monotonic() - started)

    def _one(self, job: Job, size: int) -> Fetched:
        upload = job.case.startswith("upload")
        authority = job.tools.certificates.authority
        url = job.url("/echo" if upload else content.path_of(size), job.host)
        if job.version == 3:
            command = [job.tools.python, job.tools.sources / "clients/curl_h3.py", url, "--ca", authority]
            command += ["--timeout", job.timeout - 1] + (["--body", size, "--show-body"] if upload else [])
            text = output(command, job.client_log, job.timeout, self.keys(job), statuses=(0, 2))
            report = json.loads(text[text.index("{") :])
            if "error" in report:
                raise Failure(f"curl: {report['error']}")
            body = report.get("body", "").encode()
            return Fetched(report["status"], report["body_bytes"], report["body_sha256"], body=body)
        saved, sent = job.folder / "download", job.folder / "upload"
        sent.write_bytes(content.body(size))
        command = [found("CURL", "curl"), "-sS", "--cacert", authority, "--http1.1" if job.version == 1 else "--http2"]
        command += ["-o", saved, "-w", "%{http_version} %{http_code}\n"]
        text = output([*command, *(["--data-binary", f"@{sent}"] if upload else []), url], job.client_log, job.timeout)
        version, status = text.split()
        if version != {1: "1.1", 2: "2"}[job.version]:
            raise Failure(f"HTTP version {version}")
        data = saved.read_bytes()
        whole = data == content.body(size)
        return Fetched(int(status), len(data), content.digest(size) if whole else "other", body=data)


class Chromium(Client):
    """Chromium, headless: its own QUIC stack. It loads one file as a page."""

    name = "chromium"
    knobs = ANYWHERE
    semantics = frozenset({"download"})
    parallel = False
    hello_datagrams = 2

    def missing(self, job: Job) -> str | None:
        return None if found("CHROMIUM", "chromium") else "chromium is not here (Debian: chromium)"

    def fetch(self, job: Job) -> Outcome:
        started = time.monotonic()
        return Outcome([self._one(job, size) for size in job.sizes], time.monotonic() - started)

    def _one(self, job: Job, size: int) -> Fetched:
        command = [found("CHROMIUM", "chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += ["--disable-background-networking", "--disable-dev-shm-usage", "--no-first-run"]
        command += [f"--user-data-dir={job.folder / 'profile'}", "--enable-quic"]
        command += [f"--origin-to-force-quic-on=localhost:{job.port}", f"--log-net-log={job.folder / 'netlog.json'}"]
        command += [f"--ignore-certificate-errors-spki-list={job.tools.certificates.pins}"]
        # By itself it gives a handshake up after 4 s without news, which a link that loses a third does now and then.
        command += ["--force-fieldtrials=QUIC/Patient"]
        patience = "max_idle_time_before_crypto_handshake_seconds/60/max_time_before_crypto_handshake_seconds/60"
        command += [f"--force-fieldtrial-params=QUIC.Patient:{patience}"]
        address = f"[{job.host}]" if ":" in job.host else job.host
        command += [f"--host-resolver-rules=MAP localhost {address}"]
        text = output([*command, job.url(content.path_of(size))], job.client_log, job.timeout, self.keys(job))
        digits = max(re.findall(r"\d+", text) or [""], key=len)
        whole = digits.encode() == content.body(size)
        if not whole:
            raise Failure(f"chromium shows {len(digits)} of {size} digits; {self._errors(job)}")
        return Fetched(200, len(digits), content.digest(size))

    def _errors(self, job: Job) -> str:
        """The errors in Chromium's log of the network, but for names that it looks up for itself."""
        log = job.folder / "netlog.json"
        text = log.read_text(errors="replace") if log.exists() else ""
        table = re.search(r'"netError":\{([^}]*)\}', text)
        names = {number: name for name, number in re.findall(r'"(\w+)":(-?\d+)', table[1])} if table else {}
        met = dict.fromkeys(names.get(number, number) for number in re.findall(r'"net_error":(-\d+)', text))
        told = [name for name in met if name not in ("ERR_NAME_NOT_RESOLVED", "ERR_ABORTED", "ERR_IO_PENDING")]
        return f"netlog.json names {', '.join(told)}" if told else "netlog.json names no error"


class PorticoLoad(Client):
    """`portico-load`: it counts responses; what is in them it does not tell."""

    name = "portico-load"
    versions = (1, 2, 3)
    knobs = ANYWHERE | {"resumption", "zerortt", "keyupdate", "migrate", "v2"}
    follows_to_v2 = True
    semantics = frozenset({"download", "many"})
    one_path = True
    ecn = True

    def missing(self, job: Job) -> str | None:
        program = job.tools.programs / "portico-load"
        return None if program.exists() else f"{program} is not built (make release)"

    def fetch(self, job: Job) -> Outcome:
        started = time.monotonic()
        responses = []
        words = {
            "resumption": ["--resume"],
            "zerortt": ["--early-data"],
            "keyupdate": ["--key-update", 1],
            "migrate": ["--migrate", 1],
            "v2": ["--quic2"],
        }.get(job.knob, [])
        for size in sorted(set(job.sizes)):
            count = job.sizes.count(size)
            report = job.folder / f"load-{size}.json"
            command = [job.tools.programs / "portico-load", f"--http{job.version}", "-n", count, "--json", report]
            again = job.knob in ("resumption", "zerortt")
            one_by_one = ["--per-connection", 1] if job.separately or again else []
            command += one_by_one or ["-m", 1 if words or job.version == 1 else min(count, 100)]
            command += words
            command += ["--ca", job.tools.certificates.authority, "--timeout", job.timeout - 1]
            command += ["--qlog", job.qlog] if job.version == 3 else []
            command += [job.url(content.path_of(size), job.host)]
            said = output(command, job.client_log, job.timeout, self.keys(job), statuses=(0, 1))
            if not report.exists():
                raise Failure(f"portico-load: {said[-300:].strip()}")
            result = json.loads(report.read_text())
            good = result["status"]["2xx"]
            if good != count or result["failed"]:
                others = {**result["errors"], **{f"status {name}": n for name, n in result["status"].items()}}
                told = ", ".join(f"{name} {n}" for name, n in others.items() if n and name != "status 2xx")
                raise Failure(f"portico-load: {good} good responses of {count}; {told or 'no error told'}")
            responses += [Fetched(200)] * count
            resumed = bool(result["handshakes_resumed"]) if again else None
            taken = result["early_data_offered"] > result["early_data_rejected"] if job.knob == "zerortt" else None
        return Outcome(responses, time.monotonic() - started, resumed=resumed, early_accepted=taken)


class Nghttp(Client):
    """nghttp2's client, and h2load for many requests: HTTP/2."""

    name = "nghttp"
    versions = (2,)
    semantics = frozenset({"download", "upload", "many"})

    def missing(self, job: Job) -> str | None:
        return None if found("NGHTTP", "nghttp") else "nghttp is not here (Debian: nghttp2-client)"

    def fetch(self, job: Job) -> Outcome:
        url = job.url(content.path_of(job.sizes[0]))
        if job.case.startswith("upload"):
            (job.folder / "upload").write_bytes(content.body(job.sizes[0]))
            text = output(
                ["nghttp", "--no-verify-peer", "-d", job.folder / "upload", job.url("/echo")],
                job.client_log,
                job.timeout,
            )
            return Outcome([Fetched(200, body=text.encode())])
        if len(job.sizes) > 1:
            count = len(job.sizes)
            text = output(["h2load", "-n", count, "-c", 1, "-m", 20, url], job.client_log, job.timeout)
            if f"{count} succeeded" not in text:
                raise Failure(f"h2load: {text[-300:]}")
            return Outcome([Fetched(200)] * count)
        text = output(["nghttp", "--no-verify-peer", url], job.client_log, job.timeout)
        body = text.encode()
        whole = body == content.body(job.sizes[0])
        return Outcome([Fetched(200, len(body), content.digest(job.sizes[0]) if whole else "other")])
