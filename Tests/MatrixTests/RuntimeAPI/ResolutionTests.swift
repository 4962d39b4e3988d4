import Foundation
import TestSupport
import Testing

/// Names of servers, followed by a real name server. Expected lines are HAProxy 3.5-dev5's for the same answers.
@Suite("Runtime API: names") struct ResolutionTests {
    private static func resolvers(_ names: TestNameServer, _ more: String = "", prefix: String = "") -> String {
        """
        resolvers dns
        nameserver ns1 \(prefix)127.0.0.1:\(names.port)
        hold nx 100ms
        hold other 100ms
        hold refused 100ms
        hold timeout 100ms
        hold valid 100ms
        timeout resolve 100ms
        timeout retry 100ms
        resolve_retries 2
        \(more)
        """
    }

    private static func start(
        _ names: TestNameServer, _ backend: String, more: String = "", prefix: String = "", global: String = ""
    ) async throws -> RuntimeProcess {
        try await RuntimeProcess(
            global: "dns-accept-family ipv4,ipv6\n\(global)",
            backend: "default-server resolvers dns init-addr none resolve-prefer ipv4\n\(backend)",
            rest: resolvers(names, more, prefix: prefix))
    }

    /// The words of a server's line in `show servers state`.
    private static func state(_ process: RuntimeProcess, _ server: String) async throws -> [String: String] {
        let lines = try await process.ask("show servers state").split(separator: "\n").map(String.init)
        let titles = lines[1].dropFirst(2).split(separator: " ").map(String.init)
        let line = lines.first { $0.split(separator: " ").dropFirst(3).first.map(String.init) == server }
        return Dictionary(uniqueKeysWithValues: zip(titles, (line ?? "").split(separator: " ").map(String.init)))
    }

    private static func address(_ process: RuntimeProcess, _ server: String, is wanted: String) async throws {
        try await eventually("\(server) at \(wanted)") { try await state(process, server)["srv_addr"] == wanted }
    }

    @Test func followsAnAddress() async throws {
        let names = try TestNameServer()
        names.set("a.test", "127.0.0.1")
        let process = try await Self.start(names, "server s1 a.test:8080")
        _ = try await process.listener.logLine("back/s1: IP changed from '(none)' to '127.0.0.1' by 'dns/ns1'.")
        _ = try await process.listener.logLine("Server back/s1 ('a.test') is UP/READY (resolves again).")
        _ = try await process.listener.logLine("Server back/s1 administratively READY thanks to valid DNS answer.")
        let state = try await Self.state(process, "s1")
        #expect(state["srv_addr"] == "127.0.0.1")
        #expect(state["srv_port"] == "8080")
        #expect(state["srv_admin_state"] == "0")
        #expect(state["srv_op_state"] == "2")
        #expect(state["srv_fqdn"] == "a.test")
        names.set("a.test", "127.0.0.2")
        _ = try await process.listener.logLine("back/s1: IP changed from '127.0.0.1' to '127.0.0.2' by 'dns/ns1'.")
        // The lines are on standard error too.
        #expect(process.listener.process.errors.contains("IP changed from '127.0.0.1' to '127.0.0.2'"))
    }

    @Test(arguments: [
        (TestNameServer.Answer.code(3), "DNS NX status"), (.code(5), "DNS refused status"),
        (.code(2), "unspecified DNS error"), (.silence, "DNS timeout status"), (.records([]), "unspecified DNS error"),
        (.garbage, "DNS timeout status"),
    ])
    func leavesServiceWhenTheNameIsGone(answer: TestNameServer.Answer, cause: String) async throws {
        let names = try TestNameServer()
        names.set("a.test", "127.0.0.1")
        let process = try await Self.start(names, "server s1 a.test:8080")
        _ = try await process.listener.logLine("READY thanks to valid DNS answer")
        names["a.test"] = answer
        _ = try await process.listener.logLine(
            "Server back/s1 is going DOWN for maintenance (\(cause)). 0 active and 0 backup servers left. 0 sessions"
                + " active, 0 requeued, 0 remaining in queue.")
        _ = try await process.listener.logLine("backend back has no server available!")
        let state = try await Self.state(process, "s1")
        #expect(state["srv_addr"] == "-")
        #expect(state["srv_admin_state"] == "32")
        #expect(state["srv_op_state"] == "0")
        names.set("a.test", "127.0.0.7")
        _ = try await process.listener.logLine("back/s1: IP changed from '(none)' to '127.0.0.7' by 'dns/ns1'.")
        try await Self.address(process, "s1", is: "127.0.0.7")
    }

