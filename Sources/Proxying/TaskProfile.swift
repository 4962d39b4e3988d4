import Bytes
package import Configuration
import Glibc
import Runtime
package import Samples
import Synchronization

/// Why a worker turns to an exchange: what `show profiling` counts apart.
package enum TaskCall: Int, CaseIterable, Sendable {
    case requestReceived, requestRejected, bodyWaits, responseReceived, backFailed, timerFired
}

/// What `profiling.tasks` and `set profiling tasks` say; all workers read it.
package struct TaskProfilingSwitch: ~Copyable, Sendable {
    private let state: Atomic<UInt8>

    init(_ state: TaskProfiling) { self.state = Atomic(state.rawValue) }

    package var now: TaskProfiling {
        get { TaskProfiling(rawValue: state.load(ordering: .relaxed)) ?? .off }
        nonmutating set { state.store(newValue.rawValue, ordering: .relaxed) }
    }
}

/// What a worker has spent on exchanges while it measured, by the kind of call.
package struct TaskProfile: Sendable {
    /// Calls that were measured, the time they took and the time they were waited for, by ``TaskCall``.
    package private(set) var figures = [CallFigures](repeating: CallFigures(), count: TaskCall.allCases.count)
    /// Whether `automatic` measures now.
    private var isLate = false

    /// As in HAProxy: on from turns of a thousand microseconds, off below 990.
    private static let lateTurn: UInt64 = 1_000_000
    private static let timelyTurn: UInt64 = 990_000

    mutating func isOn(_ wanted: TaskProfiling, averageTurn: UInt64) -> Bool {
        switch wanted {
        case .off: return false
        case .on: return true
        case .automatic:
            isLate = averageTurn >= (isLate ? Self.timelyTurn : Self.lateTurn)
            return isLate
        }
    }

    mutating func add(_ call: TaskCall, time: UInt64, latency: UInt64) {
        figures[call.rawValue].count &+= 1
        figures[call.rawValue].time &+= time
        figures[call.rawValue].latency &+= latency
    }
}

extension ProxyExchange {
    /// Counts a call, and measures it when that is asked for. Calls within a call belong to it.
    @inline(__always) func measured<Result>(_ call: TaskCall, _ body: () -> Result) -> Result {
        if isInCall { return body() }
        isInCall = true
        defer { isInCall = false }
        callFigures.count &+= 1
        guard isMeasured else { return body() }
        beginCall()
        let result = body()
        endCall(call)
        return result
    }

    @inline(never) private func beginCall() {
        callBegan = SystemClock.now()
        callFigures.latency &+= callBegan.nanoseconds(since: frontend.now)
    }

    @inline(never) private func endCall(_ call: TaskCall) {
        let time = SystemClock.now().nanoseconds(since: callBegan)
        callFigures.time &+= time
        frontend.worker.profile.add(call, time: time, latency: callBegan.nanoseconds(since: frontend.now))
        callBegan = .zero
    }

    /// What the exchange has cost so far, with the call that is under way.
    package var costs: CallFigures {
        var result = callFigures
        if callBegan != .zero { result.time &+= SystemClock.now().nanoseconds(since: callBegan) }
        return result
    }
}

extension Worker {
    /// Whether calls are measured now.
    var measuresTasks: Bool { profile.isOn(blueprint.profiling.now, averageTurn: loop.averageTurn) }

    /// Begins the figures of calls anew. On its thread.
    package func forgetProfile() { profile = TaskProfile() }
}
