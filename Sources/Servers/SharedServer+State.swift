public import Bytes
import Configuration
import Runtime
import Synchronization

// A server's state and how it changes: what HAProxy calls administrative and operational changes, and what it says about
// them (management.txt section 9.3, "set server"; configuration.txt, "track").
extension SharedServer {
    /// `set server … state maint`, `disable server`.
    public func enterMaintenance(because cause: String = "") {
        set(.forcedMaintenance, because: cause)
        clear(.forcedDrain)
    }

    /// `set server … state drain`.
    public func enterDrain(because cause: String = "") {
        set(.forcedDrain, because: cause)
        clear(.forcedMaintenance)
    }

    /// `set server … state ready`, `enable server`.
    public func becomeReady() {
        clear(.forcedDrain)
        clear(.forcedMaintenance)
    }

    /// Sets one administrative flag, here and inherited at the servers that track this one.
    public func set(_ flag: AdminState, because cause: String = "") {
        control.withLock { control in
            let before = admin
            guard !before.contains(flag) else { return }
            let next = before.union(flag)
            apply(next, &control, because: cause)
            let others = next.subtracting(flag)
            if !flag.isDisjoint(with: .maintenance) {
                guard !others.isMaintenance else { return }
                for tracker in control.trackers { tracker.set(.inheritedMaintenance, because: cause) }
            } else if !flag.isDisjoint(with: .drain) {
                guard !others.isDrain else { return }
                for tracker in control.trackers { tracker.set(.inheritedDrain, because: cause) }
            }
        }
    }

    /// Takes one administrative flag back.
    public func clear(_ flag: AdminState) {
        control.withLock { control in
            let before = admin
            guard before.contains(flag) else { return }
            let next = before.subtracting(flag)
            apply(next, &control, because: "")
            if !flag.isDisjoint(with: .maintenance) {
                guard !next.isMaintenance else { return }
                for tracker in control.trackers { tracker.clear(.inheritedMaintenance) }
            } else if !flag.isDisjoint(with: .drain) {
                guard !next.isDrain else { return }
                for tracker in control.trackers { tracker.clear(.inheritedDrain) }
            }
        }
    }

    /// Goes up, down or stopping, unless maintenance rules. `cause` is what the log line says behind the change, such as
    /// `changed from CLI` or a check's result; trackers follow without one.
    ///
    /// - Parameter note: runs under the server's lock before anything is said: for the check's own numbers.
    public func become(
        _ wanted: OperationalState, because cause: String = "",
        note: (inout CheckHealth, inout CheckHealth) -> Void = { _, _ in }
    ) {
        control.withLock { control in
            note(&control.check, &control.agent)
            become(wanted, &control, because: cause)
        }
    }

    func become(_ wanted: OperationalState, _ control: inout Control, because cause: String) {
        guard !admin.isMaintenance else { return }
        let before = state
        switch wanted {
        case .stopped, .stopping: if before == wanted { return }
        case .starting, .running: if before == .starting || before == .running { return }
        }
        var next = wanted
        if wanted == .starting || wanted == .running {
            next = settings.slowStart > 0 ? .starting : .running
        }
        let wasQuiet = before == .stopping || admin.isDrain
        commit(next, admin, &control)
        let because = cause.isEmpty ? "" : ", \(cause)"
        switch next {
        case .stopped:
            if settings.shutsSessionsWhenDown { backend.events.tell(.shutdownSessions(self, .serverDown)) }
            say(
                "\(title(control)) is DOWN\(because)\(via(control, isForced: false))\(backend.left(self))",
                wasQuiet ? .notice : .alert)
        case .stopping:
            say(
                "\(title(control)) is stopping\(because)\(via(control, isForced: false))\(backend.online(self))",
                .notice)
        case .starting, .running:
            shutBackupSessions()
            say("\(title(control)) is UP\(because)\(via(control, isForced: false))\(backend.online(self))", .notice)
        }
        backend.settle(self, before: before)
        for tracker in control.trackers { tracker.become(wanted) }
    }

    // MARK: Administrative changes

