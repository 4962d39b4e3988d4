public import Rules

/// What passes requests on to servers: a `backend`, or the back half of a `listen`.
public struct BackendSettings: Sendable, Equatable {
    /// The section's name; logs and statistics show it.
    public var name: String
    /// The section's number in statistics and server-state files (`id`, or the next free one); 0 before it is known.
    public var id: Int
    /// Whether the file gives ``id``.
    public var hasForcedID: Bool
    /// Whether it is the back half of a `listen` section.
    public var isListen: Bool
    /// What the statistics page says of it (`description`).
    public var summary: String?
    /// Probes of connections to servers.
    public var probes = KeepAliveProbes()
    public var mode: ProxyMode
    /// Its identifier in the whole process (`guid`).
    public var guid: String?
    public var balance: BalanceAlgorithm
    /// What becomes of keys that `balance` takes from requests (`hash-type`).
    public var hashing: HashSettings
    /// Whether all usable backup servers serve when no other does, and not the first alone (`option allbackups`).
    public var usesAllBackups: Bool
    /// Exchanges in the backend at which `minconn` has grown to `maxconn` (`fullconn`); nil: a tenth of what the
    /// frontends that use it may take.
    public var fullconn: Int?
    /// How a cookie brings a client back to its server (`cookie`); nil: not at all.
    public var cookie: CookieSettings?
    /// The secret of `cookie … dynamic` (`dynamic-cookie-key`).
    public var dynamicCookieKey: String?
    /// What connections to servers are made from that do not say it themselves (`source`).
    public var source: SourceSettings?
    /// Whether a client is brought to its server though that is down (`option persist`).
    public var persistsWhenDown: Bool
    /// Whether a session's requests follow each other to a server that it has a connection of its own to (`option
    /// prefer-last-server`).
    public var prefersLastServer = false
    /// What names the server in the first bytes of an RDP client (`persist rdp-cookie`); nil: nothing.
    public var persistence: HashExpression?
    /// In the order of the file.
    public var servers: [ServerSettings]
    /// Connection attempts after a failed one (`retries`); HAProxy's default is 3.
    public var retries: Int
    /// After which failures a request is sent again (`retry-on`).
    public var retryOn: RetryCauses
    /// When a retry goes to another server (`option redispatch N`): a positive N on every Nth retry, a negative N on
    /// the Nth from the last (-1 is the last one); 0: never.
    public var redispatchInterval: Int
    /// Who may use an idle connection (`http-reuse`).
    public var httpReuse: HTTPReuse
    public var options: BackendOptions
    /// Used here: connect, server, serverFin, queue, tunnel. `queue` has the value of `connect` when it is not set.
    public var timeouts: Timeouts
    /// Where log lines about the servers go, `log global` resolved.
    public var logs: [LogTarget]
    /// The tag of log lines (`log-tag`); nil: `GlobalSettings.logTag`.
    public var logTag: String?
    /// Own answers for error statuses; they come before the frontend's.
    public var errorFiles: [ErrorFile]
    /// How long conditions of `tcp-request content` and `tcp-response content` may wait for data, in milliseconds.
    public var requestInspectDelay: Int?
    public var responseInspectDelay: Int?
    /// The back half's rules.
    public var rules: ProxyRules
    /// Servers that a `use-server` rule or an argument of a sample names, by their places; and whether one names the
    /// backend itself.
    public var referencedServers: Set<Int> = []
    public var isReferenced = false
    /// What `unique-id` gives in its servers' checks (`unique-id-format`); nil: nothing.
    public var uniqueID: Format?
    /// The steps of its servers' checks; nil: only a connection.
    public var check: CheckRuleset?
    /// Where its servers' states come from at start (`load-server-state-from-file`).
    public var stateSource = ServerStateSource.none
    /// The file for ``ServerStateSource/local`` (`server-state-file-name`); nil: the backend's name.
    public var stateFile: String?
    /// `use-server` rules in the order of the file; the first whose condition holds decides.
    public var useServerRules: [UseServerRule] = []
    /// `force-persist` and `ignore-persist` rules in the order of the file; the first whose condition holds decides.
    public var persistenceRules: [PersistenceRule] = []
    /// `option forwarded`; nil: off.
    public var forwarded: Rule?
    /// The field that tells a server its name (`http-send-name-header`), in lower case; nil: none.
    public var serverNameField: [UInt8]?
    /// The statistics page (`stats enable`); nil: there is none.
    public var statisticsPage: StatisticsPageSettings?
    /// Rules may choose it only once it is published at run time (`be-unpublished`).
    public var isUnpublished = false
    /// Nothing is done for it (`disabled`).
    public var isDisabled = false
    /// Its servers take log lines (`mode log`): ``mode`` is `tcp` then.
    public var takesLogs = false
    /// The line of the section's keyword.
    public var location: SourceLocation

