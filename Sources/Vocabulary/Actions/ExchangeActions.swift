import Connections
import Rules
import Samples
import Words

/// Actions that set something for one exchange alone (configuration.txt section 4.4): times, retries, its place in queues,
/// its log line.
enum ExchangeActions {
    private static let request: [RuleSetKind] = [.tcpRequestContent, .httpRequest]
    private static let contents: [RuleSetKind] = [.tcpRequestContent, .tcpResponseContent, .httpRequest, .httpResponse]

    static let all: [ActionKeyword] = [
        ActionKeyword(
            "set-log-level", "Sets the level of the exchange's log line, or that it has none.", usage: "<level>",
            in: contents + [.httpAfterResponse]
        ) { (reader) throws(Complaint) in try SetLogLevel(&reader) },
        ActionKeyword(
            "set-nice", "Lets the exchange's connection have a smaller or larger share of a turn.", usage: "<nice>",
            in: contents
        ) { (reader) throws(Complaint) in
            guard let word = reader.next() else {
                throw Complaint("expects exactly 1 argument (integer value)", at: reader.keyword)
            }
            return SetNice(Int(clamping: ActionNumber.read(word.text) ?? 0))
        },
        ActionKeyword(
            "set-priority-class", "Sets the exchange's class in queues: lower ones go first.", usage: "<expr>",
            in: request
        ) { (reader) throws(Complaint) in SetPriority(try reader.expression(), .priorityClass) },
        ActionKeyword(
            "set-priority-offset", "Sets the milliseconds that the exchange counts as later, or earlier, in queues.",
            usage: "<expr>", in: request
        ) { (reader) throws(Complaint) in SetPriority(try reader.expression(), .offset) },
        ActionKeyword(
            "set-retries", "Sets how often reaching a server is tried again.", usage: "{ <int> | <expr> }", in: request
        ) { (reader) throws(Complaint) in try SetRetries(&reader) },
        ActionKeyword(
            "set-timeout", "Sets a timeout of the exchange.",
            usage: "{ client | connect | queue | server | tarpit | tunnel } { <timeout> | <expr> }",
            in: [.httpRequest, .httpResponse]
        ) { (reader) throws(Complaint) in try SetTimeout(&reader) },
        ActionKeyword(
            "disable-l7-retry", "Tries again only when the connection to the server fails.", in: [.httpRequest]
        ) { _ in DisableRetries() },
    ]
}

private final class SetLogLevel: RuleAction {
    private static let levels = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
    private let level: ExchangeLogLevel

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard let word = reader.next() else {
            throw Complaint("expects exactly 1 argument (log level name or 'silent')", at: reader.keyword)
        }
        if word.text == "silent" {
            level = .silent
        } else if let number = Self.levels.firstIndex(of: word.text) {
            level = .level(number)
        } else {
            throw Complaint("expects exactly 1 argument (log level name or 'silent')", at: word)
        }
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        run.evaluation.transaction?.logLevel = level
        return .next
    }
}

private final class SetNice: RuleAction {
    private let nice: Int

    init(_ nice: Int) { self.nice = min(1024, max(-1024, nice)) }

    func run(_ run: RuleRun) -> RuleOutcome {
        run.evaluation.session?.connection?.setNice(nice)
        return .next
    }
}

private final class SetPriority: RuleAction {
    enum Part: Sendable { case priorityClass, offset }

    private let expression: Expression
    private let part: Part

    init(_ expression: Expression, _ part: Part) {
        self.expression = expression
        self.part = part
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        var sample = Sample()
        guard let transaction = run.evaluation.transaction,
            expression.evaluate(run.evaluation, &sample, as: .sint)
        else { return .next }
        let value = Int(clamping: sample.number)
        switch part {
        case .priorityClass: transaction.makeOverrides().priorityClass = min(2047, max(-2047, value))
        case .offset: transaction.makeOverrides().priorityOffset = min(524_287, max(-524_287, value))
        }
        return .next
    }
}

private final class SetRetries: RuleAction {
    private let number: ActionNumber

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard !reader.context.place.isDisjoint(with: .backendRequest) else {
            throw Complaint("only available in backend or listen section", at: reader.keyword)
        }
        let what = "an expression or an integer between 1 and 100"
        number = try ActionNumber(&reader, "exactly 1 argument (\(what))")
        if case .constant(let value) = number, !(0...100).contains(value) {
            throw Complaint("expects \(what)", at: reader.keyword)
        }
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let value = number.value(run), (0...100).contains(value) else { return .next }
        run.evaluation.transaction?.makeOverrides().retries = Int(value)
        return .next
    }
}

private final class SetTimeout: RuleAction {
    private enum Name: String, CaseIterable { case client, connect, queue, server, tarpit, tunnel }

    private let name: Name
    private let time: ActionNumber

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard let word = reader.next(), let value = reader.peek else {
            throw Complaint("expects exactly 2 arguments", at: reader.keyword)
        }
        guard let name = Name(rawValue: word.text) else {
            throw Complaint(
                "'set-timeout' rule supports 'client'/'connect'/'queue'/'server'/'tarpit'/'tunnel'"
                    + " (got '\(word.text)')", at: word)
        }
        self.name = name
        let place = reader.context.place
        let isFrontend = !place.isDisjoint(with: [.frontendRequestHead, .frontendResponseHead])
        let isBackend = !place.isDisjoint(with: [.backendRequestHead, .backendResponseHead])
        if name == .client, !isFrontend {
            throw Complaint("'\(reader.context.proxyName)' has no frontend capability", at: word)
        }
        if name != .client, name != .tarpit, !isBackend {
            throw Complaint("'\(reader.context.proxyName)' has no backend capability", at: word)
        }
        guard value.text.utf8.first.map({ $0 &- 0x30 < 10 }) == true else {
            time = .expression(try reader.expression("a time or an expression"))
            return
        }
        _ = reader.next()
        let milliseconds = try WaitingActions.time(value)
        guard milliseconds > 0 else {
            throw Complaint("null value is not valid for a 'set-timeout \(name.rawValue)' rule", at: value)
        }
        time = .constant(Int64(milliseconds))
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let value = time.value(run), let transaction = run.evaluation.transaction else { return .next }
        let milliseconds = Int(clamping: min(value, Int64(Scalars.maxTime)))
        // As in HAProxy, nothing else is set for 0: the time does not count.
        guard milliseconds > 0 else { return .next }
        let overrides = transaction.makeOverrides()
        switch name {
        case .client: overrides.clientTimeout = milliseconds
        case .connect: overrides.connectTimeout = milliseconds
        case .queue: overrides.queueTimeout = milliseconds
        case .server: overrides.serverTimeout = milliseconds
        case .tarpit: overrides.tarpitTimeout = milliseconds
        case .tunnel: overrides.tunnelTimeout = milliseconds
        }
        return .next
    }
}

private final class DisableRetries: RuleAction {
    func run(_ run: RuleRun) -> RuleOutcome {
        run.evaluation.transaction?.makeOverrides().onlyRetriesConnections = true
        return .next
    }
}
