import Foundation
import TestSupport

/// A portico process with sockets of the runtime API for each level.
final class RuntimeProcess: Sendable {
    let listener: ListenerProcess
    let port: Int
    var folder: ListenerFolder { listener.folder }

    /// - Parameters:
    ///   - global, frontend, backend, rest: more lines of these sections, and more sections.
    ///   - folder: where its files and sockets are; it may have files already.
    init(
        global: String = "", frontend: String = "", backend: String = "server s1 127.0.0.1:1", rest: String = "",
        folder: ListenerFolder? = nil
    ) async throws {
        port = try Ports.free()
        listener = try await ListenerProcess(
            ListenerProcess.sections(
                global: """
                    nbthread 2
                    stats socket FOLDER/admin mode 600 level admin
                    stats socket unix@FOLDER/operator
                    stats socket FOLDER/user level user
                    \(global)
                    """,
                """
                frontend web
                bind 127.0.0.1:\(port) name public
                \(frontend)
                default_backend back
                backend back
                \(backend)
                \(rest)
                """), in: folder ?? ListenerFolder())
    }

    /// A connection to the socket of that level's name.
    func connect(_ level: String = "admin") throws -> RawSocket {
        try RawSocket(unix: "\(listener.folder.path)/\(level)")
    }

    /// Sends text and returns all that comes until the end, as one-shot scripts do.
    func ask(_ text: String, _ level: String = "admin") async throws -> String {
        let socket = try connect(level)
        return await socket.blocking { socket in
            socket.send(text.hasSuffix("\n") ? text : text + "\n")
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
    }
}
