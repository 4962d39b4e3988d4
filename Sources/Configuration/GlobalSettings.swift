public import Rules
public import Samples

/// Settings of the whole process: the `global` sections.
public struct GlobalSettings: Sendable, Equatable {
    // MARK: Process

    /// Workers (`nbthread`); nil: as many as the process may use cores.
    public var nbthread: Int?
    /// The most workers that there may be (`thread-hard-limit`); nil: no limit.
    public var threadLimit: Int?
    /// CPUs of a worker, by its number from 0 (`cpu-map`). Workers without an entry run anywhere.
    public var cpuMap: [Int: [Int]]
    /// Connections at once in the process (`maxconn`); nil: as many as descriptors allow.
    public var maxconn: Int?
    /// Descriptors to ask the system for (`ulimit-n`); nil: computed from `maxconn`.
    public var ulimitN: Int?
    /// The most descriptors that an automatic `maxconn` may count on (`fd-hard-limit`).
    public var fdHardLimit: Int
    /// Whether the start fails when the system refuses a limit (`strict-limits`).
    public var strictLimits: Bool
    /// The user to become (`user`, `uid`).
    public var user: PrincipalName?
    /// The group to become (`group`, `gid`).
    public var group: PrincipalName?
    /// The directory to be jailed in (`chroot`).
    public var chroot: String?
    /// Whether the process goes to the background (`daemon`).
    public var daemon: Bool
    /// Whether a master process watches over the one that works (`master-worker`).
    public var masterWorker: Bool
    /// Whether a worker process that crashes takes the service with it (not `master-worker no-exit-on-failure`).
    public var exitsOnWorkerFailure = true
    /// Reloads that a worker process survives (`mworker-max-reloads`).
    public var maxReloads = 50
    /// The file for process numbers (`pidfile`).
    public var pidfile: String?
    /// No messages at start (`quiet`).
    public var quiet: Bool
    /// Whether warnings stop the start (`zero-warning`).
    public var zeroWarning: Bool
    /// Longest soft stop, milliseconds (`hard-stop-after`); nil: no limit.
    public var hardStopAfter: Int?
    /// Milliseconds between the signal and the soft stop, while listeners still accept (`grace`).
    public var grace: Int
    /// `profiling.tasks`.
    public var taskProfiling = TaskProfiling.automatic
    /// Variables to change in the process's own environment, in order (`setenv` and friends).
    public var environment: [EnvironmentChange]

    /// Whether the process may leave a core file though it changed its user (`set-dumpable`).
    public var isDumpable = false
    /// Capabilities that are kept when the process becomes another user, by the kernel's names (`setcap`).
    public var capabilities: [String] = []
    /// Kernel pipes (`maxpipes`); nil: a quarter of the connections.
    public var maxPipes: Int?
    /// No byte stays in the kernel, whatever proxies say (`nosplice`).
    public var forbidsSplicing = false
    /// Limits of new connections.
    public var rates = ProcessRateLimits()

    // MARK: Names

    /// The name of this machine among others (`node`); nil: the host's.
    public var node: String?
    /// What it is (`description`).
    public var summary: String?
    /// `dns-accept-family`.
    public var acceptedFamilies = AcceptedFamilies.automatic

    // MARK: HTTP

    /// How the names of fields are written to those that mind (`h1-case-adjust`), by the names in lower case.
    public var fieldCases: [String: String] = [:]
    /// Whether HTTP/2 clients are not told of extended CONNECT (`h2-workaround-bogus-websocket-clients`).
    public var hidesExtendedConnect = false

    // MARK: Security

    /// Whether clients with a source port below 1024 are turned away (`harden.reject-privileged-ports`).
    public var refusesPrivilegedPorts = false
    public var refusesPrivilegedQUICPorts = false
    /// The secret from which keys of tokens and connection IDs are derived (`cluster-secret`); nil: a random one.
    public var clusterSecret: String?

    // MARK: Logs

    /// Where log lines of the process go, and those of proxies with `log global`.
    public var logs: [LogTarget]
    /// The tag of log lines (`log-tag`); nil: the program's name.
    public var logTag: String?
    /// Directories in front of relative paths of certificates and of authorities (`crt-base`, `ca-base`); empty: none.
    public var certificateBase = ""
    public var authorityBase = ""
    /// Whether log lines carry a host name, and which (`log-send-hostname`).
    public var logHostname: LogHostname?

    // MARK: The operator's side

    /// The sockets for commands at run time (`stats socket` and its like).
    public var runtimeAPI: RuntimeAPISettings

    // MARK: Health checks

    /// Percent by which the time between two checks varies (`spread-checks`).
    public var spreadChecks = 0
    /// Most milliseconds over which first checks are spread (`max-spread-checks`); 0: no limit.
    public var maxSpreadChecks = 0
    /// Whether programs may check servers (`external-check`), with our own environment too (`preserve-env`).
    public var allowsExternalChecks = false
    public var externalChecksKeepEnvironment = false
    /// The file of counters to begin with (`stats-file`).
    public var statisticsFile: String?
    /// The server-state file (`server-state-file`), and the directory of those without a leading slash
    /// (`server-state-base`).
    public var serverStateFile: String?
    public var serverStateBase: String?

    // MARK: Variables

    /// `set-var` and `set-var-fmt`: variables of the scope `proc`, in the order of the file.
    public var variables: [VariableSetting] = []

    // MARK: Limits

    public var tune: TuneSettings

    public init() {
        nbthread = nil
        cpuMap = [:]
        maxconn = nil
        ulimitN = nil
        fdHardLimit = 1_048_576
        strictLimits = true
        user = nil
        group = nil
        chroot = nil
        daemon = false
        masterWorker = false
        pidfile = nil
        quiet = false
        zeroWarning = false
        hardStopAfter = nil
        grace = 0
        environment = []
        clusterSecret = nil
        logs = []
        logTag = nil
        logHostname = nil
        runtimeAPI = RuntimeAPISettings()
        tune = TuneSettings()
    }
}

/// A variable of the process that has a value from the start.
public struct VariableSetting: Sendable, Equatable {
    /// What its value is made of, once, when the process starts.
    public enum Source: Sendable {
        case expression(Expression)
        case format(Format)
    }

    public var name: VariableName
    public var source: Source
    public var location: SourceLocation

    public init(name: VariableName, source: Source, location: SourceLocation) {
        self.name = name
        self.source = source
        self.location = location
    }

    /// Settings are the same when they come from the same line.
    public static func == (left: VariableSetting, right: VariableSetting) -> Bool { left.location == right.location }
}

/// The host name in log lines.
public enum LogHostname: Sendable, Hashable {
    /// The machine's.
    case system
    case fixed(String)
}

/// A change of the process's environment.
public enum EnvironmentChange: Sendable, Hashable {
    case set(name: String, value: String)
    case unset(name: String)
}
