"""Servers under test. Each starts for one cell, on a fresh port, with its logs in the cell's folder."""

import os
import re
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

from .cell import Job
from .patience import Patience
from .processes import Failure, Program, Unsupported, output

PATHS = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"


def found(variable: str, name: str) -> Path | None:
    """A peer's program: what the environment variable names, or the installed one."""
    chosen = os.environ.get(variable) or shutil.which(name, path=PATHS)
    return Path(chosen) if chosen else None


class Server(ABC):
    """A server: what it cannot do, and how to start it."""

    name = ""
    versions: tuple[int, ...] = (3,)
    knobs: frozenset[str] = frozenset()
    """The knobs of a job that it knows."""
    semantics: frozenset[str] = frozenset()
    """The cases of HTTP semantics that it, or what is behind it, can play."""
    ecn = False
    follows_to_v2 = False
    """Goes on with QUIC version 2 when a client prefers it."""
    patience: Patience | None = None
    """How long it waits for a handshake, when nothing makes it wait longer than a bad link may take."""
    lacks: dict[str, str] = {}
    """Cases that this version of the server is known not to play, and why."""

    @abstractmethod
    def missing(self, job: Job) -> str | None:
        """Why it is not here, if it is not."""

    @abstractmethod
    def program(self, job: Job) -> Program:
        """The program for a job, which names the port."""

    def certificate(self, job: Job) -> Path:
        """The certificate that the job wants."""
        certificates = job.tools.certificates
        return certificates.large if job.knob == "large certificate" else certificates.small


FREE_KNOBS = frozenset({"", "chacha20", "keyupdate", "migrate", "large certificate", "resumption"})
"""What a client alone decides on, or any server does."""
ALL_SEMANTICS = frozenset(
    ("download upload many trailers early reset-client reset-server websocket priorities large-headers interim").split()
)


class Proxy(Server):
    """Portico or HAProxy: the same configuration for both, the harness's origin behind them."""

    versions = (1, 2, 3)
    knobs = FREE_KNOBS | {"retry", "zerortt"}
    follows_to_v2 = True
    semantics = ALL_SEMANTICS
    ecn = True

    def binary(self, job: Job) -> Path | None:
        raise NotImplementedError

    def missing(self, job: Job) -> str | None:
        binary = self.binary(job)
        return None if binary and binary.exists() else f"{self.name} is not here ({binary})"

    def configuration(self, job: Job) -> str:
        """haproxy.cfg for the job."""
        address = f"{'quic6@' if ':' in job.host else 'quic4@'}{job.host}:{job.server_port}"
        words = {"retry": " quic-force-retry", "zerortt": " allow-0rtt"}.get(job.knob, "")
        crt = f"ssl crt {self.certificate(job)}"
        bind = f"bind {address} {crt} alpn h3{words}"
        if job.version != 3:
            bind = f"bind {job.host}:{job.server_port} {crt} alpn {'h2' if job.version == 2 else 'http/1.1'}"
        return f"""global
    log stdout format raw local0
    hard-stop-after 2s
    tune.bufsize 32768
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 30s
frontend front
    {bind}
    default_backend back
backend back
    server origin 127.0.0.1:{job.tools.origin.port}
"""

    def program(self, job: Job) -> Program:
        binary = self.binary(job)
        path = job.folder / "server.cfg"
        path.write_text(self.configuration(job))
        check(binary, path, job.server_log)
        keys = {"SSLKEYLOGFILE": str(job.keylog("server"))}
        listens = (job.host, job.server_port)
        return Program([binary, "-db", "-f", path], job.server_log, listens, job.version == 3, keys)


def check(binary: object, path: Path, log: Path) -> None:
    """Asks the program whether it takes a configuration; if not, the cell is unsupported, with the program's words."""
    try:
        output([binary, "-c", "-f", path], log, 20)
    except Failure:
        said = [line for line in log.read_text().splitlines() if "[ALERT]" in line]
        reason = re.sub(r"^\d+\] : ", "", said[0].split(f"{path}:")[-1]).strip("[] ") if said else "its log says why"
        raise Unsupported(f"refuses its configuration: {reason}") from None


NO_V2 = "ngtcp2 0.12's programs know the draft's version number 0x709a50c4, not 0x6b3343cf of RFC 9369"


class Portico(Proxy):
    """Portico, release build."""

    name = "portico"
    ecn = True

    def binary(self, job: Job) -> Path:
        return job.tools.programs / "portico"


class HAProxy(Proxy):
    """HAProxy by the environment variable HAPROXY, or Debian's, whose 2.6 has no QUIC."""

    name = "haproxy"
    semantics = ALL_SEMANTICS - {"priorities"}
    ecn = False
    lacks = {
        "rebind-port": "HAProxy 3.5-dev5 does not go on with a client whose address changes",
        "rebind-addr": "HAProxy 3.5-dev5 does not go on with a client whose address changes",
        "connectionmigration": "HAProxy 3.5-dev5 disables active migration",
        "websocket-h3": "HAProxy 3.5-dev5 has no extended CONNECT in HTTP/3 (RFC 9220)",
    }

    def binary(self, job: Job) -> Path | None:
        return found("HAPROXY", "haproxy")


