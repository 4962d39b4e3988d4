import Bytes
package import Connections
import Glibc
package import Runtime

/// Listening sockets that an older process has given to this one (`-x`): each is used where a bind line asks for its
/// address, so that no connection is refused or lost between the two.
package struct TakenSockets: Sendable {
    private var sockets: [(target: Socket.Target, descriptor: Int32)] = []

    /// What the older process gave for QUIC; nil: nothing.
    package var quic: QUICInheritance?

    /// None.
    package init() {}

    /// Takes over open descriptors; what is no listening stream socket is closed.
    package init(_ descriptors: [Int32]) {
        for descriptor in descriptors {
            guard Socket.get(descriptor, level: SOL_SOCKET, option: SO_ACCEPTCONN) == 1,
                let target = Socket.localTarget(descriptor), fcntl(descriptor, F_SETFL, O_NONBLOCK) >= 0
            else {
                _ = close(descriptor)
                continue
            }
            sockets.append((target, descriptor))
        }
    }

    /// One that is bound to `target`.
    package mutating func take(_ target: Socket.Target) -> OwnedDescriptor? {
        guard let place = sockets.firstIndex(where: { $0.target == target }) else { return nil }
        return OwnedDescriptor(adopting: sockets.remove(at: place).descriptor)
    }

    /// Closes those that nothing asked for.
    package mutating func closeRest() {
        for socket in sockets { _ = close(socket.descriptor) }
        sockets = []
    }
}
