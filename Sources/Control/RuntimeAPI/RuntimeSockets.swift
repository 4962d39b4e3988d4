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
        /// It is no listening socket, but this worker process's end of the pair that it shares with its master
        /// (``SocketPair``): connections come over it until the very end.
        var isMasterLink = false
    }

    private(set) var entries: [Entry]

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
                // An address of the command line has no place in a file.
                let place =
                    socket.location.line == 0 ? "Starting proxy MASTER" : "\(socket.location): Starting proxy GLOBAL"
                throw OpenError(description: "\(place): cannot bind \(socket.address) (\(error))")
            }
        }
        self.entries = entries
    }

    /// No socket.
    package init() { entries = [] }

    /// Opens the sockets of the master CLI, or takes those that were kept when the program was replaced.
    package init(_ settings: RuntimeAPISettings, kept: [Int32]) throws(OpenError) {
        guard kept.count == settings.sockets.count else {
            for descriptor in kept { _ = close(descriptor) }
            var none = TakenSockets()
            try self.init(settings, taken: &none)
            return
        }
        self.init()
        entries = zip(settings.sockets, kept).map { socket, descriptor in
            Entry(settings: socket, descriptor: descriptor, address: Self.address(socket, descriptor))
        }
    }

    /// All descriptors.
    package var descriptors: [Int32] { entries.map(\.descriptor) }

    /// Listens on the pair that this worker process shares with its master. The master may do anything.
    package mutating func add(masterLink: Int32) {
        var settings = RuntimeSocketSettings(
            address: .inherited(fd: masterLink), location: SourceLocation(file: "master-socket", line: 0))
        settings.level = .admin
        settings.exposesListeners = true
        SocketPair.setNonblocking(masterLink)
        let entry = Entry(
            settings: settings, descriptor: masterLink, address: "sockpair@\(masterLink)", isMasterLink: true)
        entries.insert(entry, at: 0)
    }

    /// What the variable `HAPROXY_CLI` holds: the addresses, with semicolons between.
    package var environmentValue: String {
        entries.filter { !$0.isMasterLink }.map(\.address).joined(separator: ";")
    }

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
        case .abstract(let name, let isPadded): return try listen(.abstract(name: name, isPadded: isPadded))
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
