import Configuration

/// The `global` sections as they are written, and the environment that they change.
struct GlobalDraft: Sendable {
    var settings = GlobalSettings()
    var variables: Variables
    /// What sections that follow need of this one.
    var surroundings: Surroundings
    /// Whether servers' certificates are verified by default (`ssl-server-verify`).
    var verifiesServers = true
    var logs: [LogDraft] = []
    /// Window for both sides (`tune.h2.initial-window-size`), and for clients (`tune.h2.fe.initial-window-size`).
    var http2Window: (both: Int?, front: Int?, back: Int?) = (nil, nil, nil)
    /// Streams for both sides (`tune.h2.max-concurrent-streams`), for clients and for servers. 0: no limit.
    var http2Streams: (both: Int?, front: Int?, back: Int?) = (nil, nil, nil)
    /// `tune.h2.max-frame-size`.
    var http2FrameSize: Int?
    /// Keywords that count once and were given.
    var given: Set<String> = []
    /// `tune.quic.fe.stream.rxbuf`; 0: to be computed.
    var quicReceiveBuffer = 0
    /// `tune.quic.be.stream.rxbuf`; 0: to be computed.
    var serverQUICReceiveBuffer = 0

    init(environment: [String: String], system: any LanguageSystem) {
        variables = Variables(environment: environment)
        surroundings = Surroundings(system: system)
    }

    /// The settings with what depends on others filled in.
    var finished: GlobalSettings {
        var result = settings
        result.tune.maxrewrite = min(result.tune.maxrewrite, result.tune.bufsize / 2)
        result.logs = logs.compactMap { $0.resolved(global: [], settings: settings).first }
        var http2 = result.tune.http2
        http2.initialWindowSize = http2Window.front ?? http2Window.both ?? http2.initialWindowSize
        if let streams = http2Streams.front ?? http2Streams.both {
            http2.maxConcurrentStreams = streams == 0 ? nil : streams
        }
        http2.maxFrameSize = min(http2FrameSize ?? max(16384, result.tune.bufsize), max(16384, result.tune.bufsize))
        result.tune.http2 = http2
        var back = result.tune.serverHTTP2
        back.headerTableSize = http2.headerTableSize
        back.initialWindowSize = http2Window.back ?? http2Window.both ?? back.initialWindowSize
        if let streams = http2Streams.back ?? http2Streams.both {
            back.maxConcurrentStreams = streams == 0 ? nil : streams
        }
        back.maxFrameSize = http2.maxFrameSize
        result.tune.serverHTTP2 = back
        result.tune.quic.receiveBuffer =
            quicReceiveBuffer > 0
            ? quicReceiveBuffer : result.tune.quic.maxConcurrentStreams * result.tune.bufsize
        let servers = result.tune.serverQUIC
        result.tune.serverQUIC.receiveBuffer =
            serverQUICReceiveBuffer > 0 ? serverQUICReceiveBuffer : servers.maxConcurrentStreams * result.tune.bufsize
        return result
    }
}

extension LogDraft {
    /// The targets that the line stands for: those of the `global` section, or its own.
    func resolved(global: [LogTarget], settings: GlobalSettings) -> [LogTarget] {
        switch self {
        case .global: return global
        case .target(var target, let hasFraming):
            if !hasFraming, settings.logHostname != nil { target.framing = .rfc3164 }
            return [target]
        }
    }
}
