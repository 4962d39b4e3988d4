#!/usr/bin/env python3
"""One request through curl with BoringSSL, ngtcp2 and nghttp3 inside; prints the result as JSON.

It comes from PyPI (curl_cffi), as Debian 12's curl has no HTTP/3. Run it with .build/peers/bin/python.

Exit status: 0 when the response arrived whole, 2 when curl failed (its message is in the report).
"""

import argparse
import hashlib
import json
import sys

import curl_cffi

VERSIONS = {"1.1": "v1", "2": "v2", "3": "v3only"}
# How libcurl numbers the versions that it reports.
REPORTED = {1: "1.0", 2: "1.1", 3: "2", 4: "2", 5: "2", 30: "3", 31: "3"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("url", help="https://HOST[:PORT]/PATH")
    add("--ca", metavar="FILE", help="trust this authority (without it: no verification)")
    add("--http", choices=list(VERSIONS), default="3", help="the HTTP version (3, and no other)")
    add("--method", help="default GET, or POST with a body")
    add("--header", "-H", action="append", default=[], metavar="N: V", help="add a field")
    add("--body", type=int, metavar="BYTES", help="send a body of this size")
    add("--timeout", type=float, default=10, metavar="SECONDS", help="for the whole request (10)")
    add("--show-body", action="store_true", help="put the response body into the report, as text")
    options = parser.parse_args()
    body = None if options.body is None else (b"0123456789" * (options.body // 10 + 1))[: options.body]
    try:
        response = curl_cffi.request(
            options.method or ("GET" if body is None else "POST"),
            options.url,
            headers=dict(header.split(": ", 1) for header in options.header),
            data=body,
            http_version=VERSIONS[options.http],
            verify=options.ca or False,
            timeout=options.timeout,
            allow_redirects=False,
        )
    except curl_cffi.exceptions.RequestException as error:
        print(json.dumps({"error": str(error), "code": int(error.code)}))
        return 2
    report = {
        "http": REPORTED.get(response.http_version, str(response.http_version)),
        "status": response.status_code,
        "headers": response.headers.multi_items(),
        "body_bytes": len(response.content),
        "body_sha256": hashlib.sha256(response.content).hexdigest(),
    }
    if options.show_body:
        report["body"] = response.text
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
