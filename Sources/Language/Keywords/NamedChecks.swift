import Configuration
import Patterns
import Rules
import Samples
import Words

/// The checks that an `option` names: what they send and expect (configuration.txt section 4.2).
enum NamedChecks {
    static let kinds: [CheckRuleset.Kind] = [
        .tcp, .http, .tlsHello, .smtp, .pgsql, .redis, .mysql, .ldap, .spop,
    ]

    /// Takes the option's arguments; the check replaces any other one.
    static func apply(
        _ kind: CheckRuleset.Kind, to draft: inout CheckDraft, _ statement: inout Statement
    ) throws(Complaint) {
        statement.context.place = .check
        let context = statement.context
        switch kind {
        case .tcp: break
        case .http:
            let request = try httpRequest(&statement)
            if !draft.ownsHTTP {
                draft.httpRules = []
                draft.disablesOn404 = false
                draft.sendsState = false
                draft.ownsHTTP = true
            }
            draft.requestIsLater = !draft.httpRules.isEmpty
            draft.request = request
        case .tlsHello: draft.named = try tlsHello(context)
        case .smtp: draft.named = try smtp(&statement)
        case .pgsql: draft.named = try pgsql(&statement)
        case .redis: draft.named = try redis(context)
        case .mysql: draft.named = try mysql(&statement)
        case .ldap: draft.named = try ldap(context)
        case .spop: draft.named = spop()
        case .agent, .external: break
        }
        if kind == .tcp, !draft.ownsTCP, draft.kind != .tcp { draft.tcpRules = [] }
        draft.kind = kind
    }

    // MARK: HTTP

    /// `[[<method>] <uri> [<version> [<host>]]]`.
    private static func httpRequest(_ statement: inout Statement) throws(Complaint) -> CheckRequest {
        var request = CheckRequest()
        request.isFromOption = true
        var words: [Word] = []
        while let word = statement.next(), words.count < 4 { words.append(word) }
        if words.count == 1 { request.uri = .fixed(Array(words[0].text.utf8)) }
        if words.count > 1 {
            request.method = words[0].text
            request.uri = .fixed(Array(words[1].text.utf8))
        }
        if words.count > 2 {
            if words[2].text.contains("\r\n") {
                throw Complaint(
                    "'option httpchk' : hiding headers or body at the end of the version string is unsupported.Use"
                        + " 'http-check send' directive instead.", at: words[2])
            }
            request.version = words[2].text
        }
        if words.count > 3 {
            let host = try Format.parse(words[3], statement.context, options: [])
            request.fields = [CheckRequest.Field(name: "host", value: host)]
        }
        return request
    }

    // MARK: Steps

    private static func connect() -> CheckRule {
        var connect = CheckConnect()
        connect.isDefault = true
        connect.lingers = true
        return CheckRule(.connect(connect))
    }

    private static func numbered(_ rules: [CheckRule]) -> [CheckRule] {
        rules.enumerated().map { index, rule in
            var rule = rule
            rule.index = index
            return rule
        }
    }

    private static func format(_ text: String, _ context: CompilationContext) throws(Complaint) -> Format {
        try Format.parse(Word(text: text, column: 0), context, options: [])
    }

    private static func regex(_ text: String) throws(Complaint) -> PCRE2Expression {
        do throws(PatternError) { return try PCRE2Expression(text) } catch { throw Complaint("\(error)") }
    }

    private static func expect(_ pattern: CheckExpect.Pattern, _ change: (inout CheckExpect) -> Void = { _ in })
        -> CheckRule
    {
        var expect = CheckExpect(pattern)
        change(&expect)
        return CheckRule(.expect(expect))
    }

    // MARK: The checks

    private static func redis(_ context: CompilationContext) throws(Complaint) -> [CheckRule] {
        let line = try format("%[res.payload(0,0),cut_crlf]", context)
        return numbered([
            CheckRule(.send(.bytes(Array("*1\r\n$4\r\nPING\r\n".utf8)))),
            expect(.string(Array("+PONG\r\n".utf8))) {
                $0.errorStatus = .l7status
                $0.onError = line
                $0.onSuccess = Format(literal: "Redis server is ok")
            },
        ])
    }

