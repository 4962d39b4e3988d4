import Bytes
package import Configuration
import Glibc
import Runtime

/// A `resolvers` section at work: its name servers, and the names that somebody wants to know.
package final class Resolver {
    package let settings: ResolverSettings
    package let nameServers: [NameServer]
    let loop: EventLoop
    private let accepted: AcceptedFamilies
    private var resolutions: [Key: NameResolution] = [:]
    private var route: (hasIPv6: Bool, until: Instant)?

    private struct Key: Hashable {
        let name: String
        let kind: NameResolution.Kind
    }

    init(_ settings: ResolverSettings, _ accepted: AcceptedFamilies, loop: EventLoop) throws(SystemError) {
        self.settings = settings
        self.accepted = accepted
        self.loop = loop
        var servers: [NameServer] = []
        for server in settings.nameServers {
            servers.append(
                try NameServer(
                    server, timeout: settings.retryInterval, payloadSize: settings.acceptedPayloadSize, loop: loop))
        }
        nameServers = servers
    }

    /// The resolution of a name, which is the same for all that ask alike.
    func resolution(of name: String, _ kind: NameResolution.Kind) -> NameResolution {
        var name = name.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        let key = Key(name: name, kind: kind)
        if let known = resolutions[key] { return known }
        let new = NameResolution(name, kind, self)
        resolutions[key] = new
        return new
    }

    func forget(_ resolution: NameResolution) {
        resolutions[Key(name: resolution.name, kind: resolution.kind)] = nil
    }

    // MARK: Families

    /// Which families are asked for.
    var families: (ipv4: Bool, ipv6: Bool) {
        switch accepted {
        case .ipv4: (true, false)
        case .ipv6: (false, true)
        case .both: (true, true)
        case .automatic: (true, hasIPv6)
        }
    }

    func takes(_ address: SocketAddress) -> Bool { address.family == .ipv4 ? families.ipv4 : families.ipv6 }

    /// Whether the machine has a way to the world with IPv6; looked up twice a minute.
    private var hasIPv6: Bool {
        let now = loop.clock.now
        if let route, now < route.until { return route.hasIPv6 }
        let found = Self.canRouteIPv6()
        route = (found, now.advanced(milliseconds: 30_000))
        return found
    }

    private static func canRouteIPv6() -> Bool {
        // Connecting a datagram socket sends nothing. 2001:4860:4860::8888 is a well-known name server.
        var octets = InlineArray<16, UInt8>(repeating: 0)
        let prefix: [UInt8] = [0x20, 0x01, 0x48, 0x60, 0x48, 0x60]
        for (index, byte) in prefix.enumerated() { octets[index] = byte }
        (octets[14], octets[15]) = (0x88, 0x88)
        let address = SocketAddress(family: .ipv6, octets: octets, port: 53)
        do throws(SystemError) {
            let socket = try Socket.datagram(for: .ip(address))
            return unsafe address.withSockaddr { pointer, length in
                unsafe connect(socket.number, pointer, length) == 0
            }
        } catch { return false }
    }
}
