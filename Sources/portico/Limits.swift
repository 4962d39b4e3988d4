import CLinux
import Configuration
import Glibc

/// Descriptors, memory and connections that the process may use.
struct Limits {
    private let global: GlobalSettings
    /// Descriptors for each connection: two sockets, and half of what a kernel pipe takes where they are used.
    private let perConnection: Double
    /// Connections at once when the configuration does not say.
    let maxconn: Int

    init(_ configuration: Configuration) {
        let global = configuration.global
        self.global = global
        perConnection = configuration.splices ? 2.5 : 2
        let hard = min(Int(clamping: Self.descriptors().hard), global.fdHardLimit)
        // Some more are for listeners, pollers and logs.
        maxconn = global.maxconn ?? max(10, Int(Double(hard - 100) / perConnection))
    }

    /// Raises the descriptor limit, lowers the memory limit.
    func apply(memoryLimit: Int?) throws(StartError) {
        let wanted = global.ulimitN ?? Int(Double(maxconn) * perConnection) + 100
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

    /// Cores that this process may use.
    static func availableCores() -> Int { max(1, Int(portico_available_cores())) }
}
