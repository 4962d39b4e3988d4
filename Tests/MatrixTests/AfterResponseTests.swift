import Foundation
import TestSupport
import Testing

/// Which answers `http-after-response` rules see. The outcomes are those of HAProxy 3.5-dev5 with the same configuration
/// and bytes: what its muxes refuse never comes to rules.
@Suite("http-after-response") struct AfterResponseTests {
    private struct Case: CustomTestStringConvertible {
        let request: String
        let status: String
        let isSeen: Bool
        var testDescription: String { "\(request.prefix(40).debugDescription): \(status)" }
    }

    @Test("Rules see answers to requests, not to what is none") func answers() async throws {
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend web
                bind 127.0.0.1:\(port)
                timeout http-request 300ms
                http-after-response set-header x-after yes
                http-request wait-for-body time 300ms if { path /body }
                http-request return status 200 if { path / }
                http-request deny if { path /deny }
                default_backend none
                backend none
                """), in: try ListenerFolder())
        let cases = [
            Case(request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", status: "200", isSeen: true),
            Case(request: "GET /deny HTTP/1.1\r\nHost: a\r\n\r\n", status: "403", isSeen: true),
            Case(request: "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", status: "503", isSeen: true),
            Case(request: "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", status: "408", isSeen: true),
            Case(request: "bad\r\n\r\n", status: "400", isSeen: false),
            Case(request: "GET / HTTP/1.1\r\nHo st: a\r\n\r\n", status: "400", isSeen: false),
            Case(request: "GET / HTTP/1.1\r\n", status: "408", isSeen: false),
            Case(request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", status: "400", isSeen: false),
            Case(
                request: "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 20_000))\r\n\r\n",
                status: "431", isSeen: false),
            Case(
                request: "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", status: "400",
                isSeen: false),
        ]
        for one in cases {
            let socket = try RawSocket(connectingTo: port)
            let head = await socket.blocking { socket in
                socket.send(one.request)
                return socket.receive(through: "\r\n\r\n") ?? ""
            }
            #expect(head.hasPrefix("HTTP/1.1 \(one.status) "), "\(one)")
            #expect(head.contains("x-after: yes") == one.isSeen, "\(one)")
        }
        _ = process
    }
}
