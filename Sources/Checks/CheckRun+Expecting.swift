import Bytes
import Configuration
import Messages
import Patterns
import Rules
import Servers
import Streams

// What a check expects.
extension CheckRun {
    /// Looks whether the step is fulfilled: true when the next one follows. Otherwise more has to come, or the check is
    /// over.
    func evaluate(_ expect: CheckExpect, _ rule: CheckRule) -> Bool {
        guard let exchange else {
            reportConnectionError(isExpired: false)
            return false
        }
        let response = exchange.response
        let isComplete = response.phase >= .ended || exchangeFailure != nil
        let isFull = response.room == 0
        if isHTTP {
            return evaluate(expect, rule, response, isLast: isComplete || isFull)
        }
        let bytes = waiting(response)
        if bytes.isEmpty, response.phase == .aborted || exchangeFailure != nil {
            reportConnectionError(isExpired: false)
            return false
        }
        if bytes.isEmpty, !isComplete { return false }
        return evaluate(expect, rule, bytes, isLast: isComplete || isFull)
    }

    /// The bytes of the server that wait.
    private func waiting(_ half: Half) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(half.count)
        for index in 0..<half.pieceCount { unsafe result.append(contentsOf: half.piece(index)) }
        return result
    }

    // MARK: Bytes

    private func evaluate(_ expect: CheckExpect, _ rule: CheckRule, _ bytes: [UInt8], isLast: Bool) -> Bool {
        if !isLast {
            switch expect.pattern {
            case .string(let wanted), .binary(let wanted): if bytes.count < wanted.count { return false }
            default: break
            }
            if let minimum = expect.minimum, minimum > 0, bytes.count < minimum { return false }
        }
        let isMatch: Bool
        switch expect.pattern {
        case .string(let wanted), .binary(let wanted): isMatch = CheckSearch.contains(bytes, wanted)
        case .regex(let regex): isMatch = regex.matches(bytes.span)
        case .binaryRegex(let regex):
            let digits = Hexadecimal.digits(bytes)
            isMatch = regex.matches(digits.span)
        case .format(let format), .binaryFormat(let format):
            guard let wanted = wanted(expect, rule, format) else { return false }
            if !isLast, bytes.count < wanted.count { return false }
            isMatch = CheckSearch.contains(bytes, wanted)
        case .agentReply, .mysqlGreeting, .mysqlResult, .ldapBindResponse, .spopHello:
            guard !bytes.isEmpty else {
                fail(expect, rule, expect.errorStatus ?? .l7response, words: nil, isMatch: false)
                return false
            }
            return evaluateReply(expect, rule, bytes, isLast: isLast)
        case .statuses, .statusRegex, .field: isMatch = false
        }
        if !isMatch, !isLast, expect.minimum == nil { return false }
        if isMatch != expect.isNegated { return true }
        fail(expect, rule, expect.errorStatus ?? .l7response, words: nil, isMatch: isMatch)
        return false
    }

    /// The text of a format that is looked for; nil when it can not be, and the check is over.
    private func wanted(_ expect: CheckExpect, _ rule: CheckRule, _ format: Format) -> [UInt8]? {
        let text = bytes(format)
        guard !text.isEmpty else {
            fail(expect, rule, .l7response, words: "log-format string evaluated to an empty string", isMatch: false)
            return nil
        }
        guard case .binaryFormat = expect.pattern else { return text }
        guard let made = Hexadecimal.bytes(text) else {
            fail(
                expect, rule, .l7response,
                words: "Failed to parse hexastring resulting of eval of a log-format string", isMatch: false)
            return nil
        }
        return made
    }

    private func evaluateReply(_ expect: CheckExpect, _ rule: CheckRule, _ bytes: [UInt8], isLast: Bool) -> Bool {
        let hasNext = ruleset.rules[(position + 1)...].contains(where: \.isStep)
        let reply: NamedReply
        switch expect.pattern {
        case .mysqlGreeting: reply = MySQLReply.read(bytes, at: 0, isLast: !hasNext, isComplete: isLast)
        case .mysqlResult: reply = MySQLReply.readResult(bytes, isLast: !hasNext, isComplete: isLast)
        case .ldapBindResponse: reply = LDAPReply.read(bytes, isComplete: isLast)
        case .spopHello: reply = SPOPReply.read(bytes, isComplete: isLast)
        default:
            // A line without an end is none, however long we wait for it.
            if let line = AgentReply.line(bytes) { take(AgentReply(line)) }
            return false
        }
        switch reply {
        case .wait: return false
        case .next: return true
        case .passed(let words): finish(expect.okStatus ?? .l7ok, words: words)
        case .failed(let status, let code, let words):
            self.code = code
            fail(expect, rule, status, words: words.isEmpty ? nil : words, isMatch: false)
        }
        return false
    }

    // MARK: HTTP

    private func evaluate(_ expect: CheckExpect, _ rule: CheckRule, _ response: Half, isLast: Bool) -> Bool {
        guard let head = response.head else {
            if isLast { reportConnectionError(isExpired: false) }
            return false
        }
        code = head.status
        if ruleset.disablesOn404, server.state != .stopped, code == 404 { return true }
        let reason = head.reason.string
        let isMatch: Bool
        switch expect.pattern {
        case .statuses(let ranges): isMatch = ranges.contains { $0.contains(code) }
        case .statusRegex(let regex): isMatch = regex.matches(StatusText.bytes(code))
        case .field(let pattern):
            guard let found = search(head, pattern, expect, rule) else { return false }
            isMatch = found
        default: return evaluateBody(expect, rule, response, isLast: isLast)
        }
        if isMatch != expect.isNegated { return true }
        fail(
            expect, rule, expect.errorStatus ?? .l7status,
            words: expect.onError == nil && !reason.isEmpty ? reason : nil, isMatch: false)
        return false
    }

    private func evaluateBody(_ expect: CheckExpect, _ rule: CheckRule, _ response: Half, isLast: Bool) -> Bool {
        let bytes = waiting(response)
        guard !bytes.isEmpty else {
            if isLast {
                fail(
                    expect, rule, expect.errorStatus ?? .l7response,
                    words: expect.onError == nil ? "HTTP content check could not find a response body" : nil,
                    isMatch: false)
            }
            return false
        }
        var isMatch = false
        if !isLast, let minimum = expect.minimum, minimum > 0, bytes.count < minimum { return false }
        switch expect.pattern {
        case .string(let wanted):
            if !isLast, bytes.count < wanted.count { return false }
            isMatch = CheckSearch.contains(bytes, wanted)
        case .format(let format):
            guard let wanted = wanted(expect, rule, format) else { return false }
            if !isLast, bytes.count < wanted.count { return false }
            isMatch = CheckSearch.contains(bytes, wanted)
        case .regex(let regex): isMatch = regex.matches(bytes.span)
        default: break
        }
        if !isMatch, !isLast, expect.minimum == nil { return false }
        if isMatch != expect.isNegated { return true }
        let words = expect.isNegated ? "HTTP check matched unwanted content" : "HTTP content check did not match"
        fail(
            expect, rule, expect.errorStatus ?? .l7response, words: expect.onError == nil ? words : nil,
            isMatch: isMatch)
        return false
    }

    /// Whether a field is there; nil when a format gave nothing, and the check is over.
    private func search(
        _ head: MessageHead, _ pattern: CheckFieldPattern, _ expect: CheckExpect, _ rule: CheckRule
    ) -> Bool? {
        guard let name = FieldMatcher(pattern.name, self), let value = FieldMatcher(pattern.value, self) else {
            fail(expect, rule, .l7response, words: "log-format string evaluated to an empty string", isMatch: false)
            return nil
        }
        for index in 0..<head.fieldCount {
            let own = Array(head.nameText(at: index).string.utf8)
            guard name.matches(own) else { continue }
            guard pattern.value != nil else { return true }
            let whole = Array(head.value(at: index).string.utf8)
            let values =
                pattern.isWhole
                ? [whole]
                : whole.split(separator: 0x2c, omittingEmptySubsequences: false).map { CheckSearch.trimmed(Array($0)) }
            if values.contains(where: { value.matches($0) }) { return true }
        }
        return false
    }

    // MARK: Agents

    /// Does what an agent says.
    private func take(_ reply: AgentReply) {
        guard checker.health.isEnabled else { return finishSilently("") }
        switch reply.admin {
        case .ready: server.becomeReady()
        case .drain: server.enterDrain()
        case .maintenance: server.enterMaintenance()
        case nil: break
        }
        var warning: String?
        if let weight = reply.weight { warning = server.changeWeight(to: weight) }
        if let maxconn = reply.maxconn { warning = server.changeMaxconn(to: maxconn) ?? warning }
        if let health = reply.health {
            var words = reply.description
            if words.isEmpty || health == .up { words = reply.unknown ?? warning ?? words }
            let text = "via agent : \(reply.healthWord)" + (words.isEmpty ? "" : " (\(words))")
            let agent = checker.health
            finish(
                health == .up ? .l7ok : .l7status, words: text, health: health == .up ? agent.rise + agent.fall - 1 : 0)
        } else if let unknown = reply.unknown {
            finish(.checked, words: "agent reports an error : \(unknown)")
        } else if let warning {
            finish(.checked, words: "agent warns : \(warning)")
        } else {
            finish(.checked, words: "")
        }
    }
}

