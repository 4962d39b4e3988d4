import Bytes
public import Configuration
public import Runtime
public import Synchronization

/// What a server's side above (TLS, addresses, muxes) keeps with it; made once, read by all workers.
public protocol ServerTransport: AnyObject, Sendable {}

/// What an operator may change of a server while it runs. Workers hold a copy; a change is brought to them as an event.
public struct ServerFacts: Sendable {
    public var name: String
    /// Where to connect; its port is 0 when the port is the client's.
    public var address: Socket.Target
    /// How the port is found.
    public var port: ServerPort
    /// The name that ``address`` was found by (`fqdn`).
    public var hostName: String?
    /// Whether TLS is spoken to the server.
    public var usesTLS: Bool
    /// Whether an operator has turned TLS on or off.
    public var wasTLSChanged = false

    public init(name: String, address: Socket.Target, port: ServerPort, hostName: String? = nil, usesTLS: Bool) {
        self.name = name
        self.address = address
        self.port = port
        self.hostName = hostName
        self.usesTLS = usesTLS
    }

    /// Where to connect for a client that came in on `port`.
    public func target(forClientPort port: UInt16) -> Socket.Target {
        guard case .ofClient(let offset) = self.port, case .ip(var ip) = address else { return address }
        ip.port = UInt16(clamping: Int(port) + offset)
        return .ip(ip)
    }
}

/// A server as all workers see it: its settings, its state, and the counts that balancing and limits need, as atomics.
///
/// State changes go through ``set(_:because:)``, ``clear(_:)`` and ``become(_:because:)``, from any thread but
/// never on a request's path. The last reference frees the server: its backend's table, the workers' pools and exchanges
/// that still look at it hold one each, and it holds its backend.
public final class SharedServer: Sendable {
    /// As the configuration, or `add server`, has it.
    public let settings: ServerSettings
    public let backend: SharedBackend
    /// The server's place in its backend's tables; another server may get it when this one is deleted.
    public let index: Int
    /// The server's number in statistics and server-state files (`id`).
    public let id: Int
    /// True when it was added at run time.
    public let isDynamic: Bool
    public let transport: (any ServerTransport)?

    /// Exchanges that hold a place at the server now.
    public let served = Atomic<Int>(0)
    /// Those that wait for a place at this server alone, of all workers.
    let queue = SharedQueue()
    /// How many those are.
    public var queueLength: Int { queue.count.load(ordering: .acquiring) }
    /// The turn in which it was chosen last (`leastconn`, `random`).
    let lastTurn = Atomic<UInt>(0)
    /// What its points on a consistent hash's ring are made of (`hash-key`).
    private let ringKeyNow = Atomic<UInt32>(0)
    let cookieNow = Mutex<[UInt8]?>(nil)
    /// Whether exchanges that wait for any server may go to it: whether the balancer of now has it.
    let isInService = Atomic<Bool>(false)
    /// Connections that are open to the server, being made, or idle.
    public let connections = ConnectionCounts()
    /// Idle connections by worker.
    public let workerIdle: [WorkerIdleCount]
    /// Exchanges sent to the server in the last second.
    public let sessionRates: SharedRate
    /// Exchanges sent to the server since the start.
    public let total = Atomic<UInt64>(0)
    /// Connection attempts that failed since the start.
    public let connectFailures = Atomic<UInt64>(0)
    /// How often it went down.
    public let downTransitions = Atomic<UInt64>(0)

    /// `maxconn`; 0: no limit.
    public let maxconn: Atomic<Int>
    /// `minconn`; 0, or as much as ``maxconn``: that limit never changes.
    let minconn: Atomic<Int>
    /// How much of its limit a server has that starts slowly, in percent.
    let warmth = Atomic<Int>(100)
    /// `maxqueue`; 0: no limit.
    public let maxqueue: Atomic<Int>

    /// Checks that failed while the server was up.
    public let failedChecks = Atomic<UInt64>(0)
    /// Errors in a row that observing traffic has found (`observe`), and how often there were too many.
    public let consecutiveErrors = Atomic<Int>(0)
    public let observedFailures = Atomic<UInt64>(0)

    private let referenced = Atomic<Bool>(false)

    let adminBits: Atomic<UInt8>
    let stateBits: Atomic<UInt8>
    let usable = Atomic<Bool>(false)
    let weightNow: Atomic<Int>
    let effectiveWeightNow = Atomic<Int>(0)
    let waits = Atomic<Bool>(false)
    let control: Mutex<Control>

    /// What changes of state keep; never needed on a request's path.
    struct Control: Sendable {
        var facts: ServerFacts
        var check: CheckHealth
        var agent: CheckHealth
        /// The server whose state this one follows.
        var tracked: SharedServer?
        /// `backend/server` of it: its own lock may be held while this one speaks.
        var trackedName = ""
        /// Those that follow this one.
        var trackers: [SharedServer] = []
        var lastChange: Instant
        /// Seconds of earlier times without service.
        var downSeconds = 0
        /// Told when the last connection is gone.
        var waiting = Waiting()
    }

