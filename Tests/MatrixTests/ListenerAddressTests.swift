import Foundation
import Glibc
import TestSupport
import Testing

@Suite("Where a bind line listens") struct ListenerAddressTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    @Test("IPv4, IPv6, any address, ranges, Unix and abstract sockets") func addresses() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let folder = try ListenerFolder()
        let ports = try (0..<8).map { _ in try Ports.free() }
        var first = try Ports.free()
        while Ports.listens(first + 1) || Ports.listensUDP(first + 1) { first = try Ports.free() }
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend edge
                bind 127.0.0.1:\(ports[0]) name four
                bind [::1]:\(ports[1]) name six
                bind ipv6@::1:\(ports[2]) name prefixed
                bind *:\(ports[3]) name any
                bind :\(ports[4]) name colon
                bind ipv4@127.0.0.1:\(ports[5]) name prefixed4
                bind 127.0.0.1:\(first)-\(first + 1) name range
                bind unix@FOLDER/edge.sock mode 640 name unix
                bind abns@portico-\(ports[0]) name abstract
                bind abnsz@portico-\(ports[0]) name exact
                default_backend back
                backend back
                server s1 127.0.0.1:\(server.port)
                listen padded
                bind *:\(ports[6])
                server s1 abns@portico-\(ports[0])
                listen exact
                bind *:\(ports[7])
                server s1 abnsz@portico-\(ports[0]) check
                """), in: folder)
        for port in [ports[0], ports[3], ports[4], ports[5], first, first + 1] {
            #expect(try RawSocket(connectingTo: port).exchange("/\(port)").hasSuffix("hello"), "port \(port)")
        }
        for port in ports[1...2] {
            #expect(try RawSocket(connectingToIPv6: port).exchange("/\(port)").hasSuffix("hello"), "port \(port)")
        }
        #expect(try RawSocket(unix: "\(folder.path)/edge.sock").exchange("/unix").hasSuffix("hello"))
        #expect(try RawSocket(unix: "portico-\(ports[0])", isAbstract: true).exchange("/abns").hasSuffix("hello"))
        // The same name without the zeros behind it is another one.
        let exact = try RawSocket(unix: "portico-\(ports[0])", isAbstract: true, isPadded: false)
        #expect(exact.exchange("/abnsz").hasSuffix("hello"))
        for port in ports[6...7] {
            #expect(try RawSocket(connectingTo: port).exchange("/\(port)").hasSuffix("hello"), "port \(port)")
        }
        #expect(try await edge.logLine("GET /abnsz ").contains(" edge"))
        #expect(try await edge.logLine("GET /\(ports[0]) ").hasPrefix("127.0.0.1:"))
        #expect(try await edge.logLine("GET /\(ports[1]) ").hasPrefix("::1:"))
        #expect(try await edge.logLine("GET /unix ").hasPrefix("unix:"))
    }

    @Test("mode, user and group of a Unix socket") func permissions() async throws {
        let folder = try ListenerFolder()
        let user = try #require(unsafe getpwuid(getuid()).map { unsafe String(cString: $0.pointee.pw_name) })
        let group = try #require(unsafe getgrgid(getgid()).map { unsafe String(cString: $0.pointee.gr_name) })
        // Only root may give a file away.
        let numbers = getuid() == 0 ? (user: 12, group: 13) : (user: Int(getuid()), group: Int(getgid()))
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen edge
                bind unix@FOLDER/named.sock mode 600 user \(user) group \(group)
                bind FOLDER/numbers.sock mode 664 uid \(numbers.user) gid \(numbers.group)
                server s1 127.0.0.1:1
                """), in: folder)
        var status = stat()
        try #require(unsafe stat("\(folder.path)/named.sock", &status) == 0)
        #expect((status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o600, getuid(), getgid()))
        try #require(unsafe stat("\(folder.path)/numbers.sock", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o664)
        #expect((Int(status.st_uid), Int(status.st_gid)) == (numbers.user, numbers.group))
        #expect(try await edge.process.stop() == 0)
    }

    @Test("A listening descriptor that the process inherits") func inherited() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen edge
                bind fd@9
                server s1 127.0.0.1:\(server.port)
                """), in: ListenerFolder(), wrapper: ListenerProcess.listening(on: port))
        for number in 0..<8 {
            #expect(try RawSocket(connectingTo: port).exchange("/\(number)").hasSuffix("hello"))
        }
        #expect(try await edge.logLine("GET /7 ").contains(" edge edge/s1 "))
    }

    @Test("QUIC on IPv4 and IPv6") func quic() async throws {
        let server = try ScriptedServer.answering(Self.answer)
        let (four, six) = (try Ports.free(), try Ports.free())
        let certificates = try await TestCertificates.directory()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                """
                listen edge
                bind quic4@127.0.0.1:\(four) ssl crt \(certificates)
                bind quic6@[::1]:\(six) ssl crt \(certificates)
                server s1 127.0.0.1:\(server.port)
                """), in: ListenerFolder())
        let show = ["--show-body"]
        for host in ["127.0.0.1:\(four)", "[::1]:\(six)"] {
            let report = try await Aioquic.get("https://\(host)/\(host.count)", show)
            #expect(report.handshake?.alpn == "h3", "\(report.error ?? "")")
            #expect(report.responses?.first?.body == "hello")
        }
        #expect(try await edge.logLine("https://[::1]:\(six)/").hasPrefix("::1:"))
    }

    @Test("Every worker takes connections") func workers() async throws {
        // Each connection stays open, so the kernel's hash alone decides; 64 connections miss one of 3 workers with a
        // probability below 10^-11.
        let server = try ScriptedServer.answering(Self.answer)
        let edge = try await Edge(servers: ["s1 127.0.0.1:\(server.port)"], global: "nbthread 3")
        let before = try Self.switches(edge.process.pid)
        let open = try (0..<64).map { _ in try RawSocket(connectingTo: edge.port) }
        for socket in open {
            socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(socket.receive(through: "hello") != nil)
        }
        let after = try Self.switches(edge.process.pid)
        let busy = after.filter { thread, count in count > before[thread, default: 0] }
        #expect(busy.count >= 3, "\(before) \(after)")
    }

    /// How often each thread of a process has waited so far.
    private static func switches(_ pid: pid_t) throws -> [String: Int] {
        var result: [String: Int] = [:]
        for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") {
            let status = try String(contentsOfFile: "/proc/\(pid)/task/\(thread)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches") }
            result[thread] = line.flatMap { Int($0.split(separator: "\t").last ?? "") } ?? 0
        }
        return result
    }
}
