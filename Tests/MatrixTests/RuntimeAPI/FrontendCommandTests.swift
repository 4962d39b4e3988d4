import Foundation
import TestSupport
import Testing

/// Words are those of HAProxy 3.5-dev5.
@Suite("Runtime API: frontends and open exchanges") struct RuntimeFrontendTests {
    private func state(_ process: RuntimeProcess) async throws -> String {
        let typed = try await process.ask("show stat web 1 -1 typed")
        return typed.firstMatch(of: #/status\.1:SGPV:str:(\w+)/#).map { String($0.1) } ?? typed
    }

    @Test("disable, enable and shutdown frontend") func frontends() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let process = try await RuntimeProcess(backend: "server s1 127.0.0.1:\(server.port)")
        #expect(try await state(process) == "OPEN")
        #expect(try await process.ask("disable frontend web", "operator") == "Permission denied\n\n")
        #expect(try await process.ask("disable frontend") == "A frontend name is expected.\n\n")
        #expect(try await process.ask("disable frontend nobody") == "No such frontend.\n\n")
        #expect(try await process.ask("enable frontend web") == "All sockets are already enabled.\n\n")
        // Whoever is connected stays so.
        let before = try RawSocket(connectingTo: process.port)
        #expect(before.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(await before.blocking { $0.receive(through: "ok") } != nil)
        #expect(try await process.ask("disable frontend web") == "\n")
        #expect(try await process.ask("disable frontend #2") == "All sockets are already disabled.\n\n")
        #expect(try await state(process) == "PAUSED")
        #expect(Ports.listens(process.port) == false)
        #expect(before.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(await before.blocking { $0.receive(through: "ok") } != nil)
        #expect(try await process.ask("enable frontend web") == "\n")
        let after = try RawSocket(connectingTo: process.port)
        #expect(await after.blocking { $0.exchange().hasPrefix("HTTP/1.1 200") })
        #expect(try await process.ask("shutdown frontend web") == "\n")
        #expect(Ports.listens(process.port) == false)
        #expect(try await state(process) == "STOP")
        #expect(try await process.ask("shutdown frontend web") == "Frontend was already shut down.\n\n")
        #expect(
            try await process.ask("enable frontend web") == "Frontend was previously shut down, cannot enable.\n\n")
        #expect(
            try await process.ask("disable frontend web") == "Frontend was previously shut down, cannot disable.\n\n")
        for line in ["Paused proxy web.", "Resumed proxy web.", "Proxy web stopped."] {
            #expect(process.listener.process.errors.contains(line), "\(line)")
        }
    }

    @Test("set maxconn frontend and global") func maxconn() async throws {
        let process = try await RuntimeProcess(global: "maxconn 100")
        #expect(try await process.ask("set maxconn frontend web 5", "operator") == "Permission denied\n\n")
        #expect(try await process.ask("set maxconn frontend") == "A frontend name is expected.\n\n")
        #expect(try await process.ask("set maxconn frontend nobody 5") == "No such frontend.\n\n")
        #expect(try await process.ask("set maxconn frontend web") == "Integer value expected.\n\n")
        #expect(try await process.ask("set maxconn frontend web -1") == "Value out of range.\n\n")
        #expect(try await process.ask("set maxconn frontend web 1") == "\n")
        #expect(try await process.ask("show stat web 1 -1 typed").contains("slim.1:CLPV:u32:1\n"))
        #expect(try await process.ask("set maxconn global") == "Expects an integer value.\n\n")
        #expect(try await process.ask("set maxconn global 101") == "Value out of range.\n\n")
        // Each time the last place is taken counts.
        #expect(try await process.ask("show info").contains("\nMaxconnReached: 0\n"))
        #expect(try await process.ask("set maxconn global 1") == "\n")
        for _ in 0..<2 { _ = try RawSocket(connectingTo: process.port).exchange() }
        #expect(try await process.ask("show info").contains("\nMaxconnReached: 2\n"))
        #expect(try await process.ask("set maxconn global 50") == "\n")
        #expect(try await process.ask("show info").contains("\nMaxconn: 50\nHard_maxconn: 100\n"))
        #expect(try await process.ask("set maxconn global 0") == "\n")
        #expect(try await process.ask("show info").contains("\nMaxconn: 100\n"))
    }

    @Test("set rate-limit changes the rates of the process, and says what it takes") func rateLimits() async throws {
        let process = try await RuntimeProcess(global: "maxconnrate 3")
        let known = """
            'set rate-limit' only supports :
               - 'connections global' to set the per-process maximum connection rate
               - 'sessions global' to set the per-process maximum session rate
               - 'ssl-sessions global' to set the per-process maximum SSL session rate
               - 'http-compression global' to set the per-process maximum compression speed in kB/s


            """
        for words in ["", " x", " connections", " sessions x", " ssl-sessions zz", " http-compression"] {
            #expect(try await process.ask("set rate-limit\(words)") == known, "\(words)")
        }
        #expect(try await process.ask("set rate-limit sessions global 1", "operator") == "Permission denied\n\n")
        for (word, field, unit) in [
            ("connections", "ConnRateLimit", 1), ("sessions", "SessRateLimit", 1), ("ssl-sessions", "SslRateLimit", 1),
            ("http-compression", "CompressBpsRateLim", 1024),
        ] {
            let command = "set rate-limit \(word) global"
            #expect(try await process.ask(command) == "Expects an integer value.\n\n")
            #expect(try await process.ask("\(command) -1") == "Value out of range.\n\n")
            #expect(try await process.ask("\(command) 7x") == "\n")
            #expect(try await process.ask("show info").contains("\n\(field): \(7 * unit)\n"), "\(word)")
            #expect(try await process.ask("\(command) x") == "\n")
            #expect(try await process.ask("show info").contains("\n\(field): 0\n"), "\(word)")
        }
        // One connection a second from now on: the third waits in the system's queue.
        #expect(try await process.ask("set rate-limit connections global 1") == "\n")
        let start = ContinuousClock.now
        for _ in 0..<3 { #expect(try RawSocket(connectingTo: process.port).exchange().contains(" 503 ")) }
        #expect(start.duration(to: .now) > .milliseconds(900))
    }

    @Test("show sess finds open exchanges, shutdown session ends one") func exchanges() async throws {
        let server = try ScriptedServer { connection, _, server in
            server.note(connection.receive(through: "\r\n\r\n") ?? "")
            _ = connection.receive()
        }
        let process = try await RuntimeProcess(
            backend: "server s1 127.0.0.1:\(server.port)", rest: "backend other")
        #expect(try await process.ask("show sess") == "\n")
        #expect(try await process.ask("show sess", "user") == "Permission denied\n\n")
        let client = try RawSocket(connectingTo: process.port)
        client.send("GET /slow?a=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually("the request") { server.received.count == 1 }
        let line = try await process.ask("show sess show-uri")
        let pattern =
            #/^(0x[0-9a-f]+): proto=tcpv4 src=127\.0\.0\.1:\d+ fe=web be=back srv=s1 .* uri="GET /slow\?a=1"\n\n$/#
        let id = try #require(line.wholeMatch(of: pattern).map { String($0.1) }, "\(line)")
        for (filter, isFound) in [
            ("backend back", true), ("backend other", false), ("frontend web", true), ("server back/s1", true),
            ("older 1h", false), ("older 0", true),
        ] { #expect(try await process.ask("show sess \(filter)").contains(id) == isFound, "\(filter)") }
        let long = try await process.ask("show sess \(id)")
        #expect(long.contains("\n  frontend=web (id=2 mode=http), listener=public\n"))
        #expect(long.contains("\n  server=s1 (id=1)\n"))
        #expect(try await process.ask("show sess all") == long)
        #expect(try await process.ask("show sess 0x1") == "Session not found.\n\n")
        #expect(
            try await process.ask("show sess foo") == "Unsupported option 'foo', try 'help' for more info.\n\n")
        for (filter, refusal) in [
            ("server", "Missing server name (<backend>/<server>)."), ("server back", "Require 'backend/server'."),
            ("server nope/s1", "No such backend."), ("server back/s2", "No such server."),
            ("backend", "Missing backend name."), ("backend nope", "No such backend."),
            ("frontend", "Missing frontend name."), ("frontend back", "No such frontend."),
            ("backend back frontend web", "Only one of backend, frontend or server may be set."),
            ("older", "Expects a minimum age (in seconds by default)."), ("older x", "Invalid age."),
        ] { #expect(try await process.ask("show sess \(filter)") == refusal + "\n\n", "\(filter)") }
        #expect(
            try await process.ask("show sess help").hasPrefix("Usage: show sess [<id> | all | help] [<options>*]\n"))
        #expect(try await process.ask("shutdown session \(id)", "operator") == "Permission denied\n\n")
        #expect(
            try await process.ask("shutdown session") == "Session pointer expected (use 'show sess').\n\n")
        #expect(
            try await process.ask("shutdown session foo") == "Session pointer expected (use 'show sess').\n\n")
        #expect(try await process.ask("shutdown session 0x1") == "No such session (use 'show sess').\n\n")
        #expect(try await process.ask("shutdown session \(id)") == "\n")
        _ = await client.blocking { $0.receiveAll().bytes.count }
        #expect(try await process.ask("show sess") == "\n")
        #expect(try await process.listener.logLine("/slow").contains(" K"))
    }
}
