"""Two clients of our own for HTTP semantics: HTTP/1.1 on bare sockets, and HTTP/2 on the `h2` package.

Both ask and report what happened, and judge nothing. (HTTP/3's is `clients/aioquic_get.py`.)
"""

import hashlib
import http.client
import socket
import ssl
from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from .cell import Fetched

Fields = dict[str, str]
WEBSOCKET_FIELDS: Fields = {"sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}


def connect(host: str, port: int, authority: Path | None, protocols: list[str], timeout: float) -> socket.socket:
    """A TCP connection, with TLS when there is an authority to trust."""
    connection = socket.create_connection((host, port), timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if authority is None:
        return connection
    context = ssl.create_default_context(cafile=str(authority))
    context.set_alpn_protocols(protocols)
    return context.wrap_socket(connection, server_hostname="localhost")


def finished(result: Fetched, body: bytes) -> Fetched:
    """The result with its body, and what follows from that."""
    result.body, result.size, result.digest = body, len(body), hashlib.sha256(body).hexdigest()
    return result


def http1(
    connection: socket.socket,
    path: str,
    method: str = "GET",
    fields: Fields | None = None,
    body: bytes = b"",
    cancel_after: int | None = None,
    websocket: bool = False,
) -> Fetched:
    """One request over a connection that may be used again when the response was whole."""
    lines = [f"{method} {path} HTTP/1.1", "host: localhost"]
    lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
    if websocket:
        lines += ["connection: upgrade", "upgrade: websocket", *(f"{n}: {v}" for n, v in WEBSOCKET_FIELDS.items())]
    elif body:
        lines.append(f"content-length: {len(body)}")
    result, reader = Fetched(), connection.makefile("rb")
    try:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        if not websocket:
            _send_while_wanted(connection, body)
        while result.status is None:
            status = int(reader.readline(65_536).split(b" ")[1])
            received = {name.lower(): value for name, value in http.client.parse_headers(reader).items()}
            if status == 101:
                connection.sendall(body)
                result.status, result.fields = status, received
                return finished(result, reader.read())
            if status < 200:
                result.interim.append(status)
            else:
                result.status, result.fields = status, received
        return finished(result, _http1_body(reader, result, cancel_after))
    except (OSError, IndexError, ValueError, EOFError):
        result.whole = False
        return result
    finally:
        reader.close()


def _send_while_wanted(connection: socket.socket, body: bytes) -> None:
    """Sends a body; a server that answers early may stop reading, which is no error."""
    try:
        connection.sendall(body)
    except (BrokenPipeError, ConnectionResetError):
        pass


def _http1_body(reader, result: Fetched, cancel_after: int | None) -> bytes:
    body = b""
    if result.fields.get("transfer-encoding", "").lower() == "chunked":
        while size := int(reader.readline(100).split(b";")[0], 16):
            body += reader.read(size)
            reader.readline(10)
            if cancel_after is not None and len(body) >= cancel_after:
                return body
        result.trailers = {name.lower(): value for name, value in http.client.parse_headers(reader).items()}
        return body
    length = result.fields.get("content-length")
    limit = cancel_after if cancel_after is not None else None if length is None else int(length)
    body = reader.read(limit)
    result.whole = limit is None or len(body) == limit
    return body


class HTTP2:
    """One HTTP/2 connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.state.initiate_connection()
        self.state.increment_flow_control_window(8_000_000)
        self._flush()
        self.results: dict[int, Fetched] = {}
        self.bodies: dict[int, bytearray] = {}
        self.over: set[int] = set()
        self.stopped: set[int] = set()
        self.settings_seen = False

    def _flush(self) -> None:
        self.socket.sendall(self.state.data_to_send())

    def _receive(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server closed the connection")
        for event in self.state.receive_data(data):
            self._handle(event)
        self._flush()

    def _handle(self, event: h2.events.Event) -> None:
        stream = getattr(event, "stream_id", None)
        result = self.results.get(stream) if stream else None
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.settings_seen = True
        elif isinstance(event, h2.events.ConnectionTerminated):
            raise ConnectionError(f"GOAWAY with error {event.error_code}")
        elif result is None or stream is None:
            return
        elif isinstance(event, h2.events.InformationalResponseReceived):
            result.interim.append(int(dict(event.headers)[":status"]))
        elif isinstance(event, h2.events.ResponseReceived):
            result.fields = dict(event.headers)
            result.status = int(result.fields[":status"])
        elif isinstance(event, h2.events.TrailersReceived):
            result.trailers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[stream] += event.data
            self.state.acknowledge_received_data(event.flow_controlled_length or 0, stream)
        elif isinstance(event, h2.events.StreamEnded):
            self.over.add(stream)
        elif isinstance(event, h2.events.StreamReset):
            # After a whole response, NO_ERROR only says that the rest of the upload is not wanted.
            result.whole = stream in self.over
            self.over.add(stream)
            self.stopped.add(stream)

    def begin(self, path: str, method: str = "GET", fields: Fields | None = None, ends: bool = True) -> int:
        """Sends a request's head; its stream."""
        stream = self.state.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        self.results[stream], self.bodies[stream] = Fetched(), bytearray()
        self.state.send_headers(stream, head + list((fields or {}).items()), end_stream=ends)
        self._flush()
        return stream

    def fetch(
        self,
        path: str,
        method: str = "GET",
        fields: Fields | None = None,
        body: bytes = b"",
        cancel_after: int | None = None,
        websocket: bool = False,
    ) -> Fetched:
        """One request and its response."""
        if websocket:
            while not self.settings_seen:
                self._receive()
            if not self.state.remote_settings.enable_connect_protocol:
                raise ConnectionError("the server's SETTINGS do not enable extended CONNECT (RFC 8441)")
            fields = {":protocol": "websocket", "sec-websocket-version": "13"}
            method = "CONNECT"
        stream = self.begin(path, method, fields, ends=not body)
        self._send(stream, body, ends=not websocket)
        return self.finish(stream, cancel_after)

    def _send(self, stream: int, body: bytes, ends: bool) -> None:
        while body and stream not in self.over:
            room = min(self.state.local_flow_control_window(stream), self.state.max_outbound_frame_size, len(body))
            # Below zero: SETTINGS made the window smaller than what was sent already (RFC 9113, section 6.9.2).
            if room <= 0:
                self._receive()
                continue
            piece, body = body[:room], body[room:]
            self.state.send_data(stream, piece, end_stream=ends and not body)
            self._flush()

    def finish(self, stream: int, cancel_after: int | None = None) -> Fetched:
        """Waits for the response's end, or cancels it after so many bytes."""
        result = self.results[stream]
        try:
            while stream not in self.over:
                if cancel_after is not None and len(self.bodies[stream]) >= cancel_after:
                    self.state.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                    self._flush()
                    break
                self._receive()
        except OSError:
            result.whole = False
        return finished(result, bytes(self.bodies[stream]))
