public import Bytes
public import Configuration
import Runtime
public import Synchronization

/// A backend as all workers see it: the servers that it has now, and the state that balancing shares.
///
/// Servers come and go on the control thread: ``add(_:)`` and ``remove(_:)`` change the table under a lock and tell the
/// workers, who have tables of their own. No request takes the lock.
public final class SharedBackend: Sendable {
    public let settings: BackendSettings
    /// The backend's place in the workers' tables; another may get it when this one is deleted.
    public let index: Int
    /// True when it was added at run time.
    public let isDynamic: Bool
    public let events: ServerEvents
    /// Those that wait for a place at any server, of all workers.
    let queue = SharedQueue()
    /// How many those are.
    public var queueLength: Int { queue.count.load(ordering: .acquiring) }
    /// Numbers for those that wait.
    let tickets = Atomic<UInt64>(0)
    /// Places that are taken at its servers; counted only where ``countsServed``.
    let load = BackendLoad()
    /// Whether ``load`` is needed: `hash-balance-factor` compares with it.
    let countsServed: Bool
    /// Exchanges at which `minconn` has grown to `maxconn`: `fullconn`, or what follows from the frontends.
    public let fullconn: Atomic<Int>
    /// Exchanges in the backend now.
    public let current = Atomic<Int>(0)
    /// Whether rules may choose it: `publish backend`, `unpublish backend`.
    public let isPublished: Atomic<Bool>
    /// How often its last server went away.
    public let downTransitions = Atomic<UInt64>(0)
    /// How `cookie … dynamic` makes servers' cookies.
    let dynamicCookies: Mutex<DynamicCookies>
    private let referenced = Atomic<Bool>(false)
    private let waits = Atomic<Bool>(false)
    private let table: Mutex<Table>

    private struct Table: Sendable {
        var servers: [SharedServer] = []
        /// Places that are in use.
        var places: Set<Int> = []
        /// No lower place is free, no lower number.
        var lowestPlace = 0
        var lowestID = 1
        var ids: Set<Int> = []
        var balancer: Balancer
        /// Usable servers when a change of state was last settled.
        var usableCount = 0
        var lastChange: Instant
        var downSeconds = 0
        var waiting = Waiting()
    }

    public init(settings: BackendSettings, index: Int, events: ServerEvents = ServerEvents(), isDynamic: Bool = false) {
        self.settings = settings
        self.index = index
        self.events = events
        self.isDynamic = isDynamic
        isPublished = Atomic(!isDynamic && !settings.isUnpublished)
        dynamicCookies = Mutex(
            DynamicCookies(isEnabled: settings.cookie?.isDynamic == true, key: settings.dynamicCookieKey))
        countsServed = settings.hashing.balanceFactor > 0
        fullconn = Atomic(settings.fullconn ?? 1)
        table = Mutex(
            Table(balancer: Balancer(settings, servers: [], load: load), lastChange: SystemClock.now()))
    }

    /// Whether something in the configuration beside frontends' default names it: it can not be deleted then.
    public var isReferenced: Bool {
        get { referenced.load(ordering: .relaxed) }
        set { referenced.store(newValue, ordering: .relaxed) }
    }

    // MARK: The table

    /// The servers of now, in the order of the configuration, later ones behind.
    public var servers: [SharedServer] { table.withLock { $0.servers } }

    /// The balancer of now. Workers use their own reference.
    public var balancer: Balancer { table.withLock { $0.balancer } }

    /// The server of that name, or nil; `#<id>` finds one by its number.
    public func server(named name: String) -> SharedServer? {
        let all = servers
        if name.hasPrefix("#"), let id = Int(name.dropFirst()) { return all.first { $0.id == id } }
        return all.first { $0.facts.name == name }
    }

    /// Makes a server in the first free place and adds it. `id` is the wanted number, if there is one; the caller has
    /// checked that name and number are free.
    ///
    /// - Parameter isLast: whether it can be chosen at once; where many are added together, only the last one says so.
    @discardableResult
    public func add(
        id: Int? = nil, isLast: Bool = true, _ make: (_ index: Int, _ id: Int) -> SharedServer
    ) -> SharedServer {
        table.withLock { table in
            while table.places.contains(table.lowestPlace) { table.lowestPlace += 1 }
            while table.ids.contains(table.lowestID) { table.lowestID += 1 }
            let server = make(table.lowestPlace, id ?? table.lowestID)
            table.places.insert(server.index)
            table.ids.insert(server.id)
            table.servers.append(server)
            events.tell(.serverAdded(server))
            if isLast { rebalance(&table) }
            if server.isUsable { table.usableCount += 1 }
            return server
        }
    }

    /// Takes a server out of the table. Exchanges and workers that still look at it keep it alive.
    public func remove(_ server: SharedServer) {
        server.stopTracking()
        table.withLock { table in
            guard let place = table.servers.firstIndex(where: { $0 === server }) else { return }
            table.servers.remove(at: place)
            table.places.remove(server.index)
            table.ids.remove(server.id)
            table.lowestPlace = min(table.lowestPlace, server.index)
            table.lowestID = min(table.lowestID, server.id)
            rebalance(&table)
            events.tell(.serverRemoved(server))
            table.usableCount = table.servers.count { $0.isUsable }
        }
    }

