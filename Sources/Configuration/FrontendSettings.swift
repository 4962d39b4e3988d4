public import Rules

/// What takes connections: a `frontend`, or the front half of a `listen`.
public struct FrontendSettings: Sendable, Equatable {
    /// The section's name; logs and statistics show it.
    public var name: String
    /// The section's number in statistics; a `listen` section's halves share it. 0 before it is known.
    public var id: Int
    /// What the statistics page says of it (`description`).
    public var summary: String?
    public var mode: ProxyMode
    /// Its identifier in the whole process (`guid`).
    public var guid: String?
    /// Addresses to listen on, in the order of the file.
    public var binds: [BindSettings]
    /// Connections at once (`maxconn`); nil: `GlobalSettings.maxconn`.
    public var maxconn: Int?
    /// The listen queue for binds without their own (`backlog`); nil: `maxconn`.
    public var backlog: Int?
    /// Sessions per second (`rate-limit sessions`); nil: no limit.
    public var sessionRateLimit: Int?
    /// Probes of clients' connections.
    public var probes = KeepAliveProbes()
    /// Used here: client, clientFin, clientHandshake, httpRequest, httpKeepAlive.
    public var timeouts: Timeouts
    public var options: FrontendOptions
    /// Where log lines go, `log global` resolved. Empty: nothing is logged.
    public var logs: [LogTarget]
    /// What log lines look like.
    public var lines: LineSettings
    /// What is kept of messages for lines and rules.
    public var captures: CaptureSettings
    public var uniqueID: UniqueIDSettings
    /// The tag of log lines (`log-tag`); nil: `GlobalSettings.logTag`.
    public var logTag: String?
    /// The front half's rules.
    public var rules: ProxyRules
    /// `use_backend` rules in the order of the file; the first whose condition holds decides.
    public var useBackendRules: [UseBackendRule]
    /// When one of these holds, also a backend may be chosen that is not published (`force-be-switch`).
    public var forcedSwitches: [Condition] = []
    /// `default_backend`, or the own back half of a `listen`: an index into `Configuration.backends`.
    /// Nil: requests get a 503, connections are closed.
    public var defaultBackend: Int?
    /// Requests for this path are answered by the proxy itself (`monitor-uri`).
    public var monitorURI: [UInt8]?
    /// How long conditions of `tcp-request content` may wait for data (`inspect-delay`), in milliseconds.
    public var requestInspectDelay: Int?
    /// Own answers for error statuses.
    public var errorFiles: [ErrorFile]
    /// The statistics page (`stats enable`); nil: there is none.
    public var statisticsPage: StatisticsPageSettings?
    /// It takes nothing (`disabled`).
    public var isDisabled = false
    /// The line of the section's keyword.
    public var location: SourceLocation

    public init(name: String, mode: ProxyMode, location: SourceLocation) {
        self.name = name
        self.id = 0
        self.mode = mode
        self.binds = []
        self.maxconn = nil
        self.backlog = nil
        self.timeouts = Timeouts()
        self.options = FrontendOptions()
        self.logs = []
        self.lines = LineSettings()
        self.captures = CaptureSettings()
        self.uniqueID = UniqueIDSettings()
        self.logTag = nil
        self.rules = ProxyRules()
        self.useBackendRules = []
        self.defaultBackend = nil
        self.errorFiles = []
        self.statisticsPage = nil
        self.location = location
    }
}

/// A `use_backend` rule.
public struct UseBackendRule: Sendable, Equatable {
    public enum Target: Sendable {
        /// An index into `Configuration.backends`.
        case fixed(Int)
        /// A backend whose name is made anew for each request; the rule is passed over when there is none.
        case named(Format)
    }

    public var target: Target
    /// Nil: always.
    public var condition: Condition?
    public var location: SourceLocation

    public init(target: Target, condition: Condition?, location: SourceLocation) {
        self.target = target
        self.condition = condition
        self.location = location
    }

    /// Rules are the same when they come from the same line.
    public static func == (left: UseBackendRule, right: UseBackendRule) -> Bool { left.location == right.location }
}

