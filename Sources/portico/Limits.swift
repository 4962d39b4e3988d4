import CLinux
import Configuration
import Glibc

/// Descriptors, memory and connections that the process may use.
struct Limits {
    private let global: GlobalSettings
    /// Descriptors for all connections, and the pipes between them.
    private let wanted: Int
    /// Connections at once when the configuration does not say.
    let maxconn: Int

    init(_ configuration: Configuration) {
        let global = configuration.global
        self.global = global
        let hard = min(Int(clamping: Self.descriptors().hard), global.fdHardLimit)
        // Two for each connection and each pipe; some more are for listeners, pollers and logs.
        func needed(_ connections: Int) -> Int {
            connections * 2 + configuration.pipeLimit(connections: connections) * 2 + 100
        }
        var most = (hard - 100) / 2
        if needed(most) > hard { most = global.maxPipes.map { most - $0 } ?? (hard - 100) * 2 / 5 }
        maxconn = global.maxconn ?? max(10, most)
        wanted = needed(maxconn)
    }

    /// Raises the descriptor limit, lowers the memory limit.
    func apply(memoryLimit: Int?) throws(StartError) {
        let wanted = global.ulimitN ?? wanted
        let (soft, hard) = Self.descriptors()
        if soft < wanted, portico_set_descriptor_limit(UInt64(wanted), max(hard, UInt64(wanted))) != 0 {
            _ = portico_set_descriptor_limit(hard, hard)
            let text =
                "cannot raise the descriptor limit to \(wanted): \(hard) is the system's limit; "
                + "lower 'maxconn' or raise 'ulimit -n'"
            if global.strictLimits, global.ulimitN != nil || global.maxconn != nil { throw StartError(text) }
            Terminal.warning(text)
        }
        guard let memoryLimit else { return }
        guard portico_set_memory_limit(UInt64(memoryLimit) << 20) == 0 else {
            throw StartError("cannot limit memory to \(memoryLimit) MB: \(Terminal.systemError())")
        }
    }

    private static func descriptors() -> (soft: UInt64, hard: UInt64) {
        var soft: UInt64 = 1024
        var hard: UInt64 = 1024
        _ = unsafe portico_get_descriptor_limit(&soft, &hard)
        return (soft, hard)
    }

    /// Workers to run: `nbthread`, or one for each core, but not more than `thread-hard-limit`.
    static func workers(_ global: GlobalSettings) -> Int {
        let wanted = global.nbthread ?? availableCores()
        return min(wanted, global.threadLimit ?? wanted)
    }

    /// Cores that this process may use.
    static func availableCores() -> Int { max(1, Int(portico_available_cores())) }
}
