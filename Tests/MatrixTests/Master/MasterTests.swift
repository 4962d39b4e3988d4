import Foundation
import Glibc
import TestSupport
import Testing

/// Values from HAProxy 3.5-dev5: exit codes, messages and notifications.
@Suite("Master: signals, reloads, exit codes", .serialized) struct MasterTests {
    @Test("SIGUSR2 and SIGHUP reload: the configuration is read again, the master's number stays") func reload()
        async throws
    {
        let master = try await MasterProcess(global: "pidfile FOLDER/pid")
        #expect(try master.answer() == "one")
        let first = master.workers
        #expect(first.count == 1)
        for (number, name) in [(SIGUSR2, "two"), (SIGHUP, "three")] {
            try master.write(name, global: "pidfile FOLDER/pid")
            master.process.signal(number)
            try await master.answers(name)
            try await eventually("the old worker's end") { master.workers.count == 1 }
        }
        #expect(master.workers != first)
        let pidfile = try String(contentsOfFile: "\(master.folder.path)/pid", encoding: .utf8)
        #expect(pidfile == "\(master.process.pid)\n")
        let told = master.messages.filter { !$0.contains("serves with") }
        let reload = [
            "[NOTICE] master: Reloading HAProxy", "[NOTICE] master: Initializing new worker (W)",
            "[NOTICE] master: Loading success.", "[WARNING] master: Former worker (W) exited with code 0 (Exit)",
        ]
        #expect(told == reload[1...2] + reload + reload)
        #expect(try await master.process.stop() == 0)
    }

    @Test(
        "A configuration that does not load leaves the old worker, which the next one follows",
        arguments: [false, true])
    func broken(inGlobal: Bool) async throws {
        let master = try await MasterProcess()
        let bad = MasterProcess.configuration(
            "two", global: inGlobal ? "mworker-max-reloads x" : "", port: master.port,
            defaults: inGlobal ? "" : "mode httpx")
        try master.write(text: bad)
        master.process.signal(SIGUSR2)
        let failure = inGlobal ? "Master failed to parse new configuration" : "Failed to load worker"
        try await eventually("the failure") { master.process.errors.contains(failure) }
        #expect(try master.answer() == "one")
        #expect(master.process.errors.contains(inGlobal ? "'mworker-max-reloads'" : "'httpx'"))
        #expect(try await master.ask("prompt").hasPrefix("master[ReloadFailed]> "))
        let processes = try await master.ask("show proc")
        #expect(processes.contains("master          1 [failed: 1]   "), "\(processes)")
        #expect(processes.contains("# workers\n# old workers\n\(master.workers[0]) "), "\(processes)")
        try master.write("three")
        master.process.signal(SIGUSR2)
        try await master.answers("three")
        #expect(try await master.process.stop() == 0)
    }

    @Test(
        "The master's exit code is HAProxy's",
        arguments: [
            (true, SIGTERM, 0, "[ALERT] master: Current worker (W) exited with code 143 (Terminated)"),
            (true, SIGINT, 130, "[ALERT] master: Current worker (W) exited with code 130 (Interrupt)"),
            (true, SIGUSR1, 0, "[WARNING] master: Current worker (W) exited with code 0 (Exit)"),
            (false, SIGTERM, 0, "[ALERT] master: Current worker (W) exited with code 143 (Terminated)"),
            (false, SIGUSR1, 0, "[WARNING] master: Current worker (W) exited with code 0 (Exit)"),
            (false, SIGKILL, 137, "[ALERT] master: exit-on-failure: killing every processes with SIGTERM"),
            (false, SIGABRT, 134, "[ALERT] master: exit-on-failure: killing every processes with SIGTERM"),
            (false, SIGSEGV, 139, "[ALERT] master: exit-on-failure: killing every processes with SIGTERM"),
        ])
    func exitCodes(tellsMaster: Bool, signal: Int32, code: Int32, message: String) async throws {
        let master = try await MasterProcess(
            // A crash is told in many words otherwise.
            environment: ["SWIFT_BACKTRACE": "enable=no"])
        let pid = tellsMaster ? master.process.pid : master.workers[0]
        kill(pid, signal)
        let result = try await master.process.result(within: .seconds(10))
        #expect(result.status == code)
        #expect(master.messages.contains(message), "\(master.messages)")
        #expect(master.messages.last == "[WARNING] master: All workers exited. Exiting... (\(code))")
    }

    @Test("A worker that crashes takes older ones along, unless no-exit-on-failure", arguments: [false, true])
    func crash(staysAlive: Bool) async throws {
        let global = "grace 60s" + (staysAlive ? "\nmaster-worker no-exit-on-failure" : "")
        let master = try await MasterProcess(global: global)
        let old = try #require(master.workers.first)
        master.process.signal(SIGUSR2)
        try await eventually("a second worker") {
            master.process.errors.components(separatedBy: "Loading success.").count == 3
        }
        let new = try #require(master.workers.first { $0 != old })
        kill(new, SIGKILL)
        if staysAlive {
            try await eventually("the news") { master.process.errors.contains("exited with code 137 (Killed)") }
            #expect(master.workers == [old])
            #expect(!master.process.errors.contains("exit-on-failure"))
            kill(old, SIGTERM)
        }
        #expect(try await master.process.result(within: .seconds(10)).status == 137)
    }