    /// Makes a new balancer from the servers' states and brings it to the workers.
    func rebalance() { table.withLock { rebalance(&$0) } }

    private func rebalance(_ table: inout Table) {
        let last = table.balancer
        let next = Balancer(settings, servers: table.servers, load: load, following: last)
        table.balancer = next
        for server in last.servers where !next.contains(server) { server.isInService.store(false, ordering: .relaxed) }
        for server in next.servers { server.isInService.store(true, ordering: .relaxed) }
        events.tell(.balancerChanged(self, next))
    }

    // MARK: Up and down

    /// Usable servers: those that are no backups, and backups.
    public var usableServers: (active: Int, backup: Int) {
        table.withLock { table in
            let usable = table.servers.filter(\.isUsable)
            let backups = usable.count { $0.settings.isBackup }
            return (usable.count - backups, backups)
        }
    }

    /// The end of a message about a server that went away.
    func left(_ server: SharedServer) -> String {
        let (active, backup) = usableServers
        let onBackup = backup > 0 && active == 0 ? " Running on backup." : ""
        let sessions = server.served.load(ordering: .relaxed)
        let queue = server.queueLength
        let requeued = server.givesUpQueue ? queue : 0
        return ". \(active) active and \(backup) backup servers left.\(onBackup)"
            + " \(sessions) sessions active, \(requeued) requeued, \(queue - requeued) remaining in queue"
    }

    /// The end of a message about a server that is up.
    func online(_ server: SharedServer) -> String {
        let (active, backup) = usableServers
        let onBackup = backup > 0 && active == 0 ? " Running on backup." : ""
        let queue = server.queueLength
        return ". \(active) active and \(backup) backup servers online.\(onBackup)"
            + " 0 sessions requeued, \(queue) total in queue"
    }

    /// A change of a server's state is complete: the backend may have lost its last usable server, or have one again.
    func settle(_ server: SharedServer, before: OperationalState) {
        let isDown: Bool = table.withLock { table in
            let now = table.servers.count { $0.isUsable }
            let previous = table.usableCount
            table.usableCount = now
            if previous > 0, now == 0 {
                table.lastChange = SystemClock.now()
                return true
            }
            if previous == 0, now > 0 {
                let time = SystemClock.now()
                table.downSeconds += Int(time.nanoseconds(since: table.lastChange) / 1_000_000_000)
                table.lastChange = time
            }
            return false
        }
        if isDown {
            downTransitions.wrappingAdd(1, ordering: .relaxed)
            let kind = settings.isListen ? "listen" : "backend"
            events.tell(.message(self, .emergency, "\(kind) \(settings.name) has no server available!"))
        }
        if server.givesUpQueue, server.queueLength > 0 { events.tell(.requeue(server)) }
        if isDown { events.tell(.noServerLeft(self)) }
        if server.state != before { events.tell(.placesFreed(self)) }
        events.tell(.stateChanged(server))
    }

    /// When the backend last went down or up.
    public var lastChange: Instant { table.withLock { $0.lastChange } }

    /// Seconds without a usable server since the start.
    public var downSeconds: Int {
        table.withLock { table in
            guard table.usableCount == 0, !table.servers.isEmpty else { return table.downSeconds }
            return table.downSeconds
                + Int(SystemClock.now().nanoseconds(since: table.lastChange) / 1_000_000_000)
        }
    }

    // MARK: The end

    /// An exchange has left the backend.
    public func leave() {
        current.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        guard waits.load(ordering: .sequentiallyConsistent) else { return }
        tellIfUnused()
    }

    /// Calls `action` once when no exchange is in the backend. Returns what ``forgetWaiting(_:)`` takes.
    @discardableResult
    public func whenUnused(_ action: @escaping @Sendable () -> Void) -> UInt64 {
        let ticket = table.withLock { table in
            waits.store(true, ordering: .sequentiallyConsistent)
            return table.waiting.add(action)
        }
        tellIfUnused()
        return ticket
    }

    /// Does not call any more.
    public func forgetWaiting(_ ticket: UInt64) { table.withLock { $0.waiting.remove(ticket) } }

    private func tellIfUnused() {
        guard current.load(ordering: .sequentiallyConsistent) == 0 else { return }
        let actions = table.withLock { table in
            waits.store(false, ordering: .sequentiallyConsistent)
            return table.waiting.takeAll()
        }
        for action in actions { action() }
    }

    /// Chooses a server by the balancer of now: for tests and control; workers ask their own reference.
    public func choose(key: UInt32? = nil, random: UInt64 = 0, excluding failed: SharedServer? = nil) -> BalanceChoice {
        balancer.choose(key: key, random: random, excluding: failed)
    }
}

/// The places that are taken at a backend's servers.
public final class BackendLoad: Sendable {
    public let served = Atomic<Int>(0)
}
