import Configuration
import Connections
import Runtime
import Servers
import Streams

// What is said of checks that fail.
extension CheckRun {
    /// The number of a step in messages: 0 for the connect that nobody wrote.
    func stepNumber(_ place: Int?) -> Int {
        guard let place else { return 0 }
        let rule = ruleset.rules[place]
        if case .connect(let connect) = rule.action, connect.isImplicit, rule.index == 0 { return 0 }
        return rule.index + 1
    }

    /// Whether the server broke the connection, rather than closing it.
    private var wasReset: Bool {
        (exchangeFailure != nil || exchange?.response.phase == .aborted) && !sawOrderlyEnd
            && exchangeFailure != .serverProtocolError
    }

    /// The server's end came in order.
    private var sawOrderlyEnd: Bool { stream?.sawPeerEnd ?? false }

    // MARK: Expectations

    /// The check is over: the server did not do what was expected.
    ///
    /// - Parameter words: what is known already; nil: the rule's own words, or general ones.
    func fail(_ expect: CheckExpect, _ rule: CheckRule, _ status: CheckStatus, words: String?, isMatch: Bool) {
        var text = ""
        if let words {
            text = words
        } else if let format = expect.onError {
            text = self.text(format)
        } else if isEmpty {
            text = "TCPCHK got an empty response at step \(stepNumber(position))"
        } else if ruleset.kind == .tcp || ruleset.kind == .http {
            text = isMatch ? "TCPCHK matched unwanted content" : "TCPCHK did not match content"
            text += "\(expect.pattern.description) at step \(stepNumber(position))"
        }
        if let comment = rule.comment { text += " comment: \(comment)" }
        takeStatusCode(expect)
        finish(status, words: text)
    }

    private var isEmpty: Bool {
        guard let response = exchange?.response else { return true }
        return isHTTP ? response.head == nil : response.count == 0
    }

    // MARK: Connections

    /// The check is over: there is no connection (any more), or its time is up.
    func reportConnectionError(isExpired: Bool) {
        guard !isOver else { return }
        let suffix = place
        let (status, cause) = connectionError(isExpired: isExpired)
        finish(status, words: cause + suffix)
    }

    private func connectionError(isExpired: Bool) -> (CheckStatus, String) {
        if let connectFailure {
            switch connectFailure {
            case .connect(let error):
                return (.l4connection, Self.words(error, atOnce: failedAtOnce))
            case .handshake: return (.l6response, "SSL handshake failure")
            case .closedEarly where usesTLS, .transport where usesTLS: return (.l6response, "SSL handshake failure")
            case .transport, .closedEarly: return (.l4connection, "")
            case .timeout: return (usesTLS ? .l6timeout : .l4timeout, "")
            default: return (.socketError, connectFailure.description)
            }
        }
        if isReady {
            if isExpired {
                if let current, case .expect(let expect) = ruleset.rules[current].action {
                    return (expect.timeoutStatus ?? .l7timeout, "")
                }
                return (.l7timeout, "")
            }
            let words = wasReset ? Self.resetWords : ""
            return (.socketError, words)
        }
        guard isExpired else { return (.socketError, "") }
        let isHandshaking = stream.map { $0.phase == .handshake } ?? (link != nil)
        return (isHandshaking ? .l6timeout : .l4timeout, "")
    }

    /// What the system says of a connection that was reset.
    private static let resetWords = words(SystemError("recv", 104), atOnce: false)

    /// The system's words for a failure, as HAProxy shows them.
    private static func words(_ error: SystemError, atOnce: Bool) -> String {
        let text = SystemError.text(error.code)
        if atOnce, error.code != 111 { return "General socket error (\(text))" }
        let name: String? =
            switch error.code {
            case 111: "ECONNREFUSED"
            case 104: "ECONNRESET"
            case 113, 101: "ENETUNREACH"
            case 12: "ENOMEM"
            case 9: "EBADF"
            case 22: "EINVAL"
            case 107: "ENCONN"
            case 105: "ENOBUFS"
            case 32: "EPIPE"
            default: nil
            }
        return name.map { "\($0) returned by OS (\(text))" } ?? text
    }

    /// The step at which it happened, for `tcp-check`.
    private var place: String {
        guard ruleset.kind == .tcp, ruleset != .connectOnly else { return "" }
        let number = stepNumber(current)
        guard number > 0, let current else { return " at initial connection step of tcp-check" }
        let rule = ruleset.rules[current]
        var text = " at step \(number) of tcp-check"
        switch rule.action {
        case .connect(let connect): text += connect.port.map { " (connect port \($0))" } ?? " (connect)"
        case .expect(let expect): text += " (expect\(expect.pattern.details))"
        case .send, .request: text += " (send)"
        case .run, .comment, .program: break
        }
        if let comment = rule.comment { text += " comment: '\(comment)'" }
        return text
    }
}

extension CheckExpect.Pattern {
    /// Behind `did not match content`.
    var description: String {
        switch self {
        case .statuses: "(status codes)"
        case .string(let text): " '\(String(decoding: text, as: UTF8.self))'"
        case .binary: " (binary)"
        case .regex, .statusRegex: " (regex)"
        case .binaryRegex: " (binary regex)"
        case .format: " (log-format string)"
        case .binaryFormat: " (log-format binary)"
        case .field: " (header pattern)"
        case .agentReply, .mysqlGreeting, .mysqlResult, .ldapBindResponse, .spopHello: " (custom function)"
        }
    }

    /// Behind `expect` where a connection failed.
    var details: String {
        switch self {
        case .string(let text): " string '\(String(decoding: text, as: UTF8.self))'"
        case .binary(let bytes): " binary '\(String(decoding: Hexadecimal.digits(bytes), as: UTF8.self))'"
        case .regex: " regex"
        case .binaryRegex: " binary regex"
        case .format: " log-format string"
        case .binaryFormat: " log-format binary"
        case .statuses: " HTTP status codes"
        case .statusRegex: " HTTP status regex"
        case .field: " HTTP header pattern"
        case .agentReply, .mysqlGreeting, .mysqlResult, .ldapBindResponse, .spopHello: " custom function"
        }
    }
}
