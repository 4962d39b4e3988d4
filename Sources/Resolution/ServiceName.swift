import Bytes
import Configuration
import Servers

/// The SRV records of one name for the servers of one backend: each record fills a server, as long as there are any.
final class ServiceName: ResolutionRequester {
    let name: String
    private let resolver: Resolver
    private var resolution: NameResolution?
    /// Servers without a record, the next one first.
    private var free: [ServerName] = []
    private var count = 0

    init(_ name: String, _ resolver: Resolver) {
        self.name = name
        self.resolver = resolver
    }

    /// Gives the service one more server.
    func add(_ server: ServerName) {
        free.append(server)
        count += 1
        guard resolution == nil else { return resolution?.hurry() ?? () }
        let resolution = resolver.resolution(of: name, .services)
        self.resolution = resolution
        resolution.add(self)
    }

    /// The server is gone. True: it was the last.
    func remove(_ server: ServerName) -> Bool {
        free.removeAll { $0 === server }
        resolution?.detach(server)
        server.unfollow()
        count -= 1
        guard count == 0 else { return false }
        resolution?.remove(self)
        resolution = nil
        return true
    }

    func resolved(_ resolution: NameResolution, by server: NameServer?) {
        for record in resolution.records {
            guard case .service(let target, let port) = record.content else { continue }
            var user = record.users.first { $0.service === self }
            if user == nil, !free.isEmpty {
                user = free.removeFirst()
                record.users.append(contentsOf: user.map { [$0] } ?? [])
            }
            if let user { fill(user, record, target, port) }
        }
    }

    private func fill(_ user: ServerName, _ record: KnownRecord, _ target: String, _ port: UInt16) {
        let server = user.server
        user.needsNoResolution = false
        server.takePort(port)
        if let additional = record.additional {
            user.needsNoResolution = true
            user.unfollow()
            server.resolved(to: additional.address, by: "DNS additional record")
        }
        if server.facts.hostName == nil {
            server.announce(server.changeHostName(to: target, by: "SRV record"))
        }
        user.follow()
        guard !server.settings.resolution.ignoresWeight else { return }
        // 0 to 65535 there, 0 to 256 here, and only nothing is nothing.
        let weight = (Int(record.weight) + 255) / 256
        if weight != server.weight, server.backend.settings.hasDynamicWeights { server.setWeight(weight) }
    }

    func failed(_ resolution: NameResolution) -> Bool {
        guard resolution.holdIsOver else { return true }
        for record in resolution.records {
            for user in record.users where user.service === self {
                record.users.removeAll { $0 === user }
                release(user)
            }
        }
        return false
    }

    func lost(_ record: KnownRecord) {}

    /// A server's record is gone. Its address's record, which is not ours, changes nothing here.
    func lost(_ record: KnownRecord, of user: ServerName) {
        if case .service = record.content { release(user) }
    }

    private func release(_ user: ServerName) {
        user.loseService()
        free.append(user)
    }
}
