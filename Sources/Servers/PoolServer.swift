import Bytes
import Configuration
public import Runtime
import Synchronization

/// One worker's side of a server: its facts, its connections, and which of them wait for work. Not Sendable.
public final class PoolServer: TimerTarget {
    public let shared: SharedServer
    /// The worker's copy of what can change at run time.
    public private(set) var facts: ServerFacts
    /// What the connector keeps for the server on this worker: TLS contexts and the like.
    public var context: AnyObject?
    /// The server opens its connections to us: an exchange has to find one.
    public let isReversed: Bool
    /// Called when a connection of a reversed server has become idle; it may not change the pool.
    public var becameIdle: (() -> Void)?
    /// How idle connections are shared.
    let reuse: HTTPReuse
    /// This worker's number.
    let worker: Int
    let clock: TurnClock

    /// Connections that wait for work, by the list they are in; the last one was used last.
    private var available: [any PooledConnection] = []
    private var unsafeIdle: [any PooledConnection] = []
    private var safeIdle: [any PooledConnection] = []
    /// Connections of one session, idle or not.
    private var bySession: [ObjectIdentifier: [any PooledConnection]] = [:]
    /// Connections of a reversed server that other workers wait for: they take nothing new here, and are in no list.
    var reserved: [any PooledConnection] = []
    private let timer: Timer
    private let closing: ClosingQueue
    /// Exchanges that hold a place here, on this worker.
    var dispatches = DispatchSet()

    /// Idle connections that one session may hold to one server (HAProxy's `max-session-srv-conns`).
    private static let sessionLimit = 5
    /// Connections with the wrong key that are looked at before giving up.
    private static let lookLimit = 64

    init(_ shared: SharedServer, worker: Int, timers: TimerWheel, clock: TurnClock, closing: ClosingQueue) {
        self.shared = shared
        isReversed = shared.settings.isReversed
        // As in HAProxy: there is no other way to such a server.
        reuse = isReversed ? .always : shared.backend.settings.httpReuse
        self.worker = worker
        self.clock = clock
        self.closing = closing
        facts = shared.facts
        timer = Timer(on: timers)
        timer.wakes(self)
    }

    func take(_ facts: ServerFacts) { self.facts = facts }

    /// Idle connections on this worker, those of sessions not counted.
    public var idleCount: Int { unsafeIdle.count + safeIdle.count }

    /// True when there is a connection that waits for work.
    public var hasIdle: Bool { idleCount > 0 || !bySession.isEmpty }

    // MARK: Taking

    /// What a dispatch may take.
    struct Wish {
        var session: AnyObject
        var key: UInt64
        var reuse: HTTPReuse
        /// The request may be sent again when the connection turns out to be closed.
        var isRepeatable: Bool
    }

    /// Takes a connection for an exchange, from the lists that `http-reuse` allows; nil when a new one is to be made.
    ///
    ///     request     safe mode       aggressive           always
    ///     first       none            safe                 safe, then unsafe
    ///     repeatable  unsafe, safe    unsafe, then safe    unsafe, then safe
    func take(_ wish: Wish) -> (any PooledConnection)? {
        if let own = bySession[ObjectIdentifier(wish.session)] {
            for connection in own where connection.key == wish.key && isGood(connection) { return connection }
        }
        guard wish.reuse != .never else { return nil }
        if let found = find(in: available, wish.key) { return found }
        if wish.isRepeatable { return find(in: unsafeIdle, wish.key) ?? find(in: safeIdle, wish.key) }
        guard wish.reuse != .safe else { return nil }
        if let found = find(in: safeIdle, wish.key) { return found }
        return wish.reuse == .always ? find(in: unsafeIdle, wish.key) : nil
    }

    private func find(in list: [any PooledConnection], _ key: UInt64) -> (any PooledConnection)? {
        var index = list.count - 1
        var looked = 0
        while index >= 0, looked < Self.lookLimit {
            let connection = list[index]
            if connection.key == key, isGood(connection) { return connection }
            index -= 1
            looked += 1
        }
        return nil
    }

    /// An idle connection with that key.
    func findIdle(_ key: UInt64) -> (any PooledConnection)? { find(in: safeIdle, key) ?? find(in: unsafeIdle, key) }

    /// One that carries exchanges, and could take more.
    func findAvailable(_ key: UInt64) -> (any PooledConnection)? { find(in: available, key) }

    /// Counts an idle connection as used.
    func occupy(_ connection: any PooledConnection) { move(connection, .busy) }

    /// A connection that the server has closed is given up here, before anything is lost on it.
    func isGood(_ connection: any PooledConnection) -> Bool {
        let load = connection.load
        guard load.free > 0 else { return false }
        if load.isBusy || connection.checkAlive() { return true }
        connection.retire()
        return false
    }

    // MARK: Places

