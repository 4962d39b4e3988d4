import Foundation
import TestSupport
import Testing

@Suite("errorfile and errorfiles on the wire") struct ErrorFileTests {
    private static let own503 =
        "HTTP/1.0 503 Out For Lunch\r\nContent-Type: text/plain\r\nX-Own: yes\r\nConnection: close\r\n\r\nback at two\n"
    private static let own400 = "HTTP/1.1 400 Say Again\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nwhat?"

    /// A process whose server is away; `lines` tell the answers.
    private static func edge(_ lines: String, before: String = "") async throws -> (ListenerProcess, Int) {
        let folder = try ListenerFolder()
        try folder.write("503.http", own503)
        try folder.write("400.http", own400)
        try folder.write("empty.http", "")
        let port = try Ports.free()
        let process = try await ListenerProcess(
            before.replacing("FOLDER", with: folder.path) + "\n"
                + ListenerProcess.sections(
                    """
                    listen edge
                    bind 127.0.0.1:\(port)
                    \(lines)
                    retries 0
                    server s1 127.0.0.1:1
                    """), in: folder)
        return (process, port)
    }

    @Test("An own 503 and 400, by errorfile and by http-errors", arguments: [false, true])
    func own(isGroup: Bool) async throws {
        let files = "errorfile 503 FOLDER/503.http\nerrorfile 400 FOLDER/400.http"
        let (edge, port) = try await Self.edge(
            isGroup ? "errorfiles mine" : files, before: isGroup ? "http-errors mine\n\(files)" : "")
        let unavailable = try RawSocket(connectingTo: port).exchange("/503")
        #expect(unavailable.hasPrefix("HTTP/1.1 503 Out For Lunch\r\n"), "\(unavailable)")
        #expect(unavailable.hasSuffix("\r\n\r\nback at two\n"))
        let head = unavailable.lowercased()
        #expect(head.contains("\r\nx-own: yes\r\n") && head.contains("\r\ncontent-type: text/plain\r\n"))
        let raw = try RawSocket(connectingTo: port)
        raw.send("GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n")
        let bad = String(decoding: raw.receiveAll().bytes, as: UTF8.self)
        #expect(bad.hasPrefix("HTTP/1.1 400 Say Again\r\n") && bad.hasSuffix("\r\n\r\nwhat?"), "\(bad)")
        #expect(try await edge.logLine("/503").contains(" 503 "))
        #expect(try await edge.logLine("<BADREQ>").contains(" 400 "))
    }

    @Test("errorfiles takes the statuses that it names, no others") func chosen() async throws {
        let (edge, port) = try await Self.edge(
            "errorfiles mine 503",
            before: "http-errors mine\nerrorfile 503 FOLDER/503.http\nerrorfile 400 FOLDER/400.http")
        #expect(try RawSocket(connectingTo: port).exchange().contains("Out For Lunch"))
        let raw = try RawSocket(connectingTo: port)
        raw.send("GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n")
        #expect(String(decoding: raw.receiveAll().bytes, as: UTF8.self).hasPrefix("HTTP/1.1 400 Bad request\r\n"))
        #expect(edge.process.exitStatus == nil)
    }

    @Test("An empty errorfile closes without a word; the log has the status") func silent() async throws {
        let (edge, port) = try await Self.edge("errorfile 503 FOLDER/empty.http\nerrorfile 400 FOLDER/empty.http")
        #expect(try RawSocket(connectingTo: port).exchange("/silent").isEmpty)
        #expect(try await edge.logLine("/silent").contains(" 503 0 - - SC-- "))
        let raw = try RawSocket(connectingTo: port)
        raw.send("GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n")
        #expect(raw.receiveAll().bytes.isEmpty)
        #expect(try await edge.logLine("<BADREQ>").contains(" 400 0 - - PR-- "))
    }
}
