import Bytes
import Configuration
import Runtime
import Servers

/// Where a server is when the process starts (`init-addr`).
struct InitialServerAddress {
    /// Of no family when the address is not known yet.
    let target: Socket.Target
    /// What the operator is told; nil: nothing.
    var notice: String?

    private init(_ target: Socket.Target, notice: String? = nil) {
        self.target = target
        self.notice = notice
    }

    /// Asks in the order that the server's line gives. Throws when nothing gives an address.
    static func find(_ server: ServerSettings, of backend: String) throws(BlueprintError) -> InitialServerAddress {
        switch server.address {
        case .unix(let path): return InitialServerAddress(.unix(path: path))
        case .abstract(let name, let isPadded): return InitialServerAddress(.abstract(name: name, isPadded: isPadded))
        case .reversed: return InitialServerAddress(.nowhere)
        case .host(let host, let port):
            var number: UInt16 = 0
            if case .fixed(let fixed) = port { number = fixed }
            switch host {
            case .ip(let address): return InitialServerAddress(.ip(SocketAddress(address, port: number)))
            case .name(let name, let family):
                return try resolve(name, family, number, server, "'server \(backend)/\(server.name)'")
            }
        }
    }

    private static func resolve(
        _ name: String, _ family: AddressFamily?, _ port: UInt16, _ server: ServerSettings, _ title: String
    ) throws(BlueprintError) -> InitialServerAddress {
        var hasFailed = false
        let place = "\(server.location): \(title) : could not resolve address '\(name)'"
        for method in server.resolution.startOrder {
            switch method {
            // A server-state file gives its address later, when it is read.
            case .last: continue
            case .libc:
                if server.serviceName != nil { continue }
                if let found = HostNames.firstAddress(of: name, isIPv4: family.map { $0 == .ipv4 }, port: port) {
                    return InitialServerAddress(.ip(found))
                }
                hasFailed = true
            case .none:
                let unknown = SocketAddress(family: .unspecified, octets: InlineArray(repeating: 0), port: port)
                return InitialServerAddress(.ip(unknown), notice: hasFailed ? "\(place), disabling server." : nil)
            case .fixed(let address):
                return InitialServerAddress(
                    .ip(SocketAddress(address, port: port)),
                    notice: hasFailed ? "\(place), falling back to configured address." : nil)
            }
        }
        throw BlueprintError(
            hasFailed
                ? "\(place)."
                : "\(server.location): \(title) : no method found to resolve address '\(name)'.")
    }
}
