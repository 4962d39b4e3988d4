#!/usr/bin/env python3
"""An HTTP/3 client on aioquic: sends requests over one connection, prints what came back as JSON.

Run it with the Python that scripts/setup prepared: .build/peers/bin/python. It writes field names
and values as they are given, valid or not, so that it can also play a client that breaks the rules.

Exit status: 0 when every response arrived whole, 1 when one did not, 2 without a connection.
"""

import argparse
import asyncio
import hashlib
import json
import socket
import ssl
import sys
import time
from urllib.parse import urljoin, urlsplit

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    StopSendingReceived,
    StreamReset,
)
from aioquic.quic.logger import QuicFileLogger
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite


class Exchange:
    """One request and what has come back for it."""

    def __init__(self, stream_id, keep_body):
        self.stream_id = stream_id
        self.started = time.monotonic()
        self.interim = []
        self.status = None
        self.headers = []
        self.trailers = []
        self.body_bytes = 0
        self.digest = hashlib.sha256()
        self.body = bytearray() if keep_body else None
        self.ended = False
        self.reset = None
        self.stop_sending = None
        self.cancelled = False
        self.elapsed = None
        self.may_send_body = asyncio.Event()
        self.over = asyncio.Event()

    def finish(self):
        if not self.over.is_set():
            self.elapsed = time.monotonic() - self.started
            self.over.set()
            self.may_send_body.set()

    def fields(self, event):
        """A field section: an interim response, the response, or its trailers."""
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
        status = dict(fields).get(":status")
        if status is not None and len(status) == 3 and status.startswith("1"):
            self.interim.append(int(status))
        elif self.status is None:
            self.status = int(status) if status is not None else None
            self.headers = [field for field in fields if not field[0].startswith(":")]
        else:
            self.trailers = fields
        self.may_send_body.set()

    def data(self, data):
        self.body_bytes += len(data)
        self.digest.update(data)
        if self.body is not None:
            self.body += data

    def report(self):
        report = {
            "stream": self.stream_id,
            "interim": self.interim,
            "status": self.status,
            "headers": self.headers,
            "body_bytes": self.body_bytes,
            "body_sha256": self.digest.hexdigest(),
            "trailers": self.trailers,
            "ended": self.ended,
            "reset": self.reset,
            "stop_sending": self.stop_sending,
            "cancelled": self.cancelled,
            "seconds": None if self.elapsed is None else round(self.elapsed, 6),
        }
        if self.body is not None:
            report["body"] = self.body.decode("utf-8", "replace")
        return report


class Client(QuicConnectionProtocol):
    """One QUIC connection with HTTP/3 on it."""

    def __init__(self, quic, stream_handler=None):
        super().__init__(quic, stream_handler=stream_handler)
        self.http = H3Connection(quic)
        self.exchanges = {}
        self.cancel_after = None
        # Whether another local address goes with another connection ID.
        self.changes_id = False
        self.handshake = None
        self.closed = None

    def connection_made(self, transport):
        super().connection_made(transport)
        if self.changes_id:
            # At once: nothing may leave by the new path with a connection ID of the old one.
            self.change_connection_id()

    def quic_event_received(self, event):
        super().quic_event_received(event)
        if isinstance(event, HandshakeCompleted):
            self.handshake = {
                "alpn": event.alpn_protocol,
                "resumed": event.session_resumed,
                "early_data_accepted": event.early_data_accepted,
            }
        elif isinstance(event, ConnectionTerminated):
            self.closed = {
                "error_code": event.error_code,
                "frame_type": event.frame_type,
                "reason": event.reason_phrase,
            }
            for exchange in self.exchanges.values():
                exchange.finish()
        elif isinstance(event, StreamReset) and event.stream_id in self.exchanges:
            self.exchanges[event.stream_id].reset = event.error_code
            self.exchanges[event.stream_id].finish()
        elif isinstance(event, StopSendingReceived) and event.stream_id in self.exchanges:
            self.exchanges[event.stream_id].stop_sending = event.error_code
        for http_event in self.http.handle_event(event):
            self.http_event_received(http_event)

    def http_event_received(self, event):
        exchange = self.exchanges.get(getattr(event, "stream_id", None))
        if exchange is None:
            return
        if isinstance(event, HeadersReceived):
            exchange.fields(event)
        elif isinstance(event, DataReceived):
            exchange.data(event.data)
        else:
            return
        if event.stream_ended:
            exchange.ended = True
            exchange.finish()
        elif self.cancel_after is not None and exchange.body_bytes >= self.cancel_after:
            self.cancel(exchange)

    def cancel(self, exchange):
        """Gives up a response, as a browser does when its reader leaves."""
        if not exchange.over.is_set():
            exchange.cancelled = True
            self._quic.stop_stream(exchange.stream_id, ErrorCode.H3_REQUEST_CANCELLED)
            exchange.finish()

    async def exchange(self, options, target=None, urgency=None):
        """Sends one request as the options say, and waits for the end of its response."""
        stream_id = self._quic.get_next_available_stream_id()
        exchange = self.exchanges[stream_id] = Exchange(stream_id, options.show_body)
        url = urlsplit(target or options.url)
        path = (url.path or "/") + ("?" + url.query if url.query else "")
        fields = [(":method", options.method)]
        if options.method != "CONNECT" or options.protocol:
            fields += [(":scheme", url.scheme), (":path", path)]
        fields += [(":authority", options.authority or url.netloc)]
        if options.protocol:
            fields += [(":protocol", options.protocol)]
        if options.body is not None and not options.no_length:
            fields += [("content-length", str(options.body))]
        if options.expect:
            fields += [("expect", "100-continue")]
        if urgency is not None:
            fields += [("priority", f"u={urgency}")]
        fields += options.header

        def encoded(fields):
            return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]

        has_more = options.body is not None or options.trailer or options.protocol
        self.http.send_headers(stream_id, encoded(fields), end_stream=not has_more)
        self.transmit()
        if options.expect:
            await asyncio.wait_for(exchange.may_send_body.wait(), options.timeout)
        if has_more and not exchange.over.is_set():
            body = options.raw or (bytes.fromhex(options.body_hex) if options.body_hex is not None else pattern(options.body or 0))
            if options.cut is not None:
                self.http.send_data(stream_id, body[: options.cut], end_stream=options.cut_by == "end")
                self.transmit()
                if options.cut_by == "reset":
                    self._quic.reset_stream(stream_id, ErrorCode.H3_REQUEST_CANCELLED)
                    self.transmit()
            else:
                open_end = options.trailer or options.protocol
                self.http.send_data(stream_id, body, end_stream=not open_end)
                if options.trailer:
                    self.http.send_headers(stream_id, encoded(options.trailer), end_stream=True)
                self.transmit()
        try:
            await asyncio.wait_for(exchange.over.wait(), options.timeout)
        except asyncio.TimeoutError:
            pass
        self.transmit()


