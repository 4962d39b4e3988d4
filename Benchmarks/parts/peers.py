"""The programs that are measured and the origins behind them, with their configurations."""
import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from parts.machine import CERTIFICATE, PROGRAMS, fail, free_ports, need, program, say
from parts.service import Service

SMALL, LARGE = b"thirty-four bytes, as a small body", bytes(1_000_000)
SUITE = "TLS_AES_128_GCM_SHA256"

ORIGIN = """
{user} daemon off; worker_processes 1; pid {work}/origin.pid; error_log {work}/origin.log;
worker_rlimit_nofile {files};
events {{ worker_connections 16384; }}
http {{
    access_log off; default_type text/plain; sendfile on; tcp_nodelay on;
    keepalive_timeout 600s; keepalive_requests 1000000000;
    {temporary}
    server {{ listen 127.0.0.1:{origin} backlog=4096; root {work}/www; }}
}}
"""

NGINX = """
{user} daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{ worker_connections 8192; }}
http {{
    access_log off; tcp_nodelay on;
    keepalive_timeout 600s; keepalive_requests 1000000000;
    {temporary}
    ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {suite};
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 1024; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{clear} backlog=4096;
        listen 127.0.0.1:{secure} ssl http2 backlog=4096;
        location / {{
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_max_temp_file_size 0;
        }}
    }}
}}
"""

# For HAProxy and Portico alike; the bind lines of QUIC are left out for a proxy without it.
HEAD = """
global
    nbthread {workers}
    maxconn {maxconn}
    no strict-limits
    stats socket {socket} level admin
    expose-experimental-directives
    ssl-default-bind-ciphersuites {suite}
    ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
    mode http
    timeout connect 5s
    timeout queue 600s
    timeout client 600s
    timeout server 600s
    http-reuse always
"""

SERVERS = {
    1: "127.0.0.1:{origin}",
    2: "127.0.0.1:{behind} ssl verify none alpn h2",
    3: "quic4@127.0.0.1:{behind} ssl verify none alpn h3",
}


@dataclass
class Shape:
    """What a proxy's configuration has beside the usual."""

    workers: int = 1
    maxconn: int = 4000
    queue: int = 0  # requests at once to a server; more wait. 0: no limit
    servers: int = 1  # of the backend that speaks HTTP/1.1; all lead to the same origin
    frontends: int = 1  # with certificates, one of them measured
    behind: list = field(default_factory=lambda: [1])  # versions spoken to origins; each has a frontend


