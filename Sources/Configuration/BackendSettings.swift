package import Rules

/// What passes requests on to servers: a `backend`, or the back half of a `listen`.
package struct BackendSettings: Sendable, Equatable {
    /// The section's name; logs and statistics show it.
    package var name: String
    /// The section's number in statistics and server-state files (`id`, or the next free one); 0 before it is known.
    package var id: Int
    /// Whether the file gives ``id``.
    package var hasForcedID: Bool
    /// Whether it is the back half of a `listen` section.
    package var isListen: Bool
    package var mode: ProxyMode
    package var balance: BalanceAlgorithm
    /// What becomes of keys that `balance` takes from requests (`hash-type`).
    package var hashing: HashSettings
    /// Whether all usable backup servers serve when no other does, and not the first alone (`option allbackups`).
    package var usesAllBackups: Bool
    /// Exchanges in the backend at which `minconn` has grown to `maxconn` (`fullconn`); nil: a tenth of what the
    /// frontends that use it may take.
    package var fullconn: Int?
    /// How a cookie brings a client back to its server (`cookie`); nil: not at all.
    package var cookie: CookieSettings?
    /// The secret of `cookie … dynamic` (`dynamic-cookie-key`).
    package var dynamicCookieKey: String?
    /// What connections to servers are made from that do not say it themselves (`source`).
    package var source: SourceSettings?
    /// Whether a client is brought to its server though that is down (`option persist`).
    package var persistsWhenDown: Bool
    /// In the order of the file.
    package var servers: [ServerSettings]
    /// Connection attempts after a failed one (`retries`); HAProxy's default is 3.
    package var retries: Int
    /// After which failures a request is sent again (`retry-on`).
    package var retryOn: RetryCauses
    /// When a retry goes to another server (`option redispatch N`): a positive N on every Nth retry, a negative N on
    /// the Nth from the last (-1 is the last one); 0: never.
    package var redispatchInterval: Int
    /// Who may use an idle connection (`http-reuse`).
    package var httpReuse: HTTPReuse
    package var options: BackendOptions
    /// Used here: connect, server, serverFin, queue, tunnel. `queue` has the value of `connect` when it is not set.
    package var timeouts: Timeouts
    /// Where log lines about the servers go, `log global` resolved.
    package var logs: [LogTarget]
    /// The tag of log lines (`log-tag`); nil: `GlobalSettings.logTag`.
    package var logTag: String?
    /// Own answers for error statuses; they come before the frontend's.
    package var errorFiles: [ErrorFile]
    /// How long conditions of `tcp-request content` and `tcp-response content` may wait for data, in milliseconds.
    package var requestInspectDelay: Int?
    package var responseInspectDelay: Int?
    /// The back half's rules.
    package var rules: ProxyRules
    /// The steps of its servers' checks; nil: only a connection.
    package var check: CheckRuleset?
    /// Where its servers' states come from at start (`load-server-state-from-file`).
    package var stateSource = ServerStateSource.none
    /// The file for ``ServerStateSource/local`` (`server-state-file-name`); nil: the backend's name.
    package var stateFile: String?
    /// `use-server` rules in the order of the file; the first whose condition holds decides.
    package var useServerRules: [UseServerRule] = []
    /// `force-persist` and `ignore-persist` rules in the order of the file; the first whose condition holds decides.
    package var persistenceRules: [PersistenceRule] = []
    /// `option forwarded`; nil: off.
    package var forwarded: Rule?
    /// The field that tells a server its name (`http-send-name-header`), in lower case; nil: none.
    package var serverNameField: [UInt8]?
    /// The statistics page (`stats enable`); nil: there is none.
    package var statisticsPage: StatisticsPageSettings?
    /// The line of the section's keyword.
    package var location: SourceLocation

    package init(name: String, mode: ProxyMode, location: SourceLocation) {
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
package enum HTTPReuse: String, Sendable {
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
package struct BackendOptions: Sendable, Equatable {
    /// See `FrontendOptions.connectionMode`.
    package var connectionMode: HTTPConnectionMode
    /// See `FrontendOptions.forwardFor`.
    package var forwardFor: ForwardForOption?
    /// Whether a request that waits for a server is given up when its client half-closes (`abortonclose`; on by
    /// default in HTTP mode, off in TCP mode).
    package var abortOnClose: Bool
    /// See `FrontendOptions.buffersRequest`.
    package var buffersRequest = false
    /// See `FrontendOptions.originalTo`.
    package var originalTo: OriginalToOption?
    /// See `FrontendOptions.fieldNames`.
    package var fieldNames = FieldNamePolicy.preserve
    /// Whether each change of a check's status is logged (`option log-health-checks`).
    package var logsHealthChecks = false

    package init(
        connectionMode: HTTPConnectionMode = .keepAlive, forwardFor: ForwardForOption? = nil, abortOnClose: Bool = false
    ) {
        self.connectionMode = connectionMode
        self.forwardFor = forwardFor
        self.abortOnClose = abortOnClose
    }
}
