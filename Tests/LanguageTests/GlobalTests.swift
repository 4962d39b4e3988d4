import Configuration
import Language
import Testing

@Suite struct GlobalTests {
    /// The settings of a `global` section, which has to be fine.
    private func global(_ lines: String) throws -> GlobalSettings {
        let result = load("global\n" + lines + "\n")
        #expect(result.diagnostics == [])
        return try #require(result.configuration).global
    }

    @Test func defaultsAreHAProxys() throws {
        let settings = try global("")
        #expect(settings == GlobalSettings())
        #expect(settings.nbthread == nil)
        #expect(settings.maxconn == nil)
        #expect(settings.fdHardLimit == 1_048_576)
        #expect(settings.strictLimits)
        #expect(settings.tune.bufsize == 16384)
        #expect(settings.tune.maxrewrite == 1024)
        #expect(settings.tune.maxHeadSize == 15360)
        #expect(settings.tune.httpMaxHeaders == 101)
        #expect(settings.tune.http2.maxConcurrentStreams == 100)
        #expect(settings.tune.quic.receiveBuffer == 1_638_400)
    }

    @Test func processKeywords() throws {
        let settings = try global(
            """
            daemon
            quiet
            zero-warning
            no strict-limits
            master-worker
            user www
            group 33
            chroot /var/empty
            pidfile /run/portico.pid
            hard-stop-after 30s
            grace 1500
            cluster-secret s3cret
            nbthread 4
            maxconn 20000
            ulimit-n 65536
            fd-hard-limit 100000
            limited-quic
            """)
        #expect(settings.daemon && settings.quiet && settings.zeroWarning && settings.masterWorker)
        #expect(!settings.strictLimits)
        #expect(settings.user == .name("www"))
        #expect(settings.group == .name("33"))
        #expect(settings.chroot == "/var/empty")
        #expect(settings.pidfile == "/run/portico.pid")
        #expect(settings.hardStopAfter == 30_000)
        #expect(settings.grace == 1500)
        #expect(settings.clusterSecret == "s3cret")
        #expect(settings.nbthread == 4)
        #expect(settings.maxconn == 20_000)
        #expect(settings.ulimitN == 65_536)
        #expect(settings.fdHardLimit == 100_000)
    }

    @Test func numericOwners() throws {
        let settings = try global("uid 33\ngid 0\nhard-stop-after 0\nmaxconn 0")
        #expect(settings.user == .id(33))
        #expect(settings.group == .id(0))
        #expect(settings.hardStopAfter == nil)
        #expect(settings.maxconn == nil)
    }