/// `option` lines that act on the front half.
public struct FrontendOptions: Sendable, Equatable {
    /// Whether a connection that brought no byte goes unlogged (`dontlognull`).
    public var dontLogNull: Bool
    /// How long HTTP/1 connections live. The stricter one of front and back half holds.
    public var connectionMode: HTTPConnectionMode
    /// `forwardfor`; nil: off. It is done when front or back half asks for it; the back half's header name wins.
    public var forwardFor: ForwardForOption?
    /// Whether a half-closed connection's TLS handshake is given up (`abortonclose`; on by default).
    public var abortOnClose: Bool
    /// Whether bytes of exchanges that go on are in the statistics already (`contstats`).
    public var countsContinuously = false
    /// Whether closed connections leave nothing behind: a reset, and unsent data dropped (`nolinger`).
    public var resetsOnClose = false
    /// Whether a client in clear may begin with HTTP/2 (`disable-h2-upgrade` forbids it).
    public var detectsHTTP2 = true
    /// Whether responses go without trailers (`http-drop-response-trailers`).
    public var dropsTrailers = false
    /// Whether field names are written to clients of HTTP/1 as `h1-case-adjust` has them
    /// (`h1-case-adjust-bogus-client`).
    public var adjustsCase = false
    /// Whether idle connections outlive the start of a soft stop, until their next response
    /// (`idle-close-on-response`).
    public var keepsIdleConnections = false
    /// Whether requests for whole URIs are taken as ones to a proxy (`http-use-proxy-header`).
    public var usesProxyHeader = false
    /// Whether rules wait for the whole request (`http-buffer-request`).
    public var buffersRequest = false
    /// `originalto`; nil: off. As with `forwardFor`, either half may ask for it, and the back half's header name wins.
    public var originalTo: OriginalToOption?
    /// What becomes of fields with unusual names (`http-restrict-req-hdr-names`).
    public var fieldNames = FieldNamePolicy.preserve
    /// Whether connections that bring nothing before they end are neither answered, logged nor counted as errors
    /// (`http-ignore-probes`).
    public var ignoresProbes = false
    /// Whether requests may break some rules (`accept-unsafe-violations-in-http-request`).
    public var acceptsViolations = false
    /// Whether each listening address has counters of its own (`socket-stats`).
    public var countsListeners = false
    /// Whether bytes of TCP mode may stay in the kernel.
    public var splicing = SplicingOptions()

    public init(
        dontLogNull: Bool = false, connectionMode: HTTPConnectionMode = .keepAlive,
        forwardFor: ForwardForOption? = nil, abortOnClose: Bool = true
    ) {
        self.dontLogNull = dontLogNull
        self.connectionMode = connectionMode
        self.forwardFor = forwardFor
        self.abortOnClose = abortOnClose
    }
}

/// How long an HTTP/1 connection lives, ordered from lax to strict.
public enum HTTPConnectionMode: Int, Sendable, Comparable {
    /// Both sides stay open between requests (`http-keep-alive`, the default).
    case keepAlive
    /// The server's side closes after each response (`http-server-close`).
    case serverClose
    /// Both sides close after each response (`httpclose`).
    case close

    public static func < (left: HTTPConnectionMode, right: HTTPConnectionMode) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// `option originalto`: the address that the client connected to goes to the server in a header field.
public struct OriginalToOption: Sendable, Equatable {
    /// The field's name (`header`).
    public var headerName = "X-Original-To"
    /// Addresses for which nothing is added (`except`).
    public var except: IPNetwork?

    public init() {}
}

/// What becomes of fields of a request with other characters in their names than letters, digits and hyphens
/// (`option http-restrict-req-hdr-names`).
public enum FieldNamePolicy: String, Sendable {
    case preserve, delete, reject
}

/// `option forwardfor`: the client's address goes to the server in a header field.
public struct ForwardForOption: Sendable, Equatable {
    /// The field's name (`header`); nil: `X-Forwarded-For`.
    public var headerName: String?
    /// Clients for which nothing is added (`except`).
    public var except: IPNetwork?
    /// Whether nothing is added to a request that already carries the field (`if-none`).
    public var onlyIfNone: Bool

    /// The field's name when none is set.
    public static let standardHeaderName = "X-Forwarded-For"

    public init(headerName: String? = nil, except: IPNetwork? = nil, onlyIfNone: Bool = false) {
        self.headerName = headerName
        self.except = except
        self.onlyIfNone = onlyIfNone
    }
}

/// An answer of one's own for a status (`errorfile`, `errorfiles`): read at start, before any chroot.
public struct ErrorFile: Sendable, Equatable {
    /// The status it answers: one of `statuses`.
    public var status: Int
    /// Where it was read from.
    public var path: String
    /// The whole HTTP/1 response as the file has it. Empty: the connection or the stream is closed without an answer.
    public var content: [UInt8]
    /// What makes the answer anew each time (`http-error`, `errorloc`); nil for a file.
    public var reply: (any RuleReply)?
    public var location: SourceLocation

    /// The statuses that an error file can stand for.
    public static let statuses = [
        200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504,
    ]

    public init(status: Int, path: String, content: [UInt8], location: SourceLocation) {
        self.status = status
        self.path = path
        self.content = content
        self.location = location
    }

    /// An answer that `reply` makes.
    public init(status: Int, reply: any RuleReply, location: SourceLocation) {
        self.init(status: status, path: "", content: [], location: location)
        self.reply = reply
    }

    /// Replies are the same when they come from the same line.
    public static func == (left: ErrorFile, right: ErrorFile) -> Bool {
        left.status == right.status && left.path == right.path && left.content == right.content
            && left.location == right.location
    }
}