    /// A connection is being made.
    public func begin(_ connection: any PooledConnection) {
        guard connection.place == .none else { return }
        connection.place = .busy
        shared.connections.use()
    }

    /// Puts a connection where its exchanges and its streams say now: used, available, idle, or away when nobody may keep
    /// it.
    public func settle(_ connection: any PooledConnection) {
        guard connection.place != .none else { return }
        let load = connection.load
        let canTake = load.free > 0
        if load.isBusy {
            move(connection, canTake && connection.privateTo == nil && isShared(connection) ? .available : .busy)
        } else if !canTake {
            move(connection, .busy)
        } else if let place = idlePlace(connection) {
            move(connection, place)
        } else {
            move(connection, .busy)
            connection.retire()
        }
    }

    /// Whether exchanges of other sessions may join those that run.
    private func isShared(_ connection: any PooledConnection) -> Bool {
        switch reuse {
        case .never: false
        case .safe: !connection.hasHeadOfLineRisk && connection.uses > 0
        case .aggressive: connection.uses > 0
        case .always: true
        }
    }

    /// The list for an idle connection; nil when it is not to be kept.
    private func idlePlace(_ connection: any PooledConnection) -> PoolPlace? {
        guard !shared.admin.isMaintenance else { return nil }
        if let limit = shared.settings.maxReuse, connection.uses > limit { return nil }
        if let session = connection.privateTo, reuse != .never {
            if session === self {
                becameIdle?()
                return .busy
            }
            disown(connection, session)
        }
        if connection.place.isIdle { return connection.place }
        if let session = connection.privateTo {
            let own = bySession[ObjectIdentifier(session)] ?? []
            let idle = own.count { $0.place == .session }
            return idle < Self.sessionLimit ? .session : nil
        }
        guard shared.settings.poolPurgeDelay > 0, reuse != .never else { return nil }
        let counts = shared.connections
        let idle = counts.idle.load(ordering: .relaxed)
        if let limit = shared.settings.poolMaxConnections, idle >= limit { return nil }
        let isSafe = connection.isSafeAtOnce || connection.uses > 1
        let isWanted = safeIdle.isEmpty && (isSafe || unsafeIdle.isEmpty)
        let used = counts.used.load(ordering: .relaxed)
        let needed = counts.needed.load(ordering: .relaxed)
        guard isWanted || isReversed || used + idle <= max(used, needed) + shared.settings.poolLowConnections else {
            return nil
        }
        return isSafe ? .safe : .unsafe
    }

    /// The connection is closed.
    public func end(_ connection: any PooledConnection) {
        guard connection.place != .none else { return }
        move(connection, .none)
        if !reserved.isEmpty { reserved.removeAll { $0 === connection } }
        if let session = connection.privateTo { disown(connection, session) }
        shared.tellIfRemovable()
    }

    private func move(_ connection: any PooledConnection, _ place: PoolPlace) {
        let before = connection.place
        guard before != place else { return }
        unlink(connection)
        connection.place = place
        count(before, place)
        switch place {
        case .available: link(connection, &available)
        case .unsafe: link(connection, &unsafeIdle)
        case .safe: link(connection, &safeIdle)
        case .none, .busy, .session: break
        }
        if place == .unsafe || place == .safe, !timer.isArmed {
            // Reversed connections are kept: no other can be made in their place.
            if isReversed { return becameIdle?() ?? () }
            timer.arm(at: clock.now.advanced(milliseconds: shared.settings.poolPurgeDelay))
        }
    }

    private func link(_ connection: any PooledConnection, _ list: inout [any PooledConnection]) {
        connection.poolIndex = list.count
        list.append(connection)
    }

    private func unlink(_ connection: any PooledConnection) {
        switch connection.place {
        case .available: Self.unlink(connection, &available)
        case .unsafe: Self.unlink(connection, &unsafeIdle)
        case .safe: Self.unlink(connection, &safeIdle)
        case .none, .busy, .session: break
        }
    }

    private static func unlink(_ connection: any PooledConnection, _ list: inout [any PooledConnection]) {
        let index = connection.poolIndex
        guard index >= 0, index < list.count, list[index] === connection else { return }
        let last = list.removeLast()
        if last !== connection {
            list[index] = last
            last.poolIndex = index
        }
        connection.poolIndex = -1
    }

