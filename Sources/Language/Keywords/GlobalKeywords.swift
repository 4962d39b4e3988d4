import Configuration
import Samples
import Words

/// The keywords of `global`.
enum GlobalKeywords {
    static let table = KeywordTable(
        process + limits + logs + EnvironmentKeywords.keywords + TLSKeywords.keywords + TuneKeywords.keywords
            + [CPUMapStatement.keyword] + StatsStatement.keywords + HintKeywords.global
            + QUICHintKeywords.global
            + CheckKeywords.global + GlobalVariableKeywords.keywords + others,
        refused: RefusedKeywords.global)

    private static let others: [Keyword<GlobalDraft>] =
        ProcessKeywords.keywords + IdentityKeywords.global + MessageOptionKeywords.global + ProcessHintKeywords.keywords
        + TuneHintKeywords.keywords + ObsoleteKeywords.global

    /// A keyword of `global`.
    static func keyword(
        _ name: String, takesModifiers: Bool = false, _ apply: @escaping Keyword<GlobalDraft>.Handler
    ) -> Keyword<GlobalDraft> {
        Keyword(name, in: .global, takesModifiers: takesModifiers, apply)
    }

    /// A keyword whose first occurrence counts; others are warned about. `key` is shared by those that exclude
    /// each other.
    static func once(
        _ name: String, key: String? = nil, _ apply: @escaping Keyword<GlobalDraft>.Handler
    ) -> Keyword<GlobalDraft> {
        keyword(name) { (global, statement) throws(Complaint) in
            if global.given.insert(key ?? name).inserted { return try apply(&global, &statement) }
            statement.warn("'\(key ?? name)' already specified. Continuing.")
            var ignored = global
            try apply(&ignored, &statement)
        }
    }

    /// A keyword without arguments that sets a flag, or clears it with `no`.
    static func flag(
        _ name: String, takesModifiers: Bool = false,
        _ path: any WritableKeyPath<GlobalSettings, Bool> & Sendable
    ) -> Keyword<GlobalDraft> {
        keyword(name, takesModifiers: takesModifiers) { (global, statement) in
            global.settings[keyPath: path] = statement.modifier != .no
        }
    }

    /// A keyword that sets an integer in `range`; 0 means nil when `zeroIsNil`.
    static func integer(
        _ name: String, in range: ClosedRange<Int> = 0...Int(Int32.max), zeroIsNil: Bool = false,
        _ path: any WritableKeyPath<GlobalSettings, Int?> & Sendable
    ) -> Keyword<GlobalDraft> {
        once(name) { (global, statement) throws(Complaint) in
            let value = try statement.integer(in: range)
            global.settings[keyPath: path] = zeroIsNil && value == 0 ? nil : value
        }
    }

    /// Workers take no locks and little memory of the system: words about these change nothing.
    private static func profiling(_ state: inout TaskProfiling, _ statement: inout Statement) throws(Complaint) {
        let expected = "'on', 'auto', 'off', 'lock', 'no-lock', 'memory', or 'no-memory'"
        var isEmpty = true
        while let word = statement.next() {
            isEmpty = false
            switch word.text {
            case "on": state = .on
            case "auto": state = .automatic
            case "off": state = .off
            case "lock", "no-lock", "memory", "no-memory": break
            default:
                throw Complaint(
                    "'profiling.tasks' expects a combination of either \(expected), but got '\(word.text)'.",
                    at: word)
            }
        }
        if isEmpty {
            throw Complaint("'profiling.tasks' expects a combination of either \(expected), but got ''.")
        }
    }

    private static func acceptedFamilies(_ statement: inout Statement) throws(Complaint) -> AcceptedFamilies {
        let word = try statement.argument("a comma-delimited list of 'ipv4' and 'ipv6'")
        var names = Set<Substring>()
        for name in word.text.split(separator: ",") {
            guard ["ipv4", "ipv6", "auto"].contains(name) else {
                throw Complaint(
                    "'dns-accept-family' expects a comma-delimited list of 'ipv4' and 'ipv6' but got '\(name)'.",
                    at: word)
            }
            names.insert(name)
        }
        if names.contains("auto") { return .automatic }
        return names.count == 2 ? .both : names.contains("ipv6") ? .ipv6 : .ipv4
    }

