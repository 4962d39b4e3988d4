import Configuration
import Patterns
import Rules
import Samples
import Vocabulary
import Words

/// Reads one line of `http-check` or `tcp-check` into a step.
struct CheckRuleReader {
    private let isHTTP: Bool
    private let context: CompilationContext
    private var name: String
    private let location: String

    private static let tcpSteps = "'comment', 'connect', 'send', 'send-lf', 'send-binary', 'send-binary-lf', 'expect'"
    private static let httpSteps = "'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect'"
    private static let variables = "'set-var', 'set-var-fmt', 'unset-var'"

    init(isHTTP: Bool, _ statement: Statement) {
        self.isHTTP = isHTTP
        context = statement.context
        name = isHTTP ? "http-check" : "tcp-check"
        location = statement.location.description
        context.place = .check
    }

    /// The step that the rest of the line describes.
    mutating func read(_ statement: inout Statement) throws(Complaint) -> CheckRule {
        let family = name
        let steps = "\(isHTTP ? Self.httpSteps : Self.tcpSteps), \(Self.variables)"
        let word = try statement.argument(steps)
        name = "\(family) \(word.text)"
        switch word.text {
        case "connect": return try connect(&statement)
        case "send" where isHTTP: return try request(&statement)
        case "send", "send-lf", "send-binary", "send-binary-lf":
            if !isHTTP { return try send(word, &statement) }
        case "expect": return try expect(&statement)
        case "comment": return CheckRule(.comment, comment: try statement.argument("a string as argument").text)
        default: break
        }
        let action = String(word.text.prefix { $0 != "(" })
        guard ["set-var", "set-var-fmt", "unset-var"].contains(action),
            let keyword = Vocabulary.action(named: action, in: .httpRequest)
        else {
            throw Complaint("'\(family)' only supports \(steps). but got '\(word.text)'", at: word)
        }
        var reader = ActionReader(.httpRequest, [word] + statement.remaining, at: 0, context, location: location)
        do throws(Complaint) {
            let made = try keyword.parse(&reader)
            statement.advance(by: reader.end - 1)
            return CheckRule(.run(made))
        } catch { throw Complaint("'\(name)' : \(error.message)", at: error.column ?? word.column) }
    }

    private func complaint(_ message: String, at word: Word) -> Complaint {
        Complaint("'\(name)' : \(message)", at: word)
    }

    private func value(
        of option: Word, _ what: String, _ statement: inout Statement
    ) throws(Complaint) -> Word {
        guard let word = statement.next() else { throw complaint("'\(option.text)' expects \(what)", at: option) }
        return word
    }

    private func format(_ word: Word) throws(Complaint) -> Format {
        do throws(Complaint) {
            return try Format.parse(word, context, options: [])
        } catch {
            throw complaint("'\(word.text)' invalid log-format string (\(error.message)).", at: word)
        }
    }

    private func expression(_ word: Word, _ what: String) throws(Complaint) -> Expression {
        do throws(Complaint) {
            return try ExpressionParser(context).parse(word)
        } catch {
            throw complaint("error detected while parsing \(what) expression : \(error.message)", at: word)
        }
    }

    private func regex(_ word: Word, ignoringCase: Bool = false) throws(Complaint) -> PCRE2Expression {
        do throws(PatternError) { return try PCRE2Expression(word.text, ignoringCase: ignoringCase) } catch {
            throw complaint("\(error)", at: word)
        }
    }

    // MARK: connect

    private func connect(_ statement: inout Statement) throws(Complaint) -> CheckRule {
        var connect = CheckConnect()
        var comment: String?
        while let word = statement.next() {
            switch word.text {
            case "default": connect.isDefault = true
            case "addr":
                let text = try value(of: word, "<ipv4|ipv6> as argument.", &statement)
                connect.address = try CheckAddress.read(text, statement)
            case "port":
                let text = try value(of: word, "a port number or a sample expression as argument.", &statement)
                if let number = Int(text.text) {
                    guard (1...65535).contains(number) else {
                        throw complaint(
                            "expects a valid TCP port (from range 1 to 65535) or a sample expression, got \(text.text).",
                            at: text)
                    }
                    connect.port = UInt16(number)
                    connect.portExpression = nil
                } else {
                    connect.port = nil
                    connect.portExpression = try expression(text, "port")
                }
            case "proto":
                let text = try value(of: word, "a MUX protocol as argument.", &statement)
                guard let version = try CheckAddress.version(text, of: "proto", statement) else {
                    guard !isHTTP else {
                        throw complaint("'proto' : invalid MUX protocol '\(text.text)' for http-check", at: text)
                    }
                    continue
                }
                guard isHTTP, version != .h3 else {
                    throw complaint(
                        "'proto' : invalid MUX protocol '\(text.text)' for \(isHTTP ? "http" : "tcp")-check", at: text)
                }
                connect.version = version
            case "comment": comment = try value(of: word, &statement).text
            case "send-proxy": connect.sendsProxyHeader = true
            case "via-socks4": connect.usesSOCKS = true
            case "linger": connect.lingers = true
            case "ssl": connect.usesTLS = true
            case "sni": connect.serverName = try value(of: word, &statement).text
            case "alpn": connect.alpn = try statement.alpn(of: word)
            default:
                throw complaint(
                    "expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn' or 'via-socks4', 'linger',"
                        + " 'default' but got '\(word.text)' as argument.", at: word)
            }
        }
        return CheckRule(.connect(connect), comment: comment)
    }

