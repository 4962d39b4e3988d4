import Bytes
import QUICTransport
import TLSTransport

/// A QUIC server without anything on it, as far as a client gets that has sent its first datagrams only.
package final class QUICServer {
    private let endpoint: QUICEndpoint
    private let random = QUICRandom(seed: 1)
    private var connections: [QUICConnection] = []
    private var batch = DatagramBatch()
    private var now = Instant(nanoseconds: 1_000_000_000)
    private let path = QUICPath(
        local: SocketAddress(ipv4: 127, 0, 0, 1, port: 443), remote: SocketAddress(ipv4: 127, 0, 0, 1, port: 50_000))
    private var received = 0
    /// What those connections are closed with that still answer.
    package var closeCodes: [UInt64] { connections.compactMap { $0.closeReason?.code } }
    /// Bytes that the server has sent.
    package private(set) var sent = 0

    package init() {
        endpoint = QUICEndpoint(configuration: .init(), key: QUICServiceKey(random: random), random: random)
    }

    package func receive(_ datagram: [UInt8]) {
        received += datagram.count
        unsafe datagram.withUnsafeBytes { bytes in
            switch unsafe endpoint.route(bytes, path: path, into: &batch, now: now, wall: 1) {
            case .connection(let connection): unsafe connection.receive(bytes, path: path, ecn: 0, now: now)
            case .initial(let initial):
                guard initial.addressValidation != .invalid else { return }
                guard let tls = try? unsafe TLSMaterial.server.makeServerSession(),
                    let connection = try? endpoint.accept(
                        initial, path: path, tls: tls, settings: QUICSettings(), now: now)
                else { fatalError("broken promise: no connection for a valid Initial") }
                connections.append(connection)
                unsafe connection.receive(bytes, path: path, ecn: 0, now: now)
            case .elsewhere, .answered, .dropped: break
            }
        }
        flush()
    }

    /// Half a second passes.
    func wait() {
        now = now.advanced(nanoseconds: 500_000_000)
        for connection in connections where connection.deadline <= now { connection.handleExpiry(now: now) }
        flush()
    }

    private func flush() {
        for connection in connections {
            // A server that answers for ever would hang the loop below, and the fuzzer would find it.
            while case .more = connection.writeDatagrams(into: &batch, now: now) { takeBatch() }
        }
        takeBatch()
        connections.removeAll { $0.phase == .closed }
        // RFC 9000 section 8.1: nobody has proved an address here, so we are no amplifier.
        promise(sent <= 3 * received, "\(sent) bytes out for \(received) bytes in")
    }

    private func takeBatch() {
        sent += batch.count
        batch.removeAll()
    }
}

extension FuzzTarget {
    /// What comes on the UDP port: up to eight datagrams, each behind its length in two bytes.
    static let quicDatagram = FuzzTarget("quic-datagram", "UDP datagrams that reach a QUIC server") { input in
        let server = QUICServer()
        var position = 0
        for _ in 0..<8 where position + 2 <= input.count {
            let count = Int(input[position]) << 8 | Int(input[position + 1])
            let end = min(input.count, position + 2 + count)
            server.receive((position + 2..<end).map { input[$0] })
            position = end
        }
        server.wait()
    }

    /// Past the encryption: the frames of a client's first packet, ClientHello and transport parameters among them.
    static let quicInitial = FuzzTarget("quic-initial", "frames of a QUIC client's first packet") { input in
        let server = QUICServer()
        server.receive(InitialPacket(frames: input.indices.map { input[$0] }).datagram)
        server.wait()
    }
}
