import Accounts
import Configuration
import Patterns
import Rules
import Samples
import Synchronization
import Words

/// Makes drafts into a configuration: resolves names, fills in defaults, and checks what no single line can.
struct Assembler {
    let sections: SectionParser
    private(set) var diagnostics: [Diagnostic] = []
    private let settings: GlobalSettings
    /// Indices of back halves, and of the drafts they come from, by name.
    var backends: [String: (index: Int, draft: Int)] = [:]
    private var groups: [String: [ErrorFile]] = [:]
    /// `healthcheck` sections by name.
    private var healthchecks: [String: CheckRuleset] = [:]

    private init(_ sections: SectionParser, global: GlobalSettings) {
        self.sections = sections
        settings = global
        for (index, draft) in sections.proxies.enumerated() where draft.kind.hasBack {
            if backends[draft.name] == nil { backends[draft.name] = (backends.count, index) }
        }
        for group in sections.groups { groups[group.name] = group.files }
        for section in sections.healthchecks where healthchecks[section.name] == nil {
            healthchecks[section.name] = section.check.ruleset ?? .connectOnly
        }
    }

    /// The configuration that the sections describe, with what is wrong in it.
    static func assemble(_ sections: SectionParser, global: GlobalSettings) -> (Configuration, [Diagnostic]) {
        var assembler = Assembler(sections, global: global)
        let configuration = assembler.assemble()
        return (configuration, assembler.diagnostics)
    }

    /// The back half that a draft of a section describes which stands in no file; its diagnostics are dropped.
    static func backend(
        _ draft: ProxyDraft, _ sections: SectionParser, global: GlobalSettings
    ) -> BackendSettings {
        var assembler = Assembler(sections, global: global)
        return assembler.backend(draft, assembler.errorFiles(of: draft))
    }

    private mutating func assemble() -> Configuration {
        var result = Configuration(global: settings)
        var taken: Set<String> = []
        for draft in sections.proxies {
            check(draft)
            let files = errorFiles(of: draft)
            if draft.kind.hasFront { result.frontends.append(frontend(draft, files)) }
            // A second back half of the same name is complained about already.
            if draft.kind.hasBack, taken.insert(draft.name).inserted { result.backends.append(backend(draft, files)) }
        }
        result.logForwards = sections.forwards.map(forward)
        var logBackends = LogBackendAssembler(sections.context)
        for (place, backend) in result.backends.enumerated() {
            guard let index = backends[backend.name]?.draft, sections.proxies[index].isLogBackend else { continue }
            logBackends.prepare(&result.backends[place], sections.proxies[index])
        }
        result.logBackends = logBackends.resolve(result.backends)
        diagnostics += logBackends.diagnostics
        result.logProfiles = profiles()
        result.resolvers = sections.resolvers.map(\.settings)
        if !result.resolvers.contains(where: { $0.name == "default" }),
            let machine = SystemNameServers.section(sections.global.surroundings.system)
        {
            result.resolvers.append(machine)
        }
        checkResolvers(result)
        result.userLists = userLists()
        var rings = RingAssembler(sections, settings: settings)
        result.rings = rings.rings()
        diagnostics += rings.diagnostics
        result.sinks = sections.context.sinks
        result.variableNames = sections.context.variableNames
        diagnostics += ReferenceResolver(configuration: result, defaults: Set(sections.defaultsByName.keys))
            .resolve(sections.context)
        var reverse = ReverseAssembler()
        reverse.resolveBinds(&result)
        reverse.resolveRules(sections.context.attachments, &result)
        diagnostics += reverse.diagnostics
        markReferences(&result)
        numberSections(&result)
        checkTracking(result)
        checkIdentifiers(result.frontends, result.backends)
        sections.context.patterns.assignNumbers()
        result.patterns = sections.context.patterns
        checkErrorGroups()
        checkGroups()
        diagnostics += ListenerConflicts.find(in: result.frontends, drafts: sections.proxies)
        return result
    }

