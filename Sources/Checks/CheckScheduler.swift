import Bytes
import Configuration
import Connections
import Messages
import MuxHTTP3
import Patterns
import Proxying
import QUICTransport
import Rules
import Runtime
import Samples
import Servers
import Streams

/// The checks of all servers on their thread: it starts them spread over time, and lets them go on as servers change.
final class CheckScheduler {
    /// Intervals below this do not dictate how far first checks lie from each other, in milliseconds.
    private static let shortInterval = 1000

    let blueprint: Blueprint
    let loop: EventLoop
    let resources: WorkerResources
    let connections: ConnectionManager
    let quic: QUICConnectionManager
    let http3: HTTP3Resources
    /// Where the steps' expressions and actions run.
    let rules: RuleRun
    /// Where `unique-id-format` is evaluated, while other expressions are.
    let identifiers: Evaluation
    let tune: TuneSettings
    private let global: GlobalSettings
    private let thread: CheckThread
    /// The workers.
    let group: WorkerGroup
    /// Checks that use connections of theirs.
    let errands = ErrandList()
    private let service: QUICService
    private var mailbox: CheckMailbox!
    private var checkers: [ObjectIdentifier: [Checker]] = [:]
    private var ramps: [ObjectIdentifier: SlowStart] = [:]
    private var random: RandomNumbers
    /// Checks under way, and those whose time has come but that wait for others to end
    /// (`tune.max-checks-per-thread`): the ones before `firstQueued` have gone.
    var running = 0
    private var queued: [Checker] = []
    private var firstQueued = 0
    /// The backends' names and servers for expressions, by index.
    private var backendFacts: [Int: CheckedBackend] = [:]

    init(_ thread: CheckThread, _ group: WorkerGroup) throws(SystemError) {
        self.thread = thread
        self.group = group
        blueprint = thread.blueprint
        global = blueprint.configuration.global
        node = global.node ?? String(decoding: Socket.hostname, as: UTF8.self)
        tune = global.tune
        loop = try EventLoop(maxEvents: tune.maxPollEvents)
        resources = WorkerResources(
            buffers: BufferPool(slabSize: max(32 * 1024, tune.bufsize), spareLimit: 64),
            heads: HeadPool(byteLimit: max(tune.bufsize, tune.maxHeadSize), fieldLimit: tune.httpMaxHeaders + 16),
            clock: loop.clock)
        let patterns = blueprint.configuration.patterns
        if !patterns.references.isEmpty { loop.epochs = patterns.epochs.makeReader() }
        connections = ConnectionManager(loop: loop, resources: resources)
        service = try QUICService(workers: 1)
        quic = try QUICConnectionManager(loop: loop, resources: resources, service: service, worker: 0)
        http3 = HTTP3Resources(resources)
        random = RandomNumbers(seed: UInt64.random(in: 1 ... .max))
        rules = RuleRun(
            Evaluation(
                resources, textLimit: tune.bufsize, processVariables: blueprint.processVariables, seed: random.next()))
        identifiers = Evaluation(
            resources, textLimit: tune.bufsize, processVariables: blueprint.processVariables, seed: random.next())
        rules.evaluation.process = self
        identifiers.process = self
        mailbox = CheckMailbox(thread.messages) { [unowned self] in take($0) }
        try loop.register(mailbox, descriptor: thread.messages.descriptor, writing: false, levelTriggered: true)
        startAll()
    }

    /// `node`, or the machine's name.
    let node: String
    /// Where other threads' messages go.
    var messages: Mailbox<CheckMessage> { thread.messages }

    /// A random number in 0 ..< 1.
    func randomShare() -> Double { Double(random.next() >> 11) / Double(1 << 53) }

    /// The next 64 random bits.
    func randomBits() -> UInt64 { random.next() }

    // MARK: How many run at once

    /// Whether no other check may begin now.
    var isFull: Bool { tune.maxChecks > 0 && running >= tune.maxChecks }

    /// Lets a check begin as soon as others have ended.
    func queue(_ checker: Checker) { queued.append(checker) }

    /// Begins checks that wait, as many as may run.
    func beginQueued() {
        while !isFull, firstQueued < queued.count {
            let next = queued[firstQueued]
            firstQueued += 1
            next.beginQueued()
        }
        guard firstQueued > 0, firstQueued == queued.count || firstQueued >= 1024 else { return }
        queued.removeFirst(firstQueued)
        firstQueued = 0
    }

    // MARK: Servers come and go

