import Configuration
import Words

/// Makes a `server` line into a server.
enum ServerAssembler {
    /// The server's settings; `verifies` is what `ssl-server-verify` says.
    static func settings(
        of draft: ServerDraft, mode: ProxyMode, location: SourceLocation, verifies: Bool,
        checks: CheckAssembler = CheckAssembler()
    ) throws(AssemblyError) -> ServerSettings {
        var server = ServerSettings(name: draft.name, address: draft.address, location: location)
        server.id = draft.id
        server.connection = draft.connection
        try ReverseAssembler.check(draft, mode)
        try checkProtocol(&server, draft, mode)
        let usesTLS = draft.usesTLS || server.connection.transport == .quic
        if usesTLS || draft.preparesTLS || checks.needsTLS(draft) { server.tls = try tls(of: draft, mode, verifies) }
        server.refusesTLS = draft.refusesTLS
        server.poolLowConnections = draft.poolLowConnections
        server.resolution = draft.resolution
        server.weight = draft.weight
        server.minconn = draft.minconn
        // A greater `minconn` is the limit.
        server.maxconn = draft.minconn.map { max($0, draft.maxconn ?? 0) } ?? draft.maxconn
        server.cookie = draft.cookie
        if let prefix = draft.redirectPrefix {
            guard mode == .http else {
                throw AssemblyError(
                    message: "server cannot have cookie or redirect prefix in non-HTTP mode.", mark: draft.mark)
            }
            server.redirectPrefix = Array(prefix.utf8)
        }
        server.hashKey = draft.hashKey
        server.guid = draft.guid
        server.maxqueue = draft.maxqueue
        server.isBackup = draft.isBackup
        server.takesDatagrams = draft.takesDatagrams
        server.isDisabled = draft.isDisabled
        server.poolMaxConnections = draft.poolMaxConnections
        server.poolPurgeDelay = draft.poolPurgeDelay
        server.maxReuse = draft.maxReuse
        try checks.apply(draft, mode, to: &server)
        return server
    }

    private static func tls(
        of draft: ServerDraft, _ mode: ProxyMode, _ verifiesByDefault: Bool
    ) throws(AssemblyError) -> ServerTLSSettings {
        let parameters: TLSParameters
        do throws(Complaint) {
            parameters = try draft.tls.parameters()
        } catch {
            throw AssemblyError(message: error.message)
        }
        let verifies = draft.verifiesCertificate ?? verifiesByDefault
        if verifies, draft.trust == nil {
            throw AssemblyError(
                message: draft.verifiesCertificate == nil
                    ? "verify is enabled by default but no CA file specified: please give a 'ca-file', or 'verify none'"
                        + " where you are certain to trust the server's certificate, or 'ssl-server-verify none' in the"
                        + " global section"
                    : "verify is enabled but no CA file specified")
        }
        return ServerTLSSettings(
            parameters: parameters, verifiesCertificate: verifies, trust: draft.trust,
            serverName: try serverName(of: draft, mode), verifiedHost: draft.verifiedHost,
            alpn: draft.alpn ?? (draft.connection.transport == .quic ? ["h3"] : []),
            reusesSessions: draft.reusesSessions, certificate: draft.certificate, revocations: draft.revocations)
    }

    /// What carries a connection, what it speaks and what the section is for have to fit.
    private static func checkProtocol(
        _ server: inout ServerSettings, _ draft: ServerDraft, _ mode: ProxyMode
    ) throws(AssemblyError) {
        let isQUIC = server.connection.transport == .quic
        if isQUIC, mode == .tcp {
            throw AssemblyError(message: "QUIC servers need 'mode http'", mark: draft.mark)
        }
        if let version = server.connection.version {
            if mode == .tcp {
                throw AssemblyError(
                    message: "MUX protocol '\(version.rawValue)' is not usable for server in TCP mode",
                    mark: draft.protocolMark)
            }
            if version == .h3, !isQUIC {
                throw AssemblyError(
                    message: "MUX protocol is incompatible with stream transport used by server",
                    mark: draft.protocolMark)
            }
            if version != .h3, isQUIC {
                throw AssemblyError(
                    message: "MUX protocol is incompatible with framed transport used by server",
                    mark: draft.protocolMark)
            }
        }
        if isQUIC {
            if let name = draft.alpn?.first(where: { $0 != "h3" }), !server.connection.fallsBackToTCP {
                throw AssemblyError(
                    message: "'alpn \(name)' is not possible over QUIC without 'quic-fallback'; use 'alpn h3'",
                    mark: draft.mark)
            }
            if server.connection.proxyHeader != nil {
                throw AssemblyError(message: "'send-proxy' is not possible over QUIC", mark: draft.mark)
            }
        } else if draft.alpn?.contains("h3") == true {
            throw AssemblyError(message: "'alpn h3' needs a 'quic4@' or 'quic6@' address", mark: draft.mark)
        }
        if mode == .tcp, let name = draft.alpn?.first(where: { $0 == "h3" }) {
            throw AssemblyError(message: "'alpn \(name)' needs 'mode http'", mark: draft.mark)
        }
    }

    /// Without a request there is no host to name.
    private static func serverName(of draft: ServerDraft, _ mode: ProxyMode) throws(AssemblyError) -> ServerNameSource {
        guard let name = draft.serverName else {
            // Nobody is told a name by us where we open no connection.
            return mode == .http && draft.automaticSNI && draft.address != .reversed ? .requestHost : .none
        }
        if name == .requestHost, mode == .tcp {
            throw AssemblyError(message: "'sni req.hdr(host)' needs 'mode http'")
        }
        return name
    }
}