    private func forward(_ draft: LogForwardDraft) -> LogForwardSettings {
        var forward = draft.settings
        forward.logs = draft.logs.flatMap { log -> [LogTarget] in
            var targets = log.resolved(global: settings.logs, settings: settings)
            if case .target(_, hasFraming: false) = log {
                for index in targets.indices { targets[index].detectsFraming = true }
            }
            return targets
        }
        return forward
    }

    /// Servers may name `resolvers` sections that stand behind them.
    private mutating func checkResolvers(_ result: Configuration) {
        for use in sections.context.resolverUses where !result.resolvers.contains(where: { $0.name == use.name }) {
            diagnostics.append(
                Diagnostic(
                    .alert,
                    "\(use.location): proxy '\(use.proxyName)': Can't find resolvers section '\(use.name)' for do-resolve"
                        + " action"))
        }
        for draft in sections.proxies where draft.kind.hasBack {
            for server in draft.servers {
                guard let name = server.resolution.resolvers, !result.resolvers.contains(where: { $0.name == name })
                else { continue }
                report(
                    .alert,
                    "\(draft.kind.word) '\(draft.name)', server '\(server.name)': unable to find required resolvers"
                        + " '\(name)'", at: server.resolversMark ?? server.mark ?? draft.mark)
            }
        }
    }

    /// Rules may name `http-errors` sections that stand behind them: they have to be there now.
    private mutating func checkErrorGroups() {
        let groups = sections.context.shared.values.compactMap { $0 as? ErrorGroup }.sorted { $0.name < $1.name }
        for group in groups {
            for reference in group.references {
                if self.groups[group.name] == nil {
                    diagnostics.append(
                        Diagnostic(
                            .alert,
                            "\(reference.location): proxy '\(reference.proxyName)': unknown http-errors section"
                                + " '\(group.name)' referenced by an http reply"))
                } else if group[reference.status] == nil {
                    diagnostics.append(
                        Diagnostic(
                            .warning,
                            "\(reference.location): proxy '\(reference.proxyName)': status '\(reference.status)' referenced by"
                                + " an http reply not declared in http-errors section '\(group.name)'"))
                }
            }
        }
    }

    /// ACLs may name groups of lists that stand behind them.
    private mutating func checkGroups() {
        for use in sections.context.groupUses {
            guard let list = sections.userLists.first(where: { $0.name == use.list }) else { continue }
            let owner = "proxy \(use.proxyName): acl \(use.acl) http_auth_group()"
            if let group = use.group {
                guard !list.groups.contains(where: { $0.name == group }) else { continue }
                diagnostics.append(Diagnostic(.alert, "\(owner): invalid group '\(group)'."))
            } else {
                diagnostics.append(Diagnostic(.alert, "\(owner): no groups specified."))
            }
        }
    }

    /// Notes what rules and arguments of samples name: it can not be deleted or renamed later.
    private func markReferences(_ result: inout Configuration) {
        for place in result.backends.indices {
            for rule in result.backends[place].useServerRules {
                if case .fixed(let server) = rule.target { result.backends[place].referencedServers.insert(server) }
            }
        }
        for pending in sections.context.references {
            let index = pending.reference.index.load(ordering: .relaxed)
            guard result.backends.indices.contains(index) else { continue }
            switch pending.reference.kind {
            case .backend: result.backends[index].isReferenced = true
            case .server:
                let server = pending.reference.serverIndex.load(ordering: .relaxed)
                result.backends[index].referencedServers.insert(server)
            default: break
            }
        }
    }

    /// What a server tracks has to be there, has to be checked, and must not lead back to it.
    private mutating func checkTracking(_ result: Configuration) {
        for backend in result.backends {
            for server in backend.servers {
                guard let name = server.tracked else { continue }
                let place = server.location
                do throws(AssemblyError) { try CheckAssembler.follow(server, name, backend, result) } catch {
                    diagnostics.append(Diagnostic(.alert, error.message, at: place))
                }
            }
        }
    }

    // MARK: Halves