class Ngtcp2(Server):
    """ngtcp2's sample server on GnuTLS, from Debian: files only."""

    name = "ngtcp2"
    knobs = FREE_KNOBS | {"retry", "zerortt"}
    semantics = frozenset({"download", "many", "priorities"})
    ecn = True
    lacks = {"v2": NO_V2}

    def missing(self, job: Job) -> str | None:
        return None if found("GTLSSERVER", "gtlsserver") else "gtlsserver is not here (Debian: ngtcp2-server)"

    def program(self, job: Job) -> Program:
        pem = self.certificate(job)
        options = ["-V"] if job.knob == "retry" else []
        options += ["--no-quic-dump", "--no-http-dump", "--handshake-timeout=60s", "--max-streams-bidi=200"]
        command = [found("GTLSSERVER", "gtlsserver"), *options, f"--qlog-dir={job.qlog}", "-d", job.tools.files]
        keys = {"SSLKEYLOGFILE": str(job.keylog("server"))}
        listens = (job.host, job.server_port)
        return Program([*command, job.host, job.server_port, pem, pem], job.server_log, listens, True, keys)


class Aioquic(Server):
    """`servers/aioquic_server.py`."""

    name = "aioquic"
    knobs = FREE_KNOBS | {"retry", "zerortt"}
    follows_to_v2 = True
    semantics = ALL_SEMANTICS - {"priorities"}

    def missing(self, job: Job) -> str | None:
        return None if job.tools.python.exists() else "aioquic is not here (scripts/setup test)"

    def program(self, job: Job) -> Program:
        words = {"retry": ["--retry"], "v2": ["--v2"]}.get(job.knob, [])
        script = job.tools.sources / "servers/aioquic_server.py"
        command = [job.tools.python, script, job.host, job.server_port, self.certificate(job), *words]
        command += ["--qlog", job.qlog, "--secrets", job.keylog("server")]
        return Program(command, job.server_log, (job.host, job.server_port), True)


class Caddy(Server):
    """Caddy with quic-go inside, the harness's origin behind it."""

    name = "caddy"
    versions = (1, 2, 3)
    knobs = FREE_KNOBS
    semantics = ALL_SEMANTICS - {"priorities", "websocket"}
    # quic-go's HandshakeIdleTimeout is 5 s, and a handshake may take twice that; Caddy has no option for it.
    patience = Patience(10, idle=5)
    lacks = {
        "rebind-port": "quic-go of Caddy 2.6 validates no new path",
        "rebind-addr": "quic-go of Caddy 2.6 validates no new path",
        "connectionmigration": "quic-go of Caddy 2.6 disables active migration",
        "amplificationlimit": "quic-go of Caddy 2.6 sends the datagram that exceeds three times what it got",
        "trailers-h3": "quic-go of Caddy 2.6 sends no trailers",
    }

    def missing(self, job: Job) -> str | None:
        return None if found("CADDY", "caddy") else "caddy is not here (Debian: caddy)"

    def program(self, job: Job) -> Program:
        protocol = {1: "h1", 2: "h1 h2", 3: "h1 h2 h3"}[job.version]
        pem = self.certificate(job)
        path = job.folder / "Caddyfile"
        path.write_text(
            f"{{\n admin off\n auto_https off\n servers {{\n  protocols {protocol}\n }}\n}}\n"
            f"https://localhost:{job.server_port}, https://127.0.0.1:{job.server_port} {{\n bind {job.host}\n"
            f" tls {pem} {pem}\n reverse_proxy 127.0.0.1:{job.tools.origin.port}\n}}\n"
            f":{job.server_port} {{\n bind {job.host}\n tls {pem} {pem}\n"
            f" reverse_proxy 127.0.0.1:{job.tools.origin.port}\n}}\n"
        )
        home = {"HOME": str(job.folder), "XDG_DATA_HOME": str(job.folder), "XDG_CONFIG_HOME": str(job.folder)}
        command = [found("CADDY", "caddy"), "run", "--config", path, "--adapter", "caddyfile"]
        return Program(command, job.server_log, (job.host, job.server_port), job.version == 3, home)


class Nginx(Server):
    """nginx from Debian, HTTP/1.1 and HTTP/2, the harness's origin behind it."""

    name = "nginx"
    versions = (1, 2)
    semantics = frozenset("download upload many early reset-client reset-server".split())

    def missing(self, job: Job) -> str | None:
        return None if found("NGINX", "nginx") else "nginx is not here (Debian: nginx-light)"

    def program(self, job: Job) -> Program:
        pem, folder = self.certificate(job), job.folder
        path = folder / "nginx.conf"
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        path.write_text(
            f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;\n"
            f"events {{ worker_connections 512; }}\nhttp {{ access_log off; {temporary} client_max_body_size 100m;\n"
            f"server {{ listen {job.host}:{job.server_port} ssl{' http2' if job.version == 2 else ''};\n"
            f"ssl_certificate {pem}; ssl_certificate_key {pem};\n"
            f"location / {{ proxy_pass http://127.0.0.1:{job.tools.origin.port}; proxy_http_version 1.1; "
            "proxy_request_buffering off; } } }\n"
        )
        return Program([found("NGINX", "nginx"), "-c", path], job.server_log, (job.host, job.server_port))


class Nghttpd(Server):
    """nghttp2's server: HTTP/2, files only."""

    name = "nghttpd"
    versions = (2,)
    semantics = frozenset({"download", "many"})

    def missing(self, job: Job) -> str | None:
        return None if found("NGHTTPD", "nghttpd") else "nghttpd is not here (Debian: nghttp2-server)"

    def program(self, job: Job) -> Program:
        pem = self.certificate(job)
        command = [found("NGHTTPD", "nghttpd"), "-a", job.host, "-d", job.tools.files, job.server_port, pem, pem]
        return Program(command, job.server_log, (job.host, job.server_port))


ALL: tuple[Server, ...] = (Portico(), HAProxy(), Ngtcp2(), Aioquic(), Caddy(), Nginx(), Nghttpd())
