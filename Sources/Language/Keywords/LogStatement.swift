import Configuration
import Samples
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
            // Said twice, or in `defaults` already, it counts once.
            if !logs.contains(where: { if case .global = $0 { true } else { false } }) { logs.append(.global) }
            return
        }
        var target = LogTarget(destination: try destination(word, statement), facility: .local0)
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
            } else if statement.skip("sample") {
                target.sampling = try sampling(
                    statement.argument("<sample ranges>:<sample size> after 'sample'"))
            } else if statement.skip("profile") {
                let name = try statement.argument("a log profile's name after 'profile'")
                target.profile = statement.context.logProfile(name)
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

    /// Reads `1,3-5:8`: lines number 1, 3, 4 and 5 of each 8.
    private static func sampling(_ word: Word) throws(Complaint) -> LogSampling {
        let parts = word.text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw Complaint("'log' : missing sample size: expected <sample ranges>:<sample size>", at: word)
        }
        guard let size = Scalars.integer(String(parts[1])), size > 0 else {
            throw Complaint("'log' : wrong sample size '\(parts[1])'", at: word)
        }
        var ranges: [ClosedRange<Int>] = []
        for text in parts[0].split(separator: ",", omittingEmptySubsequences: false) {
            let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let low = Scalars.integer(String(ends[0])), let high = Scalars.integer(String(ends[ends.count - 1])),
                low >= 1, low <= high
            else { throw Complaint("'log' : wrong sample range '\(text)'", at: word) }
            guard high <= size else {
                throw Complaint("'log' : the sample size must be greater than the ends of its ranges", at: word)
            }
            if ranges.contains(where: { $0.overlaps(low...high) }) {
                throw Complaint("'log' : sample ranges are overlapping", at: word)
            }
            ranges.append(low...high)
        }
        return LogSampling(ranges.sorted { $0.lowerBound < $1.lowerBound }, size: size)
    }

    private static func level(_ word: Word) throws(Complaint) -> LogLevel {
        guard let level = LogLevel.allCases.first(where: { $0.name == word.text }) else {
            throw Complaint("log : unknown log level '\(word.text)'", at: word)
        }
        return level
    }

    private static func destination(_ word: Word, _ statement: Statement) throws(Complaint) -> LogDestination {
        switch word.text {
        case "stdout": return .fd(1)
        case "stderr": return .fd(2)
        default: break
        }
        do throws(AddressError) {
            if word.text.hasPrefix("ring@") {
                let name = String(word.text.dropFirst(5))
                return .ring(RingRegistry.of(statement.context).number(of: name, statement.mark(word)))
            }
            if word.text.hasPrefix("backend@") {
                let name = String(word.text.dropFirst(8))
                return .backend(LogBackendRegistry.of(statement.context).number(of: name, statement.mark(word)))
            }
            let parsed = try AddressText(word.text)
            if parsed.kind == .stream { return .ring(try stream(parsed, word, statement)) }
            return try destination(parsed)
        } catch {
            throw Complaint("log : \(error.message)", at: word)
        }
    }

    private static func destination(_ parsed: AddressText) throws(AddressError) -> LogDestination {
        if parsed.family == .fd { return .fd(try parsed.descriptor()) }
        if parsed.kind == .quic { throw AddressError("log servers take no QUIC address, as in '\(parsed.text)'") }
        switch parsed.family {
        case .unix: return .unix(path: try parsed.path(limit: AddressText.maxPathLength))
        case .reversed: throw AddressError("reverse HTTP is not possible here, as in '\(parsed.text)'")
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

    /// A target over a stream is a ring of its own that has one server.
    private static func stream(
        _ address: AddressText, _ word: Word, _ statement: Statement
    ) throws(AddressError) -> Int {
        let server = try ServerStatement.address(word.text).0
        let settings = ServerSettings(name: word.text, address: server, location: statement.location)
        return RingRegistry.of(statement.context).number(of: settings, statement.mark(word))
    }
}
