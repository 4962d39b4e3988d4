import Foundation
import Glibc
import TestSupport

/// A portico process with a whole configuration of the test's own, and a folder for its files and sockets.
final class ListenerProcess: Sendable {
    let process: ChildProcess
    let folder: ListenerFolder

    /// Starts `portico` (or `program`) and waits until it serves.
    /// - Parameters:
    ///   - configuration: the file; `FOLDER` stands for `folder`'s path.
    ///   - wrapper: a command that ends by running what follows it, to hand over descriptors.
    init(_ configuration: String, in folder: ListenerFolder, wrapper: [String] = []) async throws {
        self.folder = folder
        let file = try folder.write("edge.cfg", configuration.replacing("FOLDER", with: folder.path))
        let command = wrapper + [try Repository.program("portico"), "-f", file]
        process = try ChildProcess(command[0], Array(command.dropFirst()))
        let process = process
        try await process.ready("the listeners") { process.errors.contains("serves with") }
    }

    /// Lines on standard output so far.
    var log: [String] { process.output.split(separator: "\n").map(String.init) }

    /// Waits for a log line that contains `text`, and returns it.
    func logLine(_ text: String) async throws -> String {
        try await eventually("a log line with '\(text)' in \(log)") { log.contains { $0.contains(text) } }
        return log.first { $0.contains(text) } ?? ""
    }

    /// The usual sections: times, then `rest`.
    static func sections(global: String = "nbthread 2", defaults: String = "", _ rest: String) -> String {
        """
        global
        log stdout format raw local0
        \(global)
        defaults
        log global
        mode http
        option httplog
        timeout client 5s
        timeout server 5s
        timeout connect 2s
        \(defaults)
        \(rest)

        """
    }

    /// Starts a program that listens on a TCP port of 127.0.0.1 as descriptor 9 and then becomes what follows.
    static func listening(on port: Int) -> [String] {
        let script = """
            import os, socket, sys
            listener = socket.socket()
            listener.bind(("127.0.0.1", int(sys.argv[1])))
            os.dup2(listener.fileno(), 9)
            os.execv(sys.argv[2], sys.argv[2:])
            """
        return ["python3", "-c", script, "\(port)"]
    }
}

/// A folder that goes with its last reference. Its path is short enough for Unix sockets.
final class ListenerFolder: Sendable {
    let path: String

    init() throws {
        path = "/tmp/portico-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
        return "\(path)/\(name)"
    }
}

extension RawSocket {
    /// Connects to a Unix socket by path, or to an abstract name, which is padded with zeros or not.
    convenience init(unix path: String, isAbstract: Bool = false, isPadded: Bool = true) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = (isAbstract ? [0] : []) + Array(path.utf8)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let size = isPadded ? MemoryLayout<sockaddr_un>.size : MemoryLayout<sa_family_t>.size + bytes.count
        try self.init(descriptor, &address, size, path)
    }

    /// Connects to a port of ::1.
    convenience init(connectingToIPv6 port: Int) throws {
        let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = in_port_t(port).bigEndian
        address.sin6_addr = in6addr_loopback
        try self.init(descriptor, &address, MemoryLayout<sockaddr_in6>.size, "[::1]:\(port)")
    }

    private convenience init<Address>(
        _ descriptor: Int32, _ address: inout Address, _ size: Int, _ text: String
    ) throws {
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw SupportError.timeout("a connection to \(text)")
        }
        self.init(adopting: descriptor)
    }

    /// Sends a request and returns all that comes until the peer ends.
    func exchange(_ path: String = "/", before: [UInt8] = []) -> String {
        send(before + Array("GET \(path) HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n".utf8))
        return String(decoding: receiveAll().bytes, as: UTF8.self)
    }
}
