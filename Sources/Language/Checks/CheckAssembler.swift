import Configuration

/// Fills in what a server's checks are made of, and looks whether that fits together.
struct CheckAssembler {
    /// The backend's steps; nil: only a connection.
    var ruleset: CheckRuleset?
    /// Those of `healthcheck` sections by name.
    var sections: [String: CheckRuleset] = [:]

    /// Whether checks speak TLS though traffic may not.
    func needsTLS(_ draft: ServerDraft) -> Bool {
        guard draft.check.isEnabled else { return false }
        if draft.check.usesTLS == true { return true }
        let ruleset = draft.healthcheck.flatMap { sections[$0] } ?? self.ruleset
        return ruleset?.rules.contains {
            if case .connect(let connect) = $0.action { connect.usesTLS } else { false }
        } ?? false
    }

    func apply(
        _ draft: ServerDraft, _ mode: ProxyMode, to server: inout ServerSettings
    ) throws(AssemblyError) {
        server.check = draft.check
        server.agent = draft.agent
        server.observedLayer = draft.observedLayer
        server.errorLimit = draft.errorLimit
        server.errorReaction = draft.errorReaction
        server.initialState = draft.initialState
        server.slowStart = draft.slowStart
        server.shutsSessionsWhenDown = draft.shutsSessionsWhenDown
        server.shutsBackupsWhenUp = draft.shutsBackupsWhenUp
        server.tracked = draft.tracked
        if server.tls != nil { server.usesTLSForTraffic = draft.usesTLS || server.connection.transport == .quic }
        if let name = draft.healthcheck {
            guard let section = sections[name] else {
                throw AssemblyError(
                    message: "healthcheck section '\(name)' not found for server '\(draft.name)'.", mark: draft.mark)
            }
            server.check.ruleset = section
        }
        if draft.observedLayer == .layer7, mode != .http {
            throw AssemblyError(message: "'layer7' can only be used in http proxies.", mark: draft.mark)
        }
        if draft.tracked != nil {
            if draft.check.isEnabled {
                throw AssemblyError(
                    message: "unable to enable checks and tracking at the same time!", mark: draft.mark)
            }
            if draft.initialState != .none {
                throw AssemblyError(
                    message: "unable to set init-state and tracking at the same time!", mark: draft.mark)
            }
        }
        if draft.observedLayer != .none, draft.errorReaction == .fastInterval, server.check.fastInterval == nil {
            server.check.fastInterval = server.check.interval
        }
        if draft.agent.isEnabled, draft.agent.port == 0 {
            throw AssemblyError(
                message: "'agent-port' is missing: an agent needs a port of its own", mark: draft.mark)
        }
        try checkPort(server, draft)
        try checkProtocol(server, draft)
    }

    /// Checks need a port of their own, or that of traffic.
    private func checkPort(_ server: ServerSettings, _ draft: ServerDraft) throws(AssemblyError) {
        guard draft.check.isEnabled, draft.check.port == nil else { return }
        if (server.check.ruleset ?? ruleset)?.kind == .external { return }
        switch draft.check.address ?? draft.address {
        case .unix, .abstract, .host(_, .fixed), .reversed: return
        // No address at all: there is nothing to check, and nothing to complain about.
        case .host(.ip(let address), .ofClient) where address.isAny: return
        case .host(_, .ofClient): break
        }
        if draft.check.address != nil, case .host(_, .fixed) = draft.address { return }
        let rules = (server.check.ruleset ?? ruleset)?.rules ?? []
        let connects = rules.compactMap { rule -> CheckConnect? in
            if case .connect(let connect) = rule.action { connect } else { nil }
        }
        let problem: String
        if rules.isEmpty {
            problem = "neither service port nor check port."
        } else if connects.first.map({ !$0.hasPort }) ?? true {
            problem = "neither service port nor check port nor tcp_check rule 'connect' with port information."
        } else if connects.contains(where: { !$0.hasPort }) {
            problem =
                "neither service port nor check port, and a tcp_check rule 'connect' with no port information."
        } else {
            return
        }
        throw AssemblyError(message: "server '\(draft.name)' has \(problem)", mark: draft.mark)
    }

    /// The version of HTTP has to be that of the check's transport.
    private func checkProtocol(_ server: ServerSettings, _ draft: ServerDraft) throws(AssemblyError) {
        guard draft.check.isEnabled, let version = draft.check.version else { return }
        let kind = (server.check.ruleset ?? ruleset)?.kind ?? .tcp
        guard kind == .http else {
            throw AssemblyError(
                message: "server '\(draft.name)' uses an incompatible MUX protocol for the selected check type",
                mark: draft.mark)
        }
        let isQUIC = draft.connection.transport == .quic && draft.check.address == nil && draft.check.port == nil
        if isQUIC, version != .h3 {
            throw AssemblyError(
                message: "QUIC server '\(draft.name)' uses an incompatible MUX protocol for checks.", mark: draft.mark)
        }
        if !isQUIC, version == .h3 {
            throw AssemblyError(
                message: "QUIC checks on non-QUIC server '\(draft.name)' is not yet supported.", mark: draft.mark)
        }
    }

    /// Follows the chain of tracked servers to its end.
    static func follow(
        _ server: ServerSettings, _ name: String, _ backend: BackendSettings, _ all: Configuration
    ) throws(AssemblyError) {
        var wanted = name
        var owner = backend
        var seen = ["\(backend.name)/\(server.name)"]
        while true {
            let parts = wanted.split(separator: "/", maxSplits: 1).map(String.init)
            if parts.count == 2 {
                guard let other = all.backends.first(where: { $0.name == parts[0] }) else {
                    throw AssemblyError(message: "unable to find required proxy '\(parts[0])' for tracking.")
                }
                owner = other
            }
            guard let tracked = owner.servers.first(where: { $0.name == parts.last }) else {
                throw AssemblyError(message: "unable to find required server '\(parts.last ?? "")' for tracking.")
            }
            let title = "\(owner.name)/\(tracked.name)"
            if seen.contains(title) {
                throw AssemblyError(
                    message:
                        "unable to track \(seen.dropFirst().first ?? title) as it belongs to a tracking chain looping"
                        + " back to \(title).")
            }
            guard let next = tracked.tracked else {
                guard tracked.check.isEnabled || tracked.agent.isEnabled else {
                    throw AssemblyError(
                        message: "unable to use \(title) for tracking as it does not have any check nor agent enabled.")
                }
                return
            }
            seen.append(title)
            wanted = next
        }
    }
}

extension CheckConnect {
    /// Whether the step itself says where to go.
    fileprivate var hasPort: Bool {
        if port != nil || portExpression != nil { return true }
        if case .host(_, .fixed) = address { return true }
        return false
    }
}