    private mutating func frontend(_ draft: ProxyDraft, _ files: [ErrorFile]) -> FrontendSettings {
        var result = FrontendSettings(name: draft.name, mode: draft.mode, location: draft.mark.location)
        result.isDisabled = draft.isDisabled
        for bind in draft.isDisabled ? [] : draft.binds {
            do {
                result.binds += try BindAssembler.settings(of: bind, mode: draft.mode, tune: settings.tune)
            } catch {
                report(.alert, error.message, at: error.mark ?? bind.mark)
            }
        }
        result.maxconn = draft.maxconn
        result.backlog = draft.backlog
        result.timeouts = draft.timeouts
        result.options.dontLogNull = draft.dontLogNull
        result.summary = draft.summary
        result.sessionRateLimit = draft.sessionRateLimit
        result.probes = draft.clientProbes
        result.options.resetsOnClose = draft.resetsOnClose
        result.options.countsContinuously = draft.countsContinuously
        result.options.dropsTrailers = draft.dropsResponseTrailers
        result.options.keepsIdleConnections = draft.keepsIdleConnections
        result.options.detectsHTTP2 = draft.detectsHTTP2
        result.options.adjustsCase = draft.adjustsClientCase
        result.options.connectionMode = draft.connectionMode
        result.options.forwardFor = draft.mode == .http ? draft.forwardFor : nil
        result.options.abortOnClose = draft.abortOnClose ?? true
        result.options.usesProxyHeader = draft.usesProxyHeader
        result.options.countsListeners = draft.countsListeners
        result.options.splicing = draft.splicing
        result.guid = draft.guid
        result.options.buffersRequest = draft.buffersRequest
        result.options.originalTo = draft.mode == .http ? draft.originalTo : nil
        result.options.fieldNames = draft.fieldNames
        result.options.ignoresProbes = draft.ignoresProbes
        result.options.acceptsViolations = draft.acceptsRequestViolations
        result.forcedSwitches = draft.forcedSwitches
        result.requestInspectDelay = draft.requestInspectDelay
        result.monitorURI = draft.monitorURI.map { Array($0.utf8) }
        result.logs = logs(of: draft)
        result.lines = lines(of: draft)
        result.captures = draft.captures
        result.uniqueID = draft.uniqueID
        result.logTag = draft.logTag
        for rule in draft.useBackendRules {
            switch rule.target {
            case .name(let reference):
                guard let index = resolve(reference, "use_backend", of: draft) else { continue }
                result.useBackendRules.append(
                    UseBackendRule(target: .fixed(index), condition: rule.condition, location: rule.location))
            case .format(let format):
                result.useBackendRules.append(
                    UseBackendRule(target: .named(format), condition: rule.condition, location: rule.location))
            }
        }
        result.rules = draft.rules
        if let reference = draft.defaultBackend {
            result.defaultBackend = resolve(reference, "default_backend", of: draft)
        } else if draft.kind == .listen {
            result.defaultBackend = backends[draft.name]?.index
        }
        result.errorFiles = files
        if draft.mode == .http { result.statisticsPage = draft.statisticsPage }
        return result
    }

