import Configuration
import Rules
import Samples
import Vocabulary
import Words

/// Gathers the sections of all files: it takes statements in their order and keeps drafts of what they describe.
struct SectionParser {
    /// The section that statements belong to.
    private enum Current {
        /// None yet in this file.
        case none
        case global
        /// `proxy` holds it.
        case proxy
        /// `group` holds it.
        case errors
        /// `profile` holds it.
        case profile
        /// `resolver` holds it.
        case resolvers
        /// `healthcheck` holds it.
        case healthcheck
        /// `userList` holds it.
        case users
        /// `ring` holds it.
        case ring
        /// `forward` holds it.
        case forward
        /// A section whose lines are passed over, as its first line is complained about.
        case passedOver
    }

    /// A `defaults` section with a name.
    private struct NamedDefaults {
        var draft: ProxyDraft
        /// The first other section of that name.
        var other: Mark?
        /// Whether a section said `from` it.
        var isReferenced = false
    }

    private(set) var global: GlobalDraft
    /// `frontend`, `backend` and `listen` sections in their order.
    private(set) var proxies: [ProxyDraft] = []
    /// `http-errors` sections in their order.
    private(set) var groups: [ErrorGroupDraft] = []
    /// `log-profile` sections in their order.
    private(set) var profiles: [LogProfile] = []
    /// `resolvers` sections in their order.
    private(set) var resolvers: [ResolverDraft] = []
    /// `healthcheck` sections in their order.
    private(set) var healthchecks: [HealthcheckDraft] = []
    /// `userlist` sections in their order.
    private(set) var userLists: [UserListDraft] = []
    /// `ring` sections in their order.
    private(set) var rings: [RingDraft] = []
    /// `log-forward` sections in their order.
    private(set) var forwards: [LogForwardDraft] = []
    var diagnostics: [Diagnostic] = []
    /// Only what a master process needs to know is read: see ``ConfigurationLoader/discover(paths:)``.
    var isDiscovery = false

    private var current = Current.none
    private var proxy: ProxyDraft?
    private var group: ErrorGroupDraft?
    private var profile: LogProfile?
    private var resolver: ResolverDraft?
    private var healthcheck: HealthcheckDraft?
    private var userList: UserListDraft?
    private var ring: RingDraft?
    private var forward: LogForwardDraft?
    /// The last `defaults` section, which sections without `from` start with.
    private var lastDefaults: ProxyDraft?
    private var namedDefaults: [String: NamedDefaults] = [:]
    /// What has started with which `defaults` section that has rules.
    private var ruledHeirs: [String: ProxyDraft.Kind] = [:]
    private var frontNames: [String: Mark] = [:]
    private var backNames: [String: Mark] = [:]
    private var groupNames: [String: Mark] = [:]

    private static let sectionNames = [
        "global", "defaults", "frontend", "backend", "listen", "http-errors", "log-profile", "resolvers", "healthcheck",
        "userlist", "ring", "log-forward",
    ]
    /// Keywords of `global` that a master process acts on.
    private static let discovered: Set = [
        "daemon", "expose-deprecated-directives", "expose-experimental-directives", "master-worker",
        "mworker-max-reloads", "pidfile", "presetenv", "quiet", "resetenv", "setenv", "unsetenv", "zero-warning",
    ]
    /// Keywords besides `option …` that `no` and `default` may stand before.
    private static let modifiable = "options, log, busy-polling, set-dumpable, strict-limits and numa-cpu-mapping"

    /// What the expressions and rules of all sections are read with.
    let context = CompilationContext(Vocabulary.samples)

