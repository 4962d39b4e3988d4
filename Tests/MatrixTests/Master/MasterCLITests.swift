import Foundation
import TestSupport
import Testing

/// What HAProxy 3.5-dev5 answers on its master CLI, byte for byte. `M` and `W` stand for the numbers of the master and
/// the worker, `V` for the version.
@Suite("Master CLI", .serialized) struct MasterCLITests {
    private static let proposals = """
          help [<command>]                        : list matching or all commands
          prompt [help | n | i | p | timed ]*     : toggle interactive mode with prompt
          quit                                    : disconnect

        """
    private static let promptUsage = """
        Usage: prompt [help | i | p | timed]*
        Changes the default prompt and interactive mode. Available options:
          help    display this help
          i       set to interactive mode only (no prompt, multi-command)
          p       set to prompt+interactive mode (prompt + multi-command)
          timed   toggle displaying the current date in the prompt
        Without any argument, toggles between i<->p.

        """

    private static let table: [(String, String)] = [
        ("prompt", "master> "),
        ("prompt\n\nshow version\n", "master> \nmaster> V\n\nmaster> "),
        (
            "prompt\nexpert-mode on\nexperimental-mode on\nmcli-debug-mode on\n@1\n@\nquit\nshow version",
            "master> master(e)> master(xe)> master(xed)> W(xed)> master(xed)> master(xed)> "
        ),
        ("show version;;show version", "V\n\n\nV\n\n"),
        ("  @1   show version", "V\n\n"),
        ("@1 \nshow version", "V\n\n"),
        ("@1;@1 show version", "V\n\n"),
        ("@1; show version; @ show version", "V\n\nV\n\n"),
        ("@!W show version; @!W", "V\n\n"),
        ("@foo show version", "Can't find the target PID matching the prefix '@foo'\n"),
        ("@2 show version\nshow version", "Can't find the target PID matching the prefix '@2'\n"),
        ("@!99999 show version", "Can't find the target PID matching the prefix '@!99999'\n"),
        ("@@7 show version", "Can't find the target PID matching the prefix '@@7'\n"),
        ("@0 show version; @master show version", "V\n\nV\n\n"),
        ("@@1 show version; show cli level", "V\n\nadmin\n\n"),
        ("show version; @@1 show cli level; show version", "V\n\nadmin\n\nV\n\n"),
        ("@@1 show cli level; quit; echo no", "admin\n\n"),
        ("user; @@1 show cli level", "user\n\n"),
        ("@@1 prompt p; show version", "\nV\n\n> "),
        ("prompt\n@@1\nshow version\nquit\nshow version", "master> V\n\nmaster> "),
        ("prompt x", promptUsage),
        ("prompt help", promptUsage),
        ("prompt i\nshow version", "V\n\n"),
        ("prompt\n@!1;@1 echo a", "master> Can't find the target PID matching the prefix '@!1'\nmaster> "),
        (
            "operator; show cli level; @1 show cli level; expert-mode on",
            "operator\n\noperator\n\nPermission denied!\n"
        ),
        (
            "user; show cli level; @1 show cli level; show proc; reload",
            "user\n\nuser\n\nPermission denied\n\nPermission denied\n\n"
        ),
        ("user; operator", "Permission denied!\n"),
        ("@1 expert-mode", "expert-mode is OFF\n\n"),
        ("expert-mode on; @1 expert-mode", "expert-mode is ON\n\n"),
        ("@1 show env HAPROXY_MWORKER", "HAPROXY_MWORKER=1\n\n"),
        ("show env HAPROXY_MWORKER", "HAPROXY_MWORKER=1\n\n"),
        ("show env HAPROXY_MASTER_CLI", "HAPROXY_MASTER_CLI=unix@FOLDER/master\n\n"),
        ("@1 show env HAPROXY_MASTER_CLI", "Variable not found\n\n"),
        ("show cli sockets", "\n"),
        ("@1 quit; show version", "V\n\n"),
        ("@1 echo hello", "hello\n\n"),
        ("echo a\\;b", "a;b\n\n"),
        ("@1 echo a\\;b c\\\\ d", "a;b c\\ d\n\n"),
        ("@1 echo <<x\nabc\nx\n@1 echo b", "\n\nb\n\n"),
        (
            "@1 set map foo <<\na b\n\nshow version",
            "'set map' expects three parameters: map identifier, key and value.\n\nV\n\n"
        ),
        (
            "prompt\n@1 add map /x <<\na b\n\nshow version",
            "master> + + Unknown map identifier. Please use #<id> or <file>.\n\nmaster> V\n\nmaster> "
        ),
        ("set severity-output x", "one of 'none', 'number', 'string' is a required argument\n"),
        (
            "set severity-output string; @1 show map /nope",
            "[err]: Unknown map identifier. Please use #<id> or <file>.\n\n"
        ),
        ("show proc foo", "'show proc' only supports 'debug' as argument\n\n"),
        (
            "help reload",
            """
            The following commands are valid at this level:
              reload                                  : achieve a soft-reload (-sf) of haproxy

            """ + proposals + "\n"
        ),
        (
            "help",
            """
            The following commands are valid at this level:
              @!<pid>                                 : send a command to the <pid> process
              @<relative pid>                         : send a command to the <relative pid> process
              @master                                 : send a command to the master process
              echo <text>                             : print text to the output
              hard-reload                             : achieve a hard-reload (-st) of haproxy
              operator                                : lower the level of the current CLI session to operator
              reload                                  : achieve a soft-reload (-sf) of haproxy
              show cli level                          : display the level of the current CLI session
              show cli sockets                        : dump list of cli sockets
              show env [var]                          : dump environment variables known to the process
              show proc                               : show processes status
              show startup-logs                       : report logs emitted during HAProxy startup
              show version                            : show version of the current process
              user                                    : lower the level of the current CLI session to user

            """ + proposals + "\n"
        ),
        (
            "show info",
            """
            Unknown command: 'show', but maybe one of the following ones is a better match:
              show cli level                          : display the level of the current CLI session
              show cli sockets                        : dump list of cli sockets
              show env [var]                          : dump environment variables known to the process
              show proc                               : show processes status
              show version                            : show version of the current process

            """ + proposals + "\n"
        ),
        (
            "foo",
            """
            Unknown command: 'foo', but maybe one of the following ones is a better match:
              @!<pid>                                 : send a command to the <pid> process
              echo <text>                             : print text to the output
              operator                                : lower the level of the current CLI session to operator
              reload                                  : achieve a soft-reload (-sf) of haproxy
              user                                    : lower the level of the current CLI session to user

            """ + proposals + "\n"
        ),
    ]

