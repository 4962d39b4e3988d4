public import Patterns
public import Rules
public import Samples

/// The steps of a health check (`option httpchk`, `http-check`, `option tcp-check`, `tcp-check`, and the named checks).
/// Made when the configuration is read, immutable, shared by all servers that are checked so.
public final class CheckRuleset: Sendable {
    /// What the steps speak.
    public enum Kind: String, Sendable {
        case tcp = "tcp-check"
        case http = "httpchk"
        case tlsHello = "ssl-hello-chk"
        case smtp = "smtpchk"
        case pgsql = "pgsql-check"
        case redis = "redis-check"
        case mysql = "mysql-check"
        case ldap = "ldap-check"
        case spop = "spop-check"
        case agent = "agent-check"
        case external = "external-check"
    }

    public let kind: Kind
    /// The first that does something is a `connect`.
    public let rules: [CheckRule]
    /// `http-check disable-on-404`.
    public let disablesOn404: Bool
    /// `http-check send-state`.
    public let sendsState: Bool
    /// Variables that are set before the first step.
    public let variables: [Variable]

    public struct Variable: Sendable, Equatable {
        public var name: VariableName
        public var value: VariableValue

        public init(name: VariableName, value: VariableValue) {
            self.name = name
            self.value = value
        }
    }

    public init(
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
    public static let connectOnly = CheckRuleset(kind: .tcp, rules: [.implicitConnect])
}

extension CheckRuleset: Equatable {
    public static func == (left: CheckRuleset, right: CheckRuleset) -> Bool { left === right }
}

/// One step of a check.
public struct CheckRule: Sendable {
    public enum Action: Sendable {
        case connect(CheckConnect)
        case send(CheckPayload)
        case request(CheckRequest)
        case expect(CheckExpect)
        /// A program tells.
        case program(CheckProgram)
        /// `set-var` and its like.
        case run(any RuleAction)
        /// What the step behind it is called in messages (`comment`).
        case comment
    }

    public var action: Action
    /// The step's place in the configuration, from 0.
    public var index: Int
    /// What messages about the step say beside; nil: nothing.
    public var comment: String?

    public init(_ action: Action, index: Int = 0, comment: String? = nil) {
        self.action = action
        self.index = index
        self.comment = comment
    }

    /// The connect that stands before steps which begin with none.
    public static let implicitConnect: CheckRule = {
        var connect = CheckConnect()
        connect.isDefault = true
        connect.isImplicit = true
        return CheckRule(.connect(connect))
    }()

    /// Whether it is a step of its own, which messages count.
    public var isStep: Bool {
        switch action {
        case .connect, .send, .request, .expect, .program: true
        case .run, .comment: false
        }
    }
}

/// A program that checks servers (`external-check`).
public struct CheckProgram: Sendable, Equatable {
    /// Its path; one without a slash is looked for in ``path``.
    public var command: String
    /// Its `PATH`.
    public var path = ""
    /// Whether it gets our own environment too (`external-check preserve-env`).
    public var keepsEnvironment = false
    /// The first address of the section's front half: its first two arguments.
    public var proxyAddress = CheckProgram.unused
    public var proxyPort = CheckProgram.unused

    /// What stands for an address that there is not.
    public static let unused = "NOT_USED"

    public init(command: String) { self.command = command }
}

/// `connect`.
public struct CheckConnect: Sendable {
    /// No `connect` stands in the configuration.
    public var isImplicit = false
    /// What the `server` line says of checks holds (`default`).
    public var isDefault = false
    public var address: ServerAddress?
    public var port: UInt16?
    public var portExpression: Expression?
    public var usesTLS = false
    public var serverName: String?
    public var alpn: [String]?
    public var version: ServerHTTPVersion?
    public var sendsProxyHeader = false
    /// It goes through the server's SOCKS4 proxy (`via-socks4`).
    public var usesSOCKS = false
    /// The connection ends in order, not by a reset (`linger`).
    public var lingers = false
    /// The host of the request behind it, for SNI.
    public var host: Format?

    public init() {}
}

/// Bytes to send.
public enum CheckPayload: Sendable {
    case bytes([UInt8])
    /// `send-lf`.
    case format(Format)
    /// `send-binary-lf`: the text is hexadecimal digits.
    case hexadecimal(Format)
}

/// `http-check send`.
public struct CheckRequest: Sendable {
    public struct Field: Sendable {
        public var name: String
        public var value: Format

        public init(name: String, value: Format) {
            self.name = name
            self.value = value
        }
    }

    /// A text of the configuration, or one that is made anew each time.
    public enum Text: Sendable {
        case fixed([UInt8])
        case format(Format)
    }

    /// Nil: `OPTIONS`.
    public var method: String?
    /// Nil: `/`.
    public var uri: Text?
    /// `HTTP/1.0` and its like; nil: HTTP/1.0.
    public var version: String?
    public var fields: [Field] = []
    public var body: Text?
    /// It comes from `option httpchk`.
    public var isFromOption = false

    public init() {}
}

/// `expect`.
public struct CheckExpect: Sendable {
    public enum Pattern: Sendable {
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
        case spopHello
    }

    public var pattern: Pattern
    /// `!`.
    public var isNegated = false
    /// Bytes before which nothing is decided; nil: as soon as possible.
    public var minimum: Int?
    public var okStatus: CheckStatus?
    public var errorStatus: CheckStatus?
    public var timeoutStatus: CheckStatus?
    public var onSuccess: Format?
    public var onError: Format?
    public var statusCode: Expression?

    public init(_ pattern: Pattern) { self.pattern = pattern }
}

/// `expect hdr`, `expect fhdr`.
public struct CheckFieldPattern: Sendable {
    public enum Match: Sendable {
        case exact(CheckRequest.Text)
        case prefix(CheckRequest.Text)
        case suffix(CheckRequest.Text)
        case substring(CheckRequest.Text)
        case regex(PCRE2Expression)
    }

    public var name: Match
    public var value: Match?
    /// Whether values are looked at whole, commas included (`fhdr`).
    public var isWhole: Bool

    public init(name: Match, value: Match?, isWhole: Bool) {
        self.name = name
        self.value = value
        self.isWhole = isWhole
    }
}

/// Bytes written as pairs of hexadecimal digits.
public enum Hexadecimal {
    /// The bytes that `digits` stand for; nil when they are no pairs of digits.
    public static func bytes(_ digits: [UInt8]) -> [UInt8]? {
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
    public static func digits(_ bytes: [UInt8]) -> [UInt8] {
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
