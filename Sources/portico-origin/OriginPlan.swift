import ArgumentParser
import Bytes
import Connections
import Glibc
import Runtime
import TLSTransport

/// What all workers of the origin share: sockets to listen on and certificates.
struct OriginPlan: Sendable {
    enum Kind: String, Sendable { case clear, tls, quic }

    /// One open socket of a worker.
    struct Entry: Sendable {
        let kind: Kind
        let descriptor: Int32
    }

    let entries: [[Entry]]
    let certificates: CertificateStore?
    let ticketKeys: TicketKeyRing
    let quicService: QUICService
    let summary: [String]

    init(listen: [String], tls: [String], quic: [String], certificates paths: [String], workers: Int) throws {
        var entries = [[Entry]](repeating: [], count: workers)
        var summary: [String] = []
        for (kind, texts) in [(Kind.clear, listen), (.tls, tls), (.quic, quic)] {
            for text in texts {
                var address = try Self.parse(text)
                for worker in 0..<workers {
                    let socket = try Self.open(address, kind)
                    address = Socket.localAddress(socket.number)
                    entries[worker].append(Entry(kind: kind, descriptor: socket.release()))
                }
                summary.append("portico-origin listens on \(address) (\(kind.rawValue))")
            }
        }
        self.entries = entries
        self.summary = summary
        certificates = paths.isEmpty ? nil : try CertificateStore(loading: paths)
        ticketKeys = try TicketKeyRing()
        quicService = try QUICService(workers: workers)
    }

    private static func parse(_ text: String) throws -> SocketAddress {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let host = parts.dropLast().joined(separator: ":").trimmingPrefix("[")
        guard parts.count >= 2, let port = parts.last.flatMap({ UInt16($0) }),
            let address = SocketAddress(text: String(host.hasSuffix("]") ? host.dropLast() : host), port: port)
        else { throw ValidationError("'\(text)' is no address: write 127.0.0.1:8000 or [::1]:8000.") }
        return address
    }

    private static func open(_ address: SocketAddress, _ kind: Kind) throws(SystemError) -> OwnedDescriptor {
        guard kind == .quic else {
            return try StreamListener.open(
                .ip(address), backlog: 4096, reusesPort: true, ipv6Only: nil, fastOpen: false)
        }
        let socket = try Socket.datagram(for: .ip(address))
        Socket.setReusable(socket.number, address: false, port: true)
        try Socket.bind(socket.number, to: .ip(address))
        return socket
    }
}

/// A worker's thread.
struct OriginThread {
    private let thread: SystemThread

    init(_ plan: OriginPlan, index: Int) throws {
        thread = try SystemThread {
            do {
                let worker = try OriginWorker(plan, index: index)
                try worker.run()
            } catch {
                print("portico-origin: \(error)")
                exit(1)
            }
        }
    }

    /// Waits for the thread's end.
    func join() { thread.join() }
}
