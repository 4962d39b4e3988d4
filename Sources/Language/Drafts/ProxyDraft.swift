import Configuration
import Rules
import Samples

/// A `defaults`, `frontend`, `backend` or `listen` section as it is written.
struct ProxyDraft: Sendable {
    /// What the section is.
    enum Kind: String, Sendable {
        case defaults
        case frontend
        case backend
        case listen

        var sections: SectionKinds {
            switch self {
            case .defaults: .defaults
            case .frontend: .frontend
            case .backend: .backend
            case .listen: .listen
            }
        }

        var hasFront: Bool { self != .backend }
        var hasBack: Bool { self != .frontend }
    }

    var kind: Kind
    var name: String
    /// The section's line, with its name marked.
    var mark: Mark
    var surroundings: Surroundings

    /// The formats of options that need `mode http`, and the others.
    enum StandardFormatKind: Sendable { case http, httpCommon, https, tcp }

    // Both halves.
    var mode = ProxyMode.tcp
    /// Whether a line gives the mode.
    var hasMode = false
    var timeouts = Timeouts()
    /// The timeouts that this section sets itself.
    var ownTimeouts: Set<String> = []
    var connectionMode = HTTPConnectionMode.keepAlive
    var forwardFor: ForwardForOption?
    /// `option abortonclose`; nil: not set.
    var abortOnClose: Bool?
    /// `option splice-…`.
    var splicing = SplicingOptions()
    /// `disabled`.
    var isDisabled = false
    var logs: [LogDraft] = []
    var logTag: String?
    var errorFiles: [ErrorFileDraft] = []
    /// `stats` lines; nil: there is none.
    var statisticsPage: StatisticsPageSettings?

    /// ACLs that this section declares, by name.
    var acls: [String: ACL] = [:]
    var rules = ProxyRules()
    /// The rules that came from a `defaults` section.
    var inherited = ProxyRules()
    /// Sets whose last rule ends them in any case.
    var endedSets: Set<RuleSetKind> = []
    var originalTo: OriginalToOption?
    var fieldNames = FieldNamePolicy.preserve
    var buffersRequest = false
    var requestInspectDelay: Int?
    var responseInspectDelay: Int?

    /// `id`.
    var id: Int?
    var summary: String?
    /// `option clitcpka`, `option srvtcpka` and what goes with them.
    var clientProbes = KeepAliveProbes()
    var serverProbes = KeepAliveProbes()
    var resetsOnClose = false
    var separatesTimes = false

    // Front half.
    /// `rate-limit sessions`.
    var sessionRateLimit: Int?
    var countsContinuously = false
    var dropsResponseTrailers = false
    var keepsIdleConnections = false
    var detectsHTTP2 = true
    var adjustsClientCase = false
    var binds: [BindDraft] = []
    var maxconn: Int?
    var backlog: Int?
    var dontLogNull = false
    var usesProxyHeader = false
    var countsListeners = false
    var guid: String?
    var monitorURI: String?
    var lines = LineSettings()
    /// The option that the lines' format comes from; nil: `log-format`, or none.
    var standardFormat: StandardFormatKind?
    var logFormatMark: Mark?
    var captures = CaptureSettings()
    /// Rules that fill a capture slot by its number, to be checked at the section's end.
    var captureUses: [CompilationContext.CaptureUse] = []
    var uniqueID = UniqueIDSettings()
    var defaultBackend: BackendReference?
    var useBackendRules: [UseBackendDraft] = []
    var forcedSwitches: [Condition] = []
    var ignoresProbes = false
    /// `option accept-unsafe-violations-in-http-request`.
    var acceptsRequestViolations = false

    // Back half.
    var checksCaching = false
    var pretendsKeepAlive = false
    var dropsRequestTrailers = false
    var adjustsServerCase = false
    /// `option accept-unsafe-violations-in-http-response`.
    var acceptsResponseViolations = false
    var balance = BalanceAlgorithm.random(draws: 2)
    var hashing = HashSettings()
    var usesAllBackups = false
    var fullconn: Int?
    var cookie: CookieSettings?
    var dynamicCookieKey: String?
    var source: SourceSettings?
    var persistsWhenDown = false
    var prefersLastServer = false
    /// `persist rdp-cookie`.
    var persistence: HashExpression?
    var servers: [ServerDraft] = []
    var defaultServer: ServerDraft
    /// Whether a `default-server` line has set something.
    var hasDefaultServer = false
    var retries = 3
    var retryOn = RetryCauses()
    var redispatchInterval = 0
    var httpReuse = HTTPReuse.safe
    var check = CheckDraft()
    var logsHealthChecks = false
    var stateSource = ServerStateSource.none
    var stateFile: String?
    var useServerRules: [UseServerDraft] = []
    var persistenceRules: [PersistenceRule] = []
    var forwarded: Rule?
    var serverNameField: [UInt8]?
    /// `be-unpublished`.
    var isUnpublished = false
    /// Its servers take log lines (`mode log`).
    var isLogBackend = false

    /// A section without settings.
    init(kind: Kind, name: String, mark: Mark, surroundings: Surroundings) {
        self.kind = kind
        self.name = name
        self.mark = mark
        self.surroundings = surroundings
        defaultServer = ServerDraft(surroundings: surroundings)
        if kind.hasBack, kind != .defaults { surroundings.origins.begin(name, defaults: nil) }
    }

    /// A section that starts with the settings of a `defaults` section.
    init(kind: Kind, name: String, mark: Mark, surroundings: Surroundings, defaults: ProxyDraft) {
        self = defaults
        self.kind = kind
        self.name = name
        self.mark = mark
        self.surroundings = surroundings
        ownTimeouts = []
        acls = [:]
        check.inherit()
        inherited = defaults.rules
        endedSets = []
        if kind.hasBack, kind != .defaults {
            surroundings.origins.begin(name, defaults: hasDefaultServer ? defaultServer : nil)
        }
    }
}

extension ProxyDraft {
    /// Whether the section has TCP or HTTP rules.
    var hasRules: Bool { RuleSetKind.allCases.contains { !rules[$0].isEmpty } }
}

/// A place that names a backend.
struct BackendReference: Sendable {
    var name: String
    var mark: Mark
}

/// A `log` line.
enum LogDraft: Sendable {
    /// `log global`.
    case global
    /// A target; `hasFraming` says whether the line gives a format.
    case target(LogTarget, hasFraming: Bool)
}

/// An `errorfile` or `errorfiles` line.
enum ErrorFileDraft: Sendable {
    case file(ErrorFile)
    /// Files of an `http-errors` section: all, or those of some statuses.
    case group(name: String, statuses: [Int], mark: Mark)
}

/// An `http-errors` section.
struct ErrorGroupDraft: Sendable {
    var name: String
    var mark: Mark
    var files: [ErrorFile] = []
    var surroundings: Surroundings
}
