import Configuration
import Proxying
import Servers
import TLSTransport

/// Brings changes of certificates and authorities to where they are used: first everything new is made, and when that
/// went well the bind lines and servers change, on all workers.
@ControlActor
struct CertificateUpdate {
    private let api: RuntimeAPI

    init(_ api: RuntimeAPI) { self.api = api }

    // MARK: Who uses what

    private var binds: [SharedBind] { api.workers.blueprint.frontends.flatMap(\.binds) }

    private var servers: [(server: SharedServer, tls: SharedServerTLS)] {
        api.backends.all.flatMap { backend in
            backend.servers.servers.compactMap { server in
                (server.transport as? SharedServerTransport)?.tls.map { (server, $0) }
            }
        }
    }

    /// Whether a bind line or a server uses a certificate.
    func isUsed(_ name: String) -> Bool {
        binds.contains { $0.certificates?.contains(name) == true }
            || servers.contains { $0.tls.certificateName == name }
    }

    /// Whether a bind line or a server names authorities.
    func usesAuthorities(_ name: String) -> Bool {
        binds.contains { $0.names(authorities: name) } || servers.contains { $0.tls.trustName == name }
    }

    /// Whether a bind line or a server names revocation lists.
    func usesRevocations(_ name: String) -> Bool {
        binds.contains { $0.names(revocations: name) } || servers.contains { $0.tls.revocationName == name }
    }

    // MARK: Changes

    /// How a change that went well ends: a dot for each that uses what has changed.
    static func success(_ count: Int) -> String { String(repeating: ".", count: count) + "\nSuccess!\n" }

    /// Why a key is missed; the rest speaks for itself.
    func reason(of error: any Error, _ name: String) -> String {
        if let error = error as? CertificateError, case .noPrivateKey = error.reason {
            return "unable to load SSL private key into SSL Context '\(name)': passed a null parameter.\n"
        }
        return "\(error).\n"
    }

    /// Puts a certificate in the place of the one of its name, everywhere or nowhere. How many bind lines and servers use
    /// it.
    func replace(with parts: CertificateParts) async throws -> Int {
        let users = binds.filter { $0.certificates?.contains(parts.name) == true }
        let clients = servers.filter { $0.tls.certificateName == parts.name }
        if !users.isEmpty || !clients.isEmpty {
            let certificate = try parts.certificate()
            try change(users) { $0.store = $0.store.replacing(with: certificate) }
            for client in clients { client.tls.use(certificate) }
        }
        api.tlsFiles.put(parts)
        await renew(users, clients.map(\.server))
        return users.count + clients.count
    }

    /// Changes what bind lines serve: all of them, or none when one of them can not.
    private func change(
        _ binds: [SharedBind], _ change: (inout ServedCertificates) throws -> Void
    ) throws {
        var changed: [(bind: SharedBind, earlier: ServedCertificates)] = []
        for bind in binds {
            guard let earlier = bind.served else { continue }
            do {
                var served = earlier
                try change(&served)
                try bind.use(served, api.tlsFiles)
            } catch {
                for (bind, earlier) in changed { try? bind.use(earlier, api.tlsFiles) }
                throw error
            }
            changed.append((bind, earlier))
        }
    }

    /// Trusts other authorities under their name. How many bind lines and servers do.
    func replace(with trust: TrustStore) async throws -> Int {
        let earlier = api.tlsFiles.authorities(trust.name) ?? nil
        api.tlsFiles.put(trust)
        return try await renewTrust(
            binds.filter { $0.names(authorities: trust.name) }, servers.filter { $0.tls.trustName == trust.name }
        ) {
            if let earlier { api.tlsFiles.put(earlier) }
        }
    }

    /// Refuses what other revocation lists name. How many bind lines and servers do.
    func replace(with list: RevocationList) async throws -> Int {
        let earlier = api.tlsFiles.revocations(list.name) ?? nil
        api.tlsFiles.put(list)
        return try await renewTrust(
            binds.filter { $0.names(revocations: list.name) },
            servers.filter { $0.tls.revocationName == list.name }
        ) {
            if let earlier { api.tlsFiles.put(earlier) }
        }
    }

    /// Bind lines and servers look at the files in memory again: all of them, or none when one of them can not.
    private func renewTrust(
        _ users: [SharedBind], _ clients: [(server: SharedServer, tls: SharedServerTLS)], undo: () -> Void
    ) async throws -> Int {
        do throws(CertificateError) {
            for bind in users { try bind.renewVerification(api.tlsFiles) }
            for client in clients { try client.tls.renewTrust(api.tlsFiles) }
        } catch {
            undo()
            for bind in users { try? bind.renewVerification(api.tlsFiles) }
            for client in clients { try? client.tls.renewTrust(api.tlsFiles) }
            throw error
        }
        await renew(users, clients.map(\.server))
        return users.count + clients.count
    }

    /// Adds a line to the bind lines that serve a list. How many there are.
    func add(_ line: CertificateListLine, toList list: String) async throws -> Int {
        let users = users(ofList: list)
        try change(users) { served in
            for entry in try api.tlsFiles.entries(of: line, in: list, &served.variants) {
                served.store = served.store.adding(entry)
            }
        }
        if var contents = api.tlsFiles.list(list) {
            contents.lines.append(line)
            api.tlsFiles.setList(list, contents)
        }
        await renew(users, [])
        return users.count
    }

    /// The bind lines that serve a list.
    func users(ofList list: String) -> [SharedBind] {
        binds.filter { bind in bind.settings.tls?.certificates.contains { $0.path == list } == true }
    }

    /// Takes a line out of a list, and from the bind lines that serve it.
    func remove(_ line: CertificateListLine, fromList list: String) async throws {
        let users = users(ofList: list)
        try change(users) { served in
            served.remove(line.path, list: list, line: line.number)
        }
        if var contents = api.tlsFiles.list(list) {
            contents.lines.removeAll { $0.path == line.path && $0.number == line.number }
            api.tlsFiles.setList(list, contents)
        }
        await renew(users, [])
    }

    private func renew(_ binds: [SharedBind], _ servers: [SharedServer]) async {
        guard !binds.isEmpty || !servers.isEmpty else { return }
        let places = binds.map { (frontend: $0.frontend, bind: $0.index) }
        _ = await api.askWorkers { worker in
            for place in places { worker.renewTLS(frontend: place.frontend, bind: place.bind) }
            for server in servers { worker.renewTLS(of: server) }
        }
    }
}
