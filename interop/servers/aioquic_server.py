#!/usr/bin/env python3
"""An HTTP/3 server on aioquic, for the interop harness: files, trailers, hints, early answers, resets, WebSocket.

It answers the paths that `interop/harness/origin.py` lists. Run it with .build/peers/bin/python.
"""

import argparse
import asyncio
import hashlib
import re

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StopSendingReceived, StreamReset
from aioquic.quic.logger import QuicFileLogger
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import SessionTicket

LARGE_FIELDS = 8
LARGE_FIELD_SIZE = 1_000


def pattern(size: int) -> bytes:
    """The bytes of a file of that size."""
    return (b"0123456789" * (size // 10 + 1))[:size]


class Server(QuicConnectionProtocol):
    """One connection of a client."""

    http: H3Connection | None = None
    gone: set[str] = set()
    """Names of endless responses whose clients have left, on all connections."""

    def __init__(self, *arguments, **named) -> None:
        super().__init__(*arguments, **named)
        self.paths: dict[int, str] = {}
        self.received: dict[int, int] = {}
        self.queries: dict[int, str] = {}
        self.field_bytes: dict[int, int] = {}
        self.sockets: dict[int, bytes] = {}
        """What has come on a WebSocket and is no whole frame yet."""
        self.endless: dict[int, str] = {}

    def quic_event_received(self, event) -> None:
        """Gives each event of the transport to HTTP/3."""
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        elif isinstance(event, (StopSendingReceived, StreamReset)) and event.stream_id in self.endless:
            self.gone.add(self.endless.pop(event.stream_id))
        elif isinstance(event, ConnectionTerminated):
            self.gone.update(self.endless.values())
            self.endless.clear()
            return
        if self.http is None:
            return
        for one in self.http.handle_event(event):
            if isinstance(one, HeadersReceived) and one.stream_id not in self.paths:
                self.begin(one)
                if self.paths[one.stream_id] == "/early":
                    self.answer(one.stream_id, b"too early to send that", b"413")
                    self._quic.stop_stream(one.stream_id, ErrorCode.H3_NO_ERROR)
            if isinstance(one, DataReceived):
                self.received[one.stream_id] += len(one.data)
                if one.stream_id in self.sockets:
                    self.echo_frames(one.stream_id, one.data)
            if one.stream_id in self.sockets:
                continue
            if isinstance(one, (HeadersReceived, DataReceived)) and one.stream_ended:
                self.respond(one.stream_id, self.paths[one.stream_id])
        self.transmit()

    def begin(self, head: HeadersReceived) -> None:
        """Notes a request's head, and accepts a WebSocket (RFC 9220)."""
        assert self.http is not None
        fields, stream = dict(head.headers), head.stream_id
        self.paths[stream], _, self.queries[stream] = fields[b":path"].decode().partition("?")
        self.received[stream] = 0
        self.field_bytes[stream] = sum(len(name) + len(value) for name, value in head.headers)
        if fields.get(b":protocol") == b"websocket" and self.paths[stream] == "/websocket":
            self.sockets[stream] = b""
            self.http.send_headers(stream, [(b":status", b"200")])

    def echo_frames(self, stream: int, data: bytes) -> None:
        """Sends each WebSocket frame back without its mask, and ends with the one that closes (RFC 6455)."""
        assert self.http is not None
        data = self.sockets[stream] + data
        while len(data) >= 6 and data[1] & 0x80 and len(data) >= (whole := 6 + (data[1] & 0x7F)):
            mask, payload = data[2:6], data[6:whole]
            plain = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
            is_last = data[0] & 0x0F == 8
            self.http.send_data(stream, bytes([data[0], len(plain)]) + plain, end_stream=is_last)
            data = data[whole:]
        self.sockets[stream] = data

    def pour(self, stream: int) -> None:
        """Sends more of an endless response, until the client leaves."""
        if stream in self.endless and self.http is not None:
            self.http.send_data(stream, pattern(10_000), end_stream=False)
            self.transmit()
            asyncio.get_running_loop().call_later(0.02, self.pour, stream)

    def respond(self, stream: int, path: str) -> None:
        """Answers a request that has come to its end."""
        assert self.http is not None
        if found := re.fullmatch(r"/file-(\d+)\.txt", path):
            self.answer(stream, pattern(int(found[1])))
        elif path == "/echo":
            self.answer(stream, f"{self.received[stream]} bytes received".encode())
        elif path == "/trailers":
            body = pattern(1_000)
            self.http.send_headers(stream, [(b":status", b"200"), (b"trailer", b"x-checksum")])
            self.http.send_data(stream, body, end_stream=False)
            digest = hashlib.sha256(body).hexdigest().encode()
            self.http.send_headers(stream, [(b"x-checksum", digest)], end_stream=True)
        elif path == "/hints":
            self.http.send_headers(stream, [(b":status", b"103"), (b"link", b"</style.css>; rel=preload")])
            self.answer(stream, b"after the hints")
        elif path == "/reset":
            self.http.send_headers(stream, [(b":status", b"200"), (b"content-length", b"100000")])
            self.http.send_data(stream, pattern(50_000), end_stream=False)
            self.transmit()
            loop = asyncio.get_running_loop()
            loop.call_later(0.2, self.reset, stream)
        elif path == "/headers":
            fields = [(b"x-large-%d" % number, b"v" * LARGE_FIELD_SIZE) for number in range(LARGE_FIELDS)]
            self.answer(stream, str(self.field_bytes[stream]).encode(), extra=fields)
        elif path == "/endless":
            self.endless[stream] = self.queries[stream]
            self.http.send_headers(stream, [(b":status", b"200"), (b"content-type", b"text/plain")])
            self.pour(stream)
        elif path == "/gone":
            self.answer(stream, b"1" if self.queries[stream] in self.gone else b"0")
        elif path != "/early":
            self.answer(stream, b"no such page", b"404")

    def answer(
        self, stream: int, body: bytes, status: bytes = b"200", extra: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        """A whole response."""
        assert self.http is not None
        fields = [(b":status", status), (b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        self.http.send_headers(stream, fields + (extra or []))
        self.http.send_data(stream, body, end_stream=True)

    def reset(self, stream: int) -> None:
        """Breaks a response off."""
        self._quic.reset_stream(stream, ErrorCode.H3_INTERNAL_ERROR)
        self.transmit()


async def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("host")
    add("port", type=int)
    add("pem", help="certificate and key in one file")
    add("--retry", action="store_true", help="validate addresses by Retry")
    add("--v2", action="store_true", help="prefer QUIC version 2")
    add("--secrets", metavar="FILE", help="append the TLS secrets there")
    add("--qlog", metavar="FOLDER", help="write qlog files there")
    options = parser.parse_args()
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(options.pem, options.pem)
    if options.v2:
        configuration.supported_versions = [QuicProtocolVersion.VERSION_2, QuicProtocolVersion.VERSION_1]
    if options.secrets:
        configuration.secrets_log_file = open(options.secrets, "a", buffering=1)
    if options.qlog:
        configuration.quic_logger = QuicFileLogger(options.qlog)
    tickets: dict[bytes, SessionTicket] = {}
    await serve(
        options.host,
        options.port,
        configuration=configuration,
        create_protocol=Server,
        retry=options.retry,
        session_ticket_handler=lambda ticket: tickets.__setitem__(ticket.ticket, ticket),
        session_ticket_fetcher=lambda label: tickets.pop(label, None),
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
