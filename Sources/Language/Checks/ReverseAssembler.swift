import Configuration
import Samples
import Synchronization

/// Looks up the servers that `bind rhttp@` lines and `attach-srv` rules name, and whether they are fit for it. HAProxy
/// says the former only when it starts.
struct ReverseAssembler {
    private(set) var diagnostics: [Diagnostic] = []

    /// Fills in the servers of `bind rhttp@` lines.
    mutating func resolveBinds(_ configuration: inout Configuration) {
        for frontend in configuration.frontends.indices {
            for place in configuration.frontends[frontend].binds.indices {
                let bind = configuration.frontends[frontend].binds[place]
                guard case .reversed(var target) = bind.address else { continue }
                do throws(AssemblyError) {
                    let (backend, server) = try Self.find(target.name, configuration)
                    try Self.check(configuration.backends[backend], configuration.backends[backend].servers[server])
                    (target.backend, target.server) = (backend, server)
                    configuration.frontends[frontend].binds[place].address = .reversed(target)
                    configuration.backends[backend].referencedServers.insert(server)
                } catch {
                    diagnostics.append(
                        Diagnostic(
                            .alert,
                            "Starting [\(bind.location)] for frontend \(configuration.frontends[frontend].name):"
                                + " protocol rev: \(error.message)", at: bind.location))
                }
            }
        }
    }

    private static func parts(_ name: String) -> (backend: String, server: String)? {
        guard let slash = name.firstIndex(of: "/") else { return nil }
        let server = name[name.index(after: slash)...]
        return server.isEmpty ? nil : (String(name[..<slash]), String(server))
    }

    private static func find(
        _ name: String, _ configuration: Configuration
    ) throws(AssemblyError) -> (backend: Int, server: Int) {
        guard let parts = parts(name) else { throw AssemblyError(message: "Invalid server name: '\(name)'.") }
        guard let backend = configuration.backends.firstIndex(where: { $0.name == parts.backend }) else {
            throw AssemblyError(message: "No such backend: '\(parts.backend)'.")
        }
        guard let server = configuration.backends[backend].servers.firstIndex(where: { $0.name == parts.server }) else {
            throw AssemblyError(message: "No such server: '\(name)'.")
        }
        return (backend, server)
    }

    /// Whether connections to the server can be opened without a request, and turned round.
    private static func check(_ backend: BackendSettings, _ server: ServerSettings) throws(AssemblyError) {
        let name = "\(backend.name)/\(server.name)"
        if server.isReversed {
            throw AssemblyError(message: "Cannot use reverse HTTP server '\(name)' as target to a reverse bind.")
        }
        var hasFixedPort = false
        if case .host(let host, .fixed(_)) = server.address {
            if case .ip(let address) = host { hasFixedPort = !address.isAny } else { hasFixedPort = true }
        }
        guard hasFixedPort else {
            throw AssemblyError(message: "Cannot use transparent server '\(name)' as target to a reverse bind.")
        }
        let connection = server.connection
        guard connection.transport == .stream, connection.version == .h2 || server.tls?.alpn == ["h2"] else {
            throw AssemblyError(
                message: "Cannot reverse connect with server '\(name)' unless HTTP/2 is activated on it with either"
                    + " proto or alpn keyword.")
        }
        switch (connection.source ?? backend.source)?.shown {
        case nil, .own, .address: break
        case .client, .clientAddress, .header:
            throw AssemblyError(
                message: "Cannot reverse connect with server '\(name)' which uses dynamic source address setting.")
        }
        if case .expression = server.tls?.serverName {
            throw AssemblyError(
                message: "Cannot reverse connect with server '\(name)' whose 'sni' is not 'str(NAME)': no request tells"
                    + " it.")
        }
    }

    /// Fills in the servers of `attach-srv` rules.
    mutating func resolveRules(_ uses: [AttachmentUse], _ configuration: inout Configuration) {
        for use in uses {
            do throws(AssemblyError) { try Self.resolve(use, &configuration) } catch {
                diagnostics.append(
                    Diagnostic(.alert, "\(use.location): Proxy '\(use.proxyName)': \(error.message)."))
            }
        }
    }

    private static func resolve(
        _ use: AttachmentUse, _ configuration: inout Configuration
    ) throws(AssemblyError) {
        let frontends = configuration.frontends.filter { $0.name == use.proxyName }
        guard !frontends.contains(where: { $0.mode != .http }) else {
            throw AssemblyError(message: "attach-srv rule requires HTTP proxy mode")
        }
        let name = use.reference.name
        guard let parts = parts(name) else {
            throw AssemblyError(message: "attach-srv rule: invalid server name '\(name)'")
        }
        guard let backend = configuration.backends.firstIndex(where: { $0.name == parts.backend }) else {
            throw AssemblyError(message: "attach-srv rule: no such backend '\(name)'")
        }
        guard let place = configuration.backends[backend].servers.firstIndex(where: { $0.name == parts.server }) else {
            throw AssemblyError(message: "attach-srv rule: no such server '\(name)'")
        }
        let server = configuration.backends[backend].servers[place]
        guard server.isReversed else {
            throw AssemblyError(message: "attach-srv rule: server '\(name)' has no 'rhttp@' address")
        }
        let isNamed = server.connection.poolName != nil || (server.tls?.serverName ?? .none) != .none
        if use.hasName, !isNamed {
            throw AssemblyError(
                message:
                    "attach-srv rule has a name argument while server '\(name)' does not use pool-conn-name; either"
                    + " reconfigure the server or remove the name argument from this attach-srv rule")
        }
        if !use.hasName, isNamed {
            throw AssemblyError(
                message: "attach-srv rule has no name argument while server '\(name)' uses pool-conn-name; either add a"
                    + " name argument to the attach-srv rule or reconfigure the server")
        }
        use.reference.index.store(backend, ordering: .relaxed)
        use.reference.serverIndex.store(place, ordering: .relaxed)
        configuration.backends[backend].referencedServers.insert(place)
    }

    // MARK: Servers

    /// What a server that opens its connections to us can not have.
    static func check(_ draft: ServerDraft, _ mode: ProxyMode) throws(AssemblyError) {
        guard draft.address == .reversed else { return }
        if mode != .http {
            throw AssemblyError(
                message: "server \(draft.name) uses reverse HTTP addressing which can only be used with HTTP mode.",
                mark: draft.mark)
        }
        let connection = draft.connection
        // What follows works in no version of HAProxy: no connection would ever fit.
        let unfit: [(Bool, String)] = [
            (draft.agent.isEnabled && draft.agent.address == nil, "agent-check"),
            (connection.proxyHeader != nil, "send-proxy"), (connection.socks != nil, "socks4"),
            (connection.source != nil, "source"), (connection.webSocketVersion != nil, "ws"),
            (connection.version == .h1 || connection.version == .h3, "proto"),
        ]
        if let (_, name) = unfit.first(where: \.0) {
            throw AssemblyError(
                message: "'\(name)' is not possible for a server with an 'rhttp@' address: it opens the connections"
                    + " itself", mark: draft.mark)
        }
    }
}
