import Configuration
import Runtime
import Servers
import Synchronization
import Testing

/// The texts are those that HAProxy writes for the same changes.
@Suite("A server's state") struct ServerStateTests {
    @Test("Maintenance and back, in HAProxy's words") func maintenance() {
        let watched = WatchedBackend(["s1", "s2"])
        let server = watched["s1"]
        #expect(server.isUsable && server.state == .running && server.admin.isEmpty)
        server.enterMaintenance()
        #expect(
            watched.takeLines() == [
                "alert: Server be/s1 is going DOWN for maintenance. 1 active and 0 backup servers left."
                    + " 0 sessions active, 0 requeued, 0 remaining in queue."
            ])
        #expect(watched.takeEvents() == ["purge s1"])
        #expect(!server.isUsable && server.state == .stopped && server.admin == .forcedMaintenance)
        #expect(!server.isReachable)
        server.enterMaintenance()
        #expect(watched.takeLines().isEmpty)
        server.becomeReady()
        #expect(watched.takeLines() == ["notice: Server be/s1 is UP/READY (leaving forced maintenance)."])
        #expect(server.isUsable && server.state == .running && server.admin.isEmpty)
        #expect(server.downTransitions.load(ordering: .relaxed) == 1)
    }

    @Test("Drain: usable for what belongs to it only") func drain() {
        let watched = WatchedBackend(["s1", "s2"])
        let server = watched["s1"]
        server.enterDrain()
        #expect(
            watched.takeLines() == [
                "notice: Server be/s1 enters drain state. 1 active and 0 backup servers online."
                    + " 0 sessions requeued, 0 total in queue."
            ])
        #expect(!server.isUsable && server.isReachable && server.state == .running)
        // From drain to maintenance: no alert, since it had been taken out already.
        server.enterMaintenance()
        #expect(
            watched.takeLines() == [
                "notice: Server be/s1 is going DOWN for maintenance. 1 active and 0 backup servers left."
                    + " 0 sessions active, 0 requeued, 0 remaining in queue."
            ])
        server.enterDrain()
        #expect(
            watched.takeLines() == [
                "notice: Server be/s1 is UP/DRAIN (leaving forced maintenance).",
                "notice: Server be/s1 remains in forced drain mode.",
            ])
        server.becomeReady()
        #expect(watched.takeLines() == ["notice: Server be/s1 is UP (leaving forced drain)."])
    }

    @Test("Health: down, stopping, up; the last one takes the backend with it") func health() {
        let watched = WatchedBackend(["s1"])
        let server = watched["s1"]
        server.become(.stopped, because: "changed from CLI")
        #expect(
            watched.takeLines() == [
                "alert: Server be/s1 is DOWN, changed from CLI. 0 active and 0 backup servers left."
                    + " 0 sessions active, 0 requeued, 0 remaining in queue.",
                "emergency: backend be has no server available!",
            ])
        server.become(.running, because: "changed from CLI")
        #expect(
            watched.takeLines() == [
                "notice: Server be/s1 is UP, changed from CLI. 1 active and 0 backup servers online."
                    + " 0 sessions requeued, 0 total in queue."
            ])
        server.become(.stopping, because: "changed from CLI")
        #expect(
            watched.takeLines() == [
                "notice: Server be/s1 is stopping, changed from CLI. 0 active and 0 backup servers online."
                    + " 0 sessions requeued, 0 total in queue.",
                "emergency: backend be has no server available!",
            ])
        #expect(!server.isUsable && server.isReachable)
        // In maintenance health has nothing to say.
        server.enterMaintenance()
        _ = watched.takeLines()
        server.become(.running)
        #expect(watched.takeLines().isEmpty && server.state == .stopped)
    }

    @Test("A server that tracks another follows it, and says so") func tracking() {
        let watched = WatchedBackend(["s1", "s2"])
        watched["s2"].track(watched["s1"])
        watched["s1"].enterMaintenance()
        #expect(
            watched.takeLines().contains(
                "alert: Server be/s2 is going DOWN for maintenance via be/s1. 0 active and 0 backup servers left."
                    + " 0 sessions active, 0 requeued, 0 remaining in queue."))
        #expect(watched["s2"].admin == .inheritedMaintenance)
        watched["s2"].enterMaintenance()
        _ = watched.takeLines()
        watched["s1"].becomeReady()
        #expect(
            watched.takeLines() == [
                "notice: Server be/s1 is UP/READY (leaving forced maintenance).",
                "notice: Server be/s2 remains in forced maintenance.",
            ])
        watched["s2"].becomeReady()
        watched["s1"].become(.stopped)
        #expect(watched["s2"].state == .stopped)
        watched["s1"].become(.running)
        #expect(watched["s2"].state == .running)
    }

    @Test("A backup's messages, and running on backups") func backup() {
        let watched = WatchedBackend(["s1", "b1"]) { $0.isBackup = $0.name == "b1" }
        watched["s1"].become(.stopped)
        #expect(
            watched.takeLines() == [
                "alert: Server be/s1 is DOWN. 0 active and 1 backup servers left. Running on backup."
                    + " 0 sessions active, 0 requeued, 0 remaining in queue."
            ])
        watched["b1"].enterDrain()
        #expect(watched.takeLines().first?.hasPrefix("notice: Backup Server be/b1 enters drain state.") == true)
    }

    @Test("Weights: relative to the configured one, and 0 takes the server out") func weights() {
        let watched = WatchedBackend(["s1", "s2"]) { $0.weight = 10 }
        let server = watched["s1"]
        #expect(server.effectiveWeight == 160)
        server.setWeight(0)
        #expect(!server.isUsable && server.isReachable && server.weight == 0)
        server.setWeight(5)
        #expect(server.isUsable && server.effectiveWeight == 80)
        var counts = ["s1": 0, "s2": 0]
        for _ in 0..<30 {
            if let name = watched.backend.choose().server?.settings.name { counts[name, default: 0] += 1 }
        }
        #expect(counts == ["s1": 10, "s2": 20])
    }

    @Test("Places and numbers of deleted servers are used again; the events come in order") func table() {
        let watched = WatchedBackend(["s1", "s2", "s3"])
        let second = watched["s2"]
        #expect((second.index, second.id) == (1, 2))
        watched.backend.remove(second)
        #expect(watched.backend.server(named: "s2") == nil)
        #expect(watched.backend.servers.map(\.settings.name) == ["s1", "s3"])
        let settings = second.settings
        let added = watched.backend.add { index, id in
            SharedServer(
                settings: settings, backend: watched.backend, index: index, id: id, address: .unix(path: "/x"))
        }
        #expect((added.index, added.id) == (1, 2))
        #expect(watched.backend.servers.map(\.id) == [1, 3, 2])
        #expect(watched.takeEvents() == ["remove s2", "add s2"])
        #expect(watched.backend.server(named: "#3")?.settings.name == "s3")
    }

    @Test("Who waits for a server to be unused is told when its last exchange leaves") func unused() {
        let watched = WatchedBackend(["s1"])
        let server = watched["s1"]
        let calls = Atomic<Int>(0)
        #expect(server.enter())
        server.whenUnused { calls.wrappingAdd(1, ordering: .relaxed) }
        #expect(calls.load(ordering: .relaxed) == 0)
        server.leave()
        #expect(calls.load(ordering: .relaxed) == 1)
        server.whenUnused { calls.wrappingAdd(1, ordering: .relaxed) }
        #expect(calls.load(ordering: .relaxed) == 2)
        #expect(server.enter())
        server.leave()
        #expect(calls.load(ordering: .relaxed) == 2)
    }
}
