import Foundation
import Glibc
import TestSupport
import Testing

@Suite("Where log lines go") struct LogTargetTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    /// A process that logs to `target`, in front of a server.
    private static func edge(
        _ target: String, to server: Int, port: Int, in folder: ListenerFolder, global: String = "",
        wrapper: [String] = []
    ) async throws -> ListenerProcess {
        try await ListenerProcess(
            """
            global
            nbthread 1
            log-send-hostname edge.test
            log-tag portico-test
            log \(target)
            \(global)
            defaults
            mode http
            log global
            option httplog
            timeout client 5s
            timeout server 5s
            timeout connect 1s
            listen edge
            bind 127.0.0.1:\(port)
            server s1 127.0.0.1:\(server)

            """, in: folder, wrapper: wrapper)
    }

    @Test("stdout and stderr", arguments: ["stdout", "stderr"]) func standard(name: String) async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let port = try Ports.free()
        let edge = try await Self.edge("\(name) format raw local0", to: server.port, port: port, in: ListenerFolder())
        #expect(try RawSocket(connectingTo: port).exchange("/there").hasSuffix("hello"))
        let process = edge.process
        try await eventually("the line") {
            (name == "stdout" ? process.output : process.errors).contains("GET /there ")
        }
        #expect(!(name == "stdout" ? process.errors : process.output).contains("GET /there "))
    }

    @Test("An inherited descriptor") func inherited() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let folder = try ListenerFolder()
        let port = try Ports.free()
        let script = "exec 9>>\"$1\"; shift; exec \"$@\""
        let edge = try await Self.edge(
            "fd@9 format raw local0", to: server.port, port: port, in: folder,
            wrapper: ["bash", "-c", script, "bash", "\(folder.path)/log"])
        #expect(try RawSocket(connectingTo: port).exchange("/nine").hasSuffix("hello"))
        try await eventually("the line") {
            (try? String(contentsOfFile: "\(folder.path)/log", encoding: .utf8))?.contains("\"GET /nine HTTP/1.1\"\n")
                == true
        }
        #expect(edge.process.exitStatus == nil)
    }

    @Test(
        "UDP syslog",
        arguments: ["", "format local ", "format rfc3164 ", "format rfc5424 ", "format priority ", "format iso "])
    func udp(format: String) async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let port = try Ports.free()
        let receiver = try DatagramReceiver()
        let edge = try await Self.edge(
            "127.0.0.1:\(receiver.port) \(format)local3 info", to: server.port, port: port, in: ListenerFolder())
        #expect(try RawSocket(connectingTo: port).exchange("/udp").hasSuffix("hello"))
        let line = try #require(receiver.receive())
        // local3 is 19, info is 6: 19 * 8 + 6.
        let iso = #"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"#
        let process = #"\[\#(edge.process.pid)\]: "#
        let headers = [
            "format local ": #"<158>\w{3} [ \d]\d \d\d:\d\d:\d\d portico-test"# + process,
            // log-send-hostname makes RFC 3164 of what names no format.
            "": #"<158>\w{3} [ \d]\d \d\d:\d\d:\d\d edge\.test portico-test"# + process,
            "format rfc3164 ": #"<158>\w{3} [ \d]\d \d\d:\d\d:\d\d edge\.test portico-test"# + process,
            "format rfc5424 ": "<158>1 \(iso) edge\\.test portico-test \(edge.process.pid) - - ",
            "format priority ": "<158>", "format iso ": "\(iso) ",
        ]
        let pattern = try Regex(
            try #require(headers[format]) + #"127\.0\.0\.1:\d+ \[.*\] edge edge/s1 .*"GET /udp HTTP/1\.1"\n"#)
        #expect(try pattern.wholeMatch(in: line) != nil, "\(line)")
    }

    @Test("A Unix datagram socket, and levels") func unix() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let folder = try ListenerFolder()
        let port = try Ports.free()
        let receiver = try DatagramReceiver(unix: "\(folder.path)/log")
        let quiet = try DatagramReceiver(unix: "\(folder.path)/quiet")
        let edge = try await Self.edge(
            "FOLDER/log local0", to: server.port, port: port, in: folder, global: "log FOLDER/quiet local0 notice")
        #expect(try RawSocket(connectingTo: port).exchange("/unix").hasSuffix("hello"))
        let line = try #require(receiver.receive())
        #expect(line.hasPrefix("<134>") && line.hasSuffix("\"GET /unix HTTP/1.1\"\n"), "\(line)")
        // An info line is not for a target that wants notices and worse: after the stop nothing more can come.
        #expect(try await edge.process.stop() == 0)
        #expect(quiet.receive(waits: false) == nil)
    }

    @Test("A target that is away or full holds nothing up", arguments: ["away", "full", "pipe"])
    func blocked(kind: String) async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let folder = try ListenerFolder()
        let port = try Ports.free()
        // Nobody ever reads: the socket's queue, or the pipe, fills up.
        let full = try DatagramReceiver(unix: "\(folder.path)/full")
        let pipe = ["bash", "-c", "mkfifo \"$1\"; exec 9<>\"$1\"; shift; exec \"$@\"", "bash", "\(folder.path)/pipe"]
        let edge = try await Self.edge(
            kind == "away" ? "FOLDER/nobody local0" : kind == "full" ? "FOLDER/full local0" : "fd@9 format raw local0",
            to: server.port, port: port, in: folder, wrapper: kind == "pipe" ? pipe : [])
        let socket = try RawSocket(connectingTo: port)
        let path = "/" + String(repeating: "long", count: 200)
        // 300 lines of 900 bytes: four times what a pipe holds, and many more than a datagram queue takes.
        for _ in 0..<300 {
            socket.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            try #require(socket.receive(through: "hello") != nil)
        }
        if kind == "full" { #expect(full.receive()?.contains(path) == true) }
        #expect(try await edge.process.stop() == 0)
    }
}

/// A bound datagram socket that takes log lines.
final class DatagramReceiver: Sendable {
    let port: Int
    private let descriptor: Int32

    /// On a free port of 127.0.0.1.
    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let receiver = descriptor
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(receiver, address, length) == 0 && getsockname(receiver, address, &length) == 0
            }
        }
        guard bound else { throw SupportError.noPort }
        port = Int(UInt16(bigEndian: address.sin_port))
        limitWait()
    }

    /// At a path.
    init(unix path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        port = 0
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let receiver = descriptor
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(receiver, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard bound else { throw SupportError.missing(path) }
        limitWait()
    }

    deinit { close(descriptor) }

    private func limitWait() {
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The next datagram; nil after ten seconds, or at once when it does not wait.
    func receive(waits: Bool = true) -> String? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(descriptor, &buffer, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
        return count >= 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
