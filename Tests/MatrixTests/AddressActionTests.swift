import Foundation
import TestSupport
import Testing

/// Addresses that rules and headers put in place of a connection's own; the expected values are HAProxy's.
@Suite("set-src, set-dst and headers that tell addresses") struct AddressActionTests {
    private static let report = """
        http-request return status 200 content-type text/plain lf-string "src=%[src]:%[src_port] dst=%[dst]:%[dst_port]\
         fc=%[fc_src] fcd=%[fc_dst]:%[fc_dst_port] ci=%ci:%cp fi=%fi:%fp."
        """

    struct Row: Sendable, CustomTestStringConvertible {
        var rules: String
        var fields: String = ""
        var parts: [String]
        var testDescription: String { "\(rules) \(fields)" }
    }

    private static let rows: [Row] = [
        Row(
            rules: "tcp-request connection set-src str(10.1.2.3)\ntcp-request session set-src-port int(1234)",
            parts: ["src=10.1.2.3:1234 ", " fc=10.1.2.3 ", " ci=10.1.2.3:1234 "]),
        Row(
            rules: "tcp-request connection set-dst-port int(4000)\ntcp-request session set-dst str(192.168.7.7)",
            parts: [" dst=192.168.7.7:4000 ", " fcd=127.0.0.1:4000 ", " fi=192.168.7.7:4000."]),
        Row(
            rules: "http-request set-src hdr(x-src)\nhttp-request set-src-port hdr(x-port)",
            fields: "x-src: 1.2.3.4\r\nx-port: 77\r\n", parts: ["src=1.2.3.4:77 ", " fc=127.0.0.1 ", " ci=1.2.3.4:77 "]),
        Row(
            rules: "http-request set-src hdr(x-src)\nhttp-request set-src-port hdr(x-port)",
            fields: "x-src: 2001:db8::5\r\nx-port: 70000\r\n",
            parts: ["src=2001:db8::5:4464 ", " fc=127.0.0.1 ", " ci=2001:db8::5:4464 "]),
        Row(
            rules: "http-request set-dst hdr(x-dst)\nhttp-request set-dst-port int(-1)",
            fields: "x-dst: no address\r\n", parts: [" dst=127.0.0.1:65535 ", " fi=127.0.0.1:65535."]),
        Row(
            rules: "tcp-request content set-src str(7.7.7.7)\ntcp-request content set-dst src,ipmask(8)",
            parts: ["src=7.7.7.7:", " dst=7.0.0.0:"]),
        Row(
            rules: "tcp-request session set-src str(7.7.7.7)\nhttp-request set-src src,ipmask(16)",
            parts: ["src=7.7.0.0:", " fc=127.0.0.1 "]),
    ]

    @Test func rulesChangeAddresses() async throws {
        var text = ""
        var ports: [Int] = []
        for (index, row) in Self.rows.enumerated() {
            let port = try Ports.free()
            ports.append(port)
            text += "frontend f\(index)\nbind 127.0.0.1:\(port)\n\(row.rules)\n\(Self.report)\n"
        }
        let edge = try await ListenerProcess(ListenerProcess.sections(text), in: try ListenerFolder())
        for (index, row) in Self.rows.enumerated() {
            let connection = try RawSocket(connectingTo: ports[index])
            connection.send("GET / HTTP/1.1\r\nHost: a\r\n\(row.fields)Connection: close\r\n\r\n")
            let answer = String(decoding: connection.receiveAll().bytes, as: UTF8.self)
            for part in row.parts { #expect(answer.contains(part), "\(row): \(answer)") }
        }
        #expect(edge.process.exitStatus == nil)
    }

    /// What comes before the first request: NetScaler's Client IP header in both forms, from 5.6.7.8:258 to 9.9.9.9:772.
    private static func addressHeader(isOld: Bool, magic: [UInt8]) -> [UInt8] {
        let ip: [UInt8] = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 5, 6, 7, 8, 9, 9, 9, 9]
        let tcp: [UInt8] = [1, 2, 3, 4] + [UInt8](repeating: 0, count: 16)
        if isOld { return magic + [0, 0, 0, 40] + ip + tcp }
        return magic + [0, 0, 0, 52, 0, 0, 0, 40] + ip + tcp
    }

