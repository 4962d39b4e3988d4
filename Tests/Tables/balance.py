#!/usr/bin/env python3
"""Writes balance.tsv: which servers HAProxy chooses. Usage: balance.py HAPROXY > balance.tsv

Each row: what is set (lines of the backend, `;` between them), what is asked (kind of the keys), the port of the
first server (each has the next port and the next address behind 127.0.0.1), and the servers that
HAProxy chose for the keys in their order, a digit each.
"""
import socket, subprocess, sys, tempfile, time

WEIGHTS = [3, 1, 2, 5, 1]
GUIDS = ["alpha", "beta:2", "gamma.3", "delta-4", "epsilon_5"]


def keys(kind):
    if kind == "text":
        return ["key-%d" % (i * 7919) for i in range(200)]
    if kind == "number":
        return [str(i * 2654435761 % 4294967296 - (1 << 20) * (i % 3)) for i in range(200)]
    if kind == "ipv4":
        return ["10.%d.%d.%d" % (i % 7, i * 31 % 256, i * 17 % 251) for i in range(200)]
    if kind == "ipv6":
        return ["2001:db8:%x::%x:%x" % (i % 5, i * 977 % 65536, i + 1) for i in range(200)]
    if kind == "host":
        return ["%s.%s%d.%s" % (a, b, i, c) for i in range(5) for a in ("www", "a.b") for b in ("site", "x-y")
                for c in ("eu", "com")] + ["localhost", "a.b", ".", "x.", ".y", "1.2.3.4"]
    if kind == "uri":
        return ["/%s/%s%d?id=%d&x=%s" % (a, b, i, i * 3, a) for i in range(10) for a in ("img", "a/b/c") for b in ("p", "")] + [
            "/", "/a", "/?id=1", "/a?id=", "/a?idx=1&id=7", "/a?id", "/a/b?x=/c/d&id=q%20r", "http://h.test/abs/x?id=9",
            "/a?ID=3", "/a?&id=5"]
    if kind == "none":
        return [""] * 60
    raise ValueError(kind)


def cases():
    for method in ("map-based", "consistent"):
        for function in ("", "sdbm", "djb2", "wt6", "crc32", "sdbm avalanche", "djb2 avalanche", "wt6 avalanche",
                         "crc32 avalanche"):
            yield "balance hdr(x-key);hash-type %s %s" % (method, function), "text"
        for function in ("none", "none avalanche"):
            yield "balance hdr(x-key);hash-type %s %s" % (method, function), "number"
        yield "balance source;hash-type %s" % method, "ipv4"
        yield "balance source;hash-type %s" % method, "ipv6"
    yield "balance source;hash-type map-based sdbm avalanche", "ipv4"
    for key in ("id", "id32", "guid", "addr", "addr-port"):
        yield "balance hdr(x-key);hash-type consistent;default-server hash-key %s" % key, "text"
    yield "balance hash req.hdr(x-key),lower", "text"
    yield "balance hash req.hdr(x-key);hash-type consistent none", "number"
    yield "balance hdr(host) use_domain_only", "host"
    yield "balance hdr(host)", "host"
    for word in ("", "whole", "len 6", "depth 1", "depth 2", "len 9 depth 2", "whole len 8", "path-only", "path-only whole"):
        yield "balance uri %s" % word, "uri"
    yield "balance url_param id", "uri"
    yield "balance static-rr", "none"
    yield "balance hdr(x-none)", "none"
    yield "balance hdr(x-none);hash-type consistent", "none"


def main():
    program = sys.argv[1]
    all_cases = list(cases())
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    sock.close()
    text = "defaults\nmode http\ntimeout client 9s\ntimeout server 9s\ntimeout connect 9s\n"
    text += "frontend f\nbind 127.0.0.1:%d accept-proxy\nuse_backend %%[req.hdr(x-case)]\n" % port
    for number, (lines, _) in enumerate(all_cases):
        text += "backend b%d\n%s\n" % (number, lines.replace(";", "\n"))
        text += "http-response set-header x-server %[srv_name]\n"
        for index, weight in enumerate(WEIGHTS):
            guid = " guid %s" % GUIDS[index] if "guid" in lines else ""
            text += "server %d 127.0.0.%d:%d weight %d%s\n" % (index, index + 1, port + 1 + index, weight, guid)
    for index in range(len(WEIGHTS)):
        text += "frontend s%d\nbind 127.0.0.%d:%d\nhttp-request return status 200\n" % (index, index + 1, port + 1 + index)
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(text)
        file.flush()
        process = subprocess.Popen([program, "-f", file.name], stderr=subprocess.PIPE)
        time.sleep(0.7)
        try:
            for number, (lines, kind) in enumerate(all_cases):
                chosen = [ask(port, number, kind, key) for key in keys(kind)]
                print("%s\t%s\t%d\t%s" % (lines, kind, port + 1, "".join(chosen)))
        finally:
            process.terminate()
            process.wait()


def ask(port, number, kind, key):
    target, host, source = "/", "h.test", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
    extra = ""
    if kind == "uri":
        target = key
    elif kind == "host":
        host = key
    elif kind == "ipv4":
        source = "PROXY TCP4 %s 192.0.2.2 1 2\r\n" % key
    elif kind == "ipv6":
        source = "PROXY TCP6 %s 2001:db8::1 1 2\r\n" % key
    elif kind != "none":
        extra = "x-key: %s\r\n" % key
    with socket.create_connection(("127.0.0.1", port)) as connection:
        request = "%sGET %s HTTP/1.1\r\nhost: %s\r\nconnection: close\r\nx-case: b%d\r\n%s\r\n" % (
            source, target, host, number, extra)
        connection.sendall(request.encode())
        answer = b""
        while True:
            piece = connection.recv(4096)
            if not piece:
                break
            answer += piece
    for line in answer.decode().split("\r\n"):
        if line.lower().startswith("x-server: "):
            return line[10:]
    return "!"


main()