    @Test("Answers are HAProxy's") func answers() async throws {
        let master = try await MasterProcess()
        let worker = try #require(master.workers.first)
        let version = try await master.ask("show version").trimmingCharacters(in: .newlines)
        for (question, expected) in Self.table {
            let answer = try await master.ask(question.replacing("!W", with: "!\(worker)"))
                .replacing("\(version)\n", with: "V\n").replacing("\(worker)(", with: "W(")
                .replacing("\(worker)>", with: "W>").replacing(master.folder.path, with: "FOLDER")
            #expect(answer == expected, "\(question)")
        }
        #expect(try await master.process.stop() == 0)
    }

    @Test("show proc, and timed prompts") func processes() async throws {
        let master = try await MasterProcess()
        let worker = try #require(master.workers.first)
        let version = try await master.ask("show version").trimmingCharacters(in: .newlines)
        func pad(_ text: String) -> String { text + String(repeating: " ", count: max(0, 15 - text.count)) }
        let plain = try await master.ask("show proc").replacing(/0d00h00m\d\ds/, with: "0d00h00m00s")
        let head = "#<PID>          <type>          <reloads>       <uptime>        <version>      "
        let own = "\(pad("\(master.process.pid)")) master          0 [failed: 0]   0d00h00m00s     \(pad(version))"
        let other = "\(pad("\(worker)")) worker          0               0d00h00m00s     \(pad(version))"
        #expect(plain == "\(head)\n\(own)\n# workers\n\(other)\n\n")
        let debug = try await master.ask("show proc debug").replacing(/0d00h00m\d\ds/, with: "0d00h00m00s")
        let lines = debug.split(separator: "\n")
        #expect(lines.first ?? "" == "\(head)\t\t <ipc_fd[0]>     <ipc_fd[1]>    ")
        #expect(lines.dropFirst(3).first?.hasPrefix(other + "\t\t ") == true)
        let timed = try await master.ask("prompt timed\n@1\nprompt i").replacing(/:\d\d\]/, with: ":00]")
        #expect(timed == "[0:00:00:00] master> [0:00:00:00] \(worker)> ")
        #expect(try await master.process.stop() == 0)
    }

    @Test("reload answers with what was said, its success, and ends the connection; old workers can be asked")
    func reload() async throws {
        let master = try await MasterProcess(global: "grace 60s")
        let old = try #require(master.workers.first)
        let pid = master.process.pid
        let good = try await master.ask("show version; reload; show version")
        let log = try #require(good.components(separatedBy: "Success=1\n--\n").last)
        #expect(good.contains("\n\nSuccess=1\n--\n") && log.hasSuffix("\n\n"))
        #expect(log.hasPrefix("[NOTICE]   (\(pid)) : Initializing new worker ("), "\(log)")
        #expect(log.contains("[NOTICE]   (\(pid)) : Loading success.\n"))
        #expect(try await master.ask("show startup-logs").hasPrefix(log.dropLast()))
        #expect(try await master.ask("@!\(old) show env HAPROXY_MWORKER") == "HAPROXY_MWORKER=1\n\n")
        let processes = try await master.ask("show proc")
        #expect(processes.contains("# old workers\n\(old)"), "\(processes)")
        try master.write(text: "global\ngrace 60s\nfrontend\n")
        let bad = try await master.ask("@master reload")
        #expect(bad.hasPrefix("Success=0\n--\n[NOTICE]   (\(pid)) : Initializing new worker ("), "\(bad)")
        #expect(bad.contains("[ALERT] ") && bad.contains("'frontend' expects an <id> argument"))
        #expect(bad.contains("[WARNING]  (\(pid)) : Failed to load worker ("))
        try master.write("two")
        #expect(try await master.ask("hard-reload").hasPrefix("Success=1\n"))
        try await master.answers("two")
        try await eventually("one worker") { master.workers.count == 1 }
        #expect(master.process.errors.contains("Reloading HAProxy (hard-reload)"))
        #expect(try await master.process.stop() == 0)
    }

    @Test("Debug mode has the workers' commands; -S takes options; more than ten clients wait") func modes()
        async throws
    {
        let folder = try ListenerFolder()
        let master = try await MasterProcess(arguments: ["-S", "\(folder.path)/user,level,user,mode,600"])
        let info = try await master.ask("mcli-debug-mode on; show info")
        #expect(info.contains("\nPid: \(master.process.pid)\n"), "\(info)")
        #expect(try await master.ask("@1 show info").contains("\nPid: \(master.workers[0])\n"))
        let clients = try (0..<12).map { _ in try RawSocket(unix: "\(master.folder.path)/master") }
        for client in clients { client.send("echo hello; quit\n") }
        for client in clients {
            let text = await client.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
            #expect(text == "hello\n\n")
        }
        let user = try RawSocket(unix: "\(folder.path)/user")
        user.send("show cli level; show proc; quit\n")
        let text = await user.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
        #expect(text == "user\n\nPermission denied\n\n")
        #expect(try await master.process.stop() == 0)
    }

    @Test("@@ joins the client and the worker for as long as both want") func conversation() async throws {
        let master = try await MasterProcess()
        let client = try RawSocket(unix: "\(master.folder.path)/master")
        client.send("prompt\n")
        #expect(await client.blocking { $0.receive(through: "master> ") } == "master> ")
        client.send("@@1\n")
        #expect(await client.blocking { $0.receive(through: "> ") } == "\n> ")
        client.send("show cli level\n")
        #expect(await client.blocking { $0.receive(through: "> ") } == "admin\n\n> ")
        client.send("quit\n")
        #expect(await client.blocking { $0.receive(through: "master> ") }?.hasSuffix("master> ") == true)
        client.send("quit\n")
        #expect(await client.blocking { $0.receiveAll().end } == .end)
        #expect(try await master.process.stop() == 0)
    }
}