    /// A ClientHello of SSL 3.0 with the usual ciphers of its time (RFC 6101): any TLS server answers it, with an alert
    /// if nothing else.
    private static func tlsHello(_ context: CompilationContext) throws(Complaint) -> [CheckRule] {
        let random = String(decoding: Hexadecimal.digits(Array("PORTICOTLSCHECKPORTICOTLSCHK".utf8)), as: UTF8.self)
        var ciphers = ""
        for number in Array(1...0x1b) + Array(0x2f...0x3a) { ciphers += "00" + hex(number) }
        // Record, handshake, version, time and random, no session, ciphers, no compression.
        let hello =
            "16" + "0300" + "0079" + "01" + "000075" + "0300" + "%[date(),htonl,hex]" + random + "00" + "004E" + ciphers
            + "01" + "00"
        let pattern = try regex("^1[56]")
        return numbered([
            CheckRule(.send(.hexadecimal(try format(hello, context)))),
            expect(.binaryRegex(pattern)) {
                $0.minimum = 5
                $0.okStatus = .l6ok
                $0.errorStatus = .l6response
                $0.timeoutStatus = .l6timeout
            },
        ])
    }

    private static func hex(_ number: Int) -> String {
        String(decoding: Hexadecimal.digits([UInt8(number)]), as: UTF8.self)
    }

    private static func smtp(_ statement: inout Statement) throws(Complaint) -> [CheckRule] {
        var greeting = "HELO localhost"
        if let word = statement.next() {
            let host = statement.next()
            if let host, word.text == "EHLO" || word.text == "HELO" { greeting = "\(word.text) \(host.text)" }
        }
        let context = statement.context
        let line = try format("%[res.payload(0,0),cut_crlf]", context)
        let rest = try format("%[res.payload(4,0),ltrim(' '),cut_crlf]", context)
        let code = try ExpressionParser(context).parse(Word(text: "res.payload(0,3)", column: 0))
        let patterns = [
            try regex("^[0-9]{3}[ \r]"), try regex("^2[0-9]{2}[ \r]"),
            try regex("^(2[0-9]{2}-[^\r]*\r\n)*2[0-9]{2}[ \r]"), try regex("^2[0-9]{2}[- \r]"),
        ]
        return numbered([
            connect(),
            expect(.regex(patterns[0])) {
                $0.minimum = 4
                $0.errorStatus = .l7response
                $0.onError = line
            },
            expect(.regex(patterns[1])) {
                $0.minimum = 4
                $0.errorStatus = .l7status
                $0.onError = rest
                $0.statusCode = code
            },
            CheckRule(.send(.bytes(Array("\(greeting)\r\n".utf8)))),
            expect(.regex(patterns[2])) {
                $0.errorStatus = .l7status
                $0.onError = rest
                $0.onSuccess = rest
                $0.statusCode = code
            },
            CheckRule(.send(.bytes(Array("QUIT\r\n".utf8)))),
            expect(.regex(patterns[3])) {
                $0.minimum = 4
                $0.errorStatus = .l7status
                $0.onError = rest
                $0.onSuccess = rest
                $0.statusCode = code
            },
        ])
    }

    /// A startup message of protocol 3.0 (PostgreSQL documentation, "Message Formats").
    private static func pgsql(_ statement: inout Statement) throws(Complaint) -> [CheckRule] {
        guard let word = statement.next(), let user = statement.next() else {
            throw Complaint("'\(statement.name)' expects 'user <username>' as argument.")
        }
        guard word.text == "user" else {
            throw Complaint("'\(statement.name)' only supports optional values: 'user'.", at: word)
        }
        let name = Array(user.text.utf8)
        let length = UInt32(15 + name.count)
        var message: [UInt8] = (0..<4).map { UInt8(truncatingIfNeeded: length >> UInt32(24 - $0 * 8)) }
        message += [0, 3, 0, 0] + Array("user".utf8) + [0] + name + [0, 0]
        let error = try format("%[res.payload(6,0)]", statement.context)
        let refusal = try regex("^E")
        let request = try regex("^52000000[A-Z0-9]{2}000000(00|02|03|04|05|06|07|09|0A)")
        return numbered([
            connect(),
            CheckRule(.send(.bytes(message))),
            expect(.regex(refusal)) {
                $0.isNegated = true
                $0.minimum = 5
                $0.errorStatus = .l7response
                $0.onError = error
            },
            expect(.binaryRegex(request)) {
                $0.minimum = 9
                $0.errorStatus = .l7status
                $0.onSuccess = Format(literal: "PostgreSQL server is ok")
                $0.onError = Format(literal: "PostgreSQL unknown error")
            },
        ])
    }