    private func value(of option: Word, _ statement: inout Statement) throws(Complaint) -> Word {
        try value(of: option, "a string as argument.", &statement)
    }

    // MARK: send

    private func send(_ kind: Word, _ statement: inout Statement) throws(Complaint) -> CheckRule {
        let isBinary = kind.text.hasPrefix("send-binary")
        guard let data = statement.next() else {
            throw complaint("'\(isBinary ? "binary string" : "string")' expects a \(kind.text) as argument", at: kind)
        }
        let payload: CheckPayload
        switch kind.text {
        case "send": payload = .bytes(Array(data.text.utf8))
        case "send-binary": payload = .bytes(try binary(data))
        case "send-lf": payload = .format(try format(data))
        default: payload = .hexadecimal(try format(data))
        }
        var comment: String?
        while let word = statement.next() {
            guard word.text == "comment" else {
                throw complaint("expects 'comment' but got '\(word.text)' as argument.", at: word)
            }
            comment = try value(of: word, &statement).text
        }
        return CheckRule(.send(payload), comment: comment)
    }

    private func binary(_ word: Word) throws(Complaint) -> [UInt8] {
        guard let bytes = Hexadecimal.bytes(Array(word.text.utf8)) else {
            throw complaint("'\(word.text)' invalid binary string (an even number of hexadecimal digits).", at: word)
        }
        return bytes
    }

    private func request(_ statement: inout Statement) throws(Complaint) -> CheckRule {
        var request = CheckRequest()
        var comment: String?
        var host: String?
        while let word = statement.next() {
            switch word.text {
            case "meth": request.method = try value(of: word, &statement).text
            case "uri": request.uri = .fixed(Array(try value(of: word, &statement).text.utf8))
            case "uri-lf": request.uri = .format(try format(value(of: word, &statement)))
            case "ver": request.version = try value(of: word, &statement).text
            case "hdr":
                let field = try value(of: word, "<name> and <value> as arguments", &statement)
                let text = try value(of: word, "<name> and <value> as arguments", &statement)
                let name = field.text.lowercased()
                if name == "content-length" || name == "transfer-encoding" { continue }
                if name == "host" {
                    if let host {
                        throw complaint(
                            "'\(field.text)' header already defined (previous value is '\(host)')", at: field)
                    }
                    host = text.text
                }
                request.fields.append(CheckRequest.Field(name: name, value: try format(text)))
            case "body": request.body = .fixed(Array(try value(of: word, &statement).text.utf8))
            case "body-lf": request.body = .format(try format(value(of: word, &statement)))
            case "comment": comment = try value(of: word, &statement).text
            default:
                throw complaint(
                    "expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got"
                        + " '\(word.text)' as argument.", at: word)
            }
        }
        return CheckRule(.request(request), comment: comment)
    }

    // MARK: expect

    private func expect(_ statement: inout Statement) throws(Complaint) -> CheckRule {
        var pattern: CheckExpect.Pattern?
        var isNegated = false
        var made = CheckExpect(.agentReply)
        var comment: String?
        var only: Word?
        guard !statement.isAtEnd else {
            throw Complaint("'\(name)' : expects at least a matching pattern as arguments")
        }
        while let word = statement.next() {
            var option = word.text
            var negation = false
            while option.hasPrefix("!") {
                negation.toggle()
                option.removeFirst()
            }
            if option.isEmpty, let next = statement.next() { option = next.text }
            if let found = try self.pattern(option, word, &statement) {
                if only != nil { throw complaint("only one pattern expected", at: word) }
                only = word
                pattern = found
                isNegated = negation
                continue
            }
            if negation { throw complaint("[!] not supported with '\(option)'", at: word) }
            switch option {
            case "min-recv":
                let text = try value(of: word, "a integer as argument", &statement)
                guard let number = Int(text.text), number >= -1, number <= Int(Int32.max) else {
                    throw complaint("'min-recv' expects -1 or an integer from 0 to INT_MAX", at: text)
                }
                made.minimum = number < 0 ? nil : number
            case "comment": comment = try value(of: word, &statement).text
            case "on-success": made.onSuccess = try format(value(of: word, &statement))
            case "on-error": made.onError = try format(value(of: word, &statement))
            case "ok-status":
                made.okStatus = try status(
                    of: word, [.l4ok, .l6ok, .l7ok, .l7okConditional], "'L4OK', 'L6OK', 'L7OK' or 'L7OKC'", &statement)
            case "error-status":
                made.errorStatus = try status(
                    of: word, [.l4connection, .l6response, .l7response, .l7status],
                    "'L4CON', 'L6RSP', 'L7RSP' or 'L7STS'", &statement)
            case "tout-status":
                made.timeoutStatus = try status(
                    of: word, [.l4timeout, .l6timeout, .l7timeout], "'L4TOUT', 'L6TOUT' or 'L7TOUT'", &statement)
            case "status-code":
                let text = try value(of: word, "an expression as argument", &statement)
                made.statusCode = try expression(text, "status-code")
            default:
                throw complaint(
                    isHTTP
                        ? "'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus',"
                            + " [!]hdr, [!]fhdr or comment but got '\(option)' as argument."
                        : "'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]string-lf'"
                            + " '[!]rbinary', '[!]binary-lf' or comment but got '\(option)' as argument.", at: word)
            }
        }
        guard let pattern else { throw Complaint("'\(name)' : pattern not found") }
        made.pattern = pattern
        made.isNegated = isNegated
        return CheckRule(.expect(made), comment: comment)
    }

