import Bytes
import Configuration
import Connections
import Glibc
import Proxying
import Runtime

/// `set quic qlog` (of Portico): qlog files of new QUIC connections, switched while the process runs.
enum QUICLogCommand {
    static let all = [
        Command(
            "set quic qlog",
            usage: "set quic qlog <on|off> [<subject>] [dir]: write qlog files of new QUIC connections", level: .admin,
            run: change)
    ]

    private static let help =
        "'set quic qlog' expects 'on [frontend <name>|src <address>[/<bits>]] [sample <count>] <directory>',"
        + " 'off [frontend <name>|src <address>[/<bits>]]' or 'status'.\n"

    @ControlActor private static func change(_ call: CommandCall) async throws(CommandFailure) {
        let logs = call.api.workers.quicLogs
        switch call[3] {
        case "on":
            var next = 4
            let subject = try subject(call, &next) ?? .everything
            let interval = try interval(call, &next)
            guard call[next + 1].isEmpty else { throw .refused(help) }
            try start(subject, interval, directory: try directory(call[next]), logs)
            try await call.say("New QUIC connections write qlog files into '\(call[next])'.")
        case "off":
            var next = 4
            let subject = try subject(call, &next)
            guard call[next].isEmpty else { throw .refused(help) }
            guard logs.stop(subject) else { throw .refused("These QUIC connections write no qlog files.\n") }
        case "status":
            let status = logs.status
            var text = ""
            for rule in status.rules {
                let sample = rule.interval > 1 ? " sample \(rule.interval)" : ""
                text += "\(name(rule.subject, call))\(sample) \(rule.directory)\n"
            }
            if text.isEmpty { text = "off\n" }
            try await call.write(text + "files made: \(status.made), still allowed: \(status.left)\n")
        default: throw .refused(help)
        }
    }

    @ControlActor private static func start(
        _ subject: QUICLogService.Subject, _ interval: Int, directory: String, _ logs: QUICLogService
    ) throws(CommandFailure) {
        let isStarted: Bool
        do throws(SystemError) {
            isStarted = try logs.start(subject, interval: interval, directory: directory)
        } catch {
            throw .refused("The thread that writes qlog files can not be started: \(error).\n")
        }
        guard isStarted else {
            throw .refused(
                "qlog files are written for \(QUICLogService.subjectLimit) subjects at most: turn some off first.\n")
        }
    }

    /// Whose connections are meant; nil when the words say nothing about it.
    @ControlActor private static func subject(
        _ call: CommandCall, _ next: inout Int
    ) throws(CommandFailure) -> QUICLogService.Subject? {
        switch call[next] {
        case "frontend":
            let name = call[next + 1]
            next += 2
            guard let place = call.api.workers.blueprint.frontends.firstIndex(where: { $0.settings.name == name })
            else {
                throw .refused("No such frontend.\n")
            }
            return .frontend(place)
        case "src":
            let text = call[next + 1]
            next += 2
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, let address = SocketAddress(text: String(first), port: 0) else {
                throw .refused("'\(text)' is no address.\n")
            }
            let longest = address.family == .ipv4 ? 32 : 128
            guard let bits = parts.count > 1 ? Int(parts[1]) : longest, (0...longest).contains(bits) else {
                throw .refused("'\(text)' is no network: 0 to \(longest) bits.\n")
            }
            return .source(address, bits: bits)
        default: return nil
        }
    }

    /// Of how many connections one is logged (`sample <count>`); 1 without the word.
    @ControlActor private static func interval(_ call: CommandCall, _ next: inout Int) throws(CommandFailure) -> Int {
        guard call[next] == "sample" else { return 1 }
        let text = call[next + 1]
        next += 2
        guard let count = Int(text), (1...1_000_000_000).contains(count) else {
            throw .refused("'\(text)' is no sample: one in 1 to 1000000000 connections.\n")
        }
        return count
    }

    /// A directory that the process can write to.
    private static func directory(_ path: String) throws(CommandFailure) -> String {
        guard !path.isEmpty else { throw .refused(help) }
        guard path.hasPrefix("/") else { throw .refused("'\(path)' : expects the absolute path of a directory.\n") }
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw .refused("'\(path)' : \(SystemError.text(errno)).\n")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .refused("'\(path)' : is no directory.\n") }
        guard unsafe access(path, W_OK | X_OK) == 0 else {
            throw .refused("'\(path)' : the process may not write there.\n")
        }
        return path
    }

    @ControlActor private static func name(_ subject: QUICLogService.Subject, _ call: CommandCall) -> String {
        switch subject {
        case .everything: "all"
        case .frontend(let place): "frontend \(call.api.workers.blueprint.frontends[place].settings.name)"
        case .source(let address, let bits): "src \(address.host)/\(bits)"
        }
    }
}