    init(global: GlobalDraft, groups: [ErrorGroupDraft] = []) {
        self.global = global
        self.groups = groups
        let system = global.surroundings.system
        context.readFile = { path throws(Complaint) in
            do throws(SystemError) { return try system.read(path) } catch { throw Complaint(error.reason) }
        }
        context.resolveName = { name in
            guard let address = system.address(of: name, family: .ipv4), address.isV4 else { return nil }
            return address.bytes.reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// The `defaults` sections that have names.
    var defaultsByName: [String: ProxyDraft] { namedDefaults.mapValues(\.draft) }

    /// What `$NAME` means now.
    var variables: Variables { global.variables }

    /// Tells which file follows.
    mutating func begin(file: String) { global.surroundings.system.begin(file: file) }

    /// Tells which file and line follow.
    mutating func move(to location: SourceLocation, _ line: ArraySlice<UInt8>) {
        global.variables.file = location.file
        global.variables.line = location.line
        context.file = location.file
        context.line = location.line
        context.text = line
        context.expressionPlace = "in"
    }

    /// Ends the current section: each file has sections of its own.
    mutating func endFile() {
        endSection()
        current = .none
        global.variables.section = ""
    }

    // MARK: Statements

    /// Takes one line's words; there is at least one.
    mutating func statement(_ words: [Word], on line: SourceLine) {
        var modifier = Statement.Modifier.none
        var start = 0
        if let word = Statement.Modifier(rawValue: words[0].text), word != .none, words.count > 1 {
            modifier = word
            start = 1
        }
        if modifier == .none, beginSection(words, on: line) { return }
        let words = withAddress(words)
        switch current {
        case .none:
            let name = words[start].text
            let suggestion = Nearest.word(to: name, among: Self.sectionNames)
            let hint = suggestion.map { "; did you mean '\($0)' maybe ?" } ?? ""
            alert("unknown keyword '\(name)' out of section\(hint)", on: line, at: words[start].column)
        case .passedOver:
            break
        case .global where isDiscovery && !Self.discovered.contains(words[start].text):
            break
        case .global:
            var draft = global
            apply(GlobalKeywords.table, to: &draft, section: .global, words, start, modifier, line)
            global = draft
        case .proxy:
            // Moved out and back, so that nothing is copied.
            guard var draft = proxy.take() else { return }
            applyProxy(to: &draft, words, start, modifier, line)
            proxy = consume draft
        case .errors:
            guard var draft = group.take() else { return }
            apply(Self.groupTable, to: &draft, section: .httpErrors, words, start, modifier, line)
            group = consume draft
        case .profile:
            guard var draft = profile.take() else { return }
            apply(Self.profileTable, to: &draft, section: .logProfile, words, start, modifier, line)
            profile = consume draft
        case .resolvers:
            guard var draft = resolver.take() else { return }
            apply(Self.resolversTable, to: &draft, section: .resolvers, words, start, modifier, line)
            resolver = consume draft
        case .healthcheck:
            guard var draft = healthcheck.take() else { return }
            apply(Self.healthcheckTable, to: &draft, section: .healthcheck, words, start, modifier, line)
            healthcheck = consume draft
        case .users:
            guard var draft = userList.take() else { return }
            apply(Self.userTable, to: &draft, section: .userList, words, start, modifier, line)
            userList = consume draft
        case .ring:
            guard var draft = ring.take() else { return }
            apply(Self.ringTable, to: &draft, section: .ring, words, start, modifier, line)
            ring = consume draft
        case .forward:
            guard var draft = forward.take() else { return }
            apply(Self.forwardTable, to: &draft, section: .logForward, words, start, modifier, line)
            forward = consume draft
        }
    }

    private static let resolversTable = KeywordTable(ResolversStatement.keywords, refused: [])
    private static let healthcheckTable = KeywordTable(CheckKeywords.section, refused: [])

    /// Variables in the address of a statement mean their values, though the lexer only looks into quotes.
    private func withAddress(_ words: [Word]) -> [Word] {
        let place =
            switch words[0].text {
            case "bind", "dgram-bind", "log": 1
            case "server", "stats": 2
            default: Int.max
            }
        guard words.indices.contains(place), words[place].text.utf8.contains(UInt8(ascii: "$")) else { return words }
        var words = words
        words[place].text = variables.expanding(words[place].text)
        return words
    }

    private static let profileTable = KeywordTable(LogProfileStatement.keywords, refused: [])
    private static let userTable = KeywordTable(UserListStatement.keywords, refused: [])
    private static let ringTable = KeywordTable(RingStatement.keywords, refused: [])
    private static let forwardTable = KeywordTable(LogForwardStatement.keywords, refused: [])
    private static let groupTable = KeywordTable(ErrorFileStatement.groupKeywords, refused: [])

    private mutating func applyProxy(
        to draft: inout ProxyDraft, _ words: [Word], _ start: Int, _ modifier: Statement.Modifier, _ line: SourceLine
    ) {
        if case .known(let keyword, _) = ProxyKeywords.table.entry(for: words, at: start),
            !keyword.sections.contains(draft.kind.sections)
        {
            let (severity, message) = MisplacedKeyword.judge(keyword.name, in: draft.kind, named: draft.name)
            report(severity, Complaint(message, at: words[start].column), on: line)
            return
        }
        context.proxyName = draft.name
        // The ACLs are not kept while they are changed: that would copy them each time.
        context.findACL = { _ in nil }
        if words[start].text != "acl" { context.findACL = { [acls = draft.acls] in acls[$0] } }
        apply(ProxyKeywords.table, to: &draft, section: draft.kind.sections, words, start, modifier, line)
        context.findACL = { _ in nil }
    }

    private mutating func apply<Target>(
        _ table: KeywordTable<Target>, to target: inout Target, section: SectionKinds, _ words: [Word], _ start: Int,
        _ modifier: Statement.Modifier, _ line: SourceLine
    ) {
        let first = words[start]
        switch table.entry(for: words, at: start) {
        case .known(let keyword, let length):
            if modifier != .none, !keyword.takesModifiers {
                let message = "'\(modifier.rawValue) \(keyword.name)': negation/default currently supported only for "
                alert(message + Self.modifiable, on: line, at: first.column)
                return
            }
            var statement = Statement(
                line: line, words: words, start: start, keywordLength: length, modifier: modifier, context: context)
            var complaint: Complaint?
            do {
                try keyword.apply(&target, &statement)
                try statement.finish()
            } catch {
                complaint = error
            }
            for warning in statement.warnings { report(.warning, warning, on: line, default: first.column) }
            if let complaint { report(.alert, complaint, on: line, default: first.column) }
        case .refused(let name):
            alert(refusal(of: name), on: line, at: first.column)
        case .incomplete(let name):
            alert("'\(name)' expects a name as its first argument", on: line, at: first.column)
        case .unknown(let name, let index):
            let suggestion = table.suggestion(for: name, in: section)
            let hint = suggestion.map { "; did you mean '\($0)' maybe ?" } ?? ""
            alert("unknown keyword '\(name)' in '\(currentName)' section\(hint)", on: line, at: words[index].column)
        }
    }

    private var currentName: String {
        switch current {
        case .none, .passedOver: ""
        case .global: "global"
        case .errors: "http-errors"
        case .profile: "log-profile"
        case .resolvers: "resolvers"
        case .healthcheck: "healthcheck"
        case .users: "userlist"
        case .ring: "ring"
        case .forward: "log-forward"
        case .proxy: currentKind.rawValue
        }
    }

    /// The kind of the current proxy section, also while its draft is moved out.
    private var currentKind = ProxyDraft.Kind.defaults

    // MARK: Sections

    /// Starts a section if the first word is the name of one.
    private mutating func beginSection(_ words: [Word], on line: SourceLine) -> Bool {
        let name = words[0].text
        let isRefused = RefusedKeywords.sections.contains(name)
        let isUnused = RefusedKeywords.unusedSections.contains(name)
        guard isRefused || isUnused || Self.sectionNames.contains(name) else { return false }
        endSection()
        global.variables.section = words.count > 1 ? words[1].text : name
        if isDiscovery, name != "global" {
            current = .passedOver
            return true
        }
        if isRefused {
            current = .passedOver
            alert("section '\(name)' is not supported by this version of Portico", on: line, at: words[0].column)
            return true
        }
        if isUnused {
            current = .passedOver
            let title = ([name] + words.dropFirst().prefix(1).map(\.text)).joined(separator: " ")
            let message = "section '\(title)' has no effect: what it is for is not supported by this version of Portico"
            report(.warning, Complaint(message, at: words[0].column), on: line)
            return true
        }
        switch name {
        case "global": beginGlobal(words, on: line)
        case "http-errors": beginErrors(words, on: line)
        case "log-profile": beginProfile(words, on: line)
        case "resolvers": beginResolvers(words, on: line)
        case "healthcheck": beginHealthcheck(words, on: line)
        case "userlist": beginUserList(words, on: line)
        case "ring": beginRing(words, on: line)
        case "log-forward": beginForward(words, on: line)
        default: beginProxy(ProxyDraft.Kind(rawValue: name) ?? .listen, words, on: line)
        }
        return true
    }

    private mutating func endSection() {
        if let draft = proxy {
            if draft.kind == .defaults {
                lastDefaults = draft
                if !draft.name.isEmpty {
                    let other = namedDefaults[draft.name].map { $0.other ?? $0.draft.mark }
                    namedDefaults[draft.name] = NamedDefaults(draft: draft, other: other)
                }
            } else {
                proxies.append(draft)
            }
        }
        if let group { groups.append(group) }
        if let profile { profiles.append(profile) }
        if let resolver { resolvers.append(resolver) }
        resolver = nil
        if let healthcheck { healthchecks.append(healthcheck) }
        healthcheck = nil
        if let userList { userLists.append(userList) }
        if let ring { rings.append(ring) }
        if let forward { forwards.append(forward) }
        forward = nil
        userList = nil
        ring = nil
        proxy = nil
        group = nil
        profile = nil
    }

    private mutating func beginGlobal(_ words: [Word], on line: SourceLine) {
        current = .global
        if words.count > 1 {
            alert("'global' : unexpected extra argument '\(words[1].text)'", on: line, at: words[1].column)
        }
        if !proxies.isEmpty || lastDefaults != nil {
            let message = "a 'global' section after other sections: its defaults act on the lines that follow only"
            report(.warning, Complaint(message, at: words[0].column), on: line)
        }
    }

    /// The name of the section that `words` begin, which is complained about when it is missing, has a character that
    /// names may not have, or is followed by something.
    ///
    /// - Parameter missing: what is said when there is none.
    private mutating func sectionName(
        _ words: [Word], missing: String, allowsMore: Bool = false, on line: SourceLine
    ) -> (name: Word, mark: Mark) {
        let kind = words[0].text
        let name = words.count > 1 ? words[1] : Word(text: "", column: words[0].column)
        if name.text.isEmpty {
            alert(missing, on: line, at: name.column)
        } else if words.count > 2, !allowsMore {
            alert("'\(kind)' : unexpected extra argument '\(words[2].text)'", on: line, at: words[2].column)
        }
        checkCharacters(of: name, kind, on: line)
        return (name, Self.mark(line, name.column))
    }

    private mutating func beginErrors(_ words: [Word], on line: SourceLine) {
        current = .errors
        let (name, mark) = sectionName(words, missing: "'http-errors' expects a name", on: line)
        group = ErrorGroupDraft(name: name.text, mark: mark, surroundings: global.surroundings)
        guard !name.text.isEmpty, let other = groupNames.updateValue(mark, forKey: name.text) else { return }
        alert("http-errors section '\(name.text)' is already declared at \(other.location)", on: line, at: name.column)
    }

    private mutating func beginProfile(_ words: [Word], on line: SourceLine) {
        current = .profile
        let (name, _) = sectionName(words, missing: "missing name for log-profile section", on: line)
        if let other = profiles.first(where: { $0.name == name.text }) {
            alert(
                "log-profile section '\(name.text)' has the same name as another log-profile section declared at"
                    + " \(other.location)", on: line, at: name.column)
        }
        profile = LogProfile(name: name.text, location: line.location)
    }

    private mutating func beginResolvers(_ words: [Word], on line: SourceLine) {
        current = .resolvers
        let (name, _) = sectionName(words, missing: "missing name for resolvers section.", on: line)
        if let other = resolvers.first(where: { $0.settings.name == name.text }) {
            alert(
                "resolvers '\(name.text)' has same name as another resolvers (declared at \(other.settings.location)).",
                on: line, at: name.column)
        }
        resolver = ResolverDraft(
            settings: ResolverSettings(name: name.text, location: line.location), system: global.surroundings.system)
    }

    private mutating func beginUserList(_ words: [Word], on line: SourceLine) {
        current = .users
        let (name, mark) = sectionName(words, missing: "'userlist' expects <name> as arguments.", on: line)
        if let place = userLists.firstIndex(where: { $0.name == name.text }) {
            // The users of the second one are those of the first, as in HAProxy.
            report(
                .warning, Complaint("ignoring duplicated userlist '\(name.text)'.", at: name.column), on: line)
            userList = userLists.remove(at: place)
        } else {
            userList = UserListDraft(name: name.text, mark: mark)
        }
    }

    private mutating func beginRing(_ words: [Word], on line: SourceLine) {
        current = .ring
        let (name, mark) = sectionName(words, missing: "missing ring name.", allowsMore: true, on: line)
        if rings.contains(where: { $0.settings.name == name.text }) || context.sinks[name.text] != nil {
            alert("sink named '\(name.text)' already exists.", on: line, at: name.column)
        }
        ring = RingDraft(
            settings: RingSettings(name: name.text, location: line.location),
            proxy: ProxyDraft(kind: .backend, name: name.text, mark: mark, surroundings: global.surroundings),
            mark: mark)
    }

    private mutating func beginForward(_ words: [Word], on line: SourceLine) {
        current = .forward
        let (name, mark) = sectionName(words, missing: "missing name for log-forward section.", on: line)
        if let other = forwards.first(where: { $0.settings.name == name.text }) {
            alert(
                "log-forward section '\(name.text)' has the same name as another log-forward section declared at"
                    + " \(other.settings.location).", on: line, at: name.column)
        } else if let other = frontNames[name.text] ?? backNames[name.text] {
            alert(
                "log forward section '\(name.text)' has the same name as a section declared at \(other.location).",
                on: line, at: name.column)
        }
        forward = LogForwardDraft(
            settings: LogForwardSettings(name: name.text, location: line.location), surroundings: global.surroundings,
            mark: mark)
    }

    private mutating func beginHealthcheck(_ words: [Word], on line: SourceLine) {
        current = .healthcheck
        let (name, mark) = sectionName(
            words, missing: "missing name for healthcheck section.", allowsMore: true, on: line)
        if let other = healthchecks.first(where: { $0.name == name.text }) {
            alert(
                "healthcheck section '\(name.text)' already defined at \(other.mark.location).", on: line,
                at: name.column)
        }
        healthcheck = HealthcheckDraft(name: name.text, mark: mark)
    }

    private mutating func beginProxy(_ kind: ProxyDraft.Kind, _ words: [Word], on line: SourceLine) {
        current = .proxy
        currentKind = kind
        // 'defaults from X' has no name.
        let isNamed = words.count > 1 && !(kind == .defaults && words[1].text == "from" && words.count == 3)
        let name = isNamed ? words[1] : Word(text: "", column: words[0].column)
        let mark = Self.mark(line, name.column)
        let base = parent(of: kind, words: words, after: isNamed ? 2 : 1, on: line)
        if let base, base.hasRules { checkHeir(kind, of: base, on: line, at: words[0].column) }
        if let base {
            proxy = ProxyDraft(
                kind: kind, name: name.text, mark: mark, surroundings: global.surroundings, defaults: base)
        } else {
            proxy = ProxyDraft(kind: kind, name: name.text, mark: mark, surroundings: global.surroundings)
        }
        if name.text.isEmpty {
            if kind != .defaults { alert("'\(kind.rawValue)' expects an <id> argument", on: line, at: name.column) }
            return
        }
        checkCharacters(of: name, kind.rawValue, on: line)
        if kind != .defaults { checkUnique(kind, name, mark, on: line) }
    }

    /// Which sections may start with a `defaults` section that has rules, in HAProxy's words (configuration.txt,
    /// section 4): the rules of both halves would run twice.
    private mutating func checkHeir(
        _ kind: ProxyDraft.Kind, of base: ProxyDraft, on line: SourceLine, at column: Int
    ) {
        let place = "(defaults section at \(base.mark.location))"
        let message: String?
        let rules = base.rules
        switch kind {
        case .defaults:
            message = "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules \(place)"
        case .listen:
            message = "a listen section cannot inherit from a defaults section defining TCP/HTTP rules"
        case .frontend where ruledHeirs[base.name] == .backend, .backend where ruledHeirs[base.name] == .frontend:
            message =
                "frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules"
                + " \(place)"
        case .backend where rules[.tcpRequestConnection].count + rules[.tcpRequestSession].count > 0:
            message =
                "a backend section cannot inherit from a defaults section defining 'tcp-request connection' or"
                + " 'tcp-request session' rules \(place)"
        case .frontend where rules[.tcpResponseContent].count > 0:
            message =
                "a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules"
                + " \(place)"
        case .frontend, .backend: message = nil
        }
        ruledHeirs[base.name] = kind
        if let message { alert(message + ".", on: line, at: column) }
    }

    /// The defaults that a section starts with: those behind `from`, or the last ones. A `defaults` section starts
    /// from nothing unless it says `from`.
    private mutating func parent(
        of kind: ProxyDraft.Kind, words: [Word], after index: Int, on line: SourceLine
    ) -> ProxyDraft? {
        let implicit = kind == .defaults ? nil : lastDefaults
        if words.count <= index, let implicit, namedDefaults[implicit.name]?.isReferenced == true {
            let message =
                "'defaults' section '\(implicit.name)' at \(implicit.mark.location) is used here without 'from',"
                + " and by other sections with it; say 'from' everywhere, or add a 'defaults' section after it"
            report(.warning, Complaint(message, at: words[0].column), on: line)
        }
        guard words.count > index else { return implicit }
        guard words[index].text == "from" else {
            let hint =
                kind == .backend || kind == .defaults
                ? "" : "; please use the 'bind' keyword for listening addresses"
            alert(
                "'\(kind.rawValue)' : unexpected argument '\(words[index].text)', only 'from' is possible here\(hint)",
                on: line, at: words[index].column)
            return implicit
        }
        guard words.count > index + 1 else {
            alert("'from' expects the name of a 'defaults' section", on: line, at: words[index].column)
            return implicit
        }
        if words.count > index + 2 {
            let extra = words[index + 2]
            alert("'\(kind.rawValue)' : unexpected extra argument '\(extra.text)'", on: line, at: extra.column)
        }
        let wanted = words[index + 1]
        guard let base = namedDefaults[wanted.text] else {
            let suggestion = Nearest.word(to: wanted.text, among: namedDefaults.keys)
            let hint = suggestion.map { "; did you mean '\($0)' maybe ?" } ?? ""
            alert("'defaults' section '\(wanted.text)' is not declared before\(hint)", on: line, at: wanted.column)
            return implicit
        }
        if let other = base.other {
            let message =
                "'defaults' section '\(wanted.text)' is declared at \(other.location) and again at"
                + " \(base.draft.mark.location)"
            alert(message, on: line, at: wanted.column)
        }
        namedDefaults[wanted.text]?.isReferenced = true
        return base.draft
    }

    /// Two fronts, or two backs, can not share a name.
    private mutating func checkUnique(
        _ kind: ProxyDraft.Kind, _ name: Word, _ mark: Mark, on line: SourceLine
    ) {
        let others = [kind.hasFront ? frontNames[name.text] : nil, kind.hasBack ? backNames[name.text] : nil]
        if kind.hasFront { frontNames[name.text] = frontNames[name.text] ?? mark }
        if kind.hasBack { backNames[name.text] = backNames[name.text] ?? mark }
        if let other = others.lazy.compactMap({ $0 }).first {
            alert(
                "\(kind.rawValue) '\(name.text)' has the same name as a section declared at \(other.location)",
                on: line,
                at: name.column)
        }
    }

    private mutating func checkCharacters(of name: Word, _ what: String, on line: SourceLine) {
        do {
            try checkName(name, of: what)
        } catch {
            report(.alert, error, on: line)
        }
    }

    // MARK: Messages

    private static func mark(_ line: SourceLine, _ column: Int) -> Mark {
        Mark(location: line.location, excerpt: Excerpt(line: line.bytes, column: column))
    }

    /// Keeps an alert about a column of a line.
    mutating func alert(_ message: String, on line: SourceLine, at column: Int) {
        report(.alert, Complaint(message, at: column), on: line)
    }

    private mutating func report(
        _ severity: Diagnostic.Severity, _ complaint: Complaint, on line: SourceLine, default column: Int = 0
    ) {
        diagnostics.append(
            Diagnostic(
                severity, complaint.message, at: line.location,
                excerpt: Excerpt(line: line.bytes, column: complaint.column ?? column)))
    }
}
