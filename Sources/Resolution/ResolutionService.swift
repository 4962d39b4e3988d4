package import Bytes
package import Configuration
package import Runtime
package import Servers

/// All `resolvers` sections of the process, and the servers whose names they follow. It lives on the control thread.
package final class ResolutionService {
    /// In the order of the configuration.
    package let resolvers: [Resolver]
    private var servers: [ObjectIdentifier: ServerName] = [:]
    private var services: [ServiceKey: ServiceName] = [:]

    private struct ServiceKey: Hashable {
        let backend: ObjectIdentifier
        let resolver: String
        let name: String
    }

    package init(_ configuration: Configuration, loop: EventLoop) throws(SystemError) {
        var resolvers: [Resolver] = []
        for settings in configuration.resolvers {
            resolvers.append(try Resolver(settings, configuration.global.acceptedFamilies, loop: loop))
        }
        self.resolvers = resolvers
    }

    /// The section of that name.
    package func resolver(named name: String) -> Resolver? { resolvers.first { $0.settings.name == name } }

    // MARK: Servers

    /// Begins to follow a server's name. One with an address in its place may get a name later. Does nothing without
    /// `resolvers`.
    package func add(_ server: SharedServer) {
        let key = ObjectIdentifier(server)
        guard servers[key] == nil, let section = server.settings.resolution.resolvers,
            let resolver = resolver(named: section), case .host = server.settings.address
        else { return }
        guard let name = server.settings.serviceName else {
            let entry = ServerName(server, resolver)
            servers[key] = entry
            return entry.follow()
        }
        let place = ServiceKey(backend: ObjectIdentifier(server.backend), resolver: section, name: name)
        let service = services[place] ?? ServiceName(name, resolver)
        services[place] = service
        let entry = ServerName(server, resolver, service: service)
        servers[key] = entry
        service.add(entry)
    }

    /// Follows it no more.
    package func remove(_ server: SharedServer) {
        guard let entry = servers.removeValue(forKey: ObjectIdentifier(server)) else { return }
        guard let service = entry.service else { return entry.unfollow() }
        if service.remove(entry) {
            services = services.filter { $0.value !== service }
        }
    }

    /// Longest name (RFC 1035 section 2.3.4).
    private static let maxNameLength = 255

    /// `set server … fqdn`: what is to be answered. Nil: the server follows no name.
    package func rename(_ server: SharedServer, to name: String, by source: String) -> String? {
        guard let entry = servers[ObjectIdentifier(server)] else { return nil }
        if server.facts.hostName == name { return "no need to change the FDQN by '\(source)'" }
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: "-_.".utf8.contains(byte)
            }
        }
        guard isPlain, name.utf8.count <= Self.maxNameLength else { return "invalid fqdn '\(name)' by '\(source)'" }
        guard !name.contains("..") else { return "could not update \(server.fullName) FQDN by '\(source)'" }
        let text = server.changeHostName(to: name, by: source)
        entry.rename()
        return text
    }

    // MARK: One answer

    /// Resolves a name once, for somebody who waits. `done` gets the address, or nil when there is none; it may be called
    /// before this returns.
    package func lookUp(
        _ name: String, in section: String, preferred: AddressFamily, done: @escaping (SocketAddress?) -> Void
    ) {
        guard let resolver = resolver(named: section) else { return done(nil) }
        let resolution = resolver.resolution(of: name, .addresses(preferred: preferred))
        let lookup = Lookup(preferred, done)
        if resolution.isFresh { return done(lookup.address(resolution)) }
        resolution.add(lookup)
        resolution.hurry()
    }

    /// Somebody who wants one answer.
    private final class Lookup: ResolutionRequester {
        private let preferred: AddressFamily
        private let done: (SocketAddress?) -> Void

        init(_ preferred: AddressFamily, _ done: @escaping (SocketAddress?) -> Void) {
            self.preferred = preferred
            self.done = done
        }

        func address(_ resolution: NameResolution) -> SocketAddress? {
            var other: SocketAddress?
            let records = resolution.records
            for offset in records.indices {
                let place = (resolution.nextRecord + offset) % records.count
                guard case .address(let address) = records[place].content, resolution.resolver.takes(address) else {
                    continue
                }
                if (address.family == .ipv4) == (preferred == .ipv4) {
                    resolution.nextRecord = (place + 1) % records.count
                    return address
                }
                other = other ?? address
            }
            return other
        }

        func resolved(_ resolution: NameResolution, by server: NameServer?) {
            resolution.remove(self)
            done(address(resolution))
        }

        func failed(_ resolution: NameResolution) -> Bool {
            resolution.remove(self)
            done(nil)
            return true
        }

        func lost(_ record: KnownRecord) {}
    }

    /// `clear counters all`.
    package func clearCounters() {
        for resolver in resolvers {
            for server in resolver.nameServers { server.counters = NameServerCounters() }
        }
    }
}