    private mutating func backend(_ draft: ProxyDraft, _ files: [ErrorFile]) -> BackendSettings {
        var result = BackendSettings(name: draft.name, mode: draft.mode, location: draft.mark.location)
        result.isListen = draft.kind == .listen
        result.isUnpublished = draft.isUnpublished
        result.isDisabled = draft.isDisabled
        result.balance = draft.balance.needsHTTP && draft.mode != .http ? .roundrobin : draft.balance
        result.hashing = draft.hashing
        result.usesAllBackups = draft.usesAllBackups
        result.fullconn = draft.fullconn
        result.cookie = draft.mode == .http ? draft.cookie : nil
        result.dynamicCookieKey = draft.dynamicCookieKey
        result.source = draft.source
        result.persistsWhenDown = draft.persistsWhenDown
        result.prefersLastServer = draft.prefersLastServer
        result.persistence = draft.persistence
        result.retries = draft.retries
        result.guid = draft.guid
        result.retryOn = draft.retryOn
        result.redispatchInterval = draft.redispatchInterval
        result.httpReuse = draft.mode == .http ? draft.httpReuse : .never
        result.options.connectionMode = draft.connectionMode
        result.options.forwardFor = draft.mode == .http ? draft.forwardFor : nil
        result.options.abortOnClose = draft.abortOnClose ?? (draft.mode == .http)
        result.options.splicing = draft.splicing
        result.options.acceptsViolations = draft.acceptsResponseViolations
        result.summary = draft.summary
        result.probes = draft.serverProbes
        result.options.resetsOnClose = draft.resetsOnClose
        result.options.separatesTimes = draft.separatesTimes
        result.options.checksCaching = draft.checksCaching
        result.options.pretendsKeepAlive = draft.pretendsKeepAlive
        result.options.dropsTrailers = draft.dropsRequestTrailers
        result.options.adjustsCase = draft.adjustsServerCase
        result.timeouts = draft.timeouts
        result.options.buffersRequest = draft.buffersRequest
        result.options.originalTo = draft.mode == .http ? draft.originalTo : nil
        result.options.fieldNames = draft.fieldNames
        result.options.logsHealthChecks = draft.logsHealthChecks
        result.persistenceRules = draft.persistenceRules
        result.forwarded = draft.mode == .http ? draft.forwarded : nil
        result.serverNameField = draft.serverNameField
        result.requestInspectDelay = draft.requestInspectDelay
        result.responseInspectDelay = draft.responseInspectDelay
        result.timeouts.queue = draft.timeouts.queue ?? draft.timeouts.connect
        result.logs = logs(of: draft)
        result.logTag = draft.logTag
        result.errorFiles = files
        if draft.mode == .http { result.statisticsPage = draft.statisticsPage }
        result.rules = draft.rules
        result.check = externalCheck(draft) ?? draft.check.ruleset
        result.uniqueID = draft.uniqueID.format
        result.stateSource = draft.stateSource
        result.stateFile = draft.stateFile
        var names: [String: Mark] = [:]
        for server in draft.servers {
            let mark = server.mark ?? draft.mark
            if let other = names.updateValue(mark, forKey: server.name) {
                report(
                    .alert,
                    "\(draft.kind.word) '\(draft.name)', another server named '\(server.name)' was already defined at"
                        + " \(other.location), please use distinct names", at: mark)
            }
            do {
                result.servers.append(
                    try ServerAssembler.settings(
                        of: server, mode: draft.mode, location: mark.location,
                        verifies: sections.global.verifiesServers,
                        checks: CheckAssembler(ruleset: result.check, sections: healthchecks)))
                checkFastOpen(server, draft, at: mark)
            } catch {
                report(.alert, "'server \(draft.name)/\(server.name)' : \(error.message)", at: mark)
            }
        }
        result.useServerRules = draft.useServerRules.compactMap { rule(for: $0, of: draft) }
        return result
    }

    /// A request that went with the SYN is lost with the connection: it has to be sent again.
    private mutating func checkFastOpen(_ server: ServerDraft, _ draft: ProxyDraft, at mark: Mark) {
        let causes = draft.retryOn
        guard server.connection.usesFastOpen,
            !(causes.connectionFailure && causes.emptyResponse && causes.responseTimeout)
        else { return }
        report(
            .warning,
            "'server \(draft.name)/\(server.name)' : server has tfo activated, the backend should be configured with at"
                + " least 'conn-failure', 'empty-response' and 'response-timeout' or we wouldn't be able to retry the"
                + " connection on failure.", at: mark)
    }

    /// Finds the server of a `use-server` line.
    private mutating func rule(for line: UseServerDraft, of draft: ProxyDraft) -> UseServerRule? {
        let location = line.mark.location
        if let format = line.format {
            return UseServerRule(target: .named(format), condition: line.condition, location: location)
        }
        guard let place = draft.servers.firstIndex(where: { $0.name == line.name }) else {
            let hint = Nearest.word(to: line.name, among: draft.servers.map(\.name))
            report(
                .alert,
                "\(draft.kind.word) '\(draft.name)' : unable to find server '\(line.name)' referenced in a 'use-server'"
                    + " rule.\(hint.map { " Did you mean '\($0)' maybe ?" } ?? "")", at: line.mark)
            return nil
        }
        return UseServerRule(target: .fixed(place), condition: line.condition, location: location)
    }

