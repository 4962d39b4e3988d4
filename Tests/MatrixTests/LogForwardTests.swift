import TestSupport
import Testing

/// `log-forward` sections and backends of `mode log`. The lines are what HAProxy 3.5-dev5 sends for the same ones.
@Suite("Log forwarding") struct LogForwardTests {
    private static let formats = ["", "local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw"]

    /// A forwarder with a target for each format; the process takes datagrams and connections on one port.
    private static func start(
        options: String = "", formats: [String] = formats
    ) async throws -> (ListenerProcess, [DatagramSocket], Int) {
        let port = try Ports.free()
        let targets = formats.map { _ in DatagramSocket() }
        let lines = zip(formats, targets).map { format, target in
            "log 127.0.0.1:\(target.port) \(format.isEmpty ? "" : "format \(format)") local3 debug"
        }
        let process = try await ListenerProcess(
            """
            global
                nbthread 1
            log-forward in
                dgram-bind 127.0.0.1:\(port)
                bind 127.0.0.1:\(port)
                timeout client 10s
                \(options)
                \(lines.joined(separator: "\n    "))

            """, in: ListenerFolder())
        return (process, targets, port)
    }

    private static let rows: [(String, [String])] = [
        (
            "<134>Nov  1 17:18:48 host tag[12]: hello",
            [
                "<134>Nov  1 17:18:48 host tag[12]: hello", "<134>Nov  1 17:18:48 tag[12]: hello",
                "<134>Nov  1 17:18:48 host tag[12]: hello", "", "<134>hello", "<6>hello", "", "", "hello",
            ]
        ),
        (
            "<13>Nov  1 17:18:48 host hello",
            [
                "<13>Nov  1 17:18:48 host hello", "<13>Nov  1 17:18:48 hello", "<13>Nov  1 17:18:48 host hello", "",
                "<13>hello", "<5>hello", "", "", "hello",
            ]
        ),
        (
            "<134>Nov 21 17:18:48 h t[12: msg",
            [
                "<134>Nov 21 17:18:48 h t: msg", "<134>Nov 21 17:18:48 t: msg", "<134>Nov 21 17:18:48 h t: msg", "",
                "<134>msg", "<6>msg", "", "", "msg",
            ]
        ),
        (
            "<165>1 2003-10-11T22:14:15.003Z m.example evnt - ID47 [a@1 iut=\"3\" x=\"A\\]b\"] An event",
            [
                "<165>1 2003-10-11T22:14:15.003Z m.example evnt - ID47 [a@1 iut=\"3\" x=\"A\\]b\"] An event",
                "<165>Oct 11 22:14:15 evnt: An event", "<165>Oct 11 22:14:15 m.example evnt: An event",
                "<165>1 2003-10-11T22:14:15.003Z m.example evnt - ID47 [a@1 iut=\"3\" x=\"A\\]b\"] An event",
                "<165>An event", "<5>An event", "<5>2003-10-11T22:14:15.003Z An event",
                "2003-10-11T22:14:15.003Z An event", "An event",
            ]
        ),
        (
            "<165>1 2003-10-11T22:14:15.003-07:00 - app 12 - - msg",
            [
                "<165>1 2003-10-11T22:14:15.003-07:00 127.0.0.1 app 12 - - msg", "<165>Oct 11 22:14:15 app[12]: msg",
                "<165>Oct 11 22:14:15 127.0.0.1 app[12]: msg",
                "<165>1 2003-10-11T22:14:15.003-07:00 127.0.0.1 app 12 - - msg", "<165>msg", "<5>msg",
                "<5>2003-10-11T22:14:15.003-07:00 msg", "2003-10-11T22:14:15.003-07:00 msg", "msg",
            ]
        ),
        (
            "no header at all",
            ["", "", "", "", "<152>no header at all", "<0>no header at all", "", "", "no header at all"]
        ),
        ("<34>short", ["", "", "", "", "<34>short", "<2>short", "", "", "short"]),
        ("<x>no", ["", "", "", "", "<152><x>no", "<0><x>no", "", "", "<x>no"]),
    ]

