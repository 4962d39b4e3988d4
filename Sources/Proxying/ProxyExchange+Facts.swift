package import Accounts
import Bytes
import Configuration
package import Connections
import Messages
import Runtime
public import Samples
public import Servers
import Streams
import Synchronization

// What expressions read of an exchange, of proxies and of servers.
extension ProxyExchange: TransactionFacts {
    package var frontendFacts: (any ProxyFacts)? { frontend }
    package var backendFacts: (any ProxyFacts)? { backend }
    package var serverFacts: (any ServerFigures)? { dispatch?.server?.shared }
    package var serverConnection: (any ConnectionFacts)? {
        guard let link = dispatch?.connection as? ServerLink else { return nil }
        return link.stream ?? link.quic
    }
    package var serverStatus: Int { ownStatus == 0 ? exchange?.response.head?.status ?? -1 : -1 }
    package var currentRetries: Int { overrides?.retries ?? backend?.settings.retries ?? 0 }
    package var priorityClass: Int { overrides?.priorityClass ?? 0 }
    package var priorityOffset: Int { overrides?.priorityOffset ?? 0 }
    package var retries: Int { dispatch?.retries ?? 0 }
    package var isRedispatched: Bool { dispatch?.isRedispatched ?? false }
    package var isReused: Bool { dispatch?.isReused ?? false }
    package var serverQueuePosition: Int { dispatch?.serverQueuePosition ?? 0 }
    package var backendQueuePosition: Int { dispatch?.backendQueuePosition ?? 0 }
    package var bytesFromClient: UInt64 { countedFromClient }
    package var bytesToServer: UInt64 { exchange?.request.bytesOut ?? 0 }
    package var bytesFromServer: UInt64 { countedFromServer }
    package var bytesToClient: UInt64 { exchange?.bytesToClient ?? 0 }

    package var currentTimes: ProxyTimes {
        var times = ProxyTimes(backend?.settings.timeouts ?? Timeouts())
        times.client = frontend.settings.timeouts.client ?? 0
        guard let overrides else { return times }
        times.client = overrides.clientTimeout ?? times.client
        times.connect = overrides.connectTimeout ?? times.connect
        times.queue = overrides.queueTimeout ?? times.queue
        times.server = overrides.serverTimeout ?? times.server
        times.tarpit = overrides.tarpitTimeout ?? times.tarpit
        times.tunnel = overrides.tunnelTimeout ?? times.tunnel
        return times
    }

    package var times: ExchangeTimes {
        var times = ExchangeTimes()
        guard let exchange else { return times }
        let isFirst = number == 1
        let start = isFirst ? session.acceptedAt : idleSince
        times.handshake = isFirst ? session.handshakenAt.milliseconds(since: session.acceptedAt) : 0
        times.idle = max(0, exchange.openedAt.milliseconds(since: start) - times.handshake)
        if exchange.requestHeadAt != .zero {
            times.requestHead = exchange.requestHeadAt.milliseconds(since: exchange.openedAt)
            times.request = exchange.requestHeadAt.milliseconds(since: start)
        }
        (times.queue, times.connect) = dispatchTimes
        let now = frontend.now
        if exchange.responseHeadAt != .zero, ownStatus == 0 {
            times.responseHead = exchange.responseHeadAt.milliseconds(since: exchange.attachedAt)
            times.data = now.milliseconds(since: exchange.responseHeadAt)
        }
        times.active = now.milliseconds(since: exchange.openedAt)
        times.user = times.active + times.handshake
        times.total = now.milliseconds(since: start)
        return times
    }

    /// Milliseconds in queues, until a place was found or until the exchange ended there, and from then to the connection;
    /// -1 where it did not come so far.
    var dispatchTimes: (queue: Int, connect: Int) {
        guard let dispatch else { return (-1, -1) }
        guard dispatch.dequeuedAt != .zero else {
            let endedInQueue = failureStage == .queue && !dispatch.foundQueueFull
            return (endedInQueue ? frontend.now.milliseconds(since: dispatch.startedAt) : -1, -1)
        }
        let queue = dispatch.dequeuedAt.milliseconds(since: dispatch.startedAt)
        let attached = exchange?.attachedAt ?? .zero
        return (queue, attached == .zero ? -1 : attached.milliseconds(since: dispatch.dequeuedAt))
    }

    package var isForwarded: Bool { exchange?.attachedAt ?? .zero != .zero }

    package var terminationState: (UInt8, UInt8) {
        guard let failure = exchange?.failure else {
            return ownStatus == 0 ? (0x2d, 0x2d) : (UInt8(ascii: "L"), UInt8(ascii: "R"))
        }
        return (failure.letter, failureStage?.letter ?? 0x2d)
    }
}