    /// A handshake response and COM_QUIT (MySQL documentation, "Client/Server Protocol").
    private static func mysql(_ statement: inout Statement) throws(Complaint) -> [CheckRule] {
        guard let word = statement.next() else { return numbered([connect(), expect(.mysqlGreeting)]) }
        guard word.text == "user" else {
            throw Complaint(
                "'\(statement.name)' only supports optional values: 'user' (got '\(word.text)').", at: word)
        }
        guard let user = statement.next() else {
            throw Complaint("'\(statement.name) user' expects <username> as argument.")
        }
        let version = statement.next()
        let name = Array(user.text.utf8) + [0]
        let zeros = [UInt8](repeating: 0, count: 23)
        var body: [UInt8]
        switch version?.text ?? "post-41" {
        case "pre-41": body = [0x00, 0x80, 0x00, 0x00, 0x01] + name + [0]
        case "post-41": body = [0x00, 0x82, 0x00, 0x00, 0x00, 0x80, 0x00, 0x01, 0x21] + zeros + name + [0]
        case "post-80":
            body = [0x00, 0x82, 0x08, 0x00, 0x00, 0x80, 0x00, 0x01, 0x21] + zeros + name + [0]
            body += Array("mysql_native_password".utf8) + [0]
        default:
            throw Complaint(
                "keyword 'user' only supports 'post-41', 'pre-41' and 'post-80' (got '\(version?.text ?? "")').",
                at: version?.column)
        }
        var message = (0..<3).map { UInt8(truncatingIfNeeded: body.count >> ($0 * 8)) } + [1]
        message += body + [1, 0, 0, 0, 1]
        return numbered([
            connect(), CheckRule(.send(.bytes(message))), expect(.mysqlGreeting), expect(.mysqlResult),
        ])
    }

    /// A HELLO frame that asks for nothing but an answer (HAProxy's SPOE.txt section 3.2.4).
    private static func spop() -> [CheckRule] {
        func text(_ value: String) -> [UInt8] { [UInt8(value.utf8.count)] + Array(value.utf8) }
        let string: UInt8 = 8
        let number: UInt8 = 3
        let isTrue: UInt8 = 0x11
        // Type, flags, and no stream or frame that it belongs to; 16,380 as a varint.
        var frame: [UInt8] = [1, 0, 0, 0, 1, 0, 0]
        frame += text("supported-versions") + [string] + text("2.0")
        frame += text("max-frame-size") + [number, 0xfc, 0xf0, 0x06]
        frame += text("capabilities") + [string] + text("")
        frame += text("healthcheck") + [isTrue]
        let length: [UInt8] = [0, 0, 0, UInt8(frame.count)]
        return numbered([connect(), CheckRule(.send(.bytes(length + frame))), expect(.spopHello)])
    }

    /// An anonymous bind (RFC 4511 section 4.2).
    private static func ldap(_ context: CompilationContext) throws(Complaint) -> [CheckRule] {
        let bind: [UInt8] = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00]
        let sequence = try regex("^30")
        return numbered([
            CheckRule(.send(.bytes(bind))),
            expect(.binaryRegex(sequence)) {
                $0.minimum = 14
                $0.onError = Format(literal: "Not LDAPv3 protocol")
            },
            expect(.ldapBindResponse),
        ])
    }
}