def pattern(size):
    """The body that is sent: the digits 0 to 9 over and over."""
    return (b"0123456789" * (size // 10 + 1))[:size]


def field(text):
    """`name: value` as a pair; the name as it stands, also an invalid one."""
    name, separator, value = text.partition(":") if not text.startswith(":") else pseudo(text)
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name: value")
    return name, value.removeprefix(" ")


def pseudo(text):
    name, separator, value = text[1:].partition(":")
    return ":" + name, separator, value


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("url", help="https://HOST[:PORT]/PATH")
    add("--connect-to", metavar="HOST:PORT", help="send the datagrams there instead")
    add("--ca", metavar="FILE", help="trust this authority (without it: no verification)")
    add("--cert", metavar="FILE", help="show this certificate, in one file with its chain and key")
    add("--method", help="default GET, or POST with a body")
    add("--authority", metavar="TEXT", help=":authority instead of the URL's")
    add("--protocol", metavar="NAME", help="extended CONNECT: the :protocol")
    add("--header", "-H", type=field, action="append", default=[], metavar="N: V", help="add a field")
    add("--body", type=int, metavar="BYTES", help="send a body of this size")
    add("--raw", type=bytes.fromhex, default=b"", metavar="HEX", help="with --protocol: send these bytes")
    add("--body-hex", metavar="HEX", help="send these bytes as the body")
    add("--no-length", action="store_true", help="send no content-length with the body")
    add("--trailer", type=field, action="append", default=[], metavar="N: V", help="add a trailer field")
    add("--expect", action="store_true", help="send Expect: 100-continue, and wait for it")
    add("--cut", type=int, metavar="BYTES", help="send so much of the body only, then:")
    add("--cut-by", choices=["stall", "reset", "end"], default="stall", help="... what to do (stall)")
    add("--cancel-after", type=int, metavar="BYTES", help="cancel after so much of the response body")
    add("--streams", type=int, default=1, metavar="N", help="requests in parallel")
    add("--rounds", type=int, default=1, metavar="N", help="do all that N times, one after the other")
    add("--rebind", action="store_true", help="between rounds, go on from another local port")
    add("--migrate", action="store_true", help="the same, with a new connection ID")
    add("--key-update", action="store_true", help="between rounds, update the keys")
    add("--resume", action="store_true", help="connect twice; requests go as early data of the second")
    add("--no-early-data", action="store_true", help="with --resume: wait for the handshake all the same")
    add("--also", action="append", default=[], metavar="PATH", help="ask for this too, at the same time")
    add("--urgencies", metavar="N,N,…", help="the urgency of each path, in their order (RFC 9218)")
    add("--chacha20", action="store_true", help="offer ChaCha20-Poly1305 and no other cipher suite")
    add("--v2", action="store_true", help="prefer QUIC version 2 (compatible version negotiation)")
    add("--secrets", metavar="FILE", help="append the TLS secrets, in the format of SSLKEYLOGFILE")
    add("--qlog", metavar="FOLDER", help="write a qlog file for each connection there")
    add("--hold", type=float, default=0, metavar="SECONDS", help="keep the idle connection so long")
    add("--window", type=int, metavar="BYTES", help="flow control limits of connection and stream")
    add("--timeout", type=float, default=10, metavar="SECONDS", help="for each request (10)")
    add("--show-body", action="store_true", help="put the response body into the report, as text")
    options = parser.parse_args()
    if options.body_hex is not None:
        options.body = len(bytes.fromhex(options.body_hex))
    if options.method is None:
        options.method = "CONNECT" if options.protocol else "GET" if options.body is None else "POST"
    if options.cut is not None and options.body is None:
        parser.error("--cut needs --body")
    return options


class NoConnection(Exception):
    """There was no handshake to its end; `closed` holds what the connection ended with, if it did."""

    def __init__(self, reason, closed=None):
        super().__init__(reason)
        self.closed = closed


class Session:
    """What one connection leaves for the next: its ticket."""

    ticket = None

    def keep(self, ticket):
        self.ticket = ticket


async def endpoint(client, address):
    """A fresh local UDP port for the client, of the address's family."""
    family, sockaddr = address
    local = socket.socket(family, socket.SOCK_DGRAM)
    local.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: client, sock=local)
    return transport


async def resolve(options):
    url = urlsplit(options.url)
    host, port = url.hostname, url.port or 443
    if options.connect_to:
        host, _, port = options.connect_to.rpartition(":")
        host, port = host.strip("[]"), int(port)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    # A name with both families goes to IPv4, as the peers in the tests listen there first.
    family, _, _, _, sockaddr = min(found, key=lambda info: info[0] != socket.AF_INET)
    return family, sockaddr


async def run(options, session, rounds):
    """One connection: handshake, requests, close. Returns its report."""
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, server_name=urlsplit(options.url).hostname
    )
    if options.ca:
        configuration.load_verify_locations(options.ca)
    else:
        configuration.verify_mode = ssl.CERT_NONE
    if options.cert:
        configuration.load_cert_chain(options.cert, options.cert)
    if options.window:
        configuration.max_data = configuration.max_stream_data = options.window
    if options.chacha20:
        configuration.cipher_suites = [CipherSuite.CHACHA20_POLY1305_SHA256]
    if options.v2:
        configuration.supported_versions = [QuicProtocolVersion.VERSION_2, QuicProtocolVersion.VERSION_1]
        configuration.original_version = QuicProtocolVersion.VERSION_1
    if options.secrets:
        configuration.secrets_log_file = open(options.secrets, "a", buffering=1)
    if options.qlog:
        configuration.quic_logger = QuicFileLogger(options.qlog)
    configuration.session_ticket = session.ticket
    early = session.ticket is not None and not options.no_early_data
    address = await resolve(options)
    quic = QuicConnection(configuration=configuration, session_ticket_handler=session.keep)
    client = Client(quic)
    client.cancel_after = options.cancel_after
    transports = [await endpoint(client, address)]
    try:
        # With a ticket, the first flight waits for the requests, which go along as early data.
        client.connect(address[1], transmit=not early)
        if not early:
            try:
                await asyncio.wait_for(client.wait_connected(), options.timeout)
            except (ConnectionError, asyncio.TimeoutError) as error:
                reason = "the handshake failed" if client.closed else "no handshake in time"
                raise NoConnection(reason, client.closed) from error
        for number in range(rounds):
            if number > 0 and (options.rebind or options.migrate):
                client.changes_id = options.migrate
                transports.append(await endpoint(client, address))
            if number > 0 and options.key_update:
                client.request_key_update()
            targets = [options.url, *(urljoin(options.url, path) for path in options.also)]
            urgencies = options.urgencies.split(",") if options.urgencies else [None] * len(targets)
            await asyncio.gather(
                *(
                    client.exchange(options, target, urgency)
                    for target, urgency in zip(targets, urgencies)
                    for _ in range(options.streams)
                )
            )
        if options.resume and session.ticket is None:
            # The ticket may come after the response.
            for _ in range(100):
                if session.ticket is not None:
                    break
                await asyncio.sleep(0.01)
        if options.hold:
            try:
                await asyncio.wait_for(client.wait_closed(), options.hold)
            except asyncio.TimeoutError:
                pass
        closed = client.closed
        client.close(error_code=ErrorCode.H3_NO_ERROR)
        await asyncio.wait_for(client.wait_closed(), options.timeout)
    finally:
        for transport in transports:
            transport.close()
    return {
        "handshake": client.handshake,
        "settings": {f"0x{key:x}": value for key, value in (client.http.received_settings or {}).items()},
        "responses": [exchange.report() for exchange in client.exchanges.values()],
        "closed": closed,
    }


async def main():
    options = arguments()
    session = Session()
    try:
        report = await run(options, session, 0 if options.resume else options.rounds)
        if options.resume:
            if session.ticket is None:
                raise NoConnection("the server gave no session ticket")
            report = await run(options, session, options.rounds)
    except NoConnection as error:
        print(json.dumps({"error": str(error), "closed": error.closed}))
        return 2
    except OSError as error:
        print(json.dumps({"error": str(error), "closed": None}))
        return 2
    json.dump(report, sys.stdout, indent=1)
    print()
    whole = report["responses"] and all(response["ended"] for response in report["responses"])
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
