import Configuration
import Words

/// What is wrong with a line once the whole section is known.
struct AssemblyError: Error {
    var message: String
    /// The place, when it is not the line's own.
    var mark: Mark?
}

/// Makes a `bind` line into listeners.
enum BindAssembler {
    /// Protocols that HTTP listeners can speak over TLS on TCP.
    private static let streamProtocols = ["h2", "http/1.1", "http/1.0"]

    /// One value for each address of the line.
    static func settings(
        of draft: BindDraft, mode: ProxyMode, tune: TuneSettings
    ) throws(AssemblyError) -> [BindSettings] {
        var result: [BindSettings] = []
        var place = 0
        for (address, transport) in draft.addresses {
            var bind = BindSettings(address: address, transport: transport, location: draft.mark.location)
            if transport == .quic { try checkQUIC(draft, mode) }
            if draft.usesTLS { bind.tls = try tls(of: draft, transport, mode, tune) }
            bind.acceptsProxyHeader = draft.acceptsProxyHeader
            bind.addressMagic = draft.addressMagic
            bind.forcedProtocol = draft.forcedProtocol
            try check(draft, mode, transport)
            bind.id = place == 0 ? draft.id : nil
            bind.sockets = draft.sockets
            bind.name = draft.name
            if let prefix = draft.guidPrefix {
                if let message = GUID.complaint(about: "\(prefix)-\(place)") {
                    throw AssemblyError(message: "'bind \(draft.text)' : 'guid-prefix': \(message)")
                }
                bind.guidPrefix = prefix
            }
            bind.firstPlace = place
            place += bind.socketCount
            bind.maxconn = draft.maxconn
            bind.connections = draft.connections
            bind.idlePing = draft.idlePing
            bind.backlog = draft.backlog
            bind.fastOpen = draft.fastOpen
            bind.isIPv6Only = draft.isIPv6Only
            bind.permissions = draft.permissions
            bind.quic = draft.quic
            result.append(bind)
        }
        return result
    }

    private static func check(
        _ draft: BindDraft, _ mode: ProxyMode, _ transport: BindTransport
    ) throws(AssemblyError) {
        let fits =
            switch draft.forcedProtocol {
            case nil: true
            case .quic: transport == .quic
            case ForcedProtocol.none?: transport == .stream && mode == .tcp
            case .http1, .http2: transport == .stream && mode == .http
            }
        if !fits {
            throw AssemblyError(
                message: "'bind \(draft.text)' : mode and protocol do not go together: see 'proto' and 'mode'")
        }
    }

    private static func checkQUIC(_ draft: BindDraft, _ mode: ProxyMode) throws(AssemblyError) {
        if mode != .http {
            throw AssemblyError(message: "'bind \(draft.text)' : a QUIC listener needs 'mode http'")
        }
        if draft.addressMagic != nil {
            throw AssemblyError(
                message: "'bind \(draft.text)' : 'accept-netscaler-cip' option cannot be used with a QUIC listener")
        }
        if draft.acceptsProxyHeader {
            throw AssemblyError(
                message: "'bind \(draft.text)' : 'accept-proxy' option cannot be used with a QUIC listener")
        }
    }

    private static func tls(
        of draft: BindDraft, _ transport: BindTransport, _ mode: ProxyMode, _ tune: TuneSettings
    ) throws(AssemblyError) -> BindTLSSettings {
        var parameters: TLSParameters
        do throws(Complaint) {
            parameters = try draft.tls.parameters()
        } catch {
            throw AssemblyError(message: "'bind \(draft.text)' : \(error.message)")
        }
        if transport == .quic {
            if parameters.maxVersion != nil {
                throw AssemblyError(message: "'bind \(draft.text)' : QUIC needs TLSv1.3, which is disabled")
            }
            // RFC 9001 section 4.2: nothing older.
            parameters.minVersion = .tls13
        }
        let clients: ClientCertificateSettings
        do throws(AssemblyError) { clients = try draft.clients.checked() } catch {
            throw AssemblyError(message: "'bind \(draft.text)' : \(error.message)")
        }
        return BindTLSSettings(
            parameters: parameters, certificates: draft.certificates,
            alpn: try alpn(of: draft, transport, mode, tune), strictSNI: draft.tls.strictSNI ?? false,
            prefersClientCiphers: draft.tls.prefersClientCiphers ?? false, clients: clients)
    }

    private static func alpn(
        of draft: BindDraft, _ transport: BindTransport, _ mode: ProxyMode, _ tune: TuneSettings
    ) throws(AssemblyError) -> [String] {
        if transport == .quic {
            // A line that mixes transports gives its ALPN to the others.
            let given = draft.alpn.map { names in names.filter { !streamProtocols.contains($0) } } ?? []
            if let wrong = given.first(where: { $0 != "h3" }) ?? (draft.alpn == [] ? "no-alpn" : nil) {
                throw AssemblyError(
                    message: "'bind \(draft.text)' : QUIC listeners speak 'h3' only, not '\(wrong)'",
                    mark: draft.alpnMark)
            }
            if draft.alpn != nil, given.isEmpty {
                throw AssemblyError(
                    message: "'bind \(draft.text)' : QUIC listeners need 'h3' in 'alpn'", mark: draft.alpnMark)
            }
            return ["h3"]
        }
        guard mode == .http else { return draft.alpn ?? [] }
        let names = (draft.alpn ?? ["h2", "http/1.1"]).filter { !(draft.hasQUIC && $0 == "h3") }
        if let wrong = names.first(where: { !streamProtocols.contains($0) }) {
            throw AssemblyError(
                message: "'bind \(draft.text)' : '\(wrong)' is not one of the protocols that an HTTP listener over TCP"
                    + " speaks ('h2', 'http/1.1', 'http/1.0')", mark: draft.alpnMark)
        }
        if names.contains("h2"), tune.bufsize < 16384 {
            throw AssemblyError(
                message: "'bind \(draft.text)' : HTTP/2 needs a 'tune.bufsize' of at least 16384 bytes"
                    + " (\(tune.bufsize) now)", mark: draft.alpnMark)
        }
        return names
    }
}
