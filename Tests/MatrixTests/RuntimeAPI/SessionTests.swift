import Foundation
import TestSupport
import Testing

/// Expected texts are what HAProxy 3.5-dev5 answers.
@Suite("Runtime API: sessions") struct RuntimeSessionTests {
    private static let promptUsage = """
        Usage: prompt [help | n | i | p | timed]*
        Changes the default prompt and interactive mode. Available options:
          help    display this help
          n       set to single-command mode (no prompt, single command)
          i       set to interactive mode only (no prompt, multi-command)
          p       set to prompt+interactive mode (prompt + multi-command)
          timed   toggle displaying the current date in the prompt
        Without any argument, toggles between n/i->p, p->n.


        """

    @Test("one-shot and interactive sessions answer as HAProxy does") func answers() async throws {
        let process = try await RuntimeProcess()
        let table: [(input: String, output: String)] = [
            ("show version", "3.4.0\n\n"),
            ("show version\nshow version", "3.4.0\n\n"),
            ("show version;show version", "3.4.0\n\n3.4.0\n\n"),
            ("", "\n"),
            (";", "\n\n"),
            (";echo a", "\na\n\n"),
            ("quit", ""),
            ("prompt;quit;show version", "\n"),
            ("prompt foo", Self.promptUsage),
            ("prompt help", Self.promptUsage),
            ("echo a  b\tc", "a b c\n\n"),
            (#"echo a\ b\;c\\d \x"#, "a b;c\\d x\n\n"),
            (
                "echo " + (2...64).map(String.init).joined(separator: " "),
                (2...64).map(String.init).joined(separator: " ") + "\n\n"
            ),
            (
                "echo " + (2...65).map(String.init).joined(separator: " "),
                "Too many arguments. Commands must have at most 64 arguments.\n\n"
            ),
            (
                "expert-mode;expert-mode on;expert-mode;expert-mode off;expert-mode",
                "expert-mode is OFF\n\n\nexpert-mode is ON\n\n\nexpert-mode is OFF\n\n"
            ),
            ("experimental-mode", "experimental-mode is OFF\n\n"),
            ("set severity-output number;echo a;show env NONE", "\n[6]: a\n\n[3]: Variable not found\n\n"),
            ("set severity-output string;echo a;set severity-output none -;echo b", "\n[info]: a\n\nb\n\n"),
            ("set severity-output", "one of 'none', 'number', 'string' is a required argument\n\n"),
            ("set timeout", "'set timeout' only supports 'cli'.\n\n"),
            ("set timeout cli", "Expects an integer value.\n\n"),
            ("set timeout cli 1x", "Invalid timeout value.\n\n"),
            ("set timeout cli 0", "Invalid timeout value.\n\n"),
            ("set timeout cli 20m", "\n"),
            (
                "show cli level;operator;show cli level;user;show cli level;operator",
                "admin\n\n\noperator\n\n\nuser\n\nPermission denied\n\n"
            ),
            ("operator -;show cli level", "operator\n\n"),
        ]
        for (input, output) in table { #expect(try await process.ask(input) == output, "for: \(input)") }
    }

    @Test("prompts: modes, payloads and times") func prompts() async throws {
        let process = try await RuntimeProcess()
        let table: [(input: String, output: String)] = [
            ("prompt\necho a;echo b\nprompt i\necho c\nprompt n\necho d", "\n> a\n\nb\n\n> \nc\n\n\n"),
            ("prompt p\nprompt", "\n> \n"),
            ("prompt\necho a <<\nb\n\nc\n\necho d\nquit", "\n> a\n\n> "),
            ("prompt\necho a <<%END%\nb\n\nc\n%END%\necho d\nquit", "\n> a\n\n> d\n\n> "),
        ]
        for (input, output) in table {
            let got = try await process.ask(input)
            #expect(got.hasPrefix(output), "for: \(input), came: \(got)")
        }
        let timed = try await process.ask("prompt timed\nquit")
        #expect(timed.wholeMatch(of: #/\n\[0:00:0\d:\d\d\]> /#) != nil, "\(timed)")
        // A payload that comes in pieces is asked for.
        let socket = try process.connect()
        let text = await socket.blocking { socket in
            socket.send("prompt\necho a <<\n")
            let first = socket.receive(through: "+ ") ?? ""
            socket.send("b\n")
            let second = socket.receive(through: "+ ") ?? ""
            socket.send("\nquit\n")
            return first + second + String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
        #expect(text == "\n> + + a\n\n> ")
    }

    @Test("levels: each refuses what is above it") func levels() async throws {
        let process = try await RuntimeProcess()
        #expect(try await process.ask("show cli level", "user") == "user\n\n")
        #expect(try await process.ask("show cli level", "operator") == "operator\n\n")
        #expect(try await process.ask("show env HOME", "user") == "Permission denied\n\n")
        #expect(try await process.ask("operator;show cli level", "user") == "Permission denied\n\nuser\n\n")
        #expect(try await process.ask("expert-mode on", "operator") == "Permission denied\n\n")
        let folder = process.listener.folder.path
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/admin")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test("help lists commands and finds the nearest ones") func help() async throws {
        let process = try await RuntimeProcess()
        let end = """
              help [<command>]                        : list matching or all commands
              prompt [help | n | i | p | timed ]*     : toggle interactive mode with prompt
              quit                                    : disconnect


            """
        let all = try await process.ask("help")
        #expect(all.hasPrefix("The following commands are valid at this level:\n"))
        #expect(all.hasSuffix(end))
        let lines = all.split(separator: "\n").dropFirst().dropLast(3)
        #expect(lines.contains("  show version                            : show version of the current process"))
        #expect(lines.elementsEqual(lines.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }))
        let version = "  show version                            : show version of the current process\n"
        let nearest = try await process.ask("show versoin")
        #expect(
            nearest.hasPrefix("Unknown command: 'show', but maybe one of the following ones is a better match:\n"))
        #expect(nearest.contains(version))
        #expect(nearest.hasSuffix(end))
        #expect(
            try await process.ask("help show version") == "The following commands are valid at this level:\n" + version
                + end)
    }

    @Test("show env, show cli sockets") func process() async throws {
        let process = try await RuntimeProcess()
        let folder = process.listener.folder.path
        #expect(
            try await process.ask("show cli sockets", "user") == """
                # socket lvl processes
                unix@\(folder)/admin admin all
                unix@\(folder)/operator operator all
                unix@\(folder)/user user all


                """)
        let variable = "HAPROXY_CLI=unix@\(folder)/admin;unix@\(folder)/operator;unix@\(folder)/user\n"
        #expect(try await process.ask("show env HAPROXY_CLI") == variable + "\n")
        #expect(try await process.ask("show env").contains(variable))
        #expect(try await process.ask("show env HAPROXY_CL") == "Variable not found\n\n")
    }

    @Test("limits: line, payload, connections, silence, slow readers") func limits() async throws {
        let process = try await RuntimeProcess(
            global: "stats maxconn 2\nstats timeout 500ms\ntune.cli.max-payload-size 1k")
        #expect(
            try await process.ask("echo " + String(repeating: "x", count: 17_000))
                == "The command line is too big for the buffer size. Please change 'tune.bufsize' in the configuration to"
                + " use a bigger command.\n")
        #expect(
            try await process.ask("echo <<\n" + String(repeating: "x\n", count: 600) + "\n")
                == "The payload is too big. Please change 'tune.cli.max-payload-size' in the configuration to use a"
                + " bigger payload.\n")
        // Two are served; the third waits until the time of one that is silent is over.
        let silent = [try process.connect(), try process.connect()]
        #expect(try await process.ask("echo third") == "third\n\n")
        for socket in silent { #expect(socket.receive() == .end) }
        // A client that reads nothing holds up nobody but itself.
        let slow = try process.connect()
        _ = await slow.blocking { socket in
            socket.send(String(repeating: "help;", count: 300) + "\n")
        }
        #expect(try await process.ask("echo beside") == "beside\n\n")
    }
}
