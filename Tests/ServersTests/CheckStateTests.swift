import Configuration
import Servers
import Synchronization
import Testing

@Suite("What checks do to a server") struct CheckStateTests {
    private static func watched(
        _ names: [String] = ["s1"], logs: Bool = false, _ change: @escaping (inout ServerSettings) -> Void = { _ in }
    ) -> WatchedBackend {
        WatchedBackend(names, logsHealthChecks: logs) { server in
            server.check.isEnabled = true
            change(&server)
        }
    }

    private func fail(_ server: SharedServer, _ count: Int = 1) {
        for _ in 0..<count {
            server.checkEnded(.health, .l4connection, code: 0, words: "Refused", milliseconds: 3)
        }
    }

    private func pass(_ server: SharedServer, _ count: Int = 1) {
        for _ in 0..<count { server.checkEnded(.health, .l7ok, code: 200, words: "", milliseconds: 3) }
    }

    @Test("It starts up, and one bad check takes it down; rise good ones bring it back") func riseAndFall() {
        let watched = Self.watched()
        let server = watched["s1"]
        #expect(server.health.check.health == 2)
        fail(server)
        #expect(server.state == .stopped)
        #expect(
            watched.takeLines() == [
                "alert: Server be/s1 is DOWN, reason: Layer4 connection problem, info: \"Refused\", check duration: 3ms."
                    + " 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
                "emergency: backend be has no server available!",
            ])
        pass(server)
        #expect(server.state == .stopped)
        pass(server)
        #expect(server.state == .running)
        #expect(server.health.check.health == 4)
        #expect(
            watched.takeLines() == [
                "notice: Server be/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 3ms. 1 active and 0"
                    + " backup servers online. 0 sessions requeued, 0 total in queue."
            ])
        fail(server, 2)
        #expect(server.state == .running)
        fail(server)
        #expect(server.state == .stopped)
        #expect(server.failedChecks.load(ordering: .relaxed) == 4)
    }

    @Test("The time to the next check follows the state") func intervals() {
        let watched = Self.watched {
            $0.check.interval = 1000
            $0.check.fastInterval = 100
            $0.check.downInterval = 5000
        }
        let server = watched["s1"]
        // Not fully up yet.
        #expect(server.checkDelay(.health) == 100)
        pass(server)
        #expect(server.checkDelay(.health) == 1000)
        fail(server)
        #expect(server.checkDelay(.health) == 100)
        fail(server, 2)
        #expect(server.checkDelay(.health) == 5000)
        pass(server)
        #expect(server.checkDelay(.health) == 100)
    }

    @Test(
        "The states to start with",
        arguments: [
            (InitialServerState.none, OperationalState.running, 2), (.up, .running, 2), (.fullyUp, .running, 4),
            (.down, .stopped, 1), (.fullyDown, .stopped, 0),
        ])
    func starts(initial: InitialServerState, state: OperationalState, health: Int) {
        let server = Self.watched { $0.initialState = initial }["s1"]
        #expect(server.state == state)
        #expect(server.health.check.health == health)
    }

    @Test("A conditional success asks for no new clients") func conditional() {
        let watched = Self.watched()
        let server = watched["s1"]
        server.checkEnded(.health, .l7okConditional, code: 404, words: "", milliseconds: 1)
        #expect(server.state == .stopping)
        #expect(!server.isUsable)
        #expect(
            watched.takeLines().first
                == "notice: Server be/s1 is stopping, reason: Layer7 check conditionally passed, code: 404, check duration:"
                + " 1ms. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.")
        pass(server)
        #expect(server.state == .running)
    }

    @Test("With log-health-checks each change of status has a line, and the state's line no reason") func logs() {
        let watched = Self.watched(logs: true)
        let server = watched["s1"]
        pass(server, 2)
        fail(server)
        #expect(
            watched.takeLines() == [
                "notice: Health check for server be/s1 succeeded, reason: Layer7 check passed, code: 200, check duration:"
                    + " 3ms, status: 3/3 UP.",
                "notice: Health check for server be/s1 failed, reason: Layer4 connection problem, info: \"Refused\", check"
                    + " duration: 3ms, status: 2/3 UP.",
            ])
        fail(server, 2)
        let last = watched.takeLines()
        #expect(last.contains { $0.hasPrefix("alert: Server be/s1 is DOWN. 0 active") }, "\(last)")
    }

    @Test("An agent that can not be asked takes nothing down; its word does") func agent() {
        let watched = Self.watched { $0.agent.isEnabled = true }
        let server = watched["s1"]
        server.checkEnded(.agent, .l4connection, code: 0, words: "", milliseconds: 1)
        #expect(server.state == .running)
        server.checkEnded(.agent, .l7status, code: 0, words: "via agent : down", milliseconds: 1, health: 0)
        #expect(server.state == .stopped)
        // A good check does not help against the agent's word.
        pass(server, 3)
        #expect(server.state == .stopped)
        server.checkEnded(.agent, .l7ok, code: 0, words: "via agent : up", milliseconds: 1, health: 1)
        #expect(server.state == .running)
    }

    @Test("Trackers follow, and say whom") func tracking() {
        let watched = Self.watched(["s1", "s2"])
        watched["s2"].track(watched["s1"])
        fail(watched["s1"])
        #expect(watched["s2"].state == .stopped)
        #expect(watched.takeLines().contains { $0.hasPrefix("alert: Server be/s2 is DOWN via be/s1. 0 active") })
        pass(watched["s1"], 2)
        #expect(watched["s2"].state == .running)
    }

    @Test("Maintenance stops checks, and they begin anew behind it") func maintenance() {
        let server = Self.watched()["s1"]
        fail(server)
        server.enterMaintenance()
        #expect(!server.health.check.isActive)
        pass(server, 5)
        #expect(server.state == .stopped)
        server.becomeReady()
        #expect(server.health.check.isActive)
        #expect(server.state == .running)
    }

    @Test(
        "What observed errors do",
        arguments: [
            (ErrorReaction.fastInterval, OperationalState.running, 4), (.failCheck, .running, 3),
            (.suddenDeath, .running, 2), (.markDown, .stopped, 0),
        ])
    func observing(reaction: ErrorReaction, state: OperationalState, health: Int) {
        let watched = Self.watched {
            $0.observedLayer = .layer7
            $0.errorLimit = 3
            $0.errorReaction = reaction
        }
        let server = watched["s1"]
        pass(server)
        _ = watched.takeLines()
        server.observe(.badStatus)
        server.observe(.badStatus)
        server.observe(.goodResponse)
        server.observe(.badStatus)
        server.observe(.readTimeout)
        #expect(server.health.check.health == 4)
        server.observe(.badStatus)
        #expect(server.state == state)
        #expect(server.health.check.health == health)
        #expect(server.observedFailures.load(ordering: .relaxed) == 1)
        if state == .stopped {
            #expect(
                watched.takeLines().first?.hasPrefix(
                    "alert: Server be/s1 is DOWN, reason: Health analyze, info: \"Detected 3 consecutive errors, last one"
                        + " was: Wrong http response\". 0 active") == true)
        }
    }

    @Test("Layer 4 counts only connections") func layer4() {
        let server = Self.watched {
            $0.observedLayer = .layer4
            $0.errorLimit = 2
            $0.errorReaction = .markDown
        }["s1"]
        for _ in 0..<5 { server.observe(.badStatus) }
        #expect(server.state == .running)
        server.observe(.connectFailed)
        server.observe(.connected)
        server.observe(.connectFailed)
        #expect(server.state == .running)
        server.observe(.connectFailed)
        #expect(server.state == .stopped)
    }

    @Test("Weights and limits in words", arguments: [("50%", 50, nil), ("7", 7, nil), ("300", 100, "Absolute")])
    func weights(text: String, weight: Int, complaint: String?) {
        let server = Self.watched { $0.weight = 100 }["s1"]
        let words = server.changeWeight(to: text)
        #expect(words?.hasPrefix(complaint ?? "?") ?? (complaint == nil))
        #expect(server.weight == weight)
        #expect(server.changeMaxconn(to: "30") == nil)
        #expect(server.maxconn.load(ordering: .relaxed) == 30)
        #expect(server.changeMaxconn(to: "3x") == "Trailing garbage in maxconn string")
    }
}