    @Test("An old worker's connection goes on through more reloads") func longConnection() async throws {
        let server = try ScriptedServer { connection, _, server in
            _ = connection.receive(through: "\r\n\r\n")
            server.note("asked")
            while !server.received.contains("answer") { usleep(5000) }
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        }
        let port = try Ports.free()
        let text = MasterProcess.configuration("one", port: port).split(separator: "\n").dropLast().joined(
            separator: "\n")
        let master = try await MasterProcess(
            text + "\ndefault_backend b\nbackend b\nserver s 127.0.0.1:\(server.port)\n")
        let first = try #require(master.workers.first)
        let client = try RawSocket(connectingTo: port)
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        try await eventually("the request") { server.received.contains("asked") }
        for _ in 0..<3 { #expect(try await master.ask("reload").hasPrefix("Success=1\n")) }
        try await eventually("the ends of those between") { master.workers.count == 2 }
        #expect(master.workers.contains(first))
        #expect(try await master.ask("show proc").contains("# old workers\n\(first) "))
        server.note("answer")
        #expect(await client.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }.hasSuffix("ok"))
        try await eventually("its end") { !master.workers.contains(first) }
        #expect(try await master.process.stop() == 0)
    }

    @Test("mworker-max-reloads ends workers that stay for too long") func maxReloads() async throws {
        let master = try await MasterProcess(global: "mworker-max-reloads 1\ngrace 60s")
        let first = try #require(master.workers.first)
        for count in 1...2 {
            master.process.signal(SIGUSR2)
            try await eventually("reload \(count)") {
                master.process.errors.components(separatedBy: "Loading success.").count == 2 + count
            }
        }
        try await eventually("the first worker's end") {
            master.messages.contains(
                "[WARNING] master: Former worker (W) exited with code 143 (Terminated), as it exceeds max reloads (1)")
        }
        #expect(master.workers.count == 2 && !master.workers.contains(first))
        #expect(try await master.process.stop() == 0)
    }

    @Test("hard-stop-after ends old workers with open connections") func hardStop() async throws {
        let server = try ScriptedServer { connection, _, _ in _ = connection.receiveAll() }
        let port = try Ports.free()
        let text = """
            global
            nbthread 1
            hard-stop-after 300ms
            defaults
            timeout client 60s
            timeout server 60s
            timeout connect 2s
            listen l
            bind 127.0.0.1:\(port)
            server s 127.0.0.1:\(server.port)

            """
        let master = try await MasterProcess(text)
        let client = try RawSocket(connectingTo: port)
        client.send("x")
        try await eventually("a connection") { server.connections == 1 }
        master.process.signal(SIGUSR2)
        try await eventually("the old worker's end") {
            master.messages.contains("[WARNING] master: Former worker (W) exited with code 0 (Exit)")
        }
        #expect(master.process.errors.contains("soft-stop running for too long"))
        #expect(try await master.process.stop() == 0)
    }

    @Test("A worker ends when its master is gone") func orphan() async throws {
        let master = try await MasterProcess()
        let worker = try #require(master.workers.first)
        master.process.signal(SIGKILL)
        try await eventually("the worker's end") { kill(worker, 0) != 0 || state(of: worker) == "Z" }
    }

    private func state(of pid: pid_t) -> Substring? {
        (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.split(separator: " ").dropFirst(2).first
    }

    // MARK: Starts

    @Test(
        "-D: the command returns when the first worker serves, the pidfile has the master's number; a new binary is taken"
    )
    func daemon() async throws {
        let folder = try ListenerFolder()
        let port = try Ports.free()
        // The program's name leads to another one at the reload.
        let program = "\(folder.path)/edge"
        try FileManager.default.createSymbolicLink(
            atPath: program, withDestinationPath: try Repository.program("portico"))
        let file = try folder.write("edge.cfg", MasterProcess.configuration("one", port: port))
        // Foundation takes a process for running while anybody has a descriptor of its own: python closes that one.
        let script = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
        let started = try await ChildProcess.run(
            "python3", ["-c", script, program, "-W", "-D", "-p", "\(folder.path)/pid", "-f", file])
        #expect(started.status == 0, "\(started)")
        let text = try String(contentsOfFile: "\(folder.path)/pid", encoding: .utf8)
        let pid = try #require(pid_t(text.trimmingCharacters(in: .newlines)))
        defer { kill(pid, SIGTERM) }
        #expect(Ports.listens(port))
        try folder.write("edge.cfg", MasterProcess.configuration("two", port: port))
        try FileManager.default.removeItem(atPath: program)
        try FileManager.default.copyItem(atPath: try Repository.program("portico"), toPath: program)
        kill(pid, SIGUSR2)
        try await eventually("the new configuration") {
            try RawSocket(connectingTo: port).exchange().hasSuffix("two")
        }
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
        #expect(own == program)
        kill(pid, SIGUSR1)
        try await eventually("the end") { !Ports.listens(port) && (kill(pid, 0) != 0 || state(of: pid) == "Z") }
    }

    @Test("HAProxy's master becomes Portico's by a reload, and HAProxy's again; no request fails") func otherProgram()
        async throws
    {
        let folder = try ListenerFolder()
        let edge = "\(folder.path)/edge"
        func lead(to program: String) throws {
            try? FileManager.default.removeItem(atPath: edge)
            try FileManager.default.createSymbolicLink(atPath: edge, withDestinationPath: program)
        }
        let haproxy = "/usr/sbin/haproxy"
        let portico = try Repository.program("portico")
        try lead(to: haproxy)
        let master = try await MasterProcess(program: edge, folder: folder)
        #expect(try master.answer() == "one")
        let load = try ChildProcess(
            try Repository.program("portico-load"),
            ["-d", "3", "--timeout", "5", "-r", "100", "--http1", "-c", "2", "--per-connection", "1"]
                + ["http://127.0.0.1:\(master.port)/"])
        for (program, name) in [(portico, "two"), (haproxy, "three")] {
            // HAProxy 2.6 replaces its program once more when its worker has started; then its CLI answers.
            try await eventually("a settled master") {
                (try? await master.ask("show proc"))?.contains("worker") == true
            }
            let worker = try #require(master.workers.first)
            try lead(to: program)
            try master.write(name)
            master.process.signal(SIGUSR2)
            try await master.answers(name)
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(master.process.pid)/exe")
            #expect(URL(filePath: own).lastPathComponent == URL(filePath: program).lastPathComponent)
            try await eventually("the old worker's end") { !master.workers.contains(worker) }
        }
        let result = try await load.result(within: .seconds(20))
        #expect(result.status == 0, "\(result)")
        #expect(try await master.process.stop() == 0)
    }

    @Test("-D fails in the foreground when the worker does not load") func daemonFailure() async throws {
        let folder = try ListenerFolder()
        let file = try folder.write(
            "edge.cfg", MasterProcess.configuration("one", port: try Ports.free(), defaults: "mode httpx"))
        let failed = try await ChildProcess.run(
            try Repository.program("portico"), ["-W", "-D", "-p", "\(folder.path)/pid", "-f", file])
        #expect(failed.status == 1)
        #expect(failed.errors.contains("'httpx'"))
        #expect(failed.errors.contains("exited with code 1 (Exit)"))
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/pid"))
    }

    @Test("-c with -W only checks; -S wants a master; master-worker in the file makes one") func modes() async throws {
        let folder = try ListenerFolder()
        let port = try Ports.free()
        let program = try Repository.program("portico")
        let file = try folder.write("edge.cfg", MasterProcess.configuration("one", port: port))
        let check = try await ChildProcess.run(program, ["-W", "-c", "-V", "-f", file])
        #expect(check.status == 0 && check.output == "Configuration file is valid\n", "\(check)")
        // A file that can be read once.
        let text = Data(MasterProcess.configuration("one", port: port).utf8)
        let piped = try await ChildProcess.run(
            "sh", ["-c", "cat | \(program) -c -V -f /dev/stdin"], input: text)
        #expect(piped.status == 0 && piped.output == "Configuration file is valid\n", "\(piped)")
        let alone = try await ChildProcess.run(program, ["-S", "\(folder.path)/master", "-f", file])
        #expect(alone.status == 1)
        #expect(
            alone.errors.contains("a master CLI socket was defined, but master-worker mode (-W) is not enabled."))
        let inFile = try folder.write(
            "mw.cfg",
            MasterProcess.configuration(
                "mw", global: "master-worker\n.if defined(HAPROXY_MWORKER)\nsetenv KIND worker\n.endif", port: port
            )
            .replacing("string mw", with: "lf-string %[env(KIND)]"))
        let master = try ChildProcess(program, ["-f", inFile])
        try await master.ready("the worker") { master.errors.contains("Loading success.") }
        #expect(try RawSocket(connectingTo: port).exchange().hasSuffix("worker"))
        #expect(try await master.stop() == 0)
    }

    @Test("The worker gives up privileges, the master does not; a reload works all the same")
    func privileges()
        async throws
    {
        guard getuid() == 0 else { return }
        let folder = try ListenerFolder()
        let port = try Ports.free()
        let global = "user nobody\ngroup nogroup\nchroot \(folder.path)\npidfile \(folder.path)/pid"
        let master = try await MasterProcess(
            MasterProcess.configuration("one", global: global, port: port), folder: folder)
        #expect(try owner(of: master.workers[0]) != 0)
        #expect(try owner(of: master.process.pid) == 0)
        try master.write(text: MasterProcess.configuration("two", global: global, port: port))
        master.process.signal(SIGUSR2)
        try await eventually("the new configuration") { try RawSocket(connectingTo: port).exchange().hasSuffix("two") }
        #expect(try await master.process.stop() == 0)
    }

    private func owner(of pid: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Uid:") })
        return try #require(Int(line.split(separator: "\t")[1]))
    }
}