    private mutating func userLists() -> [UserList] {
        sections.userLists.compactMap { draft in
            do throws(Complaint) { return try draft.resolved() } catch {
                report(.alert, error.message, at: draft.mark)
                return nil
            }
        }
    }

    // MARK: References

    private mutating func resolve(_ reference: BackendReference, _ keyword: String, of draft: ProxyDraft) -> Int? {
        guard let target = backends[reference.name] else {
            let suggestion = Nearest.word(to: reference.name, among: backends.keys)
            let hint = suggestion.map { "; did you mean '\($0)' maybe ?" } ?? ""
            report(
                .alert,
                "proxy '\(draft.name)': unable to find required \(keyword): '\(reference.name)'\(hint)",
                at: reference.mark)
            return nil
        }
        let other = sections.proxies[target.draft]
        if other.isLogBackend {
            report(
                .alert,
                "\(draft.mode.rawValue) \(draft.kind.word) '\(draft.name)' (\(draft.mark.location)) tries to use"
                    + " incompatible log backend '\(other.name)' (\(other.mark.location)) by its '\(keyword)' (see"
                    + " 'mode')", at: reference.mark)
            return target.index
        }
        // A TCP connection that goes to a backend of HTTP becomes one of HTTP.
        if other.mode != draft.mode, !(draft.mode == .tcp && other.mode == .http) {
            report(
                .alert,
                "\(draft.mode.rawValue) \(draft.kind.word) '\(draft.name)' (\(draft.mark.location)) tries to use"
                    + " incompatible \(other.mode.rawValue) \(other.kind.word) '\(other.name)'"
                    + " (\(other.mark.location)) by its '\(keyword)' (see 'mode')", at: reference.mark)
        }
        return target.index
    }

    private func logs(of draft: ProxyDraft) -> [LogTarget] {
        draft.logs.flatMap { $0.resolved(global: settings.logs, settings: settings) }
    }

    /// The last file for each status counts.
    private mutating func errorFiles(of draft: ProxyDraft) -> [ErrorFile] {
        var files: [Int: ErrorFile] = [:]
        for line in draft.errorFiles {
            switch line {
            case .file(let file): files[file.status] = file
            case .group(let name, let statuses, let mark):
                guard let group = groups[name] else {
                    let hint = Nearest.word(to: name, among: groups.keys).map { "; did you mean '\($0)' maybe ?" } ?? ""
                    report(
                        .alert, "proxy '\(draft.name)': unable to find http-errors section '\(name)'\(hint)", at: mark)
                    continue
                }
                for status in statuses where !group.contains(where: { $0.status == status }) {
                    report(
                        .alert,
                        "proxy '\(draft.name)': status code '\(status)' is not declared in http-errors section '\(name)'",
                        at: mark)
                }
                for file in group where statuses.isEmpty || statuses.contains(file.status) { files[file.status] = file }
            }
        }
        return files.values.sorted { $0.status < $1.status }
    }

    // MARK: Checks of one section