class Peer:
    """A proxy program that takes HAProxy's configuration, or nginx."""

    def __init__(self, bench, name, path, version, has_quic):
        self.bench, self.name, self.path, self.version, self.has_quic = bench, name, path, version, has_quic
        self.is_nginx = name == "nginx"
        self.behind = [1]
        if not self.is_nginx:
            self.behind += [each for each in (2, 3) if self.accepts(each)]

    def accepts(self, version):
        """True if its configuration check takes a server of that version."""
        shape = Shape(behind=[version])
        service = self.service(shape, tag=f"check{version}")
        done = subprocess.run([self.path, "-c", "-f", service.configuration], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            words = [line for line in (done.stderr + done.stdout).splitlines() if "ALERT" in line][:1]
            say(f"bench: {self.name} takes no H{version} server: {words[0] if words else done.returncode}")
        return done.returncode == 0

    def service(self, shape=None, core=None, tag=""):
        """A service that is not yet started. Its `addresses` are (clear, secure) ports by the version behind."""
        shape, bench = shape or Shape(), self.bench
        core = bench.cores[0] if core is None else core
        ports = iter(free_ports(2 * len(shape.behind)))
        addresses = {version: (next(ports), next(ports)) for version in shape.behind}
        name = f"{self.name}{'-' if tag else ''}{tag}"
        facts = {**bench.facts, "workers": shape.workers, "maxconn": shape.maxconn,
                 "socket": bench.sockets / f"{name}.sock"}
        if self.is_nginx:
            clear, secure = addresses[1]
            text = NGINX.format(clear=clear, secure=secure, **facts)
        else:
            text = HEAD.format(**facts) + self.proxies(shape, addresses, facts)
        path = bench.work / f"{name}.cfg"
        path.write_text(text.lstrip())
        command = [self.path, "-c", str(path)] if self.is_nginx else [self.path, "-f", str(path)]
        command += ["-db"] if self.name == "haproxy" else []
        listening = [port for pair in addresses.values() for port in pair]
        service = Service(name, self.version, command, core, listening, bench.work, self.has_quic)
        service.peer, service.addresses, service.configuration = self, addresses, str(path)
        service.socket = None if self.is_nginx else str(facts["socket"])
        return service

    def proxies(self, shape, addresses, facts):
        """The frontends and backends, in HAProxy's language."""
        lines, secure = [], f"ssl crt {CERTIFICATE}"
        # Each on an address of its own, so that they need no ports; all present the same certificate file.
        for index in range(1, shape.frontends):
            address = f"127.1.{index // 250}.{index % 250 + 1}:{addresses[1][1]}"
            lines += [f"frontend f{index}", f"    bind {address} {secure} alpn h2,http/1.1",
                      "    default_backend origin1"]
        for version, (clear, port) in addresses.items():
            lines += [f"frontend public{version}", f"    bind 127.0.0.1:{clear} backlog 4096",
                      f"    bind 127.0.0.1:{port} backlog 4096 {secure} alpn h2,http/1.1"]
            lines += [f"    bind quic4@127.0.0.1:{port} {secure} alpn h3"] * self.has_quic
            lines += [f"    default_backend origin{version}"]
        for version in addresses:
            lines += [f"backend origin{version}"]
            count = shape.servers if version == 1 else 1
            more = f" maxconn {shape.queue}" if shape.queue else ""
            lines += [f"    server s{index} {SERVERS[version].format(**facts)}{more}" for index in range(count)]
        return "\n".join(lines) + "\n"


def version_of(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "?"


class Bench:
    """What all measurements share: the working directory, the cores, the origins, the proxies that are here."""

    def __init__(self, work, sockets, cores, files):
        self.work, self.sockets, self.cores = work, Path(sockets), cores
        nginx = program("nginx") or fail("there is no nginx, which is the origin: run `scripts/setup test`")
        www = work / "www"
        www.mkdir(parents=True)
        (www / "small").write_bytes(SMALL)
        (www / "large").write_bytes(LARGE)
        origin, behind = free_ports(2)
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        self.facts = {
            "work": work, "origin": origin, "behind": behind, "suite": SUITE, "certificate": CERTIFICATE,
            "files": files, "user": "user root;" if os.geteuid() == 0 else "",
            "temporary": " ".join(f"{name}_temp_path {work}/{name};" for name in names),
        }
        nginx_version = version_of(nginx, "-v")
        configuration = work / "origin.cfg"
        configuration.write_text(ORIGIN.format(**self.facts).lstrip())
        self.origins = [Service("origin", nginx_version, [nginx, "-c", str(configuration)], cores[-1], [origin], work)]
        other = need(os.environ.get("PORTICO_ORIGIN") or PROGRAMS / "portico-origin", "run `make bench`")
        self.origins.append(Service(
            "origin23", "", [other, "--tls", f"127.0.0.1:{behind}", "--quic", f"127.0.0.1:{behind}",
                             "--certificate", str(CERTIFICATE)], cores[-1], [behind], work))
        portico = need(os.environ.get("PORTICO") or PROGRAMS / "portico", "run `make bench`, or `make release`")
        self.peers = [Peer(self, "portico", portico, version_of(portico, "-v"), True)]
        wanted = os.environ.get("HAPROXY") or "haproxy"
        haproxy = program(wanted)
        if haproxy:
            about = subprocess.run([haproxy, "-vv"], stdout=subprocess.PIPE, text=True, check=False).stdout
            has_quic = "+QUIC " in about
            if not has_quic:
                say(f"bench: {haproxy} has no QUIC: it is left out of the H3 cases (HAPROXY=path takes another)")
            self.peers.append(Peer(self, "haproxy", haproxy, version_of(haproxy, "-v"), has_quic))
        elif os.environ.get("HAPROXY"):
            fail(f"HAPROXY={wanted} is no program")
        else:
            say(f"bench: there is no {wanted}: haproxy is left out of the table")
        self.peers.append(Peer(self, "nginx", nginx, nginx_version, False))

    def stop(self):
        for each in self.origins:
            each.stop()


def ask(path, text):
    """The answer of a proxy's runtime API. Asks again when a busy proxy closes the connection."""
    for attempt in range(5):
        try:
            return answer(path, text)
        except OSError:
            if attempt == 4:
                raise
            time.sleep(0.2)


def answer(path, text):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(path)
        connection.sendall(text.encode() + b"\n")
        read = b""
        while piece := connection.recv(65536):
            read += piece
    if not read.strip():
        raise OSError("the runtime API gave no answer")
    return read.decode()


def frontend(service, version=1):
    """(current connections, requests in all, 5xx answers) of a frontend of HAProxy or Portico; of nginx, which does not
    tell, (connections, 0, 0)."""
    if service.socket is None:
        ports = {f":{port:04X}" for port in service.addresses[1]}
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(line[3] == "01" and line[1][-5:] in ports for line in lines), 0, 0
    rows = [line.split(",") for line in ask(service.socket, f"show stat public{version} 1 -1").splitlines() if line]
    row = dict(zip(rows[0], rows[1]))
    return int(row["scur"]), int(row["req_tot"]), int(row["hrsp_5xx"] or 0)