    private func status(
        of option: Word, _ known: [CheckStatus], _ list: String, _ statement: inout Statement
    ) throws(Complaint) -> CheckStatus {
        let word = try value(of: option, &statement)
        guard let status = known.first(where: { $0.code == word.text.uppercased() }) else {
            throw complaint("'\(option.text)' only supports \(list) status (got '\(word.text)').", at: word)
        }
        return status
    }

    /// The pattern that `option` begins; nil when it is none.
    private func pattern(
        _ option: String, _ word: Word, _ statement: inout Statement
    ) throws(Complaint) -> CheckExpect.Pattern? {
        let what = "a <pattern> as argument"
        switch option {
        case "string": return .string(Array(try value(of: word, what, &statement).text.utf8))
        case "rstring": return .regex(try regex(value(of: word, what, &statement)))
        case "string-lf": return .format(try format(value(of: word, what, &statement)))
        case "binary" where !isHTTP: return .binary(try binary(value(of: word, what, &statement)))
        case "rbinary" where !isHTTP: return .binaryRegex(try regex(value(of: word, what, &statement)))
        case "binary-lf" where !isHTTP: return .binaryFormat(try format(value(of: word, what, &statement)))
        case "status" where isHTTP: return .statuses(try statuses(value(of: word, what, &statement)))
        case "rstatus" where isHTTP: return .statusRegex(try regex(value(of: word, what, &statement)))
        case "hdr" where isHTTP, "fhdr" where isHTTP: return .field(try field(option, word, &statement))
        default: return nil
        }
    }

    private func statuses(_ word: Word) throws(Complaint) -> [ClosedRange<Int>] {
        var ranges: [ClosedRange<Int>] = []
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            for character in part where !character.isASCII || !(character.isNumber || character == "-") {
                throw complaint("invalid character '\(character)' in the list of status codes", at: word)
            }
            let low = ends.first.flatMap { Int($0) }
            let high = ends.count > 1 ? Int(ends[1]) : low
            guard let low, let high, low <= high else {
                throw complaint("invalid range of status codes '\(word.text)'", at: word)
            }
            ranges.append(low...high)
        }
        return ranges
    }

    private func field(
        _ option: String, _ word: Word, _ statement: inout Statement
    ) throws(Complaint) -> CheckFieldPattern {
        guard let kind = statement.next(), kind.text == "name" || kind.text == "name-lf" else {
            throw complaint(
                "'\(option)' expects at the name keyword as first argument followed by a pattern", at: word)
        }
        let name = try match(option, isFormat: kind.text == "name-lf", kind, &statement)
        guard let next = statement.peek, next.text == "value" || next.text == "value-lf" else {
            return CheckFieldPattern(name: name, value: nil, isWhole: option == "fhdr")
        }
        _ = statement.next()
        let value = try match(option, isFormat: next.text == "value-lf", next, &statement)
        return CheckFieldPattern(name: name, value: value, isWhole: option == "fhdr")
    }

    private func match(
        _ option: String, isFormat: Bool, _ place: Word, _ statement: inout Statement
    ) throws(Complaint) -> CheckFieldPattern.Match {
        var method = "str"
        if statement.skip("-m") {
            guard let word = statement.next() else {
                throw complaint(
                    "'\(option)' : '-m' expects at a matching pattern ('str', 'beg', 'end', 'sub' or 'reg')", at: place)
            }
            method = word.text
        }
        guard let text = statement.next() else {
            throw complaint("'\(option)' expect a pattern with the \(place.text) keyword", at: place)
        }
        if method == "reg" {
            if isFormat {
                throw complaint(
                    "'\(option)': log-format string is not supported with a regex matching method", at: text)
            }
            // Names of fields have no case.
            return .regex(try regex(text, ignoringCase: place.text == "name"))
        }
        let isName = place.text.hasPrefix("name")
        let pattern: CheckRequest.Text =
            isFormat
            ? .format(try format(text)) : .fixed(Array((isName ? text.text.lowercased() : text.text).utf8))
        switch method {
        case "str": return .exact(pattern)
        case "beg": return .prefix(pattern)
        case "end": return .suffix(pattern)
        case "sub": return .substring(pattern)
        default:
            throw complaint(
                "'\(option)' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '\(method)')", at: place)
        }
    }
}
