package import Patterns
package import Rules
package import Samples

/// The steps of a health check (`option httpchk`, `http-check`, `option tcp-check`, `tcp-check`, and the named checks).
/// Made when the configuration is read, immutable, shared by all servers that are checked so.
package final class CheckRuleset: Sendable {
    /// What the steps speak.
    package enum Kind: String, Sendable {
        case tcp = "tcp-check"
        case http = "httpchk"
        case tlsHello = "ssl-hello-chk"
        case smtp = "smtpchk"
        case pgsql = "pgsql-check"
        case redis = "redis-check"
        case mysql = "mysql-check"
        case ldap = "ldap-check"
        case agent = "agent-check"
    }

    package let kind: Kind
    /// The first that does something is a `connect`.
    package let rules: [CheckRule]
    /// `http-check disable-on-404`.
    package let disablesOn404: Bool
    /// `http-check send-state`.
    package let sendsState: Bool
    /// Variables that are set before the first step.
    package let variables: [Variable]

    package struct Variable: Sendable, Equatable {
        package var name: VariableName
        package var value: VariableValue

        package init(name: VariableName, value: VariableValue) {
            self.name = name
            self.value = value
        }
    }

    package init(
        kind: Kind, rules: [CheckRule], disablesOn404: Bool = false, sendsState: Bool = false,
        variables: [Variable] = []
    ) {
        self.kind = kind
        self.rules = rules
        self.disablesOn404 = disablesOn404
        self.sendsState = sendsState
        self.variables = variables
    }

    /// Nothing but a connection.
    package static let connectOnly = CheckRuleset(kind: .tcp, rules: [.implicitConnect])
}

extension CheckRuleset: Equatable {
    package static func == (left: CheckRuleset, right: CheckRuleset) -> Bool { left === right }
}

/// One step of a check.
package struct CheckRule: Sendable {
    package enum Action: Sendable {
        case connect(CheckConnect)
        case send(CheckPayload)
        case request(CheckRequest)
        case expect(CheckExpect)
        /// `set-var` and its like.
        case run(any RuleAction)
        /// What the step behind it is called in messages (`comment`).
        case comment
    }

    package var action: Action
    /// The step's place in the configuration, from 0.
    package var index: Int
    /// What messages about the step say beside; nil: nothing.
    package var comment: String?

    package init(_ action: Action, index: Int = 0, comment: String? = nil) {
        self.action = action
        self.index = index
        self.comment = comment
    }

    /// The connect that stands before steps which begin with none.
    package static let implicitConnect: CheckRule = {
        var connect = CheckConnect()
        connect.isDefault = true
        connect.isImplicit = true
        return CheckRule(.connect(connect))
    }()

    /// Whether it is a step of its own, which messages count.
    package var isStep: Bool {
        switch action {
        case .connect, .send, .request, .expect: true
        case .run, .comment: false
        }
    }
}

/// `connect`.
package struct CheckConnect: Sendable {
    /// No `connect` stands in the configuration.
    package var isImplicit = false
    /// What the `server` line says of checks holds (`default`).
    package var isDefault = false
    package var address: ServerAddress?
    package var port: UInt16?
    package var portExpression: Expression?
    package var usesTLS = false
    package var serverName: String?
    package var alpn: [String]?
    package var version: ServerHTTPVersion?
    package var sendsProxyHeader = false
    /// The connection ends in order, not by a reset (`linger`).
    package var lingers = false
    /// The host of the request behind it, for SNI.
    package var host: Format?

    package init() {}
}

/// Bytes to send.
package enum CheckPayload: Sendable {
    case bytes([UInt8])
    /// `send-lf`.
    case format(Format)
    /// `send-binary-lf`: the text is hexadecimal digits.
    case hexadecimal(Format)
}

/// `http-check send`.
package struct CheckRequest: Sendable {
    package struct Field: Sendable {
        package var name: String
        package var value: Format

        package init(name: String, value: Format) {
            self.name = name
            self.value = value
        }
    }

    /// A text of the configuration, or one that is made anew each time.
    package enum Text: Sendable {
        case fixed([UInt8])
        case format(Format)
    }

    /// Nil: `OPTIONS`.
    package var method: String?
    /// Nil: `/`.
    package var uri: Text?
    /// `HTTP/1.0` and its like; nil: HTTP/1.0.
    package var version: String?
    package var fields: [Field] = []
    package var body: Text?
    /// It comes from `option httpchk`.
    package var isFromOption = false

    package init() {}
}

/// `expect`.
package struct CheckExpect: Sendable {
    package enum Pattern: Sendable {
        case string([UInt8])
        case binary([UInt8])
        case regex(PCRE2Expression)
        /// Matches the hexadecimal digits of what came.
        case binaryRegex(PCRE2Expression)
        case format(Format)
        case binaryFormat(Format)
        case statuses([ClosedRange<Int>])
        case statusRegex(PCRE2Expression)
        case field(CheckFieldPattern)
        /// The reply of an agent.
        case agentReply
        case mysqlGreeting
        case mysqlResult
        case ldapBindResponse
    }

    package var pattern: Pattern
    /// `!`.
    package var isNegated = false
    /// Bytes before which nothing is decided; nil: as soon as possible.
    package var minimum: Int?
    package var okStatus: CheckStatus?
    package var errorStatus: CheckStatus?
    package var timeoutStatus: CheckStatus?
    package var onSuccess: Format?
    package var onError: Format?
    package var statusCode: Expression?

    package init(_ pattern: Pattern) { self.pattern = pattern }
}

/// `expect hdr`, `expect fhdr`.
package struct CheckFieldPattern: Sendable {
    package enum Match: Sendable {
        case exact(CheckRequest.Text)
        case prefix(CheckRequest.Text)
        case suffix(CheckRequest.Text)
        case substring(CheckRequest.Text)
        case regex(PCRE2Expression)
    }

    package var name: Match
    package var value: Match?
    /// Whether values are looked at whole, commas included (`fhdr`).
    package var isWhole: Bool

    package init(name: Match, value: Match?, isWhole: Bool) {
        self.name = name
        self.value = value
        self.isWhole = isWhole
    }
}

/// Bytes written as pairs of hexadecimal digits.
package enum Hexadecimal {
    /// The bytes that `digits` stand for; nil when they are no pairs of digits.
    package static func bytes(_ digits: [UInt8]) -> [UInt8]? {
        guard digits.count.isMultiple(of: 2) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x37
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }

    /// The digits of bytes, in upper case.
    package static func digits(_ bytes: [UInt8]) -> [UInt8] {
        let table = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            result.append(table[Int(byte >> 4)])
            result.append(table[Int(byte & 15)])
        }
        return result
    }
}