/// A text that names or values of fields are compared with.
private struct FieldMatcher {
    private enum Method { case exact, prefix, suffix, substring, regex, any }
    private let method: Method
    private let text: [UInt8]
    private let regex: PCRE2Expression?

    /// Nil when a format gave nothing.
    init?(_ match: CheckFieldPattern.Match?, _ run: CheckRun) {
        var made: [UInt8] = []
        var found: PCRE2Expression?
        switch match {
        case nil: method = .any
        case .exact(let text):
            method = .exact
            made = run.bytes(text)
        case .prefix(let text):
            method = .prefix
            made = run.bytes(text)
        case .suffix(let text):
            method = .suffix
            made = run.bytes(text)
        case .substring(let text):
            method = .substring
            made = run.bytes(text)
        case .regex(let expression):
            method = .regex
            found = expression
        }
        text = made
        regex = found
        if made.isEmpty, match != nil, found == nil { return nil }
    }

    func matches(_ bytes: [UInt8]) -> Bool {
        switch method {
        case .any: true
        case .exact: bytes == text
        case .prefix: bytes.starts(with: text)
        case .suffix: bytes.count >= text.count && bytes.suffix(text.count).elementsEqual(text)
        case .substring: CheckSearch.contains(bytes, text)
        case .regex: regex?.matches(bytes.span) ?? false
        }
    }
}

/// Looks for bytes in bytes.
enum CheckSearch {
    static func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard let first = wanted.first else { return true }
        guard bytes.count >= wanted.count else { return false }
        for start in 0...(bytes.count - wanted.count) where bytes[start] == first {
            if bytes[start..<(start + wanted.count)].elementsEqual(wanted) { return true }
        }
        return false
    }

    static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        return Array(Array(bytes.drop(while: isBlank)).reversed().drop(while: isBlank).reversed())
    }
}
