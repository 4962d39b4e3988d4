"""The origin behind the proxies: HTTP/1.1 by hand on bare sockets, so that it can also break off, hint and answer early.

/file-N.txt     N bytes                         /echo      says how many bytes of body came
/trailers       a body and a trailer field      /early     413 before the request's body
/hints          103, then 200                   /reset     breaks off in the middle of its body
/endless?ID     a body until the client leaves  /gone?ID   whether it did: 1 or 0
/headers        8 KB of response fields; its body is the size of the request's fields
/websocket      RFC 6455; echoes each frame
"""

import base64
import hashlib
import re
import socket
import struct
import threading
import time
from typing import BinaryIO

from . import content

LARGE_FIELDS = 8
LARGE_FIELD_SIZE = 1_000
CHECKSUM_TRAILER = "x-checksum"
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Origin:
    """Listens on 127.0.0.1 from `with` to the end of the block; a thread for each connection."""

    def __enter__(self) -> "Origin":
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._gone: set[str] = set()
        threading.Thread(target=self._accept, name="origin", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(60)
        reader = connection.makefile("rb")
        try:
            while self._exchange(connection, reader):
                pass
        except (OSError, ValueError):
            pass
        finally:
            reader.close()
            connection.close()

    def _exchange(self, connection: socket.socket, reader: BinaryIO) -> bool:
        """One request and its response; false when the connection ends with it."""
        line = reader.readline(65_536)
        if not line.strip():
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        fields: dict[str, str] = {}
        size = 0
        while (one := reader.readline(65_536).decode("latin-1").strip()) != "":
            name, _, value = one.partition(":")
            fields[name.lower()] = value.strip()
            size += len(one)
        path, _, query = target.partition("?")
        if path == "/early":
            return self._early(connection, reader)
        if path == "/websocket":
            return self._websocket(connection, reader, fields)
        if fields.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        received = self._body(reader, fields)
        if found := re.fullmatch(r"/file-(\d+)\.txt", path):
            self._answer(connection, content.body(int(found[1])), head=method == "HEAD")
        elif path == "/echo":
            self._answer(connection, f"{received} bytes received".encode())
        elif path == "/trailers":
            self._trailers(connection)
        elif path == "/hints":
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n")
            self._answer(connection, b"after the hints")
        elif path == "/headers":
            extra = "".join(f"x-large-{number}: {'v' * LARGE_FIELD_SIZE}\r\n" for number in range(LARGE_FIELDS))
            self._answer(connection, str(size).encode(), extra)
        elif path == "/gone":
            self._answer(connection, b"1" if query in self._gone else b"0")
        elif path == "/reset":
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + content.body(50_000))
            time.sleep(0.2)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        elif path == "/endless":
            self._endless(connection, query)
            return False
        else:
            self._answer(connection, b"no such page", status="404 Not Found")
        return True

    def _body(self, reader: BinaryIO, fields: dict[str, str]) -> int:
        """Reads the request's body; its size."""
        total = 0
        if fields.get("transfer-encoding", "").lower() == "chunked":
            while (size := int(reader.readline(100).split(b";")[0], 16)) > 0:
                total += len(reader.read(size))
                reader.readline(10)
            while reader.readline(65_536).strip():
                pass
            return total
        left = int(fields.get("content-length", "0"))
        while left > 0 and (piece := reader.read(min(left, 65_536))):
            total += len(piece)
            left -= len(piece)
        return total

    def _answer(
        self, connection: socket.socket, body: bytes, extra: str = "", status: str = "200 OK", head: bool = False
    ) -> None:
        text = f"HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
        connection.sendall(text.encode() + (b"" if head else body))

    def _trailers(self, connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: {CHECKSUM_TRAILER}\r\n\r\n"
        connection.sendall(head.encode() + b"3e8\r\n" + content.body(1_000) + b"\r\n")
        connection.sendall(f"0\r\n{CHECKSUM_TRAILER}: {content.digest(1_000)}\r\n\r\n".encode())

    def _early(self, connection: socket.socket, reader: BinaryIO) -> bool:
        self._answer(connection, b"too early to send that", "connection: close\r\n", "413 Content Too Large")
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        while reader.read1(65_536):  # type: ignore[attr-defined]
            pass
        return False

    def _endless(self, connection: socket.socket, name: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
        try:
            while True:
                connection.sendall(content.body(10_000))
                time.sleep(0.005)
        except OSError:
            self._gone.add(name)

    def _websocket(self, connection: socket.socket, reader: BinaryIO, fields: dict[str, str]) -> bool:
        key = fields.get("sec-websocket-key", "").encode()
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode()
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            + f"sec-websocket-accept: {accept}\r\n\r\n".encode()
        )
        while len(head := reader.read(2)) == 2:
            size = head[1] & 0x7F
            if size > 125 or not head[1] & 0x80:
                return False
            mask, payload = reader.read(4), reader.read(size)
            plain = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
            connection.sendall(bytes([head[0], size]) + plain)
            if head[0] & 0x0F == 8:
                return False
        return False
