import CLinux
import Configuration
import Glibc
import Language
import Proxying
import Servers

/// What those who mend Portico want to know of a process, and machines of its answers: `show dev`, `show schema json`,
/// `dump stats-file`, `debug dev log`.
enum DevelopmentCommands {
    static let all = [
        Command(
            "show dev", usage: "show dev                                : show debug info for developers",
            level: .operator, run: showProcess),
        Command(
            "show schema json", usage: "show schema json                        : report schema used for stats"
        ) { (call) async throws(CommandFailure) in try await call.write(StatisticsSchema.text) },
        Command(
            "dump stats-file", usage: "dump stats-file                         : dump stats for restore",
            run: dumpStatistics),
        Command(
            "debug dev log", usage: "debug dev log    [msg] ...              : send this msg to global logs",
            level: .admin, mode: .expert
        ) { (call) async throws(CommandFailure) in
            let words = call.words.dropFirst(3).joined(separator: " ")
            _ = await call.api.askWorker(0) { ($0.log as? WorkerLog)?.processSaid(words) }
        },
    ]

    @ControlActor private static func showProcess(_ call: CommandCall) async throws(CommandFailure) {
        var system = utsname()
        unsafe uname(&system)
        var (soft, hard): (UInt64, UInt64) = (0, 0)
        _ = unsafe portico_get_descriptor_limit(&soft, &hard)
        let text =
            """
            \(call.api.facts.version)
            Features:
              \(Dialect().featureList)
            Build options:
              Built with multi-threading support (default=\(call.api.workers.blueprint.workerCount)).
            Platform info:
              OS name: \(fieldText(of: system.sysname))
              OS release: \(fieldText(of: system.release))
              OS version: \(fieldText(of: system.version))
              OS architecture: \(fieldText(of: system.machine))
              node name: \(fieldText(of: system.nodename))
            Process info:
              pid: \(getpid())
              cmdline: \(CommandLine.arguments.joined(separator: " "))
              identity:
                  uid: \(getuid())
                  gid: \(getgid())
              limits:
                  fd limit (soft): \(soft)
                  fd limit (hard): \(hard)

            """
        try await call.write(text)
    }

    /// The text in a field of `utsname`: bytes up to the first zero.
    private static func fieldText<Field>(of field: Field) -> String {
        unsafe withUnsafeBytes(of: field) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    @ControlActor private static func dumpStatistics(_ call: CommandCall) async throws(CommandFailure) {
        var filter = StatisticsCollector.Filter()
        filter.showsLegends = true
        try await call.write(StatisticsFile.text(await call.api.statistics.rows(filter)))
    }
}