    @Test("expect-proxy, accept-netscaler-cip and expect-netscaler-cip take their headers")
    func headers() async throws {
        let ports = [try Ports.free(), try Ports.free(), try Ports.free()]
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend f
                bind 127.0.0.1:\(ports[0])
                bind 127.0.0.1:\(ports[1]) accept-netscaler-cip 0x01020304
                bind 127.0.0.1:\(ports[2])
                tcp-request connection expect-proxy layer4 if { dst_port \(ports[0]) }
                tcp-request connection expect-netscaler-cip layer4 if { dst_port \(ports[2]) }
                \(Self.report)
                """), in: try ListenerFolder())
        let proxied = try RawSocket(connectingTo: ports[0])
            .exchange("/", before: Array("PROXY TCP4 5.6.7.8 9.9.9.9 258 772\r\n".utf8))
        let expected = "src=5.6.7.8:258 dst=9.9.9.9:772 fc=127.0.0.1 "
        #expect(proxied.contains(expected), "\(proxied)")
        for isOld in [true, false] {
            let answer = try RawSocket(connectingTo: ports[1])
                .exchange("/", before: Self.addressHeader(isOld: isOld, magic: [1, 2, 3, 4]))
            #expect(answer.contains(expected), "\(isOld): \(answer)")
            // Without a number on the bind line, 0 is expected.
            let unnumbered = try RawSocket(connectingTo: ports[2])
                .exchange("/", before: Self.addressHeader(isOld: isOld, magic: [0, 0, 0, 0]))
            #expect(unnumbered.contains(expected), "\(isOld): \(unnumbered)")
        }
        #expect(try RawSocket(connectingTo: ports[0]).exchange("/") == "")
        #expect(try RawSocket(connectingTo: ports[1]).exchange("/") == "")
        let wrong = Self.addressHeader(isOld: true, magic: [1, 2, 3, 5])
        #expect(try RawSocket(connectingTo: ports[1]).exchange("/", before: wrong) == "")
        _ = try await edge.logLine("Received something which does not look like a PROXY protocol header")
        _ = try await edge.logLine("Received an invalid NetScaler Client IP magic number")
    }

    @Test("A server at 0.0.0.0 is where rules say") func transparent() async throws {
        let one = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
        let two = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo")
        let edge = try await Edge(
            servers: ["s 0.0.0.0:0"],
            frontend: "http-request set-dst str(127.0.0.1)\nhttp-request set-dst-port hdr(x-port)",
            backend: "http-reuse always")
        let connection = try RawSocket(connectingTo: edge.port)
        for (port, body) in [(one.port, "one"), (two.port, "two"), (one.port, "one")] {
            connection.send("GET / HTTP/1.1\r\nHost: a\r\nx-port: \(port)\r\n\r\n")
            let answer = await connection.blocking { $0.receive(through: "\r\n\r\n\(body)") }
            #expect(answer != nil)
        }
    }

    @Test("The server is told the address that rules gave") func forwarded() async throws {
        let server = try ScriptedServer { connection, _, server in
            if let head = connection.receive(through: "\r\n\r\n") { server.note(head) }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(server.port) send-proxy"],
            frontend: "option forwardfor\nhttp-request set-src str(5.6.7.8)\nhttp-request set-src-port int(9)")
        _ = try RawSocket(connectingTo: edge.port).exchange("/")
        let head = try #require(server.received.first)
        #expect(head.hasPrefix("PROXY TCP4 5.6.7.8 127.0.0.1 9 \(edge.port)\r\n"), "\(head)")
        #expect(head.contains("x-forwarded-for: 5.6.7.8\r\n"), "\(head)")
    }
}
