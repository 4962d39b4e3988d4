import Bytes
package import Configuration
import Connections
import Glibc
package import Proxying
import Runtime

/// The listening sockets of the runtime API, opened before the process gives up its privileges.
package struct RuntimeSockets: Sendable {
    /// One open socket.
    struct Entry: Sendable {
        let settings: RuntimeSocketSettings
        let descriptor: Int32
        /// Its address as `show cli sockets` and `HAPROXY_CLI` write it.
        let address: String
    }

    let entries: [Entry]

    /// A socket that could not be opened.
    package struct OpenError: Error, Sendable {
        /// The line's place, and what the system said.
        package let description: String
    }

    /// Opens every socket.
    ///
    /// - Parameters:
    ///   - taken: sockets of an older process; those that are used are taken out.
    package init(_ settings: RuntimeAPISettings, taken: inout TakenSockets) throws(OpenError) {
        var entries: [Entry] = []
        for socket in settings.sockets {
            do throws(SystemError) {
                let descriptor = try Self.open(
                    socket, backlog: socket.backlog ?? settings.maxconn, taken: &taken)
                entries.append(
                    Entry(settings: socket, descriptor: descriptor, address: Self.address(socket, descriptor)))
            } catch {
                for entry in entries { _ = close(entry.descriptor) }
                throw OpenError(
                    description: "\(socket.location): Starting proxy GLOBAL: cannot bind \(socket.address) (\(error))")
            }
        }
        self.entries = entries
    }

    /// What the variable `HAPROXY_CLI` holds: the addresses, with semicolons between.
    package var environmentValue: String { entries.map(\.address).joined(separator: ";") }

    private static func open(
        _ socket: RuntimeSocketSettings, backlog: Int, taken: inout TakenSockets
    ) throws(SystemError) -> Int32 {
        func listen(_ target: Socket.Target) throws(SystemError) -> Int32 {
            if let old = taken.take(target) {
                try Socket.listen(old.number, backlog: backlog)
                return old.release()
            }
            return try StreamListener.open(
                target, backlog: backlog, reusesPort: false, ipv6Only: socket.isIPv6Only, fastOpen: false
            ).release()
        }
        switch socket.address {
        case .ip(let address, let ports): return try listen(.ip(SocketAddress(address, port: ports.lowerBound)))
        case .abstract(let name): return try listen(.abstract(name: name))
        case .unix(let path):
            if let old = taken.take(.unix(path: path)) {
                try Socket.listen(old.number, backlog: backlog)
                return old.release()
            }
            _ = unsafe unlink(path)
            let descriptor = try listen(.unix(path: path))
            try ListenerSockets.permit(socket.permissions, path)
            return descriptor
        case .reversed: throw SystemError("listen", EAFNOSUPPORT)
        case .inherited(let number):
            let flags = fcntl(number, F_GETFL)
            guard flags >= 0, fcntl(number, F_SETFL, flags | O_NONBLOCK) >= 0 else { throw SystemError("fcntl") }
            try Socket.listen(number, backlog: backlog)
            let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
            guard copy >= 0 else { throw SystemError("dup") }
            return copy
        }
    }

    private static func address(_ socket: RuntimeSocketSettings, _ descriptor: Int32) -> String {
        switch socket.address {
        case .unix, .abstract, .inherited, .reversed: return socket.address.description
        case .ip(let address, _):
            let port = Socket.localAddress(descriptor).port
            return address.isV4 ? "ipv4@\(address):\(port)" : "ipv6@[\(address)]:\(port)"
        }
    }
}
