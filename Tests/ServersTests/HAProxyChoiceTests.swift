import Bytes
import Configuration
import Foundation
import Runtime
import Servers
import Testing

/// The choices of HAProxy in Tests/Tables/balance.tsv, which balance.py wrote, made by our balancer. Keys that are found
/// in requests are compared over sockets, in MatrixTests.
@Suite("The same servers as HAProxy") struct HAProxyChoiceTests {
    private struct Row: Sendable, CustomTestStringConvertible {
        var lines: [String]
        var kind: String
        var port: Int
        var servers: [Int]
        var testDescription: String { "\(lines.joined(separator: "; ")), \(kind)" }
    }

    private static let rows: [Row] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Tables/balance.tsv")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard parts.count == 4, let port = Int(parts[2]) else { return nil }
            let lines = parts[0].split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
            return Row(
                lines: lines, kind: String(parts[1]), port: port, servers: parts[3].compactMap(\.wholeNumberValue))
        }
    }()

    private static let hashed = rows.filter { row in
        ["text", "number", "ipv4", "ipv6"].contains(row.kind)
            && (row.lines[0] == "balance hdr(x-key)" || row.lines[0] == "balance source")
    }
    private static let inTurn = rows.filter { $0.kind == "none" }

    private static func backend(_ row: Row) -> SharedBackend {
        let place = SourceLocation(file: "test.cfg", line: 1)
        var settings = BackendSettings(name: "back", mode: .http, location: place)
        settings.balance =
            switch row.lines[0] {
            case "balance source": .source
            case "balance static-rr": .staticRR
            default: .header(name: "x-key", domainOnly: false)
            }
        var key = ServerHashKey.id
        for line in row.lines.dropFirst() {
            let words = line.split(separator: " ").map(String.init)
            if words[0] == "default-server" {
                key = ServerHashKey(rawValue: words[2]) ?? .id
                continue
            }
            settings.hashing.method = words[1] == "consistent" ? .consistent : .map
            settings.hashing.function = words.count > 2 ? .init(rawValue: words[2]) ?? .sdbm : .sdbm
            settings.hashing.avalanches = words.count > 2 ? words.count > 3 : settings.hashing.method == .consistent
        }
        let backend = SharedBackend(settings: settings, index: 0)
        let guids = ["alpha", "beta:2", "gamma.3", "delta-4", "epsilon_5"]
        for (number, weight) in [3, 1, 2, 5, 1].enumerated() {
            let port = UInt16(row.port + number)
            let address = SocketAddress(ipv4: 127, 0, 0, UInt8(number + 1), port: port)
            var server = ServerSettings(
                name: "\(number)", address: .host(.ip(.v4(0x7f00_0001 + UInt32(number))), .fixed(port)), location: place
            )
            server.weight = weight
            server.hashKey = key
            server.guid = guids[number]
            backend.add(isLast: number == 4) { index, id in
                SharedServer(settings: server, backend: backend, index: index, id: id, address: .ip(address))
            }
        }
        return backend
    }

    /// As balance.py makes them.
    private static func hash(_ number: Int, _ kind: String, _ hashing: HashSettings) -> UInt32 {
        let i = number
        switch kind {
        case "text": return KeyHash.hash(Array("key-\(i * 7919)".utf8).span, hashing)
        case "number":
            let value = i * 2_654_435_761 % 4_294_967_296 - (1 << 20) * (i % 3)
            return KeyHash.hash(Array("\(value)".utf8).span, hashing)
        case "ipv4":
            return KeyHash.address([10, UInt8(i % 7), UInt8(i * 31 % 256), UInt8(i * 17 % 251)].span, hashing)
        default:
            var octets = [UInt8](repeating: 0, count: 16)
            octets[0...3] = [0x20, 0x01, 0x0d, 0xb8]
            for (place, word) in [(4, i % 5), (12, i * 977 % 65536), (14, i + 1)] {
                octets[place] = UInt8(word >> 8)
                octets[place + 1] = UInt8(word & 0xff)
            }
            return KeyHash.address(octets.span, hashing)
        }
    }

    @Test("The table has all functions with both methods") func table() {
        #expect(Self.hashed.count == 32)
        #expect(Self.inTurn.count == 3)
    }

    @Test("Keys find HAProxy's servers", arguments: hashed)
    private func keys(row: Row) {
        let backend = Self.backend(row)
        let chosen = row.servers.indices.map { number in
            backend.choose(key: Self.hash(number, row.kind, backend.settings.hashing)).server?.index ?? -1
        }
        #expect(row.servers.count == 200)
        #expect(chosen == row.servers)
    }

    @Test("Turns come in HAProxy's order", arguments: inTurn)
    private func turns(row: Row) {
        let backend = Self.backend(row)
        #expect(row.servers.indices.map { _ in backend.choose().server?.index ?? -1 } == row.servers)
    }
}
