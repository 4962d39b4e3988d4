import Configuration
import Samples
import Words

/// `tune.…`
enum TuneKeywords {
    static let keywords = variables + buffers + http2 + quic + servers + deprecated

    private typealias OptionalPath = any WritableKeyPath<TuneSettings, Int?> & Sendable
    private typealias Path = any WritableKeyPath<TuneSettings, Int> & Sendable

    /// Sizes that socket buffers can have, bytes.
    private static let socketBuffer = 1...Int(Int32.max)

    private static func number(
        _ name: String, in range: ClosedRange<Int> = 0...Int(Int32.max), _ path: Path
    ) -> Keyword<GlobalDraft> {
        GlobalKeywords.once(name) { (global, statement) throws(Complaint) in
            global.settings.tune[keyPath: path] = try statement.integer(in: range)
        }
    }

    /// A limit; 0 means that there is none.
    private static func limit(_ name: String, _ path: OptionalPath) -> Keyword<GlobalDraft> {
        GlobalKeywords.once(name) { (global, statement) throws(Complaint) in
            let value = try statement.integer()
            global.settings.tune[keyPath: path] = value == 0 ? nil : value
        }
    }

    private static func size(_ name: String, in range: ClosedRange<Int>, _ path: Path) -> Keyword<GlobalDraft> {
        GlobalKeywords.once(name) { (global, statement) throws(Complaint) in
            global.settings.tune[keyPath: path] = try statement.size(in: range)
        }
    }

    private static func socketBuffer(_ name: String, _ path: OptionalPath) -> Keyword<GlobalDraft> {
        GlobalKeywords.once(name) { (global, statement) throws(Complaint) in
            global.settings.tune[keyPath: path] = try statement.size(in: socketBuffer)
        }
    }

