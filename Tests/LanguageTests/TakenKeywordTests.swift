import Configuration
import Language
import Testing

/// Keywords of real configurations, with and without an effect. Each line's verdict is HAProxy's: where it refuses a line,
/// so does Portico, at the word that HAProxy's message is about, and in its words where they say something of the keyword.
@Suite("Keywords of real configurations") struct TakenKeywordTests {
    private static let tail = "\ndefaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"

    private static func global(_ line: String) -> ConfigurationLoader.Result {
        load("global\n \(line)\(tail)frontend f\n bind 127.0.0.1:59\n")
    }

    private static func section(_ line: String, _ kind: String = "listen") -> ConfigurationLoader.Result {
        load(
            "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n\(kind) x\n \(line)\n"
                + (kind == "backend" ? "" : " bind 127.0.0.1:59\n"))
    }

    private static func bind(_ options: String) -> ConfigurationLoader.Result {
        load("defaults\n mode http\n timeout client 1s\nfrontend f\n bind 127.0.0.1:59 \(options)\n")
    }

    private static func server(_ options: String) -> ConfigurationLoader.Result {
        section("server s1 127.0.0.1:80 \(options)", "backend")
    }

    @Test(
        "global: taken",
        arguments: """
            busy-polling;no busy-polling;close-spread-time 10s;close-spread-time infinite;cpu-affinity per-core
            cpu-affinity per-group auto;cpu-affinity per-group loose;cpu-affinity auto;cpu-affinity per-ccx
            cpu-policy none;cpu-policy performance;cpu-policy group-by-2-ccx;cpu-policy first-usable-node
            cpu-policy performance threads-per-core 1;cpu-policy group-by-cluster threads-per-core auto
            cpu-set reset;cpu-set drop-cpu 1;cpu-set only-cpu 0-1;cpu-set only-cpu 0 drop-cpu 1;cpu-set only-node 0
            default-path current;default-path config;default-path parent;default-path origin /tmp;description hello world;node n1;node a_b;node 1
            h1-accept-payload-with-any-method;h1-case-adjust host Host;h1-case-adjust host host
            h1-case-adjust-file /dev/null;h2-workaround-bogus-websocket-clients
            harden.reject-privileged-ports.quic on;harden.reject-privileged-ports.tcp off
            http-err-codes 400-499;http-err-codes +500 -404;http-err-codes 400-499 500;http-fail-codes 500,502
            http-fail-codes 400-499,500-503;http-fail-codes +500,502;http-err-codes -400
            httpclient.resolvers.disabled on;httpclient.resolvers.id x;httpclient.resolvers.prefer ipv4
            httpclient.retries 3;httpclient.ssl.ca-file @system-ca;httpclient.ssl.verify none
            httpclient.ssl.verify required;httpclient.timeout.connect 2s
            insecure-setuid-wanted;localpeer abc;localpeer a$b;maxconnrate 100;maxpipes 10;maxsessrate 10;maxsslconn 10
            maxsslrate 10;no-memory-trimming;noepoll;noevports;nogetaddrinfo;nokqueue;noktls;nopoll;noreuseport;nosplice
            numa-cpu-mapping;no numa-cpu-mapping;pp2-never-send-local;prealloc-fd;quick-exit
            set-dumpable;set-dumpable on;set-dumpable off;set-dumpable libs;no set-dumpable
            setcap cap_net_bind_service;setcap cap_net_bind_service,cap_net_raw;setcap cap_net_admin,
            stress-level 1;thread-group 1 1-4;thread-group 1 1;thread-group 1;thread-group 17 1;thread-hard-limit 8
            warn-blocked-traffic-after 50ms;anonkey 123;tune.applet.zero-copy-forwarding on;tune.buffers.limit 100
            tune.buffers.limit;tune.buffers.reserve 4;tune.buffers.reserve;tune.bufsize.large 65536
            tune.bufsize.large 64k;tune.bufsize.small 1024;tune.disable-fast-forward;tune.disable-zero-copy-forwarding
            tune.epoll.mask-events err,hup,rdhup;tune.events.max-events-at-once 100;tune.fail-alloc 1
            tune.glitches.kill.cpu-usage 90;tune.h1.be.glitches-threshold 10;tune.h1.fe.glitches-threshold 10
            tune.h1.fe.glitches-threshold;tune.h1.zero-copy-fwd-recv on;tune.h1.zero-copy-fwd-send off
            tune.h2.be.max-frames-at-once 10;tune.h2.fe.max-frames-at-once 10;tune.h2.fe.max-rst-at-once 10
            tune.h2.be.max-frames-at-once;tune.h2.log-errors none;tune.h2.zero-copy-fwd-send on;tune.http.cookielen 100
            tune.idletimer 1000;tune.idletimer 10s;tune.listener.default-shards by-thread
            tune.listener.default-shards by-process;tune.listener.multi-queue fair;tune.max-rules-at-once 10
            tune.memory.hot-size 512k;tune.notsent-lowat.client 16k;tune.notsent-lowat.server 16384
            tune.pattern.cache-size 0;tune.peers.max-updates-at-once 10;tune.pipesize 64k;tune.pool-high-fd-ratio 50
            tune.pool-low-fd-ratio 50;tune.pt.zero-copy-forwarding on;tune.rcvbuf.backend 100k;tune.sndbuf.backend 100k
            tune.recv_enough 16k;tune.ring.queues 5;tune.runqueue-depth 200;tune.sched.low-latency on
            tune.ssl.cachesize 1000;tune.ssl.cachesize 0;tune.ssl.force-private-cache;tune.ssl.ssl-ctx-cache-size 1000
            tune.stick-counters 3;tune.stick-counters;tune.streams-elasticity 0;tune.streams-elasticity 101
            tune.takeover-other-tg-connections full
            """.split(whereSeparator: { $0 == ";" || $0 == "\n" }).map(String.init))
    func globals(line: String) {
        let result = Self.global(line)
        #expect(result.alerts.isEmpty && result.configuration != nil, "\(line)")
    }

