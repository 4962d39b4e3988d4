#!/usr/bin/env python3
"""A gRPC server, and a client that makes every kind of call, with the grpcio of PyPI. Messages are plain bytes.

Usage: grpc_calls.py serve PORT
       grpc_calls.py call HOST:PORT [--ca FILE]

The client prints what came of each call, as JSON.
"""
import argparse
import json
import sys
import threading
import time
from concurrent import futures

import grpc


class Echo(grpc.GenericRpcHandler):
    """Every method of a service `test.Echo`."""

    def service(self, details):
        method = details.method.rsplit("/", 1)[-1]
        if method == "Unary":
            return grpc.unary_unary_rpc_method_handler(self.unary)
        if method == "Down":
            return grpc.unary_stream_rpc_method_handler(self.down)
        if method == "Up":
            return grpc.stream_unary_rpc_method_handler(self.up)
        if method == "Both":
            return grpc.stream_stream_rpc_method_handler(self.both)
        if method == "Fail":
            return grpc.unary_unary_rpc_method_handler(self.fail)
        if method == "Slow":
            return grpc.unary_unary_rpc_method_handler(self.slow)
        return None

    def unary(self, request, context):
        context.send_initial_metadata((("x-head", "first"),))
        context.set_trailing_metadata((("x-tail", "last"),))
        return request[::-1]

    def down(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number

    def up(self, requests, context):
        return b"%d" % sum(len(request) for request in requests)

    def both(self, requests, context):
        for request in requests:
            yield request.upper()

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not %s" % request.decode())

    def slow(self, request, context):
        time.sleep(5)
        return b"late"


def serve(port):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers((Echo(),))
    server.add_insecure_port("127.0.0.1:%d" % port)
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def call(target, authority):
    if authority:
        with open(authority, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        channel = grpc.secure_channel(target, credentials)
    else:
        channel = grpc.insecure_channel(target)
    result = {}
    unary = channel.unary_unary("/test.Echo/Unary")
    answer, state = unary.with_call(b"hello", timeout=20)
    result["unary"] = answer.decode()
    result["head"] = dict(state.initial_metadata()).get("x-head")
    result["tail"] = dict(state.trailing_metadata()).get("x-tail")
    result["large"] = len(unary(b"x" * 3_000_000, timeout=20))
    result["down"] = len(list(channel.unary_stream("/test.Echo/Down")(b"500", timeout=20)))
    parts = (b"y" * 10_000 for _ in range(100))
    result["up"] = int(channel.stream_unary("/test.Echo/Up")(parts, timeout=20))
    result["both"] = both(channel)
    result["fail"] = failure(lambda: channel.unary_unary("/test.Echo/Fail")(b"ready", timeout=20))
    result["missing"] = failure(lambda: channel.unary_unary("/test.Echo/None")(b"", timeout=20))[0]
    result["deadline"] = failure(lambda: channel.unary_unary("/test.Echo/Slow")(b"", timeout=0.3))[0]
    result["after"] = unary(b"abc", timeout=20).decode()
    print(json.dumps(result))


def both(channel):
    """Each message is answered before the next one is sent."""
    answered = threading.Semaphore(1)

    def requests():
        for number in range(50):
            answered.acquire()
            yield b"message %d" % number

    seen = []
    for answer in channel.stream_stream("/test.Echo/Both")(requests(), timeout=20):
        seen.append(answer.decode())
        answered.release()
    return seen == ["MESSAGE %d" % number for number in range(50)]


def failure(body):
    try:
        body()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
    return ["OK", ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["serve", "call"])
    parser.add_argument("target")
    parser.add_argument("--ca")
    options = parser.parse_args()
    if options.mode == "serve":
        serve(int(options.target))
    else:
        call(options.target, options.ca)


main()
