import Configuration
import Words

/// `log`, of `global` and of proxies.
enum LogStatement {
    /// Longest lines that `len` may ask for.
    private static let lengths = 80...65535

    /// Reads the arguments of `log` into `logs`; `global` tells whether `log global` has a meaning there.
    static func apply(
        to logs: inout [LogDraft], _ statement: inout Statement, allowsGlobal: Bool
    ) throws(Complaint) {
        if statement.modifier == .no {
            if let word = statement.peek { throw Complaint("'no log' does not expect arguments", at: word) }
            logs = []
            return
        }
        let word = try statement.argument("'global' or '<target> <facility>' as arguments")
        if word.text == "global" {
            guard allowsGlobal else { throw Complaint("'log global' is not possible in 'global' itself", at: word) }
            if logs.contains(where: { if case .global = $0 { true } else { false } }) {
                throw Complaint("'log global' is already specified", at: word)
            }
            logs.append(.global)
            return
        }
        var target = LogTarget(destination: try destination(word), facility: .local0)
        var hasFraming = false
        while true {
            if statement.skip("len") {
                target.maxLength = try statement.integer(in: lengths)
            } else if statement.skip("format") {
                let name = try statement.argument("a log format after 'format'")
                guard let framing = LogFraming(rawValue: name.text) else {
                    throw Complaint("log : unknown log format '\(name.text)'", at: name)
                }
                target.framing = framing
                hasFraming = true
            } else if let word = statement.peek, word.text == "sample" || word.text == "profile" {
                throw Complaint("'log' : \(refusal(of: word.text))", at: word)
            } else {
                break
            }
        }
        let facility = try statement.argument("a facility: 'log <target> <facility>'")
        guard let code = LogFacility(rawValue: facility.text) else {
            throw Complaint("log : unknown log facility '\(facility.text)'", at: facility)
        }
        target.facility = code
        if let word = statement.next() { target.level = try level(word) }
        if let word = statement.next() { target.minLevel = try level(word) }
        logs.append(.target(target, hasFraming: hasFraming))
    }

    private static func level(_ word: Word) throws(Complaint) -> LogLevel {
        guard let level = LogLevel.allCases.first(where: { $0.name == word.text }) else {
            throw Complaint("log : unknown log level '\(word.text)'", at: word)
        }
        return level
    }

    private static func destination(_ word: Word) throws(Complaint) -> LogDestination {
        switch word.text {
        case "stdout": return .fd(1)
        case "stderr": return .fd(2)
        default: break
        }
        do throws(AddressError) {
            return try destination(AddressText(word.text))
        } catch {
            throw Complaint("log : \(error.message)", at: word)
        }
    }

    private static func destination(_ parsed: AddressText) throws(AddressError) -> LogDestination {
        if parsed.family == .fd { return .fd(try parsed.descriptor()) }
        if parsed.kind == .stream || parsed.kind == .quic {
            throw AddressError("log servers over streams are not supported by this version of Portico")
        }
        switch parsed.family {
        case .unix: return .unix(path: try parsed.path(limit: AddressText.maxPathLength))
        case .abstract: throw AddressError("an abstract socket is not acceptable here in '\(parsed.text)'")
        default: break
        }
        let port: UInt16
        switch parsed.port {
        case .none: port = 514
        case .offset: throw AddressError("port offset not permitted here in '\(parsed.text)'")
        case .range(let ports):
            guard ports.count == 1, let number = UInt16(exactly: ports.lowerBound), number > 0 else {
                throw AddressError("invalid port in '\(parsed.text)'")
            }
            port = number
        }
        guard let address = try parsed.ipAddress() else {
            return .udp(.name(parsed.host, family: parsed.addressFamily), port: port)
        }
        return .udp(.ip(address), port: port)
    }
}