    private func apply(_ next: AdminState, _ control: inout Control, because cause: String) {
        let before = admin
        let stateBefore = state
        let wasQuiet = stateBefore == .stopping || before.isDrain
        let because = cause.isEmpty ? "" : " (\(cause))"
        if !before.isMaintenance, next.isMaintenance {
            if control.check.isEnabled { control.check.isPaused = true }
            control.check.health = 0
            commit(.stopped, next, &control)
            let isForced = next.contains(.forcedMaintenance)
            if stateBefore == .stopped {
                say(
                    "\(title(control)) was DOWN and now enters maintenance\(because)\(via(control, isForced: isForced))",
                    .notice)
            } else {
                if settings.shutsSessionsWhenDown { backend.events.tell(.shutdownSessions(self, .serverDown)) }
                say(
                    "\(title(control)) is going DOWN for maintenance\(because)\(via(control, isForced: isForced))"
                        + backend.left(self), wasQuiet ? .notice : .alert)
            }
            backend.events.tell(.purge(self))
        } else if before.isMaintenance, !next.isMaintenance {
            leaveMaintenance(before, next, &control)
        } else if next.isMaintenance {
            commit(stateBefore, next, &control)
            remainInMaintenance(before, next, control)
        } else {
            commit(stateBefore, next, &control)
        }
        if !next.isMaintenance { sayDrain(before, next, control, because) }
        backend.settle(self, before: stateBefore)
    }

    /// Up at once, unless checks or a tracked server say otherwise; checks start again.
    private func leaveMaintenance(_ before: AdminState, _ next: AdminState, _ control: inout Control) {
        var startsUp = true
        if control.check.isEnabled {
            control.check.isPaused = false
            startsUp = control.check.start(settings.initialState)
        }
        var state = state
        let trackedState = control.tracked?.state
        let agent = control.agent
        let check = control.check
        if startsUp, trackedState != .stopped, !agent.isEnabled || agent.health >= agent.rise,
            !check.isEnabled || check.health >= check.rise
        {
            state = trackedState == .stopping ? .stopping : settings.slowStart > 0 ? .starting : .running
        }
        commit(state, next, &control)
        let words = "\(state == .stopped ? "DOWN" : "UP")/\(next.isDrain ? "DRAIN" : "READY")"
        func left(_ flag: AdminState) -> Bool { before.contains(flag) && !next.contains(flag) }
        if left(.inheritedMaintenance) {
            say("\(title(control)) is \(words) (leaving maintenance)", .notice)
        } else if left(.unresolved) {
            let host = control.facts.hostName ?? ""
            say("\(title(control)) ('\(host)') is \(words) (resolves again)", .notice)
        } else if left(.forcedMaintenance) {
            say("\(title(control)) is \(words) (leaving forced maintenance)", .notice)
        }
        if state != .stopped { shutBackupSessions() }
        backend.events.tell(.placesFreed(backend))
    }

    private func remainInMaintenance(_ before: AdminState, _ next: AdminState, _ control: Control) {
        func left(_ flag: AdminState) -> Bool { before.contains(flag) && !next.contains(flag) }
        let via = via(control, isForced: false)
        if left(.forcedMaintenance) {
            say("\(title(control)) is leaving forced maintenance but remains in maintenance\(via)", .notice)
        }
        if left(.unresolved) {
            let host = control.facts.hostName ?? ""
            say("\(title(control)) ('\(host)') resolves again but remains in maintenance\(via)", .notice)
        } else if left(.inheritedMaintenance) {
            say("\(title(control)) remains in forced maintenance", .notice)
        }
    }

    private func sayDrain(_ before: AdminState, _ next: AdminState, _ control: Control, _ because: String) {
        if !before.isDrain, next.isDrain {
            let via = via(control, isForced: next.contains(.forcedDrain))
            let counts = state == .stopped ? backend.left(self) : backend.online(self)
            say("\(title(control)) enters drain state\(because)\(via)\(counts)", .notice)
        } else if before.isDrain, !next.isDrain {
            let words = state == .stopped ? "DOWN" : "UP"
            if before.contains(.forcedDrain) {
                say("\(title(control)) is \(words) (leaving forced drain)", .notice)
            } else {
                say("\(title(control)) is \(words) (leaving drain)\(via(control, isForced: false))", .notice)
            }
        } else if next.isDrain {
            if next.contains(.forcedDrain) {
                say("\(title(control)) remains in forced drain mode", .notice)
            } else {
                say("\(title(control)) remains in drain mode\(via(control, isForced: false))", .notice)
            }
        }
    }

    // MARK: Common to all changes

    private func commit(_ next: OperationalState, _ flags: AdminState, _ control: inout Control) {
        let before = state
        stateBits.store(next.rawValue, ordering: .relaxed)
        adminBits.store(flags.rawValue, ordering: .relaxed)
        if before != next {
            let now = SystemClock.now()
            if before == .stopped {
                control.downSeconds += Int(now.nanoseconds(since: control.lastChange) / 1_000_000_000)
            } else if next == .stopped {
                downTransitions.wrappingAdd(1, ordering: .relaxed)
            }
            control.lastChange = now
        }
        weigh(since: control.lastChange)
        backend.rebalance()
    }

