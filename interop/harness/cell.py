"""What one cell of the matrix is made of: a job for the peers, and what the client brought back."""

from dataclasses import dataclass, field
from pathlib import Path

from .certificates import Certificates
from .origin import Origin


@dataclass(frozen=True)
class Tools:
    """Where the programs and files of a run are."""

    programs: Path
    """Folder of portico, portico-origin and portico-load."""
    python: Path
    """The Python that has aioquic and curl_cffi."""
    sources: Path
    """The folder `interop`."""
    files: Path
    """The folder that file servers give away."""
    certificates: Certificates
    origin: Origin


@dataclass
class Job:
    """One cell: what the peers must do, and where their logs go."""

    tools: Tools
    folder: Path
    case: str
    version: int = 3
    """The HTTP version between client and server."""
    host: str = "127.0.0.1"
    knob: str = ""
    """What is special for the peers: chacha20, retry, resumption, zerortt, keyupdate, v2, migrate, large certificate."""
    sizes: tuple[int, ...] = (32,)
    """Files to ask for, on one connection unless `separately`."""
    separately: bool = False
    """Each file on a connection of its own, one after the other."""
    timeout: float = 30.0
    server_port: int = 0
    port: int = 0
    """Where the client connects: the link's end, or the server itself."""

    @property
    def client_log(self) -> Path:
        return self.folder / "client.log"

    @property
    def server_log(self) -> Path:
        return self.folder / "server.log"

    @property
    def qlog(self) -> Path:
        """The folder for qlog files."""
        made = self.folder / "qlog"
        made.mkdir(exist_ok=True)
        return made

    def keylog(self, end: str) -> Path:
        """The file for the TLS secrets of `client` or `server`."""
        return self.folder / f"{end}.keys"

    def url(self, path: str, host: str = "localhost") -> str:
        """The URL of a path, by default with the host's name."""
        name = f"[{host}]" if ":" in host else host
        return f"https://{name}:{self.port}{path}"


@dataclass
class Fetched:
    """One response as a client saw it. A field that the client cannot tell is None."""

    status: int | None = None
    size: int | None = None
    digest: str | None = None
    interim: list[int] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = True
    """False when the response broke off before its end."""
    seconds: float = 0.0


@dataclass
class Outcome:
    """What a client did."""

    responses: list[Fetched] = field(default_factory=list)
    seconds: float = 0.0
    first_connection_idle: bool = False
    """The client uses its first connection only to get a ticket: no response belongs to it."""
    resumed: bool | None = None
    early_accepted: bool | None = None