    @Test func holdsWhatWasKnown() async throws {
        let names = try TestNameServer()
        names.set("a.test", "127.0.0.1")
        let process = try await Self.start(names, "server s1 a.test:8080", more: "hold nx 1h")
        _ = try await process.listener.logLine("READY thanks to valid DNS answer")
        names["a.test"] = nil
        let asked = names.questions.count
        try await eventually("more questions") { names.questions.count > asked + 12 }
        #expect(try await Self.state(process, "s1")["srv_addr"] == "127.0.0.1")
    }

    @Test func serversShareAddresses() async throws {
        let names = try TestNameServer()
        names.set("a.test", "127.0.0.1")
        let process = try await Self.start(
            names,
            """
            server s1 a.test:1
            server s2 a.test:2
            server s3 a.test:3 resolve-opts allow-dup-ip
            """)
        try await Self.address(process, "s1", is: "127.0.0.1")
        try await Self.address(process, "s3", is: "127.0.0.1")
        #expect(try await Self.state(process, "s2")["srv_admin_state"] == "32")
        names.set("a.test", "127.0.0.1", "127.0.0.9")
        _ = try await process.listener.logLine("back/s2: IP changed from '(none)' to '127.0.0.9' by 'DNS cache'.")
        #expect(try await Self.state(process, "s1")["srv_addr"] == "127.0.0.1")
    }

    @Test func prefersFamiliesAndNetworks() async throws {
        let names = try TestNameServer()
        names["a.test"] = .records([.ipv4("127.0.0.1"), .ipv4("127.1.0.1"), .ipv6("::1")])
        let process = try await Self.start(
            names,
            """
            server s1 a.test:1 resolve-net 127.1.0.0/16
            server s2 a.test:2 resolve-prefer ipv6
            """)
        try await Self.address(process, "s1", is: "127.1.0.1")
        try await Self.address(process, "s2", is: "::1")
        // Without an address of the family that is asked for first, the other is asked for.
        names["a.test"] = .records([.ipv4("127.0.0.1"), .ipv4("127.1.0.1")])
        try await Self.address(process, "s2", is: "127.0.0.1")
        #expect(names.questions.contains("udp AAAA a.test"))
    }

    @Test func truncatedAnswersComeOverTCP() async throws {
        let names = try TestNameServer()
        names["a.test"] = .truncated([.ipv4("127.0.0.3")])
        let process = try await Self.start(names, "server s1 a.test:1")
        try await Self.address(process, "s1", is: "127.0.0.3")
        #expect(names.questions.contains("tcp A a.test"))
        #expect(try await process.ask("show resolvers dns").contains("truncated:   0") == false)
    }

    @Test func nameServersOverTCPOnly() async throws {
        let names = try TestNameServer()
        names["a.test"] = .records([.alias("b.test"), .ipv4("127.0.0.3")])
        let process = try await Self.start(names, "server s1 a.test:1", prefix: "tcp@")
        try await Self.address(process, "s1", is: "127.0.0.3")
        #expect(names.questions.allSatisfy { $0.hasPrefix("tcp") })
        #expect(try await process.ask("show resolvers dns").contains("cname:       0") == false)
    }