    @Test(
        "global: refused as HAProxy does",
        arguments: [
            ("busy-polling x", 15, "'busy-polling' : unexpected extra argument 'x'"),
            ("close-spread-time", 2, "'close-spread-time' expects <time> as argument."),
            (
                "cpu-affinity x", 15,
                "'cpu-affinity' parsed an unknown directive 'x'. Known values are : per-core per-group per-thread per-ccx"
                    + " auto"
            ),
            ("cpu-affinity per-core x", 24, "'per-core' provided with unknown optional argument 'x'."),
            ("cpu-set only-cpu x", 10, "'cpu-set only-cpu': 'x' is not a CPU range."),
            ("default-path origin", 15, "'default-path origin' expects a directory as an argument."),
            (
                "default-path x", 15,
                "unsupported default-path mode 'x' for 'default-path', supported modes include 'current', 'config',"
                    + " 'parent', and 'origin'."
            ),
            ("description", 2, "'description' expects a string argument."),
            (
                "node x+y", 7,
                "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.),"
                    + " hyphen(-) or underscode(_)."
            ),
            ("node n1 n2", 10, "'node' : unexpected extra argument 'n2'"),
            (
                "force-cfg-parser-pause 1s", 2,
                "'force-cfg-parser-pause' directive is experimental, must be allowed via a global"
                    + " 'expose-experimental-directives'"
            ),
            ("h1-case-adjust host", 2, "'h1-case-adjust' expects <from> and <to> as argument."),
            ("h1-case-adjust host hots", 17, "<from> and <to> must not differ except the case"),
            ("h1-case-adjust-file", 2, "'h1-case-adjust-file' expects <file> as argument."),
            ("harden.reject-privileged-ports.tcp x", 37, nil), ("http-err-codes x", 17, nil),
            ("http-err-codes", 2, "Missing status codes range for 'http-err-codes'."),
            ("http-err-codes 600", 17, "Invalid status codes range '600' in 'http-err-codes'."),
            ("http-err-codes 499-400", 17, "Invalid status codes range '499-400' in 'http-err-codes'."),
            ("http-fail-codes 500,+501", 18, nil), ("http-fail-codes 400-499,-404", 18, nil),
            ("httpclient.resolvers.disabled x", 32, nil), ("httpclient.ssl.verify x", 24, nil),
            ("httpclient.retries", 2, "'httpclient.retries' expects an integer argument"),
            ("localpeer", 2, "'localpeer' expects a name as an argument."), ("localpeer a b", 14, nil),
            ("maxconnrate", 2, "'maxconnrate' expects an integer argument"), ("maxconnrate 10 20", 17, nil),
            (
                "nbproc 2", 2,
                "nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on"
                    + " multi-processor machines if available."
            ),
            ("no noepoll", 5, nil), ("noepoll x", 10, nil), ("quick-exit x", 13, nil),
            (
                "set-dumpable x", 15, "'set-dumpable' only supports 'on' and 'off' as an argument, found 'x'."
            ),
            (
                "setcap cap_x", 9,
                "'setcap' : unsupported capability 'cap_x'.  Supported ones are: cap_net_raw, cap_net_admin,"
                    + " cap_net_bind_service and cap_sys_admin."
            ),
            (
                "setcap", 2,
                "'setcap' : missing capability name(s).  Supported ones are: cap_net_raw, cap_net_admin,"
                    + " cap_net_bind_service and cap_sys_admin."
            ),
            ("stress-level 12", 15, "'stress-level' level must be between 0 and 9 inclusive."),
            ("thread-group", 2, "'thread-group' passed a missing or unparsable integer value in ''"),
            (
                "thread-group 1 a", 17,
                "'thread-group 1' passed an unparsable or invalid thread number 'a' (valid range is 1 to 1024)"
            ),
            ("thread-hard-limit 0", 20, "'thread-hard-limit' value must be at least 1 (was 0)"),
            (
                "warn-blocked-traffic-after 5s", 29,
                "timer out of range in argument '5s' to 'warn-blocked-traffic-after' (value must be between 1 and 1000"
                    + " ms)"
            ),
            ("anonkey", 2, "a key is expected after 'anonkey'."),
            ("anonkey -1", 10, "'anonkey' value must be within range 0-4294967295 (was '-1')."),
            ("tune.applet.zero-copy-forwarding x", 35, "'tune.applet.zero-copy-forwarding' expects 'on' or 'off'."),
            ("tune.buffers.limit -1", 21, nil), ("tune.bufsize.large", 2, nil), ("tune.bufsize.small x", 21, nil),
            (
                "tune.chksize 1000", 2,
                "option 'tune.chksize' is not supported any more (tune.bufsize is used instead)."
            ),
            (
                "tune.epoll.mask-events err,x", 25,
                "'tune.epoll.mask-events' expects a comma-delimited list of 'err', 'hup' and 'rdhup' but got 'x'."
            ),
            ("tune.events.max-events-at-once 10001", 33, nil),
            (
                "tune.fd.edge-triggered on", 2,
                "'tune.fd.edge-triggered' directive is experimental, must be allowed via a global"
                    + " 'expose-experimental-directives'"
            ),
            ("tune.glitches.kill.cpu-usage 101", 31, nil), ("tune.h1.fe.glitches-threshold -1", 32, nil),
            ("tune.h1.zero-copy-fwd-send", 2, "'tune.h1.zero-copy-fwd-send' expects 'on' or 'off'."),
            ("tune.h2.log-errors x", 21, "'tune.h2.log-errors' expects 'none', 'connection', or 'stream'"),
            ("tune.idletimer 100000", 17, "'tune.idletimer' expects a timer value between 0 and 65535 ms."),
            (
                "tune.listener.default-shards x", 31,
                "'tune.listener.default-shards' expects either 'by-process', 'by-group', or 'by-thread' but got 'x'."
            ),
            (
                "tune.listener.multi-queue", 2,
                "'tune.listener.multi-queue' expects either 'on', 'fair', or 'off' but got ''."
            ),
            ("tune.memory.hot-size 0", 23, "'tune.memory.hot-size' expects a strictly positive value."),
            ("tune.peers.max-updates-at-once 0", 33, nil), ("tune.pool-high-fd-ratio 101", 26, nil),
            ("tune.ring.queues 65", 19, nil), ("tune.sndbuf.backend 0", 22, nil), ("tune.ssl.cachesize", 2, nil),
            (
                "tune.stick-counters -1", 22,
                "tune.stick-counters: the number of stick-counters must be between 1 and 100 (was -1)"
            ),
            (
                "tune.streams-elasticity 99", 26,
                "'tune.streams-elasticity' expects 0 or a positive percentage value of 100 or above"
            ),
            (
                "tune.takeover-other-tg-connections x", 37,
                "'tune.takeover-other-tg-connections' expects 'none', 'restricted', or 'full', got 'x'"
            ),
        ] as [(String, Int, String?)])
    func badGlobals(line: String, column: Int, message: String?) {
        let alerts = Self.global(line).alerts
        #expect(alerts.count == 1 && alerts.first?.hasPrefix("2:\(column) ") == true, "\(line): \(alerts)")
        if let message { #expect(alerts.first == "2:\(column) \(message)") }
    }

    @Test(
        "Proxies: taken",
        arguments: """
            option tcpka;option clitcpka;no option clitcpka;default option srvtcpka;clitcpka-cnt 5;clitcpka-idle 10s
            clitcpka-intvl 1m;srvtcpka-cnt 3;srvtcpka-idle 5;srvtcpka-intvl 5;option nolinger;no option nolinger
            option http-pretend-keepalive;option independent-streams;option checkcache;option contstats
            option http-drop-request-trailers;option http-drop-response-trailers;option idle-close-on-response
            option disable-h2-upgrade;option h1-case-adjust-bogus-client;option h1-case-adjust-bogus-server
            option use-small-buffers;option use-small-buffers queue check;no option use-small-buffers
            rate-limit sessions 10;max-session-srv-conns 5;max-session-srv-conns -1;max-keep-alive-queue 5
            max-keep-alive-queue -1;timeout client-hs 5s;id 42;description a b c
            """.split(whereSeparator: { $0 == ";" || $0 == "\n" }).map(String.init))
    func proxies(line: String) {
        let result = Self.section(line)
        #expect(result.diagnostics.isEmpty && result.configuration != nil, "\(line): \(result.diagnostics)")
    }

    @Test(
        "Proxies: refused as HAProxy does",
        arguments: [
            ("no option tcpka", 5, nil), ("option tcpka x", 15, nil), ("clitcpka-cnt", 2, nil),
            ("clitcpka-cnt x", 15, nil), ("clitcpka-idle x", 16, nil), ("option nolinger x", 18, nil),
            (
                "option use-small-buffers l7-retries x", 38,
                "invalid parameter 'x'. option 'use-small-buffers' expects 'queue', 'l7-retries' or 'check' value."
            ),
            ("rate-limit", 2, "'rate-limit' only supports 'sessions' (got '')"),
            ("rate-limit x", 13, "'rate-limit' only supports 'sessions' (got 'x')"), ("rate-limit sessions", 2, nil),
            ("rate-limit sessions x", 22, nil),
            ("max-session-srv-conns", 2, "'max-session-srv-conns' expects a number. Got no argument"),
            ("max-keep-alive-queue", 2, nil), ("max-keep-alive-queue x", 23, nil),
            ("id", 2, "'id' expects an integer argument."), ("id 0", 5, "custom id has to be > 0."),
            ("id x", 5, "custom id has to be > 0."), ("id 42 43", 8, nil),
            ("description", 2, "'description' expects a string argument."),
            ("option transparent", 2, "support for option 'transparent' was removed in version 3.5."),
            (
                "transparent", 2,
                "support for 'transparent' was removed in version 3.5. The modern way to do the same is to create a"
                    + " server with address 0.0.0.0."
            ),
            (
                "clitimeout 1000", 2,
                "the 'clitimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout client'."
            ),
            (
                "contimeout 1000", 2,
                "the 'contimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout connect'."
            ),
            (
                "srvtimeout 1000", 2,
                "the 'srvtimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout server'."
            ),
            (
                "block if TRUE", 2,
                "The 'block' directive is not supported anymore since HAProxy 2.1. Use 'http-request deny' which uses"
                    + " the exact same syntax."
            ),
            (
                "redisp", 2,
                "keyword 'redisp' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'."
            ),
            (
                "reqadd X", 2,
                "The 'reqadd' directive is not supported anymore since HAProxy 2.1. Use 'http-request add-header'"
                    + " instead."
            ),
            (
                "rspirep a b", 2,
                "The 'rspirep' directive is not supported anymore since HAProxy 2.1. Use 'http-response replace-header'"
                    + " instead."
            ),
            ("reqpass a", 2, "The 'reqpass' not supported anymore since HAProxy 2.1."),
            (
                "monitor-net 127.0.0.1", 2,
                "'monitor-net' doesn't exist anymore. Please use 'http-request return status 200 if { src 127.0.0.1 }'"
                    + " instead."
            ),
            ("bind-process all", 2, "'bind-process' is not supported anymore."),
            (
                "option forceclose", 2,
                "option 'forceclose' is not supported any more since HAProxy 2.0, please just remove it, or use 'option"
                    + " httpclose' if absolutely needed."
            ),
        ] as [(String, Int, String?)])
    func badProxies(line: String, column: Int, message: String?) {
        let alerts = Self.section(line).alerts
        #expect(alerts.count == 1 && alerts.first?.hasPrefix("7:\(column) ") == true, "\(line): \(alerts)")
        if let message { #expect(alerts.first == "7:\(column) \(message)") }
    }

    @Test(
        "Keywords of the other half are passed over with a warning",
        arguments: [
            ("option clitcpka", "backend"), ("clitcpka-cnt 5", "backend"), ("rate-limit sessions 10", "backend"),
            ("max-session-srv-conns 5", "backend"), ("timeout client-hs 5s", "backend"),
            ("option contstats", "backend"), ("option srvtcpka", "frontend"), ("option checkcache", "frontend"),
            ("srvtcpka-cnt 5", "frontend"), ("max-keep-alive-queue 5", "frontend"),
            ("option http-pretend-keepalive", "frontend"),
        ])
    func otherHalf(line: String, kind: String) {
        let result = Self.section(line, kind)
        #expect(result.alerts.isEmpty && result.warnings.count == 1, "\(result.diagnostics)")
        #expect(result.warnings.first?.contains("ignored because \(kind) 'x' has no ") == true, "\(result.warnings)")
    }

    @Test(
        "bind: taken",
        arguments: """
            id 5;interface lo;mss 1400;mss -1400;tcp-ut 10s;tcp-ut 0;tcp-ss 0;tcp-ss 1;tcp-ss 2;defer-accept;transparent
            nice 5;nice -1024;nice 1024;shards 2;shards by-thread;shards by-group;shards 1024;thread all;thread 1
            thread 1/all;thread odd;thread even;thread 1-2;thread;thread 1/1;thread 1,2;thread 1-;thread 1/odd
            thread odd,even;label abc;level admin;severity-output number;expose-fd listeners;cc cubic;cc nosuch
            quic-socket connection;quic-socket listener;npn h2;quic-cc-algo cubic;quic-cc-algo cubic()
            quic-cc-algo cubic(1m);quic-cc-algo bbr(1m);quic-cc-algo newreno(1m)
            """.split(whereSeparator: { $0 == ";" || $0 == "\n" }).map(String.init))
    func binds(options: String) {
        let result = Self.bind(options)
        #expect(result.alerts.isEmpty && result.configuration != nil, "\(options): \(result.diagnostics)")
    }

    @Test(
        "bind: refused as HAProxy does",
        arguments: [
            ("id 0", 3, "'id' : custom id has to be > 0"),
            ("id 5x", 3, "'id' : expects an integer argument, found '5x'"),
            ("id", 0, "'id' : expects an integer argument"),
            ("interface", 0, "'interface' : missing interface name"), ("mss", 0, "'mss' : missing MSS value"),
            ("mss 0", 4, "'mss' : expects an MSS with and absolute value between 1 and 65535"),
            ("mss 65536", 4, "'mss' : expects an MSS with and absolute value between 1 and 65535"),
            ("tcp-ut -5", 7, "'tcp-ut' : expects a positive delay in milliseconds"),
            ("tcp-ss 3", 7, "'tcp-ss' : TCP Save SYN option expects an integer argument from 0 to 2"),
            ("nice -2000", 5, "'nice' : invalid value -2000, allowed range is -1024..1024"),
            ("shards x", 7, "'shards' : invalid value 0, allowed range is 1..1024 or 'by-thread'"),
            ("shards 5000", 7, "'shards' : invalid value 5000, allowed range is 1..1024 or 'by-thread'"),
            (
                "thread x", 7,
                "invalid first thread number 'x', permitted range is 1..1024, or 'all', 'odd', 'even'."
            ),
            (
                "thread 1025", 7,
                "invalid first thread number '1025', permitted range is 1..1024, or 'all', 'odd', 'even'."
            ),
            ("label", 0, "'label' : missing label"),
            ("level x", 6, "'level' only supports 'user', 'operator', and 'admin' (got 'x')"),
            (
                "severity-output x", 16,
                "'severity-output' only supports 'none', 'number', and 'string' (got 'x')"
            ),
            ("expose-fd x", 10, "'expose-fd' only supports 'listeners' (got 'x')"),
            ("cc", 0, "'cc' : missing TCP congestion control algorithm"),
            ("quic-socket x", 12, "'quic-socket' : unknown argument, use either connection or listener."),
            ("npn", 0, "'npn' : missing the comma-delimited NPN protocol suite"),
            ("quic-cc-algo cubic(x)", 13, "'quic-cc-algo' : could not parse congestion window value"),
            ("quic-cc-algo cubic(100)", 13, "'quic-cc-algo' : should be between 10k and 4g"),
            ("quic-cc-algo bbr(1m,1)", 13, "'quic-cc-algo' : too many argument for 'bbr' algorithm"),
            ("quic-cc-algo cubic(1m", 13, "'quic-cc-algo' : cannot parse max-window argument for 'cubic' algorithm"),
            ("quic-cc-algo other", 13, "'other' : unknown control congestion algorithm"),
        ] as [(String, Int, String)])
    func badBinds(options: String, column: Int, message: String) {
        #expect(Self.bind(options).alerts == ["5:\(20 + column) 'bind 127.0.0.1:59' : \(message)"])
    }

    @Test(
        "server: taken",
        arguments: """
            tcp-ut 10s;tcp-ut 0;tfo;no-tfo;cc cubic;log-bufsize 1000;npn h2;non-stick;stick;renegotiate;no-renegotiate
            quic-cc-algo cubic;quic-cc-algo newreno;quic-cc-algo cubic(1m);shard 1;shard x;shard
            """.split(whereSeparator: { $0 == ";" || $0 == "\n" }).map(String.init))
    func servers(options: String) {
        let result = Self.server(options)
        #expect(result.alerts.isEmpty && result.configuration != nil, "\(options): \(result.diagnostics)")
    }

    @Test(
        "server: refused as HAProxy does",
        arguments: [
            ("tcp-ut x", "'tcp-ut' : expects a positive delay in milliseconds"),
            ("tcp-ut", "'tcp-ut' : missing TCP User Timeout value."),
            ("cc", "'cc' : missing TCP congestion control algorithm."), ("log-bufsize 0", "log-bufsize has to be > 0."),
            ("log-bufsize", "'log-bufsize' expects an integer argument."),
            ("npn", "'npn' : missing the comma-delimited NPN protocol suite."),
            ("usesrc client", "'usesrc' only allowed after a 'source' statement."),
            ("quic-cc-algo x", "'x' : unknown control congestion algorithm"),
            ("quic-cc-algo", "'quic-cc-algo' : missing control congestion algorithm."),
        ])
    func badServers(options: String, message: String) {
        let alerts = Self.server(options).alerts
        #expect(alerts.count == 1 && alerts.first?.hasSuffix(" 'server x/s1' : \(message)") == true, "\(alerts)")
    }

    @Test("tfo: a warning where requests are not sent again") func fastOpen() {
        #expect(Self.server("tfo").warnings.count == 1 && Self.server("no-tfo").warnings.isEmpty)
        let fine = Self.section(
            "retry-on conn-failure empty-response response-timeout\n server s1 127.0.0.1:80 tfo", "backend")
        #expect(fine.diagnostics.isEmpty, "\(fine.diagnostics)")
    }

    @Test("id: sections have the numbers that they want, others the next free ones") func numbers() throws {
        let result = load("listen x\n id 2\n bind 127.0.0.1:59\nbackend b\nbackend c\n id 4\nbackend d\n")
        let configuration = try #require(result.configuration)
        #expect(configuration.frontends.map(\.id) == [2])
        #expect(configuration.backends.map(\.id) == [2, 3, 4, 5])
        #expect(configuration.backends.map(\.hasForcedID) == [true, false, true, false])
        let twice = load("frontend a\n id 7\nbackend c\n id 7\n").alerts
        #expect(
            twice.contains { $0.hasSuffix("backend c reuses same custom id as frontend a (declared at test.cfg:1).") })
    }

    @Test("default-path: relative paths start where it says, for what is read now and for certificates that come later")
    func paths() throws {
        let directory = TemporaryDirectory()
        directory.makeDirectory("inner")
        directory.write("502.http", "HTTP/1.0 502 Bad\r\nConnection: close\r\n\r\nhere\n")
        func file(_ mode: String, _ path: String) -> String {
            "global\n \(mode)\n\(Self.tail)frontend f\n bind 127.0.0.1:59 ssl crt own.pem\n errorfile 502 \(path)\n"
        }
        let inner = directory.path + "/inner"
        for (mode, place, path, certificate) in [
            ("default-path config", directory.path, "502.http", "\(directory.path)/own.pem"),
            ("default-path config", inner, "../502.http", "\(inner)/own.pem"),
            ("default-path parent", inner, "502.http", "\(inner)/../own.pem"),
            ("default-path origin \(directory.path)", "", "502.http", "\(directory.path)/own.pem"),
            ("default-path config\n crt-base certs", directory.path, "502.http", "\(directory.path)/certs/own.pem"),
            ("default-path config\n crt-base /certs", directory.path, "502.http", "/certs/own.pem"),
        ] {
            let name = place.isEmpty ? "test.cfg" : place + "/test.cfg"
            let result = ConfigurationLoader(environment: [:], system: NamelessSystem())
                .load(text: file(mode, path), named: name)
            #expect(result.alerts.isEmpty, "\(mode) \(place): \(result.diagnostics)")
            let frontend = try #require(result.configuration?.frontends.first)
            #expect(frontend.errorFiles.count == 1 && frontend.binds[0].tls?.certificates[0].path == certificate)
        }
        #expect(!load(file("default-path current", "502.http")).alerts.isEmpty)
        #expect(load("global\n default-path origin /nowhere/at/all\n").alerts.first?.hasPrefix("2:22 ") == true)
    }

    @Test("localpeer is a variable of the lines behind it") func peer() throws {
        let result = load(
            "global\n localpeer here\n\(Self.tail)frontend f\n bind 127.0.0.1:59\n log-tag \"$HAPROXY_LOCALPEER\"\n")
        #expect(try #require(result.configuration).frontends[0].logTag == "here")
    }
}
