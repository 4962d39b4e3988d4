import Foundation
import Glibc
import TestSupport
import Testing

/// What the kernel knows of a process's TCP sockets: a copy of each descriptor is asked (pidfd_getfd(2)).
private enum SocketOptions {
    private static let script = """
        import ctypes, os, socket, struct, sys
        libc = ctypes.CDLL(None, use_errno=True)
        pid, port, wanted = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        handle = os.pidfd_open(pid)
        for name in os.listdir("/proc/%d/fd" % pid):
            try:
                if not os.readlink("/proc/%d/fd/%s" % (pid, name)).startswith("socket:"): continue
            except OSError: continue
            number = libc.syscall(438, handle, int(name), 0)
            if number < 0: continue
            s = socket.socket(fileno=number)
            if s.family != socket.AF_INET or s.type != socket.SOCK_STREAM: s.close(); continue
            listens = s.getsockopt(socket.SOL_SOCKET, 30)
            own = s.getsockname()[1]
            try: peer = s.getpeername()[1]
            except OSError: peer = 0
            kind = "listener" if listens else "client" if own == port else "server" if peer == port else "other"
            if kind != wanted or (listens and own != port): s.close(); continue
            t = lambda o: s.getsockopt(6, o)
            print("keepalive=%d cnt=%d idle=%d intvl=%d ut=%d cc=%s lowat=%d linger=%d/%d defer=%d syn=%d transparent=%d"
                " device=%s tfo=%d mss=%d"
                % (s.getsockopt(1, 9), t(6), t(4), t(5), t(18), s.getsockopt(6, 13, 16).rstrip(b"\\0").decode(), t(25),
                *struct.unpack("ii", s.getsockopt(1, 13, 8)), t(9), t(27), s.getsockopt(0, 19),
                s.getsockopt(1, 25, 16).rstrip(b"\\0").decode(), t(30), t(2)))
            s.close()
        """

    /// The options of the sockets that have `port` as their own (`listener`, `client`) or as their peer's (`server`).
    static func of(_ process: ChildProcess, _ kind: String, _ port: Int) async throws -> [String] {
        let result = try await ChildProcess.run(
            "/usr/bin/env", ["python3", "-c", script, "\(process.pid)", "\(port)", kind])
        return (result.output + result.errors).split(separator: "\n").map(String.init)
    }
}

@Suite("What the kernel is told of TCP sockets", .enabled(if: geteuid() == 0, "other processes' sockets are looked at"))
struct SocketOptionTests {
    /// A server that answers and keeps its connections.
    private static func server() throws -> ScriptedServer {
        try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }

