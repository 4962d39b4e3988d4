import Glibc
import Synchronization
import TestSupport

/// A TCP server whose every connection runs a script of the test, on a thread of its own.
final class ScriptedServer: Sendable {
    let port: Int
    private let descriptor: Int32
    private let state = Mutex<(connections: Int, received: [String])>((0, []))

    /// Connections accepted so far.
    var connections: Int { state.withLock { $0.connections } }
    /// What scripts noted.
    var received: [String] { state.withLock { $0.received } }

    /// - Parameter script: gets the connection and its number, from 1.
    init(_ script: @escaping @Sendable (RawSocket, Int, ScriptedServer) -> Void) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = descriptor
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard unsafe bind(listener, address, length) == 0, listen(listener, 64) == 0 else { return false }
                return unsafe getsockname(listener, address, &length) == 0
            }
        }
        guard bound else { throw SupportError.noPort }
        port = Int(UInt16(bigEndian: address.sin_port))
        Self.thread { [weak self] in
            var number = 0
            while true {
                let accepted = accept(listener, nil, nil)
                guard accepted >= 0 else { return }
                number += 1
                let connection = RawSocket(adopting: accepted)
                guard let self else { return }
                self.state.withLock { $0.connections += 1 }
                let count = number
                Self.thread { script(connection, count, self) }
            }
        }
    }

    deinit {
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    /// Keeps something that the test looks at later.
    func note(_ text: String) { state.withLock { $0.received.append(text) } }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
        _ = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            }, box)
        pthread_detach(thread)
    }

    /// A server that gives every request of a connection the same answer.
    static func answering(_ answer: String) throws -> ScriptedServer {
        try ScriptedServer { connection, _, server in
            while let head = connection.receive(through: "\r\n\r\n") {
                server.note(head)
                guard connection.send(answer) else { return }
            }
        }
    }
}
