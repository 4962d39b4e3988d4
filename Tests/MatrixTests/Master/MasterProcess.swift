import Foundation
import Glibc
import TestSupport

/// A portico master with its worker processes, a folder for files and sockets, and the socket of its CLI.
final class MasterProcess: Sendable {
    let process: ChildProcess
    let folder: ListenerFolder
    let port: Int

    /// Starts `portico -W -S FOLDER/master` and waits until its first worker serves.
    /// - Parameters:
    ///   - text: makes the configuration of a name; see ``write(_:)``.
    ///   - mode: `-W` or `-Ws`.
    init(
        _ configuration: String? = nil, global: String = "", mode: String = "-W", arguments: [String] = [],
        environment: [String: String] = [:], program: String? = nil, folder: ListenerFolder? = nil
    ) async throws {
        let port = try Ports.free()
        let folder = try folder ?? ListenerFolder()
        self.port = port
        self.folder = folder
        let text = configuration ?? Self.configuration("one", global: global, port: port)
        let file = try folder.write("edge.cfg", text.replacing("FOLDER", with: folder.path))
        let program = try program ?? Repository.program("portico")
        process = try ChildProcess(
            program, [mode, "-S", "\(folder.path)/master", "-f", file] + arguments, environment: environment)
        let process = process
        try await process.ready("the first worker") { process.errors.contains("Loading success.") }
    }

    /// A configuration whose answers say a name.
    static func configuration(_ name: String, global: String = "", port: Int, defaults: String = "") -> String {
        """
        global
        nbthread 2
        \(global)
        defaults
        mode http
        timeout client 30s
        timeout server 30s
        timeout connect 2s
        \(defaults)
        frontend web
        bind 127.0.0.1:\(port)
        http-request return status 200 content-type text/plain string \(name)

        """
    }

    /// Replaces the configuration by one whose answers say `name`.
    func write(_ name: String, global: String = "") throws {
        try write(text: Self.configuration(name, global: global, port: port))
    }

    func write(text: String) throws {
        try folder.write("edge.cfg", text.replacing("FOLDER", with: folder.path))
    }

    /// What a new connection is answered.
    func answer() throws -> String {
        let text = try RawSocket(connectingTo: port).exchange()
        return text.components(separatedBy: "\r\n\r\n").dropFirst().joined()
    }

    /// Waits until `name` answers new connections.
    func answers(_ name: String) async throws {
        try await eventually("answers of \(name)") { (try? answer()) == name }
    }

    /// Numbers of the worker processes, in the order of their start.
    var workers: [pid_t] {
        let list =
            (try? String(contentsOfFile: "/proc/\(process.pid)/task/\(process.pid)/children", encoding: .utf8)) ?? ""
        return list.split(separator: " ").compactMap { pid_t($0) }.sorted()
    }

    /// Sends text to the master CLI, ends the sending side, and returns all that comes.
    func ask(_ text: String) async throws -> String {
        let socket = try RawSocket(unix: "\(folder.path)/master")
        return await socket.blocking { socket in
            socket.send(text.hasSuffix("\n") ? text : text + "\n")
            socket.shutdownWrite()
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
    }

    /// Lines of standard error without the bracket and the number of the process: `W` stands for a worker's number.
    var messages: [String] {
        process.errors.split(separator: "\n").map { line in
            let (label, rest) = (line.prefix { $0 != "(" }, line.drop { $0 != "(" }.dropFirst())
            let who = Int32(rest.prefix { $0 != ")" }) == process.pid ? "master" : "worker"
            let text = String(rest.drop { $0 != ":" }.dropFirst(2)).replacing(/worker \(\d+\)/, with: "worker (W)")
            return "\(label.trimmingCharacters(in: .whitespaces)) \(who): \(text)"
        }
    }
}