    private mutating func check(_ draft: ProxyDraft) {
        if draft.isDisabled { return }
        let owner = "\(draft.kind.word) '\(draft.name)'"
        if draft.kind.hasFront, draft.binds.isEmpty {
            report(
                .warning, "\(owner) has no 'bind' directive. Please declare it as a backend if this was intended.",
                at: draft.mark)
        }
        if lacksTimeouts(draft) {
            report(
                .warning,
                "missing timeouts for \(owner).\n"
                    + "   | Connections of silent peers will never end. Please set the timeouts\n"
                    + "   | 'client', 'connect' and 'server' to values that are not zero.", at: draft.mark)
        }
        if draft.kind == .listen, !draft.servers.isEmpty, let reference = draft.defaultBackend {
            report(
                .warning,
                "in \(owner), the 'default_backend' rule always has precedence over the servers, which will never be"
                    + " used.", at: reference.mark)
        }
        if draft.kind.hasFront, let option = fallback(of: draft)?.option {
            report(
                .warning,
                "'\(option)' not usable with \(owner) (needs 'mode http'). Falling back to 'option tcplog'.",
                at: draft.logFormatMark ?? draft.mark)
        }
        checkCaptures(of: draft, owner)
        for (rules, kind, name, option) in [
            (draft.check.httpRules, CheckRuleset.Kind.http, "http-check", "option httpchk"),
            (draft.check.tcpRules, .tcp, "tcp-check", "option tcp-check"),
        ] where draft.kind.hasBack && !rules.isEmpty && draft.check.kind != kind {
            report(
                .warning, "\(owner) uses '\(name)' rules without '\(option)', so the rules are ignored.", at: draft.mark
            )
        }
        if draft.kind.hasFront, draft.lines.format != nil, logs(of: draft).isEmpty {
            report(.warning, "log format ignored for \(owner) since it has no log address.", at: draft.mark)
        }
        if draft.kind.hasBack { checkBalancing(draft, owner) }
        if draft.mode == .tcp, draft.statisticsPage != nil {
            report(
                .warning, "'stats' statement ignored for \(owner) as it requires HTTP mode.", at: draft.mark)
        }
        if draft.mode == .tcp, draft.kind.hasBack, draft.forwarded != nil {
            report(.warning, "'option forwarded' ignored for \(owner) as it requires HTTP mode.", at: draft.mark)
        }
        if draft.mode == .tcp, draft.originalTo != nil {
            report(.warning, "'option originalto' ignored for \(owner) as it requires HTTP mode.", at: draft.mark)
        }
        if draft.mode == .tcp, draft.forwardFor != nil {
            report(.warning, "'option forwardfor' ignored for \(owner) as it requires HTTP mode.", at: draft.mark)
        }
    }

    /// The check by a program, when that is the section's: it is allowed, and can be found.
    private mutating func externalCheck(_ draft: ProxyDraft) -> CheckRuleset? {
        let owner = "Proxy '\(draft.name)'"
        let check = draft.check
        guard check.kind == .external else {
            for (value, name) in [(check.command, "command"), (check.searchPath, "path")] where value != nil {
                report(
                    .warning,
                    "'external-check \(name)' will be ignored for \(draft.kind.rawValue) '\(draft.name)' (requires"
                        + " 'option external-check').", at: draft.mark)
            }
            return nil
        }
        guard settings.allowsExternalChecks else {
            report(
                .alert, "\(owner) : 'option external-check' unable to find required 'global.external-check'.",
                at: draft.mark)
            return nil
        }
        guard let command = check.command else {
            report(
                .alert, "\(owner) : 'option external-check' unable to find required 'external-check command'.",
                at: draft.mark)
            return nil
        }
        if !command.hasPrefix("/"), check.searchPath == nil {
            report(
                .alert,
                "\(owner): 'external-check command' does not have a leading '/' and 'external-check path' is not set.",
                at: draft.mark)
        }
        var program = CheckProgram(command: command)
        program.path = check.searchPath ?? ""
        program.keepsEnvironment = settings.externalChecksKeepEnvironment
        if let (address, _) = draft.binds.first?.addresses.first {
            switch address {
            case .ip(let host, let ports):
                program.proxyAddress = "\(host)"
                program.proxyPort = "\(ports.lowerBound)"
            case .unix(let path): program.proxyAddress = path
            case .abstract, .inherited, .reversed: break
            }
        }
        return CheckRuleset(kind: .external, rules: [CheckRule(.program(program))])
    }

    /// Identifiers are unique in the process.
    private mutating func checkIdentifiers(_ frontends: [FrontendSettings], _ backends: [BackendSettings]) {
        var known: [String: String] = [:]
        func check(_ guid: String?, _ name: String, _ location: SourceLocation, _ found: inout [Diagnostic]) {
            guard let guid, let other = known.updateValue(name, forKey: guid), other != name else { return }
            found.append(Diagnostic(.alert, "'\(name)' : 'guid': duplicate entry with \(other)", at: location))
        }
        for frontend in frontends {
            // The halves of a `listen` section share its identifier.
            check(frontend.guid, "proxy \(frontend.name)", frontend.location, &diagnostics)
            for bind in frontend.binds {
                guard let prefix = bind.guidPrefix else { continue }
                for place in bind.firstPlace..<bind.firstPlace + bind.socketCount {
                    check("\(prefix)-\(place)", "listener \(bind.location)", bind.location, &diagnostics)
                }
            }
        }
        for backend in backends {
            check(backend.guid, "proxy \(backend.name)", backend.location, &diagnostics)
            for server in backend.servers {
                check(server.guid, "server \(backend.name)/\(server.name)", server.location, &diagnostics)
            }
        }
    }