    /// - Parameters:
    ///   - address: where the server is, its name resolved; one of no family: it is not known yet, and the server
    ///     stays in maintenance until it is.
    ///   - workers: how many workers count idle connections.
    public init(
        settings: ServerSettings, backend: SharedBackend, index: Int, id: Int, address: Socket.Target,
        transport: (any ServerTransport)? = nil, workers: Int = 1, isDynamic: Bool = false
    ) {
        self.settings = settings
        self.backend = backend
        self.index = index
        self.id = id
        self.transport = transport
        self.isDynamic = isDynamic
        sessionRates = SharedRate(workers: workers)
        workerIdle = (0..<max(1, workers)).map { _ in WorkerIdleCount() }
        maxconn = Atomic(settings.maxconn ?? 0)
        minconn = Atomic(settings.minconn ?? 0)
        maxqueue = Atomic(settings.maxqueue ?? 0)
        var admin: AdminState = settings.isDisabled || isDynamic ? .forcedMaintenance : []
        if case .ip(let ip) = address, ip.family == .unspecified { admin.insert(.unresolved) }
        let isOff = admin.isMaintenance
        var check = CheckHealth(settings.check)
        var agent = CheckHealth(settings.agent, settings.check)
        let startsUp = check.start(settings.initialState)
        if isOff, !isDynamic {
            check.isPaused = true
            check.health = 0
        }
        // Checks of an added server begin when an operator says so.
        if isDynamic {
            check.isEnabled = false
            agent.isEnabled = false
        }
        if settings.isDisabled, !isDynamic { admin.insert(.configuredMaintenance) }
        adminBits = Atomic(admin.rawValue)
        stateBits = Atomic((isOff || !startsUp ? OperationalState.stopped : .running).rawValue)
        weightNow = Atomic(settings.weight)
        var port = ServerPort.fixed(0)
        var hostName: String?
        if case .host(let host, let configured) = settings.address {
            port = configured
            if case .name(let name, _) = host, settings.serviceName == nil { hostName = name }
        }
        let facts = ServerFacts(
            name: settings.name, address: address, port: port, hostName: hostName,
            usesTLS: settings.tls != nil && settings.usesTLSForTraffic)
        control = Mutex(Control(facts: facts, check: check, agent: agent, lastChange: SystemClock.now()))
        ringKeyNow.store(makeRingKey(facts), ordering: .relaxed)
        makeCookie(facts)
        weigh()
    }

    // MARK: Facts

    /// The name, address and port of now. Takes a lock: workers use their own copy.
    public var facts: ServerFacts { control.withLock { $0.facts } }

    /// Changes the facts and tells the workers. From any thread.
    public func changeFacts<Failure: Error>(
        _ change: (inout ServerFacts) throws(Failure) -> Void
    ) throws(Failure) {
        let result: Result<Void, Failure> = control.withLock { control in
            do throws(Failure) {
                try change(&control.facts)
                backend.events.tell(.factsChanged(self, control.facts))
                let (key, cookie) = (makeRingKey(control.facts), cookie)
                makeCookie(control.facts)
                if ringKeyNow.exchange(key, ordering: .relaxed) != key || cookie != self.cookie { backend.rebalance() }
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }

    /// What its points on a consistent hash's ring are made of.
    var ringKey: UInt32 { ringKeyNow.load(ordering: .relaxed) }

    /// Whether something in the configuration names the server (`use-server`, an argument of a sample): it can not be
    /// renamed or deleted then.
    public var isReferenced: Bool {
        get { referenced.load(ordering: .relaxed) }
        set { referenced.store(newValue, ordering: .relaxed) }
    }

    // MARK: State

    public var admin: AdminState { AdminState(rawValue: adminBits.load(ordering: .relaxed)) }
    public var state: OperationalState { OperationalState(rawValue: stateBits.load(ordering: .relaxed)) ?? .stopped }

    /// Whether balancing may choose the server.
    public var isUsable: Bool { usable.load(ordering: .relaxed) }

    /// Whether an exchange that belongs to the server (a cookie, a stick table) may go there: it works, and an operator
    /// has at most asked it to drain.
    public var isReachable: Bool { state != .stopped && !admin.isMaintenance }

    /// The weight that an operator has set last, 0 to 256 (`get weight`, `srv_uweight`).
    public var weight: Int { weightNow.load(ordering: .relaxed) }

    /// ``weight`` times 16, less while the server starts slowly; 0: gets nothing new.
    public var effectiveWeight: Int { effectiveWeightNow.load(ordering: .relaxed) }
}
