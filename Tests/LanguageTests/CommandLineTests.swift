import Configuration
import Foundation
import Language
import Testing

@Suite struct CommandLineTests {
    private func options(_ line: String) throws -> CommandLineOptions {
        try CommandLineOptions(arguments: line.split(separator: " ").map(String.init))
    }

    /// The options that differ from none, but for the file that each line has.
    private func changed(_ line: String, _ change: (inout CommandLineOptions) -> Void) throws -> Bool {
        var expected = CommandLineOptions()
        expected.paths = ["a"]
        change(&expected)
        let found = try options("-f a \(line)")
        expected.lasting = found.lasting
        return found == expected
    }

    @Test func eachOptionSetsItsMember() throws {
        #expect(try changed("") { _ in })
        #expect(try changed("-c") { $0.checksOnly = true })
        #expect(try changed("-cc defined(A)") { $0.condition = "defined(A)" })
        #expect(try changed("-C /etc") { $0.directory = "/etc" })
        #expect(try changed("-D") { $0.daemon = true })
        #expect(try changed("-db") { $0.foreground = true })
        #expect(try changed("-W") { $0.masterWorker = true })
        #expect(
            try changed("-Ws") {
                $0.masterWorker = true
                $0.notifiesSystemd = true
                $0.foreground = true
            })
        #expect(try changed("-d") { $0.debug = true })
        #expect(try changed("-dD") { $0.diagnostic = true })
        #expect(try changed("-dW") { $0.zeroWarning = true })
        #expect(try changed("-dV") { $0.skipsServerVerification = true })
        #expect(try changed("-dr") { $0.ignoresUnresolvedNames = true })
        #expect(try changed("-q") { $0.quiet = true })
        #expect(try changed("-V") { $0.verbose = true })
        #expect(try changed("-n 100") { $0.maxconn = 100 })
        #expect(try changed("-N 50") { $0.frontendMaxconn = 50 })
        #expect(try changed("-m 512") { $0.memoryLimit = 512 })
        #expect(try changed("-L me") { $0.localPeer = "me" })
        #expect(try changed("-p /run/p") { $0.pidfile = "/run/p" })
        #expect(try changed("-dM") { $0.memoryPoison = 0x50 })
        #expect(try changed("-dM0x41") { $0.memoryPoison = 0x41 })
        #expect(try changed("-dM65") { $0.memoryPoison = 65 })
        #expect(
            try changed("-sf 12 13 -q") {
                $0.oldProcesses = [12, 13]
                $0.oldProcessSignal = .finish
                $0.quiet = true
            })
        #expect(
            try changed("-st 12") {
                $0.oldProcesses = [12]
                $0.oldProcessSignal = .terminate
            })
        #expect(try changed("-sf") { $0.oldProcessSignal = .finish })
        #expect(
            try changed("-S /run/m,level,user -S [::1]:99") { $0.masterSockets = ["/run/m,level,user", "[::1]:99"] })
    }

    @Test func whatAMasterStartsItselfWith() throws {
        #expect(
            try options("-f a -sf 1 2 -W -x /s -S /m -st 3 -D -- b c").lasting.joined(separator: " ")
                == "-f a -W -S /m -D -- b c")
    }

    @Test func masterSockets() throws {
        let loader = ConfigurationLoader(system: NamelessSystem())
        let socket = try #require(try loader.masterSockets("/run/m,level,user,mode,600").first)
        #expect(socket.address.description == "unix@/run/m" && socket.level == .user)
        #expect(socket.permissions == SocketPermissions(mode: 0o600))
        #expect(try loader.masterSockets("127.0.0.1:99").first?.level == .admin)
        let wrong = #expect(throws: CommandLineError.self) { try loader.masterSockets("/run/m,levle,user") }
        #expect(wrong?.message?.contains("unknown keyword 'levle'; did you mean 'level' maybe ?") == true)
    }

    @Test("A master reads its own keywords of the global section, and no other line") func discovery() throws {
        let folder = TemporaryDirectory()
        let text = """
            global
            master-worker no-exit-on-failure
            mworker-max-reloads 3
            setenv A b
            nonsense in global
            .if streq("$A",b)
            pidfile /run/p
            .endif
            frontend f
            nonsense

            """
        try text.write(toFile: folder.path + "/a.cfg", atomically: true, encoding: .utf8)
        let found = ConfigurationLoader(system: NamelessSystem()).discover(paths: [folder.path + "/a.cfg"])
        #expect(found.alerts.isEmpty, "\(found.alerts)")
        #expect(found.global.masterWorker && !found.global.exitsOnWorkerFailure && found.global.maxReloads == 3)
        #expect(found.global.pidfile == "/run/p")
        try "global\n mworker-max-reloads\n".write(toFile: folder.path + "/a.cfg", atomically: true, encoding: .utf8)
        let broken = ConfigurationLoader(system: NamelessSystem()).discover(paths: [folder.path + "/a.cfg"])
        #expect(broken.alerts.map(\.message) == ["'mworker-max-reloads' expects an integer argument"])
    }

    @Test func filesKeepTheirOrder() throws {
        #expect(try options("-f a -f b -c -- c -d").paths == ["a", "b", "c", "-d"])
        #expect(try CommandLineOptions(arguments: ["-f", "a", "-sf", "12 13\n14"]).oldProcesses == [12, 13, 14])
    }

    @Test(arguments: [
        ("-v", CommandLineOptions.VersionRequest.short), ("-vv", .full), ("-vq", .plain), ("-vqs", .plainShort),
        ("-vqb", .branch), ("-v --nonsense", .short), ("-c -vv", .full),
    ])
    func versions(line: String, request: CommandLineOptions.VersionRequest) throws {
        #expect(try options(line).version == request)
    }

    @Test func aConditionNeedsNoFile() throws {
        #expect(try options("-cc 1").condition == "1")
        #expect(try options("-cc 1").paths == [])
    }

    @Test func keywordListsNeedNoFile() throws {
        #expect(try options("-dK").keywordClasses == [.help])
        #expect(try options("-dKcnv,smp").keywordClasses == [.cnv, .smp])
        #expect(try options("-f a -dKall").keywordClasses == [.all])
        #expect(KeywordClass.text([.help]).hasPrefix("# List of supported keyword classes:\nall: list all keywords\n"))
        #expect(KeywordClass.text([.all]) == KeywordClass.text([.cnv, .smp]))
    }

    @Test func optionsWithoutEffectSayWhy() throws {
        #expect(try options("-f a -de").notices == ["-de has no effect: epoll is the only poller of this build"])
        #expect(try options("-f a -dS -dp").notices.count == 2)
        #expect(try options("-f a -dMno-merge,poison").notices.count == 1)
        #expect(try options("-f a -dMno-merge,poison").memoryPoison == 0x50)
    }

    @Test(
        arguments: [
            ("", nil), ("-c", nil), ("-f", "option '-f' needs an argument"),
            ("-f a -n", "option '-n' needs an argument"),
            ("-f a -n x", "option '-n' needs a number, got 'x'"),
            ("-f a -m -5", "option '-m' needs a number, got '-5'"),
            ("-f a -Z", "unknown option '-Z'"), ("-f a --check", "unknown option '--check'"),
            ("-f a b", "unexpected argument 'b'"),
            ("-f a -", "unexpected argument '-'"), ("-f a -dX", "unknown option '-dX'"),
            ("-f a -dMxyz", "-dM: unknown memory debugging option 'xyz'"),
            ("-f a -sf x", "'-sf' expects process numbers, got 'x'"),
            ("-f a -st 0", "'-st' expects process numbers, got '0'"),
            ("-f a -x", "option '-x' needs an argument"),
            ("-f a -4", "option '-4' is not supported by this version of Portico"),
            ("-f a -dR", "option '-dR' is not supported by this version of Portico"),
            ("-dKall,foo", "-dK: unknown or unsupported keyword class 'foo' (use 'help' for the list)"),
            ("-cc", "option '-cc' needs an argument"),
        ] as [(String, String?)])
    func refusals(line: String, message: String?) {
        let error = #expect(throws: CommandLineError.self) { try options(line) }
        #expect(error?.message == message)
    }

    @Test func optionsComeBeforeTheFile() throws {
        let result = load(
            "global\n maxconn 1\n daemon\n quiet\nfrontend a\n bind :80\n maxconn 7\nfrontend b\n bind :81\n")
        var configuration = try #require(result.configuration)
        try options("-f a -n 2 -N 3 -p p -W -db -V -dW").apply(to: &configuration)
        #expect(configuration.global.maxconn == 2)
        #expect(configuration.frontends.map(\.maxconn) == [7, 3])
        #expect(configuration.global.pidfile == "p")
        #expect(configuration.global.masterWorker && configuration.global.zeroWarning)
        #expect(!configuration.global.daemon && !configuration.global.quiet)
        try options("-f a -D -q").apply(to: &configuration)
        #expect(configuration.global.daemon && configuration.global.quiet)
        #expect(configuration.global.maxconn == 2)
    }

    @Test func theUsageFitsAScreen() {
        let lines = Usage.text(program: "portico").split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 24)
        #expect(lines.allSatisfy { $0.count < 80 })
        #expect(lines.last == "")
    }
}