    /// The options of the sockets of one exchange that is over, on connections that stay.
    private static func options(
        global: String = "nbthread 1", frontend: String = "", bind: String = "", backend: String = "",
        server line: String = ""
    ) async throws -> (listener: String, client: String, server: String) {
        let server = try Self.server()
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: global,
                """
                frontend web
                bind 127.0.0.1:\(port) \(bind)
                \(frontend)
                default_backend back
                backend back
                http-reuse always
                \(backend)
                server s1 127.0.0.1:\(server.port) \(line)
                """), in: try ListenerFolder())
        let socket = try RawSocket(connectingTo: port)
        let answer = await socket.blocking { socket in
            socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return socket.receive(through: "\r\n\r\nok")
        }
        #expect(answer != nil)
        let listener = try await SocketOptions.of(edge.process, "listener", port)
        let client = try await SocketOptions.of(edge.process, "client", port)
        let back = try await SocketOptions.of(edge.process, "server", server.port)
        withExtendedLifetime(socket) {}
        return (
            try #require(listener.first), try #require(client.first, "\(listener)"),
            try #require(back.first, "\(client)")
        )
    }

    @Test("Without a word: no probes, no limits, no resets") func nothing() async throws {
        let found = try await Self.options()
        for line in [found.listener, found.client, found.server] {
            #expect(line.contains("keepalive=0 ") && line.contains(" ut=0 ") && line.contains(" linger=0/"), "\(line)")
            #expect(line.contains(" defer=0 syn=0 transparent=0 device= "), "\(line)")
        }
    }

    @Test("option clitcpka and srvtcpka, each with its numbers") func probes() async throws {
        let found = try await Self.options(
            frontend: "option clitcpka\nclitcpka-cnt 3\nclitcpka-idle 17s\nclitcpka-intvl 5",
            backend: "option srvtcpka\nsrvtcpka-cnt 4\nsrvtcpka-idle 1m\nsrvtcpka-intvl 7")
        #expect(found.client.hasPrefix("keepalive=1 cnt=3 idle=17 intvl=5 "), "\(found)")
        #expect(found.server.hasPrefix("keepalive=1 cnt=4 idle=60 intvl=7 "), "\(found)")
    }

    @Test("Numbers without the option change nothing; option tcpka is for both sides") func bothSides() async throws {
        let found = try await Self.options(frontend: "clitcpka-cnt 3", backend: "option tcpka")
        #expect(found.client.hasPrefix("keepalive=0 "), "\(found)")
        #expect(found.server.hasPrefix("keepalive=1 "), "\(found)")
    }

    @Test("option nolinger: a reset on close, on the side that says it") func noLinger() async throws {
        let front = try await Self.options(frontend: "option nolinger")
        #expect(front.client.contains(" linger=1/0 ") && front.server.contains(" linger=0/"), "\(front)")
        let back = try await Self.options(backend: "option nolinger")
        #expect(back.client.contains(" linger=0/") && back.server.contains(" linger=1/0 "), "\(back)")
    }

    @Test("bind: tcp-ut, cc, mss, defer-accept, tcp-ss, interface, transparent") func listener() async throws {
        let found = try await Self.options(
            bind: "tcp-ut 12s cc reno mss 1200 defer-accept tcp-ss 1 interface lo transparent")
        #expect(found.listener.contains(" ut=12000 cc=reno "), "\(found)")
        #expect(found.listener.contains(" defer=1 syn=1 transparent=1 device=lo tfo=0 mss=1200"), "\(found)")
        #expect(found.client.contains(" ut=12000 cc=reno ") && !found.server.contains(" ut=12000 "), "\(found)")
    }

    @Test("server: tcp-ut, cc, tfo") func server() async throws {
        let found = try await Self.options(server: "tcp-ut 9s cc reno tfo")
        #expect(found.server.contains(" tfo=1 ") && found.client.contains(" tfo=0 "), "\(found)")
        #expect(found.server.contains(" ut=9000 cc=reno ") && found.client.contains(" ut=0 "), "\(found)")
    }

    @Test("tune.notsent-lowat.client and .server") func unsent() async throws {
        let found = try await Self.options(
            global: "nbthread 1\ntune.notsent-lowat.client 16k\ntune.notsent-lowat.server 8192")
        #expect(found.client.contains(" lowat=16384 ") && found.server.contains(" lowat=8192 "), "\(found)")
    }

    @Test("harden.reject-privileged-ports.tcp: clients from the system's ports are closed without a word") func ports()
        async throws
    {
        let script = """
            import socket, sys
            for port in range(700, 1000):
                s = socket.socket()
                s.settimeout(5)
                try: s.bind(("127.0.0.1", port))
                except OSError: continue
                s.connect(("127.0.0.1", int(sys.argv[1])))
                try:
                    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                    print(len(s.recv(100)))
                except ConnectionError: print(0)
                break
            """
        for (setting, isServed) in [("off", true), ("on", false)] {
            let port = try Ports.free()
            let edge = try await ListenerProcess(
                ListenerProcess.sections(
                    global: "nbthread 1\nharden.reject-privileged-ports.tcp \(setting)",
                    "frontend web\nbind 127.0.0.1:\(port)\nhttp-request return status 200"),
                in: try ListenerFolder())
            let result = try await ChildProcess.run("/usr/bin/env", ["python3", "-c", script, "\(port)"])
            let count = try #require(Int(result.output.split(separator: "\n").first ?? ""), "\(result)")
            #expect((count > 0) == isServed)
            withExtendedLifetime(edge) {}
        }
    }

    @Test("setcap and set-dumpable: what another user's process keeps") func privileges() async throws {
        for (settings, capabilities, owner) in [
            ("", "0000000000000000", 0), ("setcap cap_net_bind_service,cap_net_raw", "0000000000002400", 0),
            ("set-dumpable", "0000000000000000", 65_534),
        ] {
            let port = try Ports.free()
            let edge = try await ListenerProcess(
                ListenerProcess.sections(
                    global: "nbthread 1\nuid 65534\ngid 65534\n\(settings)",
                    "frontend web\nbind 127.0.0.1:\(port)\nhttp-request return status 200"),
                in: try ListenerFolder())
            let status = try String(contentsOfFile: "/proc/\(edge.process.pid)/status", encoding: .utf8)
            #expect(status.contains("\nCapEff:\t\(capabilities)\n"), "\(settings): \(status)")
            // The kernel gives the files of a process that may leave no core to root.
            var facts = stat()
            #expect(
                unsafe stat("/proc/\(edge.process.pid)/environ", &facts) == 0 && facts.st_uid == owner, "\(settings)")
        }
    }
}