extension CloseReason {
    /// The first letter of the termination state (configuration.txt section 8.5).
    package var letter: UInt8 {
        switch self {
        case .clientAborted: UInt8(ascii: "C")
        case .clientTimeout: UInt8(ascii: "c")
        case .serverAborted, .connectFailed, .noServer: UInt8(ascii: "S")
        case .serverTimeout, .connectTimeout, .queueTimeout: UInt8(ascii: "s")
        case .clientProtocolError, .serverProtocolError, .denied: UInt8(ascii: "P")
        case .killed: UInt8(ascii: "K")
        case .serverDown: UInt8(ascii: "D")
        case .serverUp: UInt8(ascii: "U")
        case .resource: UInt8(ascii: "R")
        case .internalError: UInt8(ascii: "I")
        case .answered: UInt8(ascii: "L")
        case .notNeeded: UInt8(ascii: "-")
        }
    }
}

extension ProxyExchange.Stage {
    /// The second letter of the termination state.
    package var letter: UInt8 {
        switch self {
        case .request: UInt8(ascii: "R")
        case .queue: UInt8(ascii: "Q")
        case .connect: UInt8(ascii: "C")
        case .headers: UInt8(ascii: "H")
        case .data: UInt8(ascii: "D")
        case .last: UInt8(ascii: "L")
        case .tarpit: UInt8(ascii: "T")
        }
    }
}

extension ProxyTimes {
    init(_ timeouts: Timeouts) {
        self.init()
        client = timeouts.client ?? 0
        connect = timeouts.connect ?? 0
        queue = timeouts.queue ?? timeouts.connect ?? 0
        server = timeouts.server ?? 0
        tarpit = timeouts.tarpit ?? timeouts.connect ?? 0
        tunnel = timeouts.tunnel ?? 0
    }
}

extension FrontendWorker: ProxyFacts {
    package var sessionRate: Int { shared.sessionRate.rate(at: now) }
    package var requestRate: Int { shared.requestRate.rate(at: now) }
    package var nameBytes: [UInt8] { shared.nameBytes }
    package var identifier: Int { settings.id }
    package var currentConnections: Int { shared.admission.count }
    package var defaultBackendFacts: (any ProxyFacts)? { defaultBackend }
    /// Those of the same `listen` section.
    package func server(named name: Span<UInt8>) -> (any ServerFigures)? { ownBackend?.server(named: name) }
    package var times: ProxyTimes { ProxyTimes(settings.timeouts) }
}

extension BackendWorker: ProxyFacts {
    package var sessionRate: Int { shared.sessionRate.rate(at: now) }
    package var nameBytes: [UInt8] { shared.nameBytes }
    package var identifier: Int { settings.id }
    package var currentConnections: Int { shared.servers.current.load(ordering: .relaxed) }
    package var times: ProxyTimes { ProxyTimes(settings.timeouts) }
    package var retries: Int { settings.retries }
    // The worker's own table: no lock is taken.
    package var serverCount: Int { backend.placeCount }

    package var waiting: Int {
        var total = shared.servers.queueLength
        for place in 0..<backend.placeCount {
            total += backend.server(at: place)?.queueLength ?? 0
        }
        return total
    }

    package func server(_ index: Int) -> (any ServerFigures)? { backend.server(at: index) }
    package func server(named name: Span<UInt8>) -> (any ServerFigures)? { backend.server(named: name) }
}

extension SharedServer: ServerFigures {
    public var nameBytes: [UInt8] { Array(settings.name.utf8) }
    public var identifier: Int { id }
    public var isUp: Bool { isReachable }
    public var currentConnections: Int { served.load(ordering: .relaxed) }
    public var maximumConnections: Int { maxconn.load(ordering: .relaxed) }
    public var maximumQueue: Int { maxqueue.load(ordering: .relaxed) }
    public var waiting: Int { queueLength }
    public var isBackup: Bool { settings.isBackup }
    // Effective weights are kept in sixteenths.
    public var currentWeight: Int { (effectiveWeight + 15) / 16 }
    // The sample asks at a time of its own turn; a few milliseconds are nothing to a rate.
    public var sessionRate: Int { sessionRates.rate(at: SystemClock.now()) }
    public var userWeight: Int { weight }
    public var initialWeight: Int { settings.weight }
}

extension Worker: ProcessFacts {
    package func frontend(_ index: Int) -> (any ProxyFacts)? {
        frontends.indices.contains(index) ? frontends[index] : nil
    }

    package func backend(_ index: Int) -> (any ProxyFacts)? {
        backends.indices.contains(index) ? backends[index] : nil
    }

    package func frontend(named name: Span<UInt8>) -> (any ProxyFacts)? {
        frontends.first { $0.shared.isNamed(name) }
    }

    package func backend(named name: Span<UInt8>) -> (any ProxyFacts)? { backendWorker(named: name) }

    package func userList(_ index: Int) -> UserList? {
        let lists = blueprint.configuration.userLists
        return lists.indices.contains(index) ? lists[index] : nil
    }

    package var variableNames: [String] { blueprint.configuration.variableNames.all }
    package var workerNumber: Int { index }
    package var isStopping: Bool { isDraining }
    package var startedWall: UInt64 { blueprint.startedWall }
    package var currentConnections: Int { blueprint.admission.count }
    package var workerUsage: Int { usage.worker(at: loop.clock.now) }
    package var processUsage: Int { usage.process(at: loop.clock.now, workers: blueprint.workerCount) }
}