    /// Keeps the shared counts: the new place is counted before the old one is given up, so that the sum never looks
    /// smaller than it is.
    private func count(_ before: PoolPlace, _ after: PoolPlace) {
        let counts = shared.connections
        if !before.isUsed, after.isUsed { counts.use() }
        switch after {
        case .unsafe, .safe:
            counts.idle.wrappingAdd(1, ordering: .relaxed)
            if after == .safe {
                counts.safe.wrappingAdd(1, ordering: .relaxed)
            } else {
                counts.unsafe.wrappingAdd(1, ordering: .relaxed)
            }
            shared.workerIdle[worker].count.wrappingAdd(1, ordering: .relaxed)
        case .session: counts.sessionIdle.wrappingAdd(1, ordering: .relaxed)
        case .none, .busy, .available: break
        }
        switch before {
        case .unsafe, .safe:
            counts.idle.wrappingSubtract(1, ordering: .acquiringAndReleasing)
            if before == .safe {
                counts.safe.wrappingSubtract(1, ordering: .relaxed)
            } else {
                counts.unsafe.wrappingSubtract(1, ordering: .relaxed)
            }
            shared.workerIdle[worker].count.wrappingSubtract(1, ordering: .relaxed)
        case .session: counts.sessionIdle.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        case .busy, .available:
            if !after.isUsed { counts.used.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
        case .none: break
        }
    }

    // MARK: Sessions' own connections

    /// Whether a session has a connection of its own here.
    func hasConnection(of session: AnyObject) -> Bool { bySession[ObjectIdentifier(session)]?.isEmpty == false }

    /// From now on only `session` may use the connection.
    func own(_ connection: any PooledConnection, by session: AnyObject) {
        guard connection.privateTo == nil else { return }
        connection.privateTo = session
        bySession[ObjectIdentifier(session), default: []].append(connection)
    }

    func disown(_ connection: any PooledConnection, _ session: AnyObject) {
        connection.privateTo = nil
        let key = ObjectIdentifier(session)
        bySession[key]?.removeAll { $0 === connection }
        if bySession[key]?.isEmpty == true { bySession[key] = nil }
    }

    /// A session is over: its idle connections may serve others, or are closed where no sharing is wanted.
    public func forget(_ session: AnyObject) {
        guard !bySession.isEmpty, let own = bySession.removeValue(forKey: ObjectIdentifier(session)) else { return }
        let mayShare = reuse != .never
        for connection in own {
            connection.privateTo = nil
            if mayShare, connection.place == .session {
                move(connection, .busy)
                settle(connection)
            } else {
                connection.retire()
            }
        }
    }

    // MARK: Closing

    /// Half of the connections that nobody has needed since the last round is closed: this worker's share of them.
    public func timerFired(_ timer: Timer) {
        let idle = shared.connections.idle.load(ordering: .relaxed)
        let surplus = shared.connections.surplus()
        if idle > 0, surplus > 0 {
            let count = min(surplus * idleCount / idle + 1, idleCount)
            let old = Self.takeOldest(count, from: &unsafeIdle)
            for connection in old + Self.takeOldest(count - old.count, from: &safeIdle) { release(connection) }
        }
        if idleCount > 0 { timer.arm(at: clock.now.advanced(milliseconds: shared.settings.poolPurgeDelay)) }
    }

    /// Unlinks the first connections of a list and leaves the others in their order.
    private static func takeOldest(_ count: Int, from list: inout [any PooledConnection]) -> [any PooledConnection] {
        let taken = Array(list.prefix(count))
        list.removeFirst(taken.count)
        for connection in taken { connection.poolIndex = -1 }
        for (index, connection) in list.enumerated() { connection.poolIndex = index }
        return taken
    }

    /// Gives idle connections up, for a short while in each turn: see ``ClosingQueue``.
    public func purge() { closing.release(self) }

    /// Gives up to `limit` idle connections to the closing queue, and all that are sessions' own; returns how many there
    /// were.
    func releaseIdle(upTo limit: Int) -> Int {
        var count = 0
        while count < limit, let connection = unsafeIdle.last ?? safeIdle.last {
            release(connection)
            count += 1
        }
        if count < limit, !bySession.isEmpty {
            for connection in bySession.values.joined().filter({ $0.place == .session }) {
                if let session = connection.privateTo { disown(connection, session) }
                release(connection)
                count += 1
            }
        }
        return count
    }

    /// From now on the connection belongs to no server: nothing counts it, and nothing finds it but its own events.
    private func release(_ connection: any PooledConnection) {
        move(connection, .none)
        closing.append(connection)
        shared.tellIfRemovable()
    }

    /// Gives every idle connection to the closing queue: the server is gone, or the worker ends.
    public func releaseAll() { _ = releaseIdle(upTo: .max) }
}

/// The dispatches at one server on one worker, so that `shutdown sessions server` finds them.
struct DispatchSet {
    private(set) var all: [Dispatch] = []

    mutating func insert(_ dispatch: Dispatch) {
        dispatch.setIndex = all.count
        all.append(dispatch)
    }

    mutating func remove(_ dispatch: Dispatch) {
        let index = dispatch.setIndex
        guard index >= 0, index < all.count, all[index] === dispatch else { return }
        let last = all.removeLast()
        if last !== dispatch {
            all[index] = last
            last.setIndex = index
        }
        dispatch.setIndex = -1
    }
}