    /// An empty expectation is a line with the date of now.
    @Test func linesAreWrappedAnew() async throws {
        let (process, targets, port) = try await Self.start()
        let sender = DatagramSocket()
        for (line, expected) in Self.rows {
            sender.send(line, to: port)
            for (index, text) in expected.enumerated() {
                let received = try #require(targets[index].receive(), "\(line), \(Self.formats[index])")
                if !text.isEmpty { #expect(received == text + "\n", "\(line), \(Self.formats[index])") }
            }
        }
        #expect(process.process.exitStatus == nil)
    }

    @Test(arguments: [
        ("option host replace", "<13>Nov  1 17:18:48 127.0.0.1 tag: m"),
        ("option host keep", "<13>Nov  1 17:18:48 host tag: m"),
        ("option host append", "<13>Nov  1 17:18:48 host,127.0.0.1 tag: m"),
        ("option dont-parse-log", "<13>Nov  1 17:18:48 host tag: m"),
    ])
    func hosts(option: String, expected: String) async throws {
        let (process, targets, port) = try await Self.start(options: option, formats: [""])
        DatagramSocket().send("<13>Nov  1 17:18:48 host tag: m", to: port)
        #expect(targets[0].receive() == expected + "\n")
        #expect(process.process.exitStatus == nil)
    }

    @Test func connectionsAreCutIntoLines() async throws {
        let (process, targets, port) = try await Self.start(formats: ["raw"])
        let socket = try RawSocket(connectingTo: port)
        socket.send("<13>Nov  1 17:18:48 host tag: one\n<13>Nov  1 17:18:48 host tag: two\r\n35 <13>Nov  1 17:18:48")
        #expect(targets[0].receive() == "one\n")
        #expect(targets[0].receive() == "two\n")
        socket.send(" host tag: three")
        #expect(targets[0].receive() == "three\n")
        // What is no line ends the connection.
        socket.send("garbage\n")
        #expect(socket.receiveAll().bytes.isEmpty)
        #expect(process.process.exitStatus == nil)
    }

    /// Servers of a backend get the lines that a hash gives them, or all as long as they are there.
    @Test func aBackendSpreadsLines() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let sinks = (0..<5).map { _ in DatagramSocket() }
        let process = try await RuntimeProcess(
            global: "",
            frontend: "log backend@hashed format raw local0\nlog backend@first format raw local0\noption httplog",
            backend: "server s1 127.0.0.1:\(server.port)",
            rest: """
                backend hashed
                mode log
                balance log-hash 'field(-2,\\"),field(2,/),field(1, )'
                hash-type map-based none
                server s1 udp@127.0.0.1:\(sinks[0].port)
                server s2 udp@127.0.0.1:\(sinks[1].port)
                backend first
                mode log
                balance sticky
                server s1 udp@127.0.0.1:\(sinks[2].port)
                server s2 udp@127.0.0.1:\(sinks[3].port)
                server s3 udp@127.0.0.1:\(sinks[4].port)
                """)
        for (path, place) in [("/0", 0), ("/1", 1), ("/2", 0), ("/3", 1)] {
            _ = try RawSocket(connectingTo: process.port).exchange(path)
            #expect(sinks[place].receive()?.hasSuffix("\"GET \(path) HTTP/1.1\"\n") == true)
            #expect(sinks[2].receive()?.hasSuffix("\"GET \(path) HTTP/1.1\"\n") == true)
        }
        // The next one takes over, and keeps the lines when the first is back.
        _ = try await process.ask("disable server first/s1")
        _ = try RawSocket(connectingTo: process.port).exchange("/4")
        #expect(sinks[3].receive()?.contains("/4") == true)
        _ = try await process.ask("enable server first/s1")
        _ = try RawSocket(connectingTo: process.port).exchange("/5")
        #expect(sinks[3].receive()?.contains("/5") == true)
        _ = try await process.ask("disable server first/s2")
        _ = try RawSocket(connectingTo: process.port).exchange("/6")
        #expect(sinks[2].receive()?.contains("/6") == true)
        #expect(sinks[4].receive(seconds: 0.1) == nil)
    }
}
