"""The kinds of load that have a row in the table."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One kind of load. `version` is 1, 2 or 3; `unit` is what its CPU time is divided by; `behind` is the version
    that is spoken to the origin; the goals are the ratios of CPU time that issue 6 sets."""

    name: str
    what: str
    version: int
    secure: bool
    connections: int
    streams: int = 1
    path: str = "/small"
    unit: str = "request"
    new_connections: bool = False
    behind: int = 1
    haproxy_goal: float | None = None
    nginx_goal: float | None = None


def behind(version, backend):
    """A version in front of another behind, with portico-origin as origin."""
    streams = 1 if version == 1 else 10
    what = f"H{version} to H{backend}, 32 connections" + (f" x {streams} streams" if streams > 1 else "")
    return Case(f"h{version}-to-h{backend}", what, version, version > 1, 32, streams, "/?s=34", behind=backend,
                haproxy_goal=0.70)


CASES = [
    Case("h1", "H1 clear, 32 connections", 1, False, 32, haproxy_goal=0.75, nginx_goal=0.90),
    Case("h1-tls", "H1 over TLS, 32 connections", 1, True, 32, haproxy_goal=0.80, nginx_goal=0.90),
    Case("h2", "H2, 32 connections x 10 streams", 2, True, 32, 10, haproxy_goal=0.75, nginx_goal=0.55),
    Case("h3", "H3, 32 connections x 10 streams", 3, True, 32, 10, haproxy_goal=0.50),
    Case("h3-one", "H3, 32 connections x 1 stream", 3, True, 32, 1, haproxy_goal=0.60),
    Case("h1-large", "H1 clear, 1 MB bodies", 1, False, 8, 1, "/large", "MB", haproxy_goal=0.80, nginx_goal=0.90),
    Case("h2-large", "H2, 1 MB bodies", 2, True, 8, 1, "/large", "MB", haproxy_goal=0.90, nginx_goal=0.90),
    Case("h3-large", "H3, 1 MB bodies", 3, True, 8, 1, "/large", "MB", haproxy_goal=0.45),
    Case("h2-new", "new TLS connection + 1 H2 request", 2, True, 16, new_connections=True, haproxy_goal=0.90,
         nginx_goal=0.90),
    Case("h3-new", "new QUIC connection + 1 H3 request", 3, True, 16, new_connections=True, haproxy_goal=0.90),
] + [behind(version, backend) for backend in (2, 3) for version in (1, 2, 3)]


def plain(version, connections=32, streams=10):
    """H1 clear, H2 or H3 with small answers, outside the table."""
    return Case(f"h{version}", f"H{version}", version, version > 1, connections, 1 if version == 1 else streams)