    @Test func theFirstOfTwoCounts() {
        let result = load("global\n maxconn 10\n maxconn 20\n user a\n uid 5\n")
        #expect(
            result.warnings == [
                "3:2 'maxconn' already specified. Continuing.", "5:2 'user/uid' already specified. Continuing.",
            ])
        #expect(result.configuration?.global.maxconn == 10)
        #expect(result.configuration?.global.user == .name("a"))
    }

    @Test func globalSectionsAddUp() throws {
        let result = load("global\n maxconn 10\nglobal\n nbthread 2\n")
        #expect(result.diagnostics == [])
        #expect(result.configuration?.global.maxconn == 10)
        #expect(result.configuration?.global.nbthread == 2)
    }

    @Test func aLateGlobalSectionIsWarnedAbout() {
        let result = load("backend b\n mode tcp\nglobal\n nbthread 2\n")
        #expect(
            result.warnings == [
                "3:1 a 'global' section after other sections: its defaults act on the lines that follow only"
            ])
    }

    @Test(
        arguments: [
            ("cpu-map 1/1 0", [0: [0]]), ("cpu-map 1/1-2 0-1,3", [0: [0, 1, 3], 1: [0, 1, 3]]),
            ("cpu-map auto:1/1-4 0-3", [0: [0], 1: [1], 2: [2], 3: [3]]),
            ("cpu-map auto:1/1-2 3 1", [0: [1], 1: [3]]), ("cpu-map 2/1 0", [:]),
            (
                "cpu-map 1/3- 5\ncpu-map 1/5- 6",
                Dictionary(uniqueKeysWithValues: (2...63).map { ($0, [$0 < 4 ? 5 : 6]) })
            ),
            ("cpu-map all/1 7", [0: [7]]),
            ("cpu-map odd/even 7", Dictionary(uniqueKeysWithValues: stride(from: 1, to: 64, by: 2).map { ($0, [7]) })),
            ("cpu-map 1 2", Dictionary(uniqueKeysWithValues: (0...63).map { ($0, [2]) })),
        ] as [(String, [Int: [Int]])])
    func cpuMaps(lines: String, map: [Int: [Int]]) throws {
        #expect(try global(lines).cpuMap == map)
    }

    @Test func tuneKeywords() throws {
        let tune = try global(
            """
            tune.bufsize 32k
            tune.maxrewrite 2048
            tune.http.maxhdr 64
            tune.http.logurilen 4096
            tune.maxaccept -1
            tune.maxpollevents 500
            tune.rcvbuf.client 64k
            tune.sndbuf.client 1m
            tune.rcvbuf.server 3000
            tune.sndbuf.server 4000
            tune.rcvbuf.frontend 2m
            tune.sndbuf.frontend 3m
            tune.ssl.lifetime 10m
            tune.h2.header-table-size 8192
            tune.h3.header-table-size 2048
            tune.h2.initial-window-size 65536
            tune.h2.max-concurrent-streams 50
            tune.h2.max-frame-size 20000
            tune.h2.fe.max-total-streams 1000
            tune.h2.fe.glitches-threshold 200
            tune.h2.fe.rxbuf 2m
            tune.quic.listen off
            tune.quic.fe.tx.udp-gso off
            tune.quic.fe.max-idle-timeout 1m
            tune.quic.fe.stream.max-concurrent 10
            tune.quic.fe.stream.max-total 5000
            tune.quic.fe.stream.rxbuf 1m
            tune.quic.fe.stream.data-ratio 50
            tune.quic.fe.sec.retry-threshold 7
            tune.quic.fe.sec.glitches-threshold 300
            tune.quic.fe.tx.pacing off
            tune.quic.be.sec.glitches-threshold 400
            tune.quic.be.tx.pacing off
            """
        ).tune
        #expect((tune.bufsize, tune.maxrewrite) == (32768, 2048))
        #expect((tune.httpMaxHeaders, tune.httpLogURILength) == (64, 4096))
        #expect((tune.maxAccept, tune.maxPollEvents) == (nil, 500))
        let sockets = tune.socketBuffers
        #expect((sockets.clientReceive, sockets.clientSend) == (65536, 1 << 20))
        #expect((sockets.serverReceive, sockets.serverSend) == (3000, 4000))
        #expect((sockets.frontendReceive, sockets.frontendSend) == (2 << 20, 3 << 20))
        #expect(tune.tls.sessionLifetime == 600)
        #expect((tune.http2.headerTableSize, tune.http2.initialWindowSize) == (8192, 65536))
        #expect((tune.http2.maxConcurrentStreams, tune.http2.maxFrameSize) == (50, 20000))
        #expect((tune.http2.maxTotalStreams, tune.http2.glitchesThreshold) == (1000, 200))
        #expect(tune.http2.receiveBuffer == 2 << 20)
        #expect(!tune.quic.listens && !tune.quic.usesGSO)
        #expect((tune.quic.maxIdleTimeout, tune.quic.maxConcurrentStreams) == (60_000, 10))
        #expect((tune.quic.maxTotalStreams, tune.quic.receiveBuffer) == (5000, 1 << 20))
        #expect((tune.quic.streamDataRatio, tune.quic.headerTableSize) == (50, 2048))
        #expect(tune.quic.retryThreshold == 7)
        #expect((tune.quic.glitchesThreshold, tune.serverQUIC.glitchesThreshold) == (300, 400))
        #expect(!tune.quic.paces && !tune.serverQUIC.paces && tune.serverQUIC.usesGSO)
    }

    @Test func tuneValuesFollowEachOther() throws {
        #expect(try global("tune.bufsize 20000").tune.bufsize == 20000)
        #expect(try global("tune.bufsize 20001").tune.bufsize == 20016)
        #expect(try global("tune.bufsize 20000\ntune.maxrewrite 19000").tune.maxrewrite == 10000)
        #expect(try global("tune.bufsize 32k").tune.http2.maxFrameSize == 32768)
        #expect(try global("tune.h2.max-frame-size 60000").tune.http2.maxFrameSize == 16384)
        #expect(
            try global("tune.h2.initial-window-size 1000\ntune.h2.fe.initial-window-size 2000").tune.http2
                .initialWindowSize == 2000)
        #expect(
            try global("tune.h2.max-concurrent-streams 7\ntune.h2.fe.max-concurrent-streams 0").tune.http2
                .maxConcurrentStreams == nil)
        #expect(
            try global("tune.bufsize 32k\ntune.quic.fe.stream.max-concurrent 10").tune.quic.receiveBuffer == 327_680)
        #expect(try global("tune.maxaccept 0").tune.maxAccept == nil)
    }

    @Test(arguments: [
        ("tune.quic.frontend.max-idle-timeout 5s", "tune.quic.fe.max-idle-timeout"),
        ("tune.quic.frontend.max-streams-bidi 5", "tune.quic.fe.stream.max-concurrent"),
        ("tune.quic.frontend.max-data-size 5m", "tune.quic.fe.stream.rxbuf"),
        ("tune.quic.frontend.stream-data-ratio 5", "tune.quic.fe.stream.data-ratio"),
        ("tune.quic.retry-threshold 5", "tune.quic.fe.sec.retry-threshold"),
        ("tune.quic.frontend.glitches-threshold 5", "tune.quic.fe.sec.glitches-threshold"),
    ])
    func oldNamesStillWork(line: String, name: String) throws {
        let old = load("global\n \(line)\n")
        let parts = line.split(separator: " ")
        #expect(old.warnings == ["2:2 '\(parts[0])' is deprecated, please use '\(name)'"])
        let new = load("global\n \(name) \(parts[1])\n")
        #expect(new.diagnostics == [])
        #expect(old.configuration == new.configuration)
        #expect(old.configuration?.global != GlobalSettings())
    }

    /// What HAProxy has here and the transport does not: taken, and said.
    @Test(arguments: [
        ("cc.cubic-min-losses 1", nil), ("cc.cubic-min-losses 2", "each loss counts"), ("cc.hystart on", nil),
        ("cc.hystart off", "cubic always begins with HyStart++"), ("cc.max-frame-loss 10", nil),
        ("cc.max-frame-loss 3", "a frame may be lost any number of times"), ("cc.reorder-ratio 50", nil),
        ("cc.reorder-ratio 40", "packets count as lost as RFC 9002 has it"),
        ("cc.max-win-size 480k", "the congestion window has no limit of its own"),
    ])
    func whatTheTransportDecides(setting: String, instead: String?) {
        for side in ["fe", "be"] {
            let line = "tune.quic.\(side).\(setting)"
            let result = load("global\n \(line)\n")
            let word = setting == "cc.hystart off" ? line : String(line.prefix { $0 != " " })
            #expect(result.warnings == (instead.map { ["2:2 '\(word)' has no effect: \($0)"] } ?? []))
            #expect(result.configuration?.global == GlobalSettings())
        }
    }

    @Test func quicSocketsAndMemory() {
        for line in ["fe.sock-per-conn default-on", "fe.sock-per-conn force-off", "zero-copy-fwd-send off"] {
            #expect(load("global\n tune.quic.\(line)\n").diagnostics == [])
        }
        #expect(load("global\n tune.quic.mem.tx-max 10m\n").warnings.count == 1)
    }

    @Test(arguments: [
        ("tune.quic.disable-tx-pacing", "tune.quic.fe.tx.pacing off"),
        ("tune.quic.disable-udp-gso", "tune.quic.fe.tx.udp-gso off"),
    ])
    func oldSwitchesStillWork(line: String, name: String) throws {
        let old = load("global\n \(line)\n")
        #expect(old.warnings == ["2:2 '\(line)' is deprecated, please use '\(name)'"])
        let new = load("global\n \(name)\n")
        #expect(old.configuration == new.configuration)
        #expect(old.configuration?.global != GlobalSettings())
    }

    @Test(
        arguments: [
            (
                "tune.quic.fe.sock-per-conn x",
                "2:29 'tune.quic.fe.sock-per-conn' expects either 'default-on' or 'force-off' but got 'x'"
            ),
            ("daemon now", "2:9 'daemon' : unexpected extra argument 'now'"),
            (
                "no daemon",
                "2:5 'no daemon': negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits and numa-cpu-mapping"
            ),
            (
                "master-worker exit-on-failure",
                "2:16 'master-worker' only supports 'no-exit-on-failure' option, got 'exit-on-failure'."
            ),
            ("mworker-max-reloads", "2:2 'mworker-max-reloads' expects an integer argument"),
            ("mworker-max-reloads -1", "2:2 'mworker-max-reloads' expects a positive value or zero."),
            ("mworker-max-reloads 1 2", "2:24 'mworker-max-reloads' : unexpected extra argument '2'"),
            ("user", "2:2 'user' expects a user name"), ("uid www", "2:6 'uid' expects an integer argument, got 'www'"),
            ("gid -1", "2:6 'gid' expects an integer of at least 0, got '-1'"),
            ("chroot auto", "2:9 'chroot auto' is a keyword of HAProxy that this version of Portico does not support"),
            ("hard-stop-after", "2:2 'hard-stop-after' expects an integer value (in milliseconds)"),
            (
                "hard-stop-after 25d",
                "2:18 timer overflow in argument '25d' to 'hard-stop-after' (maximum value is 2147483647 ms or ~24.8 days)"
            ),
            ("hard-stop-after soon", "2:18 unexpected character 's' in 'hard-stop-after'"),
            ("nbthread 0", "2:11 'nbthread' expects an integer between 1 and 1024, got '0'"),
            ("nbthread", "2:2 'nbthread' expects an integer argument"),
            ("maxconn 1k", "2:10 'maxconn' expects an integer argument, got '1k'"),
            ("maxconn +1", "2:10 'maxconn' expects an integer argument, got '+1'"),
            ("maxconn 99999999999", "2:10 'maxconn' expects an integer argument, got '99999999999'"),
            ("tune.bufsize", "2:2 'tune.bufsize' expects a size in bytes"),
            ("tune.bufsize 16q", "2:15 unexpected character 'q' in 'tune.bufsize'"),
            ("tune.bufsize 16kb", "2:15 unexpected character 'b' in 'tune.bufsize'"),
            ("tune.bufsize 10", "2:15 'tune.bufsize' expects a size between 1024 and 268435440 bytes, got '10'"),
            ("tune.bufsize 5g", "2:15 size overflow in argument '5g' to 'tune.bufsize'"),
            ("tune.http.maxhdr 0", "2:19 'tune.http.maxhdr' expects an integer between 1 and 32767, got '0'"),
            ("tune.ssl.lifetime 70y", "2:20 unexpected character 'y' in 'tune.ssl.lifetime'"),
            (
                "tune.ssl.lifetime 99999d",
                "2:20 timer overflow in argument '99999d' to 'tune.ssl.lifetime' (maximum value is 2147483647 s or ~68 years)"
            ),
            ("tune.quic.listen maybe", "2:19 'tune.quic.listen' expects either 'on' or 'off' but got 'maybe'"),
            (
                "tune.quic.socket-owner listener",
                "2:2 'tune.quic.socket-owner' is a keyword of HAProxy that this version of Portico does not support"
            ),
            (
                "tune.quic.frontend.default-max-window-size 1m",
                "2:2 'tune.quic.frontend.default-max-window-size' is a keyword of HAProxy that this version of Portico"
                    + " does not support"
            ),
            (
                "tune.quic.fe.tx.pacing maybe",
                "2:25 'tune.quic.fe.tx.pacing' expects either 'on' or 'off' but got 'maybe'"
            ),
            (
                "tune.quic.fe.sec.glitches-threshold 0",
                "2:38 'tune.quic.fe.sec.glitches-threshold' expects an integer of at least 1, got '0'"
            ),
            (
                "tune.lua.maxmem 0",
                "2:2 'tune.lua.maxmem' is a keyword of HAProxy that this version of Portico does not support"
            ),
            (
                "tune.h2.fe.max-concurrent-streams 5 rq-load auto",
                "2:38 'tune.h2.fe.max-concurrent-streams rq-load' is a keyword of HAProxy that this version of Portico does not support"
            ),
            (
                "cpu-map",
                "2:2 'cpu-map' expects a thread group number ('all', 'odd', 'even', a number from 1 to 64 or a range), followed by a list of CPU ranges"
            ),
            ("cpu-map 1/1", "2:2 'cpu-map' expects a list of CPU ranges with numbers from 0 to 1023"),
            ("cpu-map 1/0 1", "2:10 'cpu-map' : '0' is not a valid number/range. It supports the range from 1 to 64"),
            (
                "cpu-map 1/4-3 1",
                "2:10 'cpu-map' : '4-3' is not a valid number/range. It supports the range from 1 to 64"
            ),
            ("cpu-map 1/1 x", "2:14 'cpu-map' : 'x' is not a CPU range"),
            ("cpu-map 1/1 0,2000", "2:14 'cpu-map' : '0,2000' is not a CPU range"),
            (
                "cpu-map auto:1/1-4 0-2",
                "2:10 'cpu-map' : thread range and CPU sets must have the same size to be automatically bound"
            ),
            ("unix-bind", ""),
            ("unix-bind prefx /run", "2:12 'unix-bind' : unknown keyword 'prefx'; did you mean 'prefix' maybe ?"),
            ("unix-bind mode 9", "2:17 'unix-bind' : 'mode' expects an octal mode, got '9'"),
            ("ssl-server-verify maybe", "2:20 'ssl-server-verify' expects 'none' or 'required' as argument"),
            ("ssl-default-bind-options", "2:2 'ssl-default-bind-options' expects an option as an argument"),
            (
                "ssl-default-bind-options ssl-min-ver TLSv1",
                "2:39 'ssl-default-bind-options' : 'ssl-min-ver' : unknown SSL/TLS version 'TLSv1', expects one of 'SSLv3', 'TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'"
            ),
            (
                "ssl-default-server-options strict-sni",
                "2:29 'ssl-default-server-options' : unknown keyword 'strict-sni'"
            ),
            ("ca-base", "2:2 'ca-base' expects a directory path as an argument"),
            (
                "tune.renice.startup 5",
                "2:2 'tune.renice.startup' is a keyword of HAProxy that this version of Portico does not support"
            ),
            (
                "tune.bufsiz 1",
                "2:2 unknown keyword 'tune.bufsiz' in 'global' section; did you mean 'tune.bufsize' maybe ?"
            ),
            ("zzzzzzzzzz", "2:2 unknown keyword 'zzzzzzzzzz' in 'global' section"),
            ("default", "2:2 unknown keyword 'default' in 'global' section"),
        ] as [(String, String)])
    func refusals(line: String, message: String) {
        #expect(load("global\n \(line)\n").alerts.joined() == message)
    }

    @Test func runtimeAPI() throws {
        let api = try global(
            """
            unix-bind mode 700
            stats socket /run/portico.sock mode 660 user www level admin expose-fd listeners name main
            stats socket unix@/run/b.sock
            stats socket ipv4@127.0.0.1:9999 level user severity-output string backlog 7
            stats socket abns@ctl
            stats timeout 2m
            stats maxconn 20
            tune.cli.max-payload-size 1m
            """
        ).runtimeAPI
        #expect(api.timeout == 120_000)
        #expect(api.maxconn == 20)
        #expect(api.maxPayload == 1_048_576)
        #expect(
            api.sockets.map(\.address.description) == [
                "unix@/run/portico.sock", "unix@/run/b.sock", "ipv4@127.0.0.1:9999", "abns@ctl",
            ])
        #expect(api.sockets.map(\.level) == [.admin, .operator, .user, .operator])
        #expect(api.sockets[0].permissions == SocketPermissions(mode: 0o660, user: .name("www")))
        #expect(api.sockets[1].permissions == SocketPermissions(mode: 0o700))
        #expect(api.sockets[0].exposesListeners && !api.sockets[1].exposesListeners)
        #expect(api.sockets[0].name == "main")
        #expect(api.sockets[2].severityOutput == .string)
        #expect(api.sockets[2].backlog == 7)
        #expect(RuntimeAPISettings().timeout == 10_000)
        #expect(RuntimeAPISettings().maxconn == 10)
    }

    @Test(arguments: [
        (
            "stats",
            "'stats' only supports 'socket', 'maxconn', 'bind-process', 'calculate-max-counters' and 'timeout' (got '')"
        ),
        (
            "stats foo",
            "'stats' only supports 'socket', 'maxconn', 'bind-process', 'calculate-max-counters' and 'timeout' (got 'foo')"
        ),
        ("stats socket", "'stats socket' in global section expects an address or a path to a UNIX socket"),
        ("stats socket /s level", "'stats socket' : 'level' : missing level"),
        (
            "stats socket /s level root",
            "'stats socket' : 'level' only supports 'user', 'operator', and 'admin' (got 'root')"
        ),
        ("stats socket /s expose-fd", "'stats socket' : 'expose-fd' : missing fd type"),
        ("stats socket /s expose-fd all", "'stats socket' : 'expose-fd' only supports 'listeners' (got 'all')"),
        ("stats socket quic4@127.0.0.1:1", "'stats socket' : QUIC is no transport for commands in 'quic4@127.0.0.1:1'"),
        ("stats timeout 0", "'stats timeout' expects a positive value"),
        ("stats maxconn 0", "'stats maxconn' expects a positive value"),
        ("stats bind-process 1", "'stats bind-process' is not supported anymore."),
        (
            "stats calculate-max-counters maybe",
            "'calculate-max-counters' only supports 'on' and 'off', received 'maybe'"
        ),
    ]) func runtimeAPIMistakes(line: String, message: String) {
        let alerts = load("global\n\(line)").alerts
        #expect(alerts.count == 1 && alerts[0].hasSuffix(message), "\(alerts)")
    }
}