    private static func onOff(
        _ name: String, _ path: any WritableKeyPath<TuneSettings, Bool> & Sendable
    ) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(name) { (global, statement) throws(Complaint) in
            global.settings.tune[keyPath: path] = try statement.onOff()
        }
    }

    /// `tune.vars.*`: 0 is no limit. Where two keywords are for the same limit, the smaller one counts.
    private static let variables = [
        variableLimit("global", \.process), variableLimit("proc", \.process), variableLimit("sess", \.session),
        variableLimit("txn", \.transaction), variableLimit("reqres", \.message), variableLimit("check", \.check),
    ]

    private static func variableLimit(
        _ scope: String, _ path: any WritableKeyPath<VariableLimits, Int> & Sendable
    ) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword("tune.vars.\(scope)-max-size") { (global, statement) throws(Complaint) in
            let size = try statement.size(in: 0...Int(UInt32.max))
            let known = global.settings.tune.variables[keyPath: path]
            let isShared = path == \VariableLimits.process
            global.settings.tune.variables[keyPath: path] =
                isShared && known > 0 && size > 0 ? min(known, size) : size
        }
    }

    private static let buffers = [
        GlobalKeywords.once("tune.bufsize") { (global, statement) throws(Complaint) in
            // Rounded up to whole 16 bytes, as HAProxy does on 64-bit machines.
            let size = (try statement.size(in: 1024...(256 << 20) - 16) + 15) & ~15
            global.settings.tune.bufsize = size
            global.surroundings.bufsize = size
        },
        size("tune.pipesize", in: 0...Int(Int32.max), \.pipeSize),
        size("tune.maxrewrite", in: 0...(256 << 20), \.maxrewrite),
        number("tune.http.maxhdr", in: 1...32767, \.httpMaxHeaders),
        number("tune.http.logurilen", in: 1...Int(Int32.max), \.httpLogURILength),
        GlobalKeywords.once("tune.maxaccept") { (global, statement) throws(Complaint) in
            let count = try statement.integer(in: -1...Int(Int32.max))
            global.settings.tune.maxAccept = count <= 0 ? nil : count
        },
        number("tune.max-checks-per-thread", in: 0...Int(UInt16.max), \.maxChecks),
        number("tune.maxpollevents", in: 1...1_000_000, \.maxPollEvents),
        socketBuffer("tune.rcvbuf.client", \.socketBuffers.clientReceive),
        socketBuffer("tune.sndbuf.client", \.socketBuffers.clientSend),
        socketBuffer("tune.rcvbuf.server", \.socketBuffers.serverReceive),
        socketBuffer("tune.sndbuf.server", \.socketBuffers.serverSend),
        socketBuffer("tune.rcvbuf.frontend", \.socketBuffers.frontendReceive),
        socketBuffer("tune.sndbuf.frontend", \.socketBuffers.frontendSend),
        GlobalKeywords.once("tune.idle-pool.shared") { (_, statement) throws(Complaint) in
            // An idle connection stays with its worker here.
            guard let word = statement.next() else { throw Complaint("expects 'off'") }
            guard word.text == "off" else {
                throw Complaint("only 'off' is possible: idle connections stay with their worker", at: word)
            }
        },
        GlobalKeywords.once("tune.ssl.capture-buffer-size") { (global, statement) throws(Complaint) in
            global.settings.tune.tls.helloCapacity = try statement.integer()
        },
        GlobalKeywords.once("tune.ssl.capture-cipherlist-size") { (global, statement) throws(Complaint) in
            global.settings.tune.tls.helloCapacity = try statement.integer()
            statement.warn("'\(statement.name)' is deprecated: use 'tune.ssl.capture-buffer-size' instead.")
        },
        GlobalKeywords.once("tune.ssl.lifetime") { (global, statement) throws(Complaint) in
            global.settings.tune.tls.sessionLifetime = try statement.time(in: .seconds)
        },
    ]

    private static let http2 = [
        number("tune.h2.header-table-size", in: 4096...65536, \.http2.headerTableSize),
        number("tune.h3.header-table-size", in: 0...65536, \.quic.headerTableSize),
        GlobalKeywords.once("tune.h2.initial-window-size") { (global, statement) throws(Complaint) in
            global.http2Window.both = try statement.integer()
        },
        GlobalKeywords.once("tune.h2.fe.initial-window-size") { (global, statement) throws(Complaint) in
            global.http2Window.front = try statement.integer()
        },
        GlobalKeywords.once("tune.h2.max-concurrent-streams") { (global, statement) throws(Complaint) in
            global.http2Streams.both = try statement.integer()
        },
        GlobalKeywords.once("tune.h2.fe.max-concurrent-streams") { (global, statement) throws(Complaint) in
            global.http2Streams.front = try statement.integer()
            if let word = statement.peek, ["rq-load", "min"].contains(word.text) {
                throw Complaint(refusal(of: "\(statement.name) \(word.text)"), at: word)
            }
        },
        GlobalKeywords.once("tune.h2.max-frame-size") { (global, statement) throws(Complaint) in
            global.http2FrameSize = try statement.integer(in: 16384...16_777_215)
        },
        limit("tune.h2.fe.max-total-streams", \.http2.maxTotalStreams),
        limit("tune.h2.fe.glitches-threshold", \.http2.glitchesThreshold),
        size("tune.h2.fe.rxbuf", in: 1...Int(Int32.max), \.http2.receiveBuffer),
    ]

    private static let quic =
        [
            onOff("tune.quic.listen", \.quic.listens),
            onOff("tune.quic.fe.tx.udp-gso", \.quic.usesGSO),
            onOff("tune.quic.fe.tx.pacing", \.quic.paces),
        ] + quicSettings.map { GlobalKeywords.once($0.name, $0.apply) }

    /// Connections to servers.
    private static let servers = [
        GlobalKeywords.once("tune.h2.be.initial-window-size") { (global, statement) throws(Complaint) in
            global.http2Window.back = try statement.integer()
        },
        GlobalKeywords.once("tune.h2.be.max-concurrent-streams") { (global, statement) throws(Complaint) in
            global.http2Streams.back = try statement.integer()
        },
        limit("tune.h2.be.glitches-threshold", \.serverHTTP2.glitchesThreshold),
        size("tune.h2.be.rxbuf", in: 1...Int(Int32.max), \.serverHTTP2.receiveBuffer),
        GlobalKeywords.once("tune.quic.be.max-idle-timeout") { (global, statement) throws(Complaint) in
            global.settings.tune.serverQUIC.maxIdleTimeout = try statement.time()
        },
        number("tune.quic.be.stream.max-concurrent", in: 1...1_000_000, \.serverQUIC.maxConcurrentStreams),
        GlobalKeywords.once("tune.quic.be.stream.rxbuf") { (global, statement) throws(Complaint) in
            global.serverQUICReceiveBuffer = try statement.size(in: 0...Int(Int32.max))
        },
        number("tune.quic.be.stream.data-ratio", in: 1...100, \.serverQUIC.streamDataRatio),
        onOff("tune.quic.be.tx.udp-gso", \.serverQUIC.usesGSO),
        onOff("tune.quic.be.tx.pacing", \.serverQUIC.paces),
        GlobalKeywords.once("tune.quic.be.sec.glitches-threshold") { (global, statement) throws(Complaint) in
            global.settings.tune.serverQUIC.glitchesThreshold = try statement.integer(in: 1...Int(Int32.max))
        },
    ]

    /// Settings that have an older name too.
    private static let quicSettings: [(name: String, oldName: String, apply: Keyword<GlobalDraft>.Handler)] = [
        (
            "tune.quic.fe.max-idle-timeout", "tune.quic.frontend.max-idle-timeout",
            { (global, statement) throws(Complaint) in
                global.settings.tune.quic.maxIdleTimeout = try statement.time()
            }
        ),
        (
            "tune.quic.fe.stream.max-concurrent", "tune.quic.frontend.max-streams-bidi",
            { (global, statement) throws(Complaint) in
                global.settings.tune.quic.maxConcurrentStreams = try statement.integer(in: 1...1_000_000)
            }
        ),
        (
            "tune.quic.fe.stream.rxbuf", "tune.quic.frontend.max-data-size",
            { (global, statement) throws(Complaint) in
                global.quicReceiveBuffer = try statement.size(in: 0...Int(Int32.max))
            }
        ),
        (
            "tune.quic.fe.stream.data-ratio", "tune.quic.frontend.stream-data-ratio",
            { (global, statement) throws(Complaint) in
                global.settings.tune.quic.streamDataRatio = try statement.integer(in: 1...100)
            }
        ),
        (
            "tune.quic.fe.sec.retry-threshold", "tune.quic.retry-threshold",
            { (global, statement) throws(Complaint) in
                global.settings.tune.quic.retryThreshold = try statement.integer(in: 1...Int(Int32.max))
            }
        ),
        (
            "tune.quic.fe.sec.glitches-threshold", "tune.quic.frontend.glitches-threshold",
            { (global, statement) throws(Complaint) in
                global.settings.tune.quic.glitchesThreshold = try statement.integer(in: 1...Int(Int32.max))
            }
        ),
    ]

    private static let deprecated =
        quicSettings.map { setting in
            GlobalKeywords.keyword(setting.oldName) { (global, statement) throws(Complaint) in
                statement.warn("'\(setting.oldName)' is deprecated, please use '\(setting.name)'")
                try setting.apply(&global, &statement)
            }
        } + [
            limit("tune.quic.fe.stream.max-total", \.quic.maxTotalStreams),
            switchedOff("tune.quic.disable-tx-pacing", "tune.quic.fe.tx.pacing", \.quic.paces),
            switchedOff("tune.quic.disable-udp-gso", "tune.quic.fe.tx.udp-gso", \.quic.usesGSO),
        ]

    /// A word that turned off by being there what now takes `on` or `off`.
    private static func switchedOff(
        _ oldName: String, _ name: String, _ path: any WritableKeyPath<TuneSettings, Bool> & Sendable
    ) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(oldName) { (global, statement) in
            statement.warn("'\(oldName)' is deprecated, please use '\(name) off'")
            global.settings.tune[keyPath: path] = false
        }
    }
}