    /// Works out ``effectiveWeight`` and ``isUsable``. With `slowstart` the weight grows from a sixteenth to the whole.
    func weigh(since start: Instant = .zero) {
        let full = 16
        var share = full
        var percent = 100
        if state == .starting, settings.slowStart > 0 {
            let elapsed = Int(clamping: SystemClock.now().nanoseconds(since: start) / 1_000_000)
            let passed = min(elapsed, settings.slowStart)
            percent = 100 * passed / settings.slowStart
            if backend.settings.hasDynamicWeights {
                share = min(full, (full * passed + settings.slowStart) / settings.slowStart)
            }
        }
        effectiveWeightNow.store(weight * max(1, share), ordering: .relaxed)
        warmth.store(percent, ordering: .relaxed)
        let isUp = state == .running || state == .starting
        usable.store(isUp && !admin.isMaintenance && !admin.isDrain && effectiveWeight > 0, ordering: .relaxed)
    }

    /// Takes a step of `slowstart`; true when the server has its whole weight. Called by a timer.
    public func warmUp() -> Bool {
        control.withLock { control in
            guard state == .starting else { return true }
            let elapsed = SystemClock.now().nanoseconds(since: control.lastChange) / 1_000_000
            if elapsed >= UInt64(settings.slowStart) {
                stateBits.store(OperationalState.running.rawValue, ordering: .relaxed)
            }
            weigh(since: control.lastChange)
            backend.rebalance()
            return state != .starting
        }
    }

    /// Sets the weight that balancing goes by, 0 to 256.
    public func setWeight(_ weight: Int) {
        control.withLock { control in
            weightNow.store(weight, ordering: .relaxed)
            weigh(since: control.lastChange)
            backend.rebalance()
            backend.events.tell(.placesFreed(backend))
            backend.settle(self, before: state)
        }
    }

    /// Whether those that wait for the server have to look for another one: it is in maintenance, or down where
    /// `option redispatch` allows others and `option persist` does not hold on to it.
    var givesUpQueue: Bool {
        if admin.isMaintenance { return true }
        let settings = backend.settings
        return state == .stopped && settings.redispatchInterval != 0 && !settings.persistsWhenDown
    }

    private func shutBackupSessions() {
        guard settings.shutsBackupsWhenUp, !settings.isBackup, effectiveWeight > 0 else { return }
        for server in backend.servers where server.settings.isBackup {
            backend.events.tell(.shutdownSessions(server, .serverUp))
        }
    }

    // MARK: Words

    func title(_ control: Control) -> String {
        "\(settings.isBackup ? "Backup " : "")Server \(backend.settings.name)/\(control.facts.name)"
    }

    private func via(_ control: Control, isForced: Bool) -> String {
        isForced || control.trackedName.isEmpty ? "" : " via \(control.trackedName)"
    }

    func say(_ text: String, _ level: ServerMessageLevel) {
        backend.events.tell(.message(backend, level, "\(text)."))
    }

    // MARK: Facts about the state

    /// When the state changed last.
    public var lastChange: Instant { control.withLock { $0.lastChange } }

    /// Seconds without service since the start, the time that runs included.
    public var downSeconds: Int {
        control.withLock { control in
            guard state == .stopped else { return control.downSeconds }
            let now = SystemClock.now().nanoseconds(since: control.lastChange) / 1_000_000_000
            return control.downSeconds + Int(now)
        }
    }

    /// The check's and the agent's numbers.
    public var health: (check: CheckHealth, agent: CheckHealth) { control.withLock { ($0.check, $0.agent) } }

    /// Changes the check's and the agent's numbers.
    public func changeHealth(_ change: (inout CheckHealth, inout CheckHealth) -> Void) {
        control.withLock { control in change(&control.check, &control.agent) }
    }

    // MARK: Tracking

    /// The server that this one tracks.
    public var tracked: SharedServer? { control.withLock { $0.tracked } }

    /// Whether others track this one.
    public var isTracked: Bool { control.withLock { !$0.trackers.isEmpty } }

    /// Follows another server's state from now on (`track`). The caller sees to it that there is no circle.
    public func track(_ other: SharedServer) {
        let name = "\(other.backend.settings.name)/\(other.facts.name)"
        control.withLock { control in
            control.tracked = other
            control.trackedName = name
        }
        let (admin, state) = other.control.withLock { control in
            // The last that came follows first, as in HAProxy.
            control.trackers.insert(self, at: 0)
            return (other.admin, other.state)
        }
        if admin.isMaintenance { set(.inheritedMaintenance) }
        if admin.isDrain { set(.inheritedDrain) }
        if state == .stopped || state == .stopping { become(state) }
    }

    /// Follows no other server any more.
    func stopTracking() {
        guard
            let other = control.withLock({ control in
                defer {
                    control.tracked = nil
                    control.trackedName = ""
                }
                return control.tracked
            })
        else { return }
        other.control.withLock { control in control.trackers.removeAll { $0 === self } }
    }
}