    @Test func servicesFillTemplates() async throws {
        let names = try TestNameServer()
        let service = "_http._tcp.test"
        names[service] = .records([
            .service(priority: 1, weight: 512, port: 8001, target: "x.test"),
            .service(priority: 1, weight: 65535, port: 8002, target: "y.test"),
        ])
        names.set("x.test", "127.0.0.3")
        names.set("y.test", "127.0.0.4")
        let process = try await Self.start(names, "server-template w 3 \(service)")
        _ = try await process.listener.logLine("back/w1 changed its FQDN from (null) to x.test by 'SRV record'")
        _ = try await process.listener.logLine("back/w1: IP changed from '(none)' to '127.0.0.3' by 'dns/ns1'.")
        try await Self.address(process, "w2", is: "127.0.0.4")
        let first = try await Self.state(process, "w1")
        #expect(first["srv_fqdn"] == "x.test")
        #expect(first["srv_port"] == "8001")
        #expect(first["srv_uweight"] == "2")
        #expect(first["srv_admin_state"] == "64")
        #expect(first["srvrecord"] == service)
        #expect(try await Self.state(process, "w2")["srv_uweight"] == "256")
        let third = try await Self.state(process, "w3")
        #expect(third["srv_addr"] == "-")
        #expect(third["srv_admin_state"] == "32")
        // One record goes: its server is free for the next one.
        names[service] = .records([.service(priority: 1, weight: 512, port: 8001, target: "x.test")])
        _ = try await process.listener.logLine(
            "Server back/w2 is going DOWN for maintenance (entry removed from SRV record). 1 active")
        let second = try await Self.state(process, "w2")
        #expect(second["srv_addr"] == "-")
        #expect(second["srv_fqdn"] == "-")
        #expect(second["srv_port"] == "0")
        #expect(second["srv_admin_state"] == "96")
        // An address that comes along needs no question of its own.
        names[service] = .records([
            .service(priority: 1, weight: 512, port: 8001, target: "x.test"),
            .service(priority: 1, weight: 0, port: 8003, target: "z.test"),
            .additional(name: "z.test", ipv4: "127.0.0.5"),
        ])
        _ = try await process.listener.logLine(
            "back/w3: IP changed from '(none)' to '127.0.0.5' by 'DNS additional record'.")
        try await eventually("the weight") { try await Self.state(process, "w3")["srv_uweight"] == "0" }
        #expect(!names.questions.contains { $0.hasSuffix(" z.test") })
        #expect(
            try await process.ask("set server back/w1 fqdn other.test")
                == "set server <b>/<s> fqdn failed because SRV resolution is configured.\n\n")
    }

    @Test func changesNamesAtRunTime() async throws {
        let names = try TestNameServer()
        names.set("a.test", "127.0.0.1")
        names.set("b.test", "127.0.0.2")
        let process = try await Self.start(
            names, "server s1 a.test:1\nserver plain 127.0.0.1:1", more: "backend unresolved\nserver s1 127.0.0.1:1")
        try await Self.address(process, "s1", is: "127.0.0.1")
        let expected = [
            (
                "set server back/s1 fqdn b.test",
                "back/s1 changed its FQDN from a.test to b.test by 'stats socket command'"
            ),
            ("set server back/s1 fqdn b.test", "no need to change the FDQN by 'stats socket command'"),
            ("set server back/s1 fqdn b,.test", "invalid fqdn 'b,.test' by 'stats socket command'"),
            ("set server back/s1 fqdn", "set server <b>/<s> fqdn requires a FQDN."),
            (
                "set server unresolved/s1 fqdn b.test",
                "set server <b>/<s> fqdn failed because no resolution is configured."
            ),
        ]
        for (command, answer) in expected { #expect(try await process.ask(command) == answer + "\n\n") }
        try await Self.address(process, "s1", is: "127.0.0.2")
        #expect(try await Self.state(process, "s1")["srv_admin_state"] == "64")
        // A server that had an address gets a name.
        #expect(
            try await process.ask("set server back/plain fqdn a.test")
                == "back/plain changed its FQDN from (null) to a.test by 'stats socket command'\n\n")
        #expect(try await Self.state(process, "plain")["srv_fqdn"] == "a.test")
    }

    @Test func addedServersResolveToo() async throws {
        let names = try TestNameServer()
        names.set("a.test", "127.0.0.1")
        let process = try await Self.start(names, "server s1 127.0.0.1:1")
        #expect(
            try await process.ask("add server back/d1 a.test:99 resolvers dns init-addr none resolve-prefer ipv4")
                == "New server registered.\n\n")
        try await Self.address(process, "d1", is: "127.0.0.1")
        #expect(try await process.ask("del server back/d1") == "Server deleted.\n\n")
        let asked = names.questions.count
        try await Task.sleep(for: .milliseconds(400))
        #expect(names.questions.count <= asked + 2)
    }

    @Test func requestsGoWhereTheNamePoints() async throws {
        let names = try TestNameServer()
        let server = try ScriptedServer { socket, _, _ in
            _ = socket.receive(through: "\r\n\r\n")
            socket.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
        }
        names.set("a.test", "127.0.0.1")
        let process = try await Self.start(names, "server s1 a.test:\(server.port)")
        try await Self.address(process, "s1", is: "127.0.0.1")
        try await eventually("an answer") {
            let socket = try RawSocket(connectingTo: process.port)
            return await socket.blocking { $0.exchange() }.hasSuffix("hello")
        }
        names["a.test"] = nil
        _ = try await process.listener.logLine("DNS NX status")
        let socket = try RawSocket(connectingTo: process.port)
        #expect(await socket.blocking { $0.exchange() }.hasPrefix("HTTP/1.1 503"))
    }

    @Test func rulesAskForAddresses() async throws {
        let names = try TestNameServer()
        names.set("a.test", "127.0.0.5")
        names["both.test"] = .records([.ipv4("127.0.0.6"), .ipv6("::6")])
        let port = try Ports.free()
        let listener = try await ListenerProcess(
            ListenerProcess.sections(
                global: "dns-accept-family ipv4,ipv6",
                """
                frontend web
                bind 127.0.0.1:\(port)
                http-request do-resolve(txn.four,dns,ipv4) hdr(x-name),lower
                http-request do-resolve(txn.six,dns) hdr(x-name)
                http-request return status 200 hdr x-four "%[var(txn.four)]" hdr x-six "%[var(txn.six)]"
                \(Self.resolvers(names))
                """), in: try ListenerFolder())
        func ask(_ name: String) async throws -> String {
            let socket = try RawSocket(connectingTo: port)
            return await socket.blocking { socket in
                socket.send("GET / HTTP/1.1\r\nhost: a\r\nx-name: \(name)\r\nconnection: close\r\n\r\n")
                return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            }
        }
        let first = try await ask("A.test")
        #expect(first.contains("x-four: 127.0.0.5\r\n") && first.contains("x-six: 127.0.0.5\r\n"), "\(first)")
        let both = try await ask("both.test")
        #expect(both.contains("x-four: 127.0.0.6\r\n") && both.contains("x-six: ::6\r\n"), "\(both)")
        // A name that does not exist leaves the variable as it is, once the name servers have said so.
        let none = try await ask("nope.test")
        #expect(none.hasPrefix("HTTP/1.1 200 "))
        #expect(!none.contains("127.0.0"))
        // A good answer is good for a while.
        let asked = names.questions.count
        _ = try await ask("both.test")
        #expect(names.questions.count <= asked + 2)
        _ = listener
    }

    @Test func showsResolvers() async throws {
        let names = try TestNameServer()
        names.set("a.test", "127.0.0.1")
        let process = try await Self.start(names, "server s1 a.test:1")
        try await Self.address(process, "s1", is: "127.0.0.1")
        let text = try await process.ask("show resolvers dns")
        let labels = text.split(separator: "\n").map { $0.prefix { $0 != ":" } }
        #expect(text.hasPrefix("Resolvers section dns\n nameserver ns1:\n  sent:        "))
        #expect(
            labels.dropFirst(2).map { $0.drop { $0 == " " } } == [
                "sent", "snd_error", "valid", "update", "cname", "cname_error", "any_err", "nx", "timeout", "refused",
                "other", "invalid", "too_big", "truncated", "outdated",
            ])
        #expect(text.contains("  update:      1\n"))
        #expect(try await process.ask("show resolvers nope") == "Can't find that resolvers section\n\n")
        let table = try await process.ask("show stat domain resolvers").split(separator: "\n")
        #expect(
            table[0]
                == "# id,pid,sent,send_error,valid,update,cname,cname_error,any_err,nx,timeout,refused,other,invalid,"
                + "too_big,truncated,outdated,")
        #expect(table[1].hasPrefix("ns1,dns,"))
        #expect(try await process.ask("show stat domain nope") == "Invalid statistics domain.\n\n")
        #expect(try await process.ask("show stat domain") == "Invalid statistics domain.\n\n")
        let typed = try await process.ask("show stat domain resolvers typed")
        #expect(typed.hasPrefix("N.0.id:CGPV:str:ns1\nN.1.pid:CGPV:str:dns\nN.2.sent:MGPV:u64:"))
        let json = try await process.ask("show stat domain resolvers json")
        #expect(
            json.hasPrefix(
                "[[{\"field\":{\"pos\":0,\"name\":\"id\"},\"tags\":{\"origin\":\"Config\",\"nature\":\"Gauge\",\"scope\":"
                    + "\"Process\"},\"value\":{\"type\":\"str\",\"value\":\"ns1\"}},"))
        #expect(try JSONSerialization.jsonObject(with: Data(json.utf8)) is [[[String: Any]]])
        #expect(try await process.ask("clear counters all") == "\n")
        #expect(try await process.ask("show resolvers dns").contains("  update:      0\n"))
    }

    // MARK: At the start

    @Test func initialAddresses() async throws {
        let process = try await RuntimeProcess(
            backend: """
                server libc localhost:1 init-addr libc
                server fixed nope.invalid:1 init-addr last,libc,127.0.0.9
                server none nope.invalid:2 init-addr libc,none
                """)
        #expect(try await Self.state(process, "libc")["srv_addr"] == "127.0.0.1")
        #expect(try await Self.state(process, "fixed")["srv_addr"] == "127.0.0.9")
        #expect(try await Self.state(process, "none")["srv_addr"] == "-")
        #expect(try await Self.state(process, "none")["srv_admin_state"] == "32")
        let errors = process.listener.process.errors
        #expect(errors.contains("'server back/none' : could not resolve address 'nope.invalid', disabling server."))
        #expect(
            errors.contains(
                "'server back/fixed' : could not resolve address 'nope.invalid', falling back to configured address."))
    }

    @Test func namesThatNothingResolvesStopTheStart() async throws {
        let folder = try ListenerFolder()
        let port = try Ports.free()
        let file = try folder.write(
            "edge.cfg",
            ListenerProcess.sections("listen l\nbind 127.0.0.1:\(port)\nserver s1 nope.invalid:1 init-addr last,libc"))
        let program = try Repository.program("portico")
        let failed = try await ChildProcess(program, ["-f", file, "-c"]).result()
        #expect(failed.status == 1)
        #expect(failed.errors.contains("'server l/s1' : could not resolve address 'nope.invalid'."))
        // -dr lets it start without.
        #expect(try await ChildProcess(program, ["-f", file, "-c", "-dr"]).result().status == 0)
    }
}
