import Foundation
import TestSupport
import Testing

/// `set quic qlog`: files of new QUIC connections, switched while the process runs.
@Suite("set quic qlog") struct QUICLogTests {
    private static func edge() async throws -> (Edge, folder: ListenerFolder, logs: String) {
        let folder = try ListenerFolder()
        let logs = "\(folder.path)/logs"
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:1"], frontend: "http-request return status 200",
            global: "nbthread 2\nstats socket \(folder.path)/admin level admin")
        return (edge, folder, logs)
    }

    private static func ask(_ folder: ListenerFolder, _ text: String) async throws -> String {
        let raw = try RawSocket(unix: "\(folder.path)/admin")
        return await raw.blocking { raw in
            raw.send(text + "\n")
            return String(decoding: raw.receiveAll().bytes, as: UTF8.self)
        }
    }

    private static func files(_ logs: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: logs).sorted()
    }

    /// The records of a file (RFC 7464); throws when one is no JSON object.
    private static func records(_ path: String) throws -> [[String: Any]] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.first == "\u{1e}" && text.last == "\n")
        return try text.split(separator: "\u{1e}").map { piece in
            let object = try JSONSerialization.jsonObject(with: Data(piece.utf8))
            return try #require(object as? [String: Any], "\(piece)")
        }
    }

    @Test("Files of connections of the frontend, valid for qvis, until it is turned off") func frontend() async throws {
        let (edge, folder, logs) = try await Self.edge()
        #expect(try await Client.h3.fetch("/", edge).status == 200)
        #expect(try Self.files(logs).isEmpty)
        #expect(
            try await Self.ask(folder, "set quic qlog on frontend edge \(logs)")
                == "New QUIC connections write qlog files into '\(logs)'.\n\n")
        #expect(try await Self.ask(folder, "set quic qlog status").hasPrefix("frontend edge \(logs)\nfiles made: 0, "))
        #expect(try await Client.h3.fetch("/", edge).status == 200)
        #expect(try await Client.h3.fetch("/", edge).status == 200)
        // The end of a log is written when the connection's closing period is over.
        try await eventually("two whole logs") {
            let found = try Self.files(logs)
            return found.count == 2
                && found.allSatisfy { name in
                    (try? String(contentsOfFile: "\(logs)/\(name)", encoding: .utf8))?.contains("connection_close")
                        == true
                }
        }
        for name in try Self.files(logs) {
            #expect(name.hasSuffix("_server.sqlog"))
            let records = try Self.records("\(logs)/\(name)")
            let header = try #require(records.first)
            #expect(header["qlog_format"] as? String == "JSON-SEQ" && header["qlog_version"] as? String == "0.3")
            let trace = try #require(header["trace"] as? [String: Any])
            let point = try #require(trace["vantage_point"] as? [String: Any])
            #expect(point["type"] as? String == "server")
            let names = Set(records.dropFirst().compactMap { $0["name"] as? String })
            #expect(
                names.isSuperset(of: [
                    "transport:parameters_set", "transport:packet_sent", "transport:packet_received",
                    "recovery:metrics_updated",
                ]))
            #expect(records.dropFirst().allSatisfy { $0["time"] is NSNumber && $0["data"] is [String: Any] })
        }
        #expect(try await Self.ask(folder, "set quic qlog off frontend edge") == "\n")
        #expect(try await Client.h3.fetch("/", edge).status == 200)
        #expect(try await Self.ask(folder, "set quic qlog status").hasPrefix("off\nfiles made: 2, "))
    }

    @Test("By the client's address, by everything, and off for all") func sources() async throws {
        let (edge, folder, logs) = try await Self.edge()
        _ = try await Self.ask(folder, "set quic qlog on src 10.0.0.0/8 \(logs)")
        #expect(try await Client.h3.fetch("/", edge).status == 200)
        #expect(try await Self.ask(folder, "set quic qlog status").contains("files made: 0, "))
        _ = try await Self.ask(folder, "set quic qlog on src 127.0.0.0/8 \(logs)")
        #expect(try await Client.h3.fetch("/", edge).status == 200)
        #expect(try await Self.ask(folder, "set quic qlog status").contains("files made: 1, "))
        _ = try await Self.ask(folder, "set quic qlog off")
        _ = try await Self.ask(folder, "set quic qlog on \(logs)")
        #expect(try await Client.h3.fetch("/", edge).status == 200)
        #expect(try await Self.ask(folder, "set quic qlog status").hasPrefix("all \(logs)\nfiles made: 2, "))
    }

    @Test("One connection in three") func sample() async throws {
        let (edge, folder, logs) = try await Self.edge()
        _ = try await Self.ask(folder, "set quic qlog on frontend edge sample 3 \(logs)")
        #expect(
            try await Self.ask(folder, "set quic qlog status").hasPrefix(
                "frontend edge sample 3 \(logs)\nfiles made: 0"))
        for made in [1, 1, 1, 2, 2, 2, 3] {
            #expect(try await Client.h3.fetch("/", edge).status == 200)
            #expect(try await Self.ask(folder, "set quic qlog status").contains("files made: \(made), "))
        }
        // What the sample passes over another subject may still log.
        _ = try await Self.ask(folder, "set quic qlog on src 127.0.0.1 \(logs)")
        #expect(try await Client.h3.fetch("/", edge).status == 200)
        #expect(try await Self.ask(folder, "set quic qlog status").contains("files made: 4, "))
    }

    @Test(
        "What can not be is refused",
        arguments: [
            ("on", "'set quic qlog' expects"), ("", "'set quic qlog' expects"),
            ("on frontend none /tmp", "No such frontend."),
            ("on src here /tmp", "'here' is no address."), ("on src 10.0.0.0/33 /tmp", "is no network: 0 to 32 bits."),
            ("on tmp", "'tmp' : expects the absolute path of a directory."),
            ("on /does/not/exist", "'/does/not/exist' : No such file or directory."),
            ("on /dev/null", "'/dev/null' : is no directory."), ("on /tmp more", "'set quic qlog' expects"),
            ("on sample 0 /tmp", "'0' is no sample: one in 1 to 1000000000 connections."),
            ("on sample /tmp", "'/tmp' is no sample"), ("on frontend edge sample 3", "'set quic qlog' expects"),
            ("off frontend edge", "These QUIC connections write no qlog files."),
        ])
    func refused(words: String, answer: String) async throws {
        let (edge, folder, _) = try await Self.edge()
        #expect(try await Self.ask(folder, "set quic qlog \(words)").contains(answer))
        #expect(try await Self.ask(folder, "set quic qlog status").hasPrefix("off\n"))
        withExtendedLifetime(edge) {}
    }
}
