import Bytes
import Configuration
import Proxying
import Runtime
import Servers
import TLSTransport

/// One server's health check, or its agent: when it runs, and what its server hears of it.
final class Checker: TimerTarget {
    let server: SharedServer
    let kind: SharedServer.CheckKind
    let ruleset: CheckRuleset
    unowned let scheduler: CheckScheduler
    private var run: CheckRun?
    private var timer: Timer!
    private var isStopped = false
    /// It waits for other checks to end.
    private var isQueued = false
    /// TLS contexts of this thread, by their ALPN.
    private var contexts: [String: TLSClientContext] = [:]
    /// How often the server's TLS had changed when they were made.
    private var contextsChange = 0

    /// The checks that a server's line asks for.
    static func checkers(of server: SharedServer, _ scheduler: CheckScheduler) -> [Checker] {
        var result: [Checker] = []
        let (check, agent) = server.health
        if check.isConfigured {
            let ruleset = server.settings.check.ruleset ?? server.backend.settings.check ?? .connectOnly
            result.append(Checker(server, .health, ruleset, scheduler))
        }
        if agent.isConfigured { result.append(Checker(server, .agent, AgentReply.ruleset, scheduler)) }
        return result
    }

    private init(
        _ server: SharedServer, _ kind: SharedServer.CheckKind, _ ruleset: CheckRuleset, _ scheduler: CheckScheduler
    ) {
        self.server = server
        self.kind = kind
        self.ruleset = ruleset
        self.scheduler = scheduler
        timer = Timer(on: scheduler.loop.timers, target: self)
        if ruleset.kind == .external { ChildPrograms.expect() }
    }

    private var now: Instant { scheduler.loop.clock.now }

    /// What the server keeps of this check.
    var health: CheckHealth {
        let (check, agent) = server.health
        return kind == .agent ? agent : check
    }

    /// Milliseconds to the next check.
    var delay: Int { server.checkDelay(kind) }

    /// The first check begins after so many milliseconds.
    func start(after milliseconds: Int) { timer.arm(at: now.advanced(milliseconds: max(0, milliseconds))) }

    /// No more checks.
    func stop() {
        isStopped = true
        timer.disarm()
        guard let run else { return }
        run.abandon()
        self.run = nil
        scheduler.running -= 1
        scheduler.beginQueued()
    }

    /// Something was changed: the next check may be due earlier than it was.
    func hasten() {
        guard !isStopped, run == nil else { return }
        let due = now.advanced(milliseconds: delay)
        if due < timer.deadline { timer.arm(at: due) }
    }

    func timerFired(_ timer: Timer) {
        if let run { return run.timedOut() }
        if isQueued { return }
        guard health.isActive else { return timer.arm(at: now.advanced(milliseconds: health.interval)) }
        guard !scheduler.isFull else {
            isQueued = true
            return scheduler.queue(self)
        }
        begin()
    }

    /// Begins a check that was queued, if it is still wanted.
    func beginQueued() {
        isQueued = false
        guard !isStopped else { return }
        guard health.isActive else { return start(after: health.interval) }
        begin()
    }

    private func begin() {
        scheduler.running += 1
        server.checkBegan(kind)
        let run = CheckRun(self)
        self.run = run
        run.begin()
    }

    /// When the check that runs has to be over.
    func limit(_ deadline: Instant) { timer.arm(at: deadline) }
    var deadline: Instant { timer.deadline }

    /// The check is over, and its result told.
    func ended() {
        run = nil
        scheduler.running -= 1
        scheduler.beginQueued()
        guard !isStopped else { return }
        let delay = delay
        start(after: delay + scheduler.variation(of: delay))
    }

    /// The context for TLS on TCP with these protocols; nil: the server's own.
    func tls(alpn: [String]?) throws(TLSError) -> TLSClientContext? {
        guard let settings = (server.transport as? SharedServerTransport)?.tls else { return nil }
        if contextsChange != settings.changeCount {
            contextsChange = settings.changeCount
            contexts = [:]
        }
        let names = alpn?.joined(separator: ",")
        if let known = contexts[names ?? ""] { return known }
        let made = try settings.makeContext(alpn: names)
        contexts[names ?? ""] = made
        return made
    }
}
