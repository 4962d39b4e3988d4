import Foundation
import TestSupport
import Testing

/// `add server … track`. Words and order are those of HAProxy 3.5-dev5.
@Suite("Runtime API: servers that follow others") struct TrackCommandTests {
    @Test("Refusals, and the states of those that follow") func track() async throws {
        let origin = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let address = "127.0.0.1:\(origin.port)"
        let process = try await RuntimeProcess(
            backend: "server srv \(address) check inter 100ms\nserver plain \(address)")
        func add(_ name: String, _ tracked: String) async throws -> String {
            try await process.ask("add server back/\(name) \(address) track \(tracked)")
        }
        #expect(
            try await add("x", "back/plain")
                == "unable to use back/plain for tracking as it does not have any check nor agent enabled.\n\n")
        #expect(try await add("x", "none/srv") == "unable to find required proxy 'none' for tracking.\n\n")
        #expect(try await add("x", "back/none") == "unable to find required server 'none' for tracking.\n\n")
        for name in ["s1", "s2", "s3"] {
            #expect(try await add(name, "back/srv") == "New server registered.\n\n")
            _ = try await process.ask("enable server back/\(name)")
        }
        #expect(
            try await add("x", "back/s1") == "unable to use back/s1 for tracking as it is a dynamic server.\n\n")
        _ = try await process.ask("disable server back/srv")
        // It is in maintenance since the one that it follows is.
        #expect(try await process.ask("del server back/s1") == "Server deleted.\n\n")
        _ = try await process.ask("enable server back/srv")
        _ = try await process.listener.logLine("Server back/s2 is UP/READY (leaving maintenance)")
        let lines = process.listener.log.compactMap { line -> String? in
            guard let start = line.range(of: "Server back/") else { return nil }
            let words = line[start.upperBound...].split(separator: " ")
            return "\(words[0]) \(words.dropFirst(2).first ?? "")"
        }
        let changes = lines.drop { $0 != "srv going" }
        #expect(
            changes.prefix(7) == [
                "srv going", "s3 going", "s2 going", "s1 going", "srv UP/READY", "s3 UP/READY", "s2 UP/READY",
            ], "\(lines)")
    }
}
