import Foundation
import TestSupport

/// A portico process with a configuration of its own on free ports.
final class Edge: Sendable {
    let process: ChildProcess
    /// Clear HTTP.
    let port: Int
    /// TLS on TCP, and QUIC.
    let securePort: Int
    private let file: URL

    /// Starts portico with one frontend on `port` (clear) and `securePort` (TLS and QUIC) and one backend.
    /// - Parameters:
    ///   - servers: `server` lines without the word, for the backend.
    ///   - frontend, backend, global, defaults: more lines of these sections.
    init(
        servers: [String], frontend: String = "", backend: String = "", defaults: String = "mode http\noption httplog",
        timeouts: String = "timeout client 30s\ntimeout server 30s\ntimeout connect 5s", global: String = "nbthread 2",
        arguments: [String] = []
    ) async throws {
        port = try Ports.free()
        securePort = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let isHTTP = defaults.contains("mode http")
        let quic = isHTTP ? "bind quic4@127.0.0.1:\(securePort) ssl crt \(certificates)" : ""
        let text = """
            global
            log stdout format raw local0
            \(global)
            defaults
            log global
            \(defaults)
            \(timeouts)
            frontend edge
            bind 127.0.0.1:\(port)
            bind 127.0.0.1:\(securePort) ssl crt \(certificates)
            \(quic)
            \(frontend)
            default_backend back
            backend back
            \(backend)
            \(servers.map { "server \($0)" }.joined(separator: "\n"))

            """
        file = FileManager.default.temporaryDirectory.appending(path: "portico-\(UUID().uuidString).cfg")
        try text.write(to: file, atomically: true, encoding: .utf8)
        process = try ChildProcess(try Repository.program("portico"), ["-f", file.path()] + arguments)
        let (process, port, securePort) = (process, port, securePort)
        try await process.ready("the listeners") { process.errors.contains("serves with") }
        _ = (port, securePort)
    }

    /// Ends the process and starts another with the same configuration.
    func restarted() async throws -> ChildProcess {
        _ = try await process.stop()
        let again = try ChildProcess(try Repository.program("portico"), ["-f", file.path()])
        try await again.ready("the listeners") { again.errors.contains("serves with") }
        return again
    }

    deinit { try? FileManager.default.removeItem(at: file) }

    /// Lines of the access log so far.
    var log: [String] { process.output.split(separator: "\n").map(String.init) }

    /// Waits for a log line that contains `text`, and returns it.
    func logLine(_ text: String) async throws -> String {
        try await eventually("a log line with '\(text)' in \(log)") { log.contains { $0.contains(text) } }
        return log.first { $0.contains(text) } ?? ""
    }

    /// The two letters of a log line's termination state, or `----`'s first two.
    static func termination(_ line: String) -> String {
        let words = line.split(separator: " ")
        return words.count > 9 ? String(words[9].prefix(2)) : "?"
    }
}

/// A portico-origin process on free ports.
final class OriginProcess: Sendable {
    let process: ChildProcess
    let port: Int
    let securePort: Int
    /// HTTP/3.
    let quicPort: Int

    init() async throws {
        port = try Ports.free()
        securePort = try Ports.free()
        quicPort = try Ports.free()
        let certificates = try await TestCertificates.directory()
        process = try ChildProcess(
            try Repository.program("portico-origin"),
            [
                "--listen", "127.0.0.1:\(port)", "--tls", "127.0.0.1:\(securePort)", "--quic", "127.0.0.1:\(quicPort)",
                "--certificate", certificates,
            ])
        let (process, port, securePort) = (process, port, securePort)
        try await process.ready("the listeners") { Ports.listens(port) && Ports.listens(securePort) }
    }
}
