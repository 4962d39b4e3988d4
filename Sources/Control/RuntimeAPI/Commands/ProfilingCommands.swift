import Configuration
import Proxying
import Samples

/// What exchanges cost the workers: `show profiling`, `set profiling` (management.txt section 9.3).
enum ProfilingCommands {
    static let all = [
        Command(
            "show profiling",
            usage: "show profiling [<what>|<#lines>|<opts>]*: show profiling state (all,status,tasks,memory)",
            level: .operator, run: show),
        Command(
            "set profiling",
            usage: "set profiling <what> {auto|on|off}      : enable/disable resource profiling (tasks,memory)",
            level: .admin, run: set),
    ]

    private enum Part { case status, tasks }

    @ControlActor private static func show(_ call: CommandCall) async throws(CommandFailure) {
        var parts: [Part] = [.status, .tasks]
        var limit = Int.max
        var byTime = false
        for index in 2..<max(2, call.words.count) {
            switch call[index] {
            case "all": parts = [.status, .tasks]
            case "status": parts = [.status]
            case "tasks": parts = [.tasks]
            case "memory": parts = []
            case "bytime": byTime = true
            // A call has one way to its function here: no addresses and no contexts tell them apart.
            case "byaddr", "byctx", "aggr": break
            default:
                guard let number = Int(call[index]), number > 0 else {
                    throw .refused(
                        "Expects either 'all', 'status', 'tasks', 'memory', 'byaddr', 'bytime', 'byctx', 'aggr' or a "
                            + "max number of output lines.")
                }
                limit = number
            }
        }
        let workers = await call.api.askWorkers { $0.inspect() }
        if parts.contains(.status) {
            let state =
                switch call.api.workers.blueprint.profiling.now {
                case .off: "off     "
                case .on: "on      "
                case .automatic: workers.contains(where: \.measuresTasks) ? "auto-on " : "auto-off"
                }
            try await call.write(
                "Per-task CPU profiling              : \(state)      # set profiling tasks {on|auto|off}\n"
                    + "Memory usage profiling              : off           # set profiling memory {on|off}\n")
        }
        if parts.contains(.tasks) { try await call.write(tasks(workers, byTime: byTime, limit: limit)) }
    }

    /// The kinds of calls with what they cost all workers, the most frequent or the dearest first.
    private static func tasks(_ workers: [WorkerInspection], byTime: Bool, limit: Int) -> String {
        let sums = TaskCall.allCases.map { kind in
            var sum = CallFigures()
            for worker in workers {
                let figures = worker.calls[kind.rawValue]
                sum.count &+= figures.count
                sum.time &+= figures.time
                sum.latency &+= figures.latency
            }
            return (name: "\(kind)", sum)
        }
        var text = "Tasks activity:\n"
        text += "  function                      calls   cpu_tot   cpu_avg   lat_tot   lat_avg\n"
        let met = sums.filter { $0.1.count > 0 }
        for (name, sum) in met.sorted(by: { byTime ? $0.1.time > $1.1.time : $0.1.count > $1.1.count }).prefix(limit) {
            text += "  \(name)" + padded("\(sum.count)", 35 - name.count)
            for time in [sum.time, sum.time / sum.count, sum.latency, sum.latency / sum.count] {
                text += "   " + padded(short(time), 7)
            }
            text += "\n"
        }
        return text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// A time in seven characters.
    private static func short(_ nanoseconds: UInt64) -> String {
        guard nanoseconds > 0 else { return "-   " }
        var value = Double(nanoseconds)
        for (unit, next) in [("ns", 1000.0), ("us", 1000.0), ("ms", 1000.0), ("s ", 60.0), ("m ", 60.0)] {
            if value < next {
                let digits = value < 10 ? 3 : value < 100 ? 2 : 1
                let text = "\((value * [10, 100, 1000][digits - 1]).rounded() / [10, 100, 1000][digits - 1])"
                let fraction = text.split(separator: ".").last?.count ?? 0
                return text + String(repeating: "0", count: max(0, digits - fraction)) + unit
            }
            value /= next
        }
        return "\(Int(value))h "
    }

    @ControlActor private static func set(_ call: CommandCall) async throws(CommandFailure) {
        switch call[2] {
        case "memory": throw .refused("Memory profiling not compiled in.")
        case "tasks": break
        default: throw .refused("Expects either 'tasks' or 'memory'.")
        }
        guard call.words.count > 3 else { throw expectation }
        let profiling = call.api.workers.blueprint
        for word in call.words.dropFirst(3) {
            switch word {
            case "on":
                _ = await call.api.askWorkers { $0.forgetProfile() }
                profiling.profiling.now = .on
            case "auto": profiling.profiling.now = .automatic
            case "off": profiling.profiling.now = .off
            case "lock", "no-lock", "memory", "no-memory": break
            default: throw expectation
            }
        }
    }

    private static var expectation: CommandFailure {
        .refused("Expects a combination of either 'on', 'auto', 'off', 'lock', 'no-lock', 'memory' or 'no-memory'.")
    }
}