    private static let process = [
        keyword("expose-experimental-directives") { (_, statement) in statement.context.allowsExperiments = true },
        keyword("expose-deprecated-directives") { (_, _) in },
        keyword("dns-accept-family") { (global, statement) throws(Complaint) in
            global.settings.acceptedFamilies = try acceptedFamilies(&statement)
        },
        flag("daemon", \.daemon),
        flag("quiet", \.quiet),
        flag("zero-warning", \.zeroWarning),
        flag("strict-limits", takesModifiers: true, \.strictLimits),
        keyword("master-worker") { (global, statement) throws(Complaint) in
            if let word = statement.next() {
                guard word.text == "no-exit-on-failure" else {
                    throw Complaint(
                        "'master-worker' only supports 'no-exit-on-failure' option, got '\(word.text)'.", at: word)
                }
                global.settings.exitsOnWorkerFailure = false
            }
            global.settings.masterWorker = true
        },
        keyword("mworker-max-reloads") { (global, statement) throws(Complaint) in
            let count = try statement.integer(in: Int(Int32.min)...Int(Int32.max))
            guard count >= 0 else {
                throw Complaint("'mworker-max-reloads' expects a positive value or zero.")
            }
            global.settings.maxReloads = count
        },
        once("user", key: "user/uid") { (global, statement) throws(Complaint) in
            global.settings.user = .name(try statement.argument("a user name").text)
        },
        once("uid", key: "user/uid") { (global, statement) throws(Complaint) in
            global.settings.user = .id(UInt32(try statement.integer()))
        },
        once("group", key: "group/gid") { (global, statement) throws(Complaint) in
            global.settings.group = .name(try statement.argument("a group name").text)
        },
        once("gid", key: "group/gid") { (global, statement) throws(Complaint) in
            global.settings.group = .id(UInt32(try statement.integer()))
        },
        once("chroot") { (global, statement) throws(Complaint) in
            let word = try statement.argument("a directory as an argument")
            if word.text == "auto" { throw Complaint(refusal(of: "chroot auto"), at: word) }
            global.settings.chroot = word.text
        },
        once("pidfile") { (global, statement) throws(Complaint) in
            global.settings.pidfile = try statement.argument("a file name as an argument").text
        },
        once("hard-stop-after") { (global, statement) throws(Complaint) in
            let time = try statement.time()
            global.settings.hardStopAfter = time == 0 ? nil : time
        },
        once("grace") { (global, statement) throws(Complaint) in
            global.settings.grace = try statement.time()
        },
        once("cluster-secret") { (global, statement) throws(Complaint) in
            global.settings.clusterSecret = try statement.argument("an ASCII string argument").text
        },
        keyword("unix-bind") { (global, statement) throws(Complaint) in
            try unixBind.apply(to: &global.surroundings, &statement)
        },
        keyword("profiling.tasks") { (global, statement) throws(Complaint) in
            try profiling(&global.settings.taskProfiling, &statement)
        },
        // Portico's QUIC needs no compatibility layer, so what this asks for holds in any case.
        keyword("limited-quic") { (_, _) in },
    ]

    private static let unixBind = LineOptionTable<Surroundings>(
        [
            LineOption("prefix") { (surroundings, statement, option) throws(Complaint) in
                surroundings.unixPrefix = try statement.value(of: option, "a path").text
            }
        ] + BindOptions.permissions(\.unixPermissions),
        refused: [])

    private static let limits = [
        integer("nbthread", in: 1...1024, \.nbthread),
        integer("maxconn", zeroIsNil: true, \.maxconn),
        integer("ulimit-n", zeroIsNil: true, \.ulimitN),
        once("fd-hard-limit") { (global, statement) throws(Complaint) in
            global.settings.fdHardLimit = try statement.integer(in: 1...Int(Int32.max))
        },
    ]

    private static let logs = [
        keyword("log", takesModifiers: true) { (global, statement) throws(Complaint) in
            try LogStatement.apply(to: &global.logs, &statement, allowsGlobal: false)
        },
        keyword("log-tag") { (global, statement) throws(Complaint) in
            global.settings.logTag = try statement.argument("a tag for use in syslog").text
        },
        once("log-send-hostname") { (global, statement) in
            global.settings.logHostname = statement.next().map { .fixed($0.text) } ?? .system
        },
    ]
}