    public init(name: String, mode: ProxyMode, location: SourceLocation) {
        self.name = name
        self.id = 0
        self.hasForcedID = false
        self.isListen = false
        self.mode = mode
        self.balance = .random(draws: 2)
        self.hashing = HashSettings()
        self.usesAllBackups = false
        self.fullconn = nil
        self.cookie = nil
        self.dynamicCookieKey = nil
        self.source = nil
        self.persistsWhenDown = false
        self.servers = []
        self.retries = 3
        self.retryOn = RetryCauses()
        self.redispatchInterval = 0
        self.httpReuse = .safe
        self.options = BackendOptions()
        self.timeouts = Timeouts()
        self.logs = []
        self.logTag = nil
        self.errorFiles = []
        self.statisticsPage = nil
        self.rules = ProxyRules()
        self.location = location
    }
}

/// Who may use an idle connection to a server (`http-reuse`).
public enum HTTPReuse: String, Sendable {
    /// Nobody but the client connection that opened it.
    case never
    /// Every client connection's requests after its first. The default.
    case safe
    /// First requests too, over connections that were reused before.
    case aggressive
    /// Every request.
    case always
}

/// `option` lines that act on the back half.
public struct BackendOptions: Sendable, Equatable {
    /// See `FrontendOptions.connectionMode`.
    public var connectionMode: HTTPConnectionMode
    /// See `FrontendOptions.forwardFor`.
    public var forwardFor: ForwardForOption?
    /// Whether a request that waits for a server is given up when its client half-closes (`abortonclose`; on by
    /// default in HTTP mode, off in TCP mode).
    public var abortOnClose: Bool
    /// Whether bytes that go to a server give it no more time for its own (`independent-streams`); clients' never do.
    public var separatesTimes = false
    /// See `FrontendOptions.resetsOnClose`.
    public var resetsOnClose = false
    /// Whether HTTP/1 servers are not told that their connection ends with the response (`http-pretend-keepalive`).
    public var pretendsKeepAlive = false
    /// Whether responses with cookies that a cache might keep are blocked (`checkcache`).
    public var checksCaching = false
    /// Whether requests go without trailers (`http-drop-request-trailers`).
    public var dropsTrailers = false
    /// Whether field names are written to servers of HTTP/1 as `h1-case-adjust` has them
    /// (`h1-case-adjust-bogus-server`).
    public var adjustsCase = false
    /// See `FrontendOptions.buffersRequest`.
    public var buffersRequest = false
    /// See `FrontendOptions.originalTo`.
    public var originalTo: OriginalToOption?
    /// See `FrontendOptions.fieldNames`.
    public var fieldNames = FieldNamePolicy.preserve
    /// Whether responses may break some rules (`accept-unsafe-violations-in-http-response`).
    public var acceptsViolations = false
    /// Whether each change of a check's status is logged (`option log-health-checks`).
    public var logsHealthChecks = false
    /// See `FrontendOptions.splicing`; either half may ask for it.
    public var splicing = SplicingOptions()

    public init(
        connectionMode: HTTPConnectionMode = .keepAlive, forwardFor: ForwardForOption? = nil, abortOnClose: Bool = false
    ) {
        self.connectionMode = connectionMode
        self.forwardFor = forwardFor
        self.abortOnClose = abortOnClose
    }
}