    private mutating func checkBalancing(_ draft: ProxyDraft, _ owner: String) {
        if draft.balance.isForLogs, !draft.isLogBackend {
            report(.alert, "\(owner): 'balance sticky' and 'balance log-hash' need 'mode log'.", at: draft.mark)
        }
        if draft.mode == .tcp, draft.cookie != nil {
            report(.warning, "cookie will be ignored for \(owner) (needs 'mode http').", at: draft.mark)
        }
        if draft.mode == .tcp, draft.balance.needsHTTP {
            report(
                .warning,
                "Layer 7 hash not possible for \(owner) (needs 'mode http'). Falling back to round robin.",
                at: draft.mark)
        }
    }

    /// A format that needs `mode http` is replaced in other modes.
    private func fallback(of draft: ProxyDraft) -> (option: String, format: String)? {
        guard draft.mode == .tcp else { return nil }
        switch draft.standardFormat {
        case .http: return ("option httplog", StandardFormat.tcp)
        case .httpCommon: return ("option httplog clf", StandardFormat.tcpCommon)
        case .https: return ("option httpslog", StandardFormat.tcp)
        case .tcp, nil: return nil
        }
    }

    private func lines(of draft: ProxyDraft) -> LineSettings {
        var lines = draft.lines
        if let fallback = fallback(of: draft) {
            sections.context.place = .log
            lines.format = try? Format.parse(
                Word(text: fallback.format, column: 0), sections.context, options: .logLine)
        }
        return lines
    }

    /// Rules may fill only slots that the section has. A backend's are those of its frontends, known when it runs.
    private mutating func checkCaptures(of draft: ProxyDraft, _ owner: String) {
        guard draft.kind.hasFront else { return }
        for use in draft.captureUses {
            let slots = use.isResponse ? draft.captures.response : draft.captures.request
            guard !slots.indices.contains(use.slot) else { continue }
            let action = use.isResponse ? "http-response capture" : "http-request capture"
            report(.alert, "unable to find capture id '\(use.slot)' referenced by \(action) rule", at: draft.mark)
        }
    }

    /// The profiles that `log` lines and rules name, by their numbers.
    private mutating func profiles() -> [LogProfile] {
        sections.context.logProfiles.map { name, place in
            if let profile = sections.profiles.first(where: { $0.name == name }) { return profile }
            let location = SourceLocation(file: place.file, line: place.line)
            let hint = Nearest.word(to: name, among: sections.profiles.map(\.name))
            diagnostics.append(
                Diagnostic(
                    .alert,
                    "unknown log-profile '\(name)'\(hint.map { "; did you mean '\($0)' maybe ?" } ?? "")",
                    at: location))
            return LogProfile(name: name, location: location)
        }
    }

    private func lacksTimeouts(_ draft: ProxyDraft) -> Bool {
        let timeouts = draft.timeouts
        if draft.isLogBackend { return false }
        if draft.kind.hasFront, timeouts.client == nil { return true }
        guard draft.kind.hasBack, !draft.servers.isEmpty else { return false }
        return timeouts.connect == nil || timeouts.server == nil && (draft.mode == .http || timeouts.tunnel == nil)
    }

    mutating func report(_ severity: Diagnostic.Severity, _ message: String, at mark: Mark) {
        diagnostics.append(Diagnostic(severity, message, at: mark.location, excerpt: mark.excerpt))
    }
}

extension ProxyDraft.Kind {
    /// The word that messages have for such a section.
    var word: String { self == .listen ? "proxy" : rawValue }
}