    private func take(_ message: CheckMessage) {
        switch message {
        case .stop:
            for list in checkers.values { for checker in list { checker.stop() } }
            checkers = [:]
            ramps = [:]
            connections.stop()
            quic.stop()
            loop.stop()
        case .server(.serverAdded(let server)):
            guard checkers[ObjectIdentifier(server)] == nil else { return }
            let list = Checker.checkers(of: server, self)
            guard !list.isEmpty else { return }
            checkers[ObjectIdentifier(server)] = list
            for checker in list { checker.start(after: checker.delay) }
        case .server(.serverRemoved(let server)):
            for checker in checkers.removeValue(forKey: ObjectIdentifier(server)) ?? [] { checker.stop() }
            ramps[ObjectIdentifier(server)] = nil
        case .server(.checksChanged(let server)):
            for checker in checkers[ObjectIdentifier(server)] ?? [] { checker.hasten() }
        case .server(.stateChanged(let server)): ramp(server)
        case .server: break
        case .errand(let number, let news): errands.run(number)?.take(news)
        }
    }

    /// First checks lie as far from each other as the shortest usual interval allows.
    private func startAll() {
        var all: [Checker] = []
        for backend in blueprint.backendTable.all where !backend.servers.settings.isDisabled {
            for server in backend.servers.servers {
                let list = Checker.checkers(of: server, self)
                if !list.isEmpty { checkers[ObjectIdentifier(server)] = list }
                all += list
                ramp(server)
            }
        }
        let usual = all.map(\.delay).filter { $0 >= Self.shortInterval }.min() ?? 0
        for (place, checker) in all.enumerated() {
            var span = max(usual, checker.delay)
            span += variation(of: checker.delay)
            if global.maxSpreadChecks > 0 { span = min(span, global.maxSpreadChecks) }
            checker.start(after: span * place / all.count)
        }
    }

    /// Milliseconds, positive or negative, by which a delay differs this time (`spread-checks`).
    func variation(of delay: Int) -> Int {
        guard global.spreadChecks > 0 else { return 0 }
        let most = delay * global.spreadChecks / 100
        return most - Int(Double(2 * most) * randomShare())
    }

    // MARK: Slow start

    /// A server that has come up gets its weight step by step.
    private func ramp(_ server: SharedServer) {
        guard server.settings.slowStart > 0 else { return }
        let key = ObjectIdentifier(server)
        if server.state == .starting {
            if ramps[key] == nil {
                ramps[key] = SlowStart(server, loop) { [unowned self] in ramps[key] = nil }
            }
        } else {
            ramps[key] = nil
        }
    }
}

extension CheckScheduler: ProcessFacts {
    package func backend(_ index: Int) -> (any ProxyFacts)? {
        guard let found = blueprint.backendTable.all.first(where: { $0.servers.index == index }) else { return nil }
        return facts(of: found.servers)
    }

    /// What expressions read of a backend.
    func facts(of backend: SharedBackend) -> CheckedBackend {
        if let known = backendFacts[backend.index], known.backend === backend { return known }
        let made = CheckedBackend(backend)
        backendFacts[backend.index] = made
        return made
    }

    package var startedWall: UInt64 { blueprint.startedWall }
    package var currentConnections: Int { blueprint.admission.count }
}

/// A backend as expressions of checks see it.
final class CheckedBackend: ProxyFacts {
    let backend: SharedBackend
    let nameBytes: [UInt8]

    init(_ backend: SharedBackend) {
        self.backend = backend
        nameBytes = Array(backend.settings.name.utf8)
    }

    var identifier: Int { backend.settings.id }
    var serverCount: Int { backend.servers.count }

    func server(_ index: Int) -> (any ServerFigures)? {
        let servers = backend.servers
        return servers.indices.contains(index) ? servers[index] : nil
    }
}

/// Polls the mailbox of the thread.
private final class CheckMailbox: Pollable {
    private let mailbox: Mailbox<CheckMessage>
    private let handle: (CheckMessage) -> Void

    init(_ mailbox: Mailbox<CheckMessage>, handle: @escaping (CheckMessage) -> Void) {
        self.mailbox = mailbox
        self.handle = handle
    }

    override func ready(_ events: PollEvents) {
        for message in mailbox.take() { handle(message) }
    }
}

/// The steps in which a server's weight grows (`slowstart`).
private final class SlowStart: TimerTarget {
    private let server: SharedServer
    private let loop: EventLoop
    private let done: () -> Void
    private var timer: Timer!

    init(_ server: SharedServer, _ loop: EventLoop, done: @escaping () -> Void) {
        self.server = server
        self.loop = loop
        self.done = done
        timer = Timer(on: loop.timers, target: self)
        arm()
    }

    private func arm() {
        timer.arm(at: loop.clock.now.advanced(milliseconds: max(1000, server.settings.slowStart / 20)))
    }

    func timerFired(_ timer: Timer) {
        if server.warmUp() { done() } else { arm() }
    }
}
