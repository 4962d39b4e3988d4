import Foundation
import TestSupport
import Testing

/// Keys that are found in requests: the rows of Tests/Tables/balance.tsv, HAProxy's choices, over sockets.
@Suite("Balancing over sockets") struct BalanceTests {
    private struct Row: Sendable {
        var lines: [String]
        var kind: String
        var servers: [Int]
    }

    private static func rows() throws -> [Row] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Tables/balance.tsv")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard parts.count == 4 else { return nil }
            // Ports and addresses are others here.
            let lines = parts[0].split(separator: ";").map(String.init)
            guard !lines.contains(where: { $0.contains("hash-key") }) else { return nil }
            return Row(lines: lines, kind: String(parts[1]), servers: parts[3].compactMap(\.wholeNumberValue))
        }
    }

    /// As balance.py makes them, a part of those that ServersTests has too.
    private static func keys(_ kind: String) -> [String] {
        switch kind {
        case "text": return (0..<20).map { "key-\($0 * 7919)" }
        case "number": return (0..<20).map { "\($0 * 2_654_435_761 % 4_294_967_296 - (1 << 20) * ($0 % 3))" }
        case "ipv4": return (0..<20).map { "10.\($0 % 7).\($0 * 31 % 256).\($0 * 17 % 251)" }
        case "ipv6":
            return (0..<20).map {
                "2001:db8:\(String($0 % 5, radix: 16))::\(String($0 * 977 % 65536, radix: 16)):"
                    + String($0 + 1, radix: 16)
            }
        case "host":
            var all: [String] = []
            for number in 0..<5 {
                for first in ["www", "a.b"] {
                    for second in ["site", "x-y"] {
                        for last in ["eu", "com"] { all.append("\(first).\(second)\(number).\(last)") }
                    }
                }
            }
            return all + ["localhost", "a.b", ".", "x.", ".y", "1.2.3.4"]
        case "uri":
            var all: [String] = []
            for number in 0..<10 {
                for folder in ["img", "a/b/c"] {
                    for name in ["p", ""] { all.append("/\(folder)/\(name)\(number)?id=\(number * 3)&x=\(folder)") }
                }
            }
            return all + [
                "/", "/a", "/?id=1", "/a?id=", "/a?idx=1&id=7", "/a?id", "/a/b?x=/c/d&id=q%20r",
                "http://h.test/abs/x?id=9",
                "/a?ID=3", "/a?&id=5",
            ]
        default: return [String](repeating: "", count: 24)
        }
    }

    private static func request(_ kind: String, _ key: String, backend: Int) -> String {
        let isV6 = kind == "ipv6"
        let source = kind == "ipv4" || isV6 ? key : "192.0.2.1"
        let proxy = isV6 ? "PROXY TCP6 \(source) 2001:db8::1 1 2\r\n" : "PROXY TCP4 \(source) 192.0.2.2 1 2\r\n"
        let extra = kind == "text" || kind == "number" ? "x-key: \(key)\r\n" : ""
        return proxy + "GET \(kind == "uri" ? key : "/") HTTP/1.1\r\nhost: \(kind == "host" ? key : "h.test")\r\n"
            + "connection: close\r\nx-case: b\(backend)\r\n\(extra)\r\n"
    }

    @Test("Requests reach HAProxy's servers") func same() async throws {
        let rows = try Self.rows()
        #expect(rows.count > 40)
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let port = try Ports.free()
        var text = "frontend f\nbind 127.0.0.1:\(port) accept-proxy\nuse_backend %[req.hdr(x-case)]\n"
        for (number, row) in rows.enumerated() {
            text += "backend b\(number)\n\(row.lines.joined(separator: "\n"))\n"
            text += "http-response set-header x-server %[srv_name]\n"
            for (index, weight) in [3, 1, 2, 5, 1].enumerated() {
                text += "server \(index) 127.0.0.1:\(server.port) weight \(weight)\n"
            }
        }
        let edge = try await ListenerProcess(
            ListenerProcess.sections(global: "nbthread 1", text), in: try ListenerFolder())
        for (number, row) in rows.enumerated() {
            var chosen: [Int] = []
            for key in Self.keys(row.kind) {
                let socket = try RawSocket(connectingTo: port)
                let answer = await socket.blocking { socket in
                    socket.send(Self.request(row.kind, key, backend: number))
                    return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
                }
                let line = answer.components(separatedBy: "\r\n").first { $0.hasPrefix("x-server: ") }
                chosen.append(line.flatMap { Int($0.dropFirst(10)) } ?? -1)
            }
            #expect(chosen == Array(row.servers.prefix(chosen.count)), "\(row.lines), \(row.kind)")
        }
        withExtendedLifetime(edge) {}
    }

    @Test("url_param finds its parameter in a POST request's body, and waits for it") func body() async throws {
        let server = try ScriptedServer { connection, _, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                guard connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") else { return }
            }
        }
        let edge = try await Edge(
            servers: (0..<9).map { "s\($0) 127.0.0.1:\(server.port)" },
            backend: "balance url_param id check_post\nhttp-response set-header x-server %[srv_name]",
            global: "nbthread 1")
        func chosen(_ head: String, _ body: String) async throws -> String {
            let socket = try RawSocket(connectingTo: edge.port)
            let answer = await socket.blocking { socket in
                socket.send("\(head)\r\nHost: a\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
                usleep(30_000)
                socket.send(body)
                return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            }
            return answer.components(separatedBy: "\r\n").first { $0.hasPrefix("x-server: ") } ?? answer
        }
        for value in ["1", "abc", "long-value-0123456789"] {
            let byQuery = try await chosen("GET /?id=\(value) HTTP/1.1", "")
            #expect(try await chosen("POST / HTTP/1.1", "a=b&id=\(value)&z=1") == byQuery)
            #expect(try await chosen("POST /?id=\(value) HTTP/1.1", "id=other") == byQuery)
        }
    }
}
