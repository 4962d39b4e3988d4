import Foundation
import TestSupport
import Testing

/// `source` with ports, and `usesrc`: what the server sees as its client. 127.0.0.0/8 has addresses enough.
@Suite("source") struct ServerSourceTests {
    /// What a server behind `line` sees, for a client that a PROXY header gives an address.
    private static func seen(
        _ line: String, backend: String = "", fields: String = "", requests: Int = 1
    ) async throws -> [String] {
        let (port, inner) = (try Ports.free(), try Ports.free())
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend web
                bind 127.0.0.1:\(port) accept-proxy
                default_backend back
                backend back
                http-reuse never
                \(backend)
                server s1 127.0.0.1:\(inner) \(line)
                frontend inner
                bind 127.0.0.1:\(inner)
                http-request return status 200 hdr x-src "%[src]:%[src_port]"
                """), in: try ListenerFolder())
        var all: [String] = []
        for _ in 0..<requests {
            let socket = try RawSocket(connectingTo: port)
            let answer = await socket.blocking { socket in
                socket.send(
                    "PROXY TCP4 127.0.0.77 127.0.0.1 40777 80\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                        + fields + "\r\n")
                return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            }
            let line = answer.components(separatedBy: "\r\n").first { $0.lowercased().hasPrefix("x-src: ") }
            all.append(line.map { String($0.dropFirst(7)) } ?? answer)
        }
        withExtendedLifetime(edge) {}
        return all
    }

    private static func address(_ text: String?) -> String { String((text ?? "").prefix { $0 != ":" }) }

    @Test("An address of ours, on the server's line or the backend's") func own() async throws {
        #expect(Self.address(try await Self.seen("source 127.0.0.5").first) == "127.0.0.5")
        #expect(Self.address(try await Self.seen("", backend: "source 127.0.0.6").first) == "127.0.0.6")
        #expect(
            Self.address(try await Self.seen("source 127.0.0.5", backend: "source 127.0.0.6").first) == "127.0.0.5")
    }

    @Test("Ports of a range take turns") func ports() async throws {
        let low = try Ports.free()
        let high = min(65_535, low + 7)
        let seen = try await Self.seen("source 127.0.0.9:\(low)-\(high)", requests: 6)
        let ports = seen.compactMap { Int($0.split(separator: ":").last ?? "") }
        #expect(ports.count == 6 && ports.allSatisfy { (low...high).contains($0) }, "\(seen)")
        #expect(Set(ports).count == 6)
    }

    @Test(
        "usesrc shows another address",
        .enabled(if: geteuid() == 0, "IP_TRANSPARENT needs CAP_NET_ADMIN"),
        arguments: [
            ("source 0.0.0.0 usesrc 127.0.0.66", "", "127.0.0.66"),
            ("source 0.0.0.0 usesrc clientip", "", "127.0.0.77"),
            ("source 0.0.0.0 usesrc client", "", "127.0.0.77:40777"),
            ("source 0.0.0.0 usesrc hdr_ip(x-from)", "X-From: 127.0.0.1, 127.0.0.88\r\n", "127.0.0.88"),
            ("source 0.0.0.0 usesrc hdr_ip(x-from,1)", "X-From: 127.0.0.89, 127.0.0.1\r\n", "127.0.0.89"),
            ("source 127.0.0.5 usesrc hdr_ip(x-from,-1)", "", "127.0.0.5"),
        ])
    func shown(line: String, fields: String, expected: String) async throws {
        let seen = try await Self.seen(line, fields: fields).first ?? ""
        #expect(expected.contains(":") ? seen == expected : Self.address(seen) == expected, "\(seen)")
    }

    @Test("proxy-v2-options and set-proxy-v2-tlv-fmt reach the server") func fields() async throws {
        let (port, inner) = (try Ports.free(), try Ports.free())
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend web
                bind 127.0.0.1:\(port)
                unique-id-format id-%[req.hdr(x-n)]
                default_backend back
                backend back
                server s1 127.0.0.1:\(inner) send-proxy-v2 proxy-v2-options unique-id,crc32c set-proxy-v2-tlv-fmt(0xE1) "%[req.hdr(x-n)]!" set-proxy-v2-tlv-fmt(226) fixed
                frontend inner
                bind 127.0.0.1:\(inner) accept-proxy
                http-request return status 200 hdr x-one "%[fc_pp_tlv(0xE1)]" hdr x-two "%[fc_pp_tlv(0xE2)]" hdr x-id "%[fc_pp_unique_id]"
                """), in: try ListenerFolder())
        for number in 1...3 {
            let socket = try RawSocket(connectingTo: port)
            let answer = await socket.blocking { socket in
                socket.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-N: \(number)\r\n\r\n")
                return String(decoding: socket.receiveAll().bytes, as: UTF8.self).lowercased()
            }
            #expect(answer.contains("x-one: \(number)!\r\n") && answer.contains("x-two: fixed\r\n"), "\(answer)")
            #expect(answer.contains("x-id: id-\(number)\r\n"), "\(answer)")
        }
        withExtendedLifetime(edge) {}
    }
}
