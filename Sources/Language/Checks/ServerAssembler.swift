import Configuration
import Words

/// Makes a `server` line into a server.
enum ServerAssembler {
    /// The server's settings; `verifies` is what `ssl-server-verify` says.
    static func settings(
        of draft: ServerDraft, mode: ProxyMode, location: SourceLocation, verifies: Bool
    ) throws(AssemblyError) -> ServerSettings {
        var server = ServerSettings(name: draft.name, address: draft.address, location: location)
        if draft.usesTLS { server.tls = try tls(of: draft, mode, verifies) }
        server.weight = draft.weight
        server.maxconn = draft.maxconn
        server.maxqueue = draft.maxqueue
        server.isBackup = draft.isBackup
        server.isDisabled = draft.isDisabled
        server.poolMaxConnections = draft.poolMaxConnections
        server.poolPurgeDelay = draft.poolPurgeDelay
        server.maxReuse = draft.maxReuse
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
            serverName: try serverName(of: draft, mode), verifiedHost: draft.verifiedHost, alpn: draft.alpn,
            reusesSessions: draft.reusesSessions)
    }

    /// Without a request there is no host to name.
    private static func serverName(of draft: ServerDraft, _ mode: ProxyMode) throws(AssemblyError) -> ServerNameSource {
        guard let name = draft.serverName else { return mode == .http && draft.automaticSNI ? .requestHost : .none }
        if name == .requestHost, mode == .tcp {
            throw AssemblyError(message: "'sni req.hdr(host)' needs 'mode http'")
        }
        return name
    }
}
