package import Rules

/// What takes connections: a `frontend`, or the front half of a `listen`.
package struct FrontendSettings: Sendable, Equatable {
    /// The section's name; logs and statistics show it.
    package var name: String
    /// The section's number in statistics; a `listen` section's halves share it. 0 before it is known.
    package var id: Int
    package var mode: ProxyMode
    /// Addresses to listen on, in the order of the file.
    package var binds: [BindSettings]
    /// Connections at once (`maxconn`); nil: `GlobalSettings.maxconn`.
    package var maxconn: Int?
    /// The listen queue for binds without their own (`backlog`); nil: `maxconn`.
    package var backlog: Int?
    /// Used here: client, clientFin, httpRequest, httpKeepAlive.
    package var timeouts: Timeouts
    package var options: FrontendOptions
    /// Where log lines go, `log global` resolved. Empty: nothing is logged.
    package var logs: [LogTarget]
    /// What log lines look like.
    package var lines: LineSettings
    /// What is kept of messages for lines and rules.
    package var captures: CaptureSettings
    package var uniqueID: UniqueIDSettings
    /// The tag of log lines (`log-tag`); nil: `GlobalSettings.logTag`.
    package var logTag: String?
    /// The front half's rules.
    package var rules: ProxyRules
    /// `use_backend` rules in the order of the file; the first whose condition holds decides.
    package var useBackendRules: [UseBackendRule]
    /// When one of these holds, also a backend may be chosen that is not published (`force-be-switch`).
    package var forcedSwitches: [Condition] = []
    /// `default_backend`, or the own back half of a `listen`: an index into `Configuration.backends`.
    /// Nil: requests get a 503, connections are closed.
    package var defaultBackend: Int?
    /// Requests for this path are answered by the proxy itself (`monitor-uri`).
    package var monitorURI: [UInt8]?
    /// How long conditions of `tcp-request content` may wait for data (`inspect-delay`), in milliseconds.
    package var requestInspectDelay: Int?
    /// Own answers for error statuses.
    package var errorFiles: [ErrorFile]
    /// The statistics page (`stats enable`); nil: there is none.
    package var statisticsPage: StatisticsPageSettings?
    /// The line of the section's keyword.
    package var location: SourceLocation

    package init(name: String, mode: ProxyMode, location: SourceLocation) {
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
package struct UseBackendRule: Sendable, Equatable {
    package enum Target: Sendable {
        /// An index into `Configuration.backends`.
        case fixed(Int)
        /// A backend whose name is made anew for each request; the rule is passed over when there is none.
        case named(Format)
    }

    package var target: Target
    /// Nil: always.
    package var condition: Condition?
    package var location: SourceLocation

    package init(target: Target, condition: Condition?, location: SourceLocation) {
        self.target = target
        self.condition = condition
        self.location = location
    }

    /// Rules are the same when they come from the same line.
    package static func == (left: UseBackendRule, right: UseBackendRule) -> Bool { left.location == right.location }
}

/// `option` lines that act on the front half.
package struct FrontendOptions: Sendable, Equatable {
    /// Whether a connection that brought no byte goes unlogged (`dontlognull`).
    package var dontLogNull: Bool
    /// How long HTTP/1 connections live. The stricter one of front and back half holds.
    package var connectionMode: HTTPConnectionMode
    /// `forwardfor`; nil: off. It is done when front or back half asks for it; the back half's header name wins.
    package var forwardFor: ForwardForOption?
    /// Whether a half-closed connection's TLS handshake is given up (`abortonclose`; on by default).
    package var abortOnClose: Bool
    /// Whether requests for whole URIs are taken as ones to a proxy (`http-use-proxy-header`).
    package var usesProxyHeader = false
    /// Whether rules wait for the whole request (`http-buffer-request`).
    package var buffersRequest = false
    /// `originalto`; nil: off. As with `forwardFor`, either half may ask for it, and the back half's header name wins.
    package var originalTo: OriginalToOption?
    /// What becomes of fields with unusual names (`http-restrict-req-hdr-names`).
    package var fieldNames = FieldNamePolicy.preserve
    /// Whether connections that bring nothing before they end are neither answered, logged nor counted as errors
    /// (`http-ignore-probes`).
    package var ignoresProbes = false

    package init(
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
package enum HTTPConnectionMode: Int, Sendable, Comparable {
    /// Both sides stay open between requests (`http-keep-alive`, the default).
    case keepAlive
    /// The server's side closes after each response (`http-server-close`).
    case serverClose
    /// Both sides close after each response (`httpclose`).
    case close

    package static func < (left: HTTPConnectionMode, right: HTTPConnectionMode) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// `option originalto`: the address that the client connected to goes to the server in a header field.
package struct OriginalToOption: Sendable, Equatable {
    /// The field's name (`header`).
    package var headerName = "X-Original-To"
    /// Addresses for which nothing is added (`except`).
    package var except: IPNetwork?

    package init() {}
}

/// What becomes of fields of a request with other characters in their names than letters, digits and hyphens
/// (`option http-restrict-req-hdr-names`).
package enum FieldNamePolicy: String, Sendable {
    case preserve, delete, reject
}

/// `option forwardfor`: the client's address goes to the server in a header field.
package struct ForwardForOption: Sendable, Equatable {
    /// The field's name (`header`); nil: `X-Forwarded-For`.
    package var headerName: String?
    /// Clients for which nothing is added (`except`).
    package var except: IPNetwork?
    /// Whether nothing is added to a request that already carries the field (`if-none`).
    package var onlyIfNone: Bool

    /// The field's name when none is set.
    package static let standardHeaderName = "X-Forwarded-For"

    package init(headerName: String? = nil, except: IPNetwork? = nil, onlyIfNone: Bool = false) {
        self.headerName = headerName
        self.except = except
        self.onlyIfNone = onlyIfNone
    }
}

/// An answer of one's own for a status (`errorfile`, `errorfiles`): read at start, before any chroot.
package struct ErrorFile: Sendable, Equatable {
    /// The status it answers: one of `statuses`.
    package var status: Int
    /// Where it was read from.
    package var path: String
    /// The whole HTTP/1 response as the file has it. Empty: the connection or the stream is closed without an answer.
    package var content: [UInt8]
    /// What makes the answer anew each time (`http-error`, `errorloc`); nil for a file.
    package var reply: (any RuleReply)?
    package var location: SourceLocation

    /// The statuses that an error file can stand for.
    package static let statuses = [
        200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504,
    ]

    package init(status: Int, path: String, content: [UInt8], location: SourceLocation) {
        self.status = status
        self.path = path
        self.content = content
        self.location = location
    }

    /// An answer that `reply` makes.
    package init(status: Int, reply: any RuleReply, location: SourceLocation) {
        self.init(status: status, path: "", content: [], location: location)
        self.reply = reply
    }

    /// Replies are the same when they come from the same line.
    package static func == (left: ErrorFile, right: ErrorFile) -> Bool {
        left.status == right.status && left.path == right.path && left.content == right.content
            && left.location == right.location
    }
}
