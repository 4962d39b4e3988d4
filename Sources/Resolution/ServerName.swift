import Bytes
import Configuration
import Runtime
package import Servers

/// A server whose name is followed: takes one of its addresses, and leaves service when there is none.
package final class ServerName: ResolutionRequester {
    package let server: SharedServer
    let resolver: Resolver
    /// The SRV records that name, port and weight come from; nil: the name is the configuration's.
    private(set) weak var service: ServiceName?
    private var resolution: NameResolution?
    /// An SRV answer had the address too, or the server has no name.
    var needsNoResolution = false

    init(_ server: SharedServer, _ resolver: Resolver, service: ServiceName? = nil) {
        self.server = server
        self.resolver = resolver
        self.service = service
        needsNoResolution = service != nil
    }

    private var settings: ServerResolutionSettings { server.settings.resolution }

    /// Begins to follow the server's name.
    func follow() {
        guard resolution == nil, !needsNoResolution, let name = server.facts.hostName else { return }
        let resolution = resolver.resolution(of: name, .addresses(preferred: settings.preferredFamily))
        self.resolution = resolution
        resolution.add(self)
    }

    /// Follows no name any more.
    func unfollow() {
        guard let resolution else { return }
        self.resolution = nil
        resolution.remove(self)
    }

    /// The server got another name.
    func rename() {
        unfollow()
        follow()
    }

    /// The SRV record is gone.
    func loseService() {
        unfollow()
        server.lostAddress(because: "entry removed from SRV record", forgetsService: true)
        needsNoResolution = true
    }

    // MARK: Answers

    func resolved(_ resolution: NameResolution, by nameServer: NameServer?) {
        switch choose(resolution) {
        case .keep: break
        case .take(let address):
            if let nameServer {
                nameServer.counters.updates += 1
                server.resolved(to: address, by: "\(resolver.settings.name)/\(nameServer.settings.name)")
            } else {
                server.resolved(to: address, by: "DNS cache")
            }
        case .nothing: server.lostAddress(because: "No IP for server ")
        }
    }

    func failed(_ resolution: NameResolution) -> Bool {
        guard !server.admin.contains(.unresolved), resolution.status != .none, resolution.holdIsOver else {
            return true
        }
        let cause =
            switch resolution.status {
            case .valid: "No IP for server "
            case .noSuchName: "DNS NX status"
            case .timeout: "DNS timeout status"
            case .refused: "DNS refused status"
            case .none, .invalid, .other: "unspecified DNS error"
            }
        server.lostAddress(because: cause)
        resolution.detach(self)
        return false
    }

    func lost(_ record: KnownRecord) { service?.lost(record, of: self) }

    private enum Choice {
        case keep
        case take(SocketAddress)
        case nothing
    }

    /// The record that fits best: the preferred family counts most, then a preferred network, then that no other server
    /// of the backend has it, then that this one has it already.
    private func choose(_ resolution: NameResolution) -> Choice {
        let records = resolution.records
        if records.contains(where: { $0.users.contains { $0 === self } }) { return .keep }
        var current: SocketAddress?
        if case .ip(var address) = server.facts.address, address.family != .unspecified {
            address.port = 0
            current = address
        }
        var best: (score: Int, place: Int, address: SocketAddress)?
        for offset in records.indices {
            let place = (resolution.nextRecord + offset) % records.count
            guard case .address(let address) = records[place].content, resolver.takes(address),
                let score = score(records[place], address, current)
            else { continue }
            if score > best?.score ?? -1 { best = (score, place, address) }
        }
        guard let best else { return .nothing }
        resolution.nextRecord = (best.place + 1) % records.count
        records[best.place].users.append(self)
        return best.address == current && !server.admin.contains(.unresolved) ? .keep : .take(best.address)
    }

    /// Nil: it may not be taken.
    private func score(_ record: KnownRecord, _ address: SocketAddress, _ current: SocketAddress?) -> Int? {
        var score = (address.family == .ipv4) == (settings.preferredFamily == .ipv4) ? 8 : 0
        let networks = settings.preferredNetworks
        if !networks.isEmpty, let plain = IPAddress(bytes: address.bytes) {
            if networks.contains(where: { $0.contains(plain) }) { score += 4 }
        }
        if record.users.contains(where: { $0.server.backend === server.backend }) {
            if !settings.allowsDuplicates { return nil }
        } else {
            score += 2
        }
        return address == current ? score + 1 : score
    }
}

extension SocketAddress {
    /// Its 4 or 16 bytes.
    fileprivate var bytes: [UInt8] { (0..<(family == .ipv4 ? 4 : 16)).map { octets[$0] } }
}
