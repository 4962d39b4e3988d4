import Configuration
import Runtime

// What a configuration says of TCP sockets, as the kernel is told.
extension SocketTraits {
    /// Of the connections that a frontend takes.
    init(_ frontend: FrontendSettings, _ tune: SocketBufferSettings) {
        self.init()
        probes = Probes(frontend.probes)
        resetsOnClose = frontend.options.resetsOnClose
        unsentLimit = tune.clientUnsent
    }

    /// Of the connections to a server.
    init(_ backend: BackendSettings, _ server: ServerConnectionSettings, _ tune: SocketBufferSettings) {
        self.init()
        probes = Probes(backend.probes)
        resetsOnClose = backend.options.resetsOnClose
        unsentLimit = tune.serverUnsent
        userTimeout = server.userTimeout
        congestionControl = server.congestionControl
        usesFastOpen = server.usesFastOpen
    }
}

extension SocketTraits.Probes {
    /// Nil: connections are not probed.
    fileprivate init?(_ settings: KeepAliveProbes) {
        guard settings.isOn else { return nil }
        self.init(count: settings.count, idle: settings.idle, interval: settings.interval)
    }
}

extension ListenerTraits {
    init(_ settings: BindSocketSettings) {
        self.init()
        interface = settings.interface
        defersAccept = settings.defersAccept
        isTransparent = settings.isTransparent
        keepsSYN = settings.keepsSYN
        connections.userTimeout = settings.userTimeout
        connections.congestionControl = settings.congestionControl
        // What is below 0 follows from each connection's own.
        if let size = settings.maxSegment, size > 0 { connections.maxSegment = size }
    }
}
