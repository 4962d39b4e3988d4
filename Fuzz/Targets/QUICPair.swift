import Bytes
import QUICTransport
import TLSTransport

/// Two ends of one QUIC connection, joined in memory, with the handshake done: what a mux needs around it.
final class QUICPair {
    let client: QUICConnection
    private(set) var server: QUICConnection?
    private let clientEndpoint: QUICEndpoint
    private let serverEndpoint: QUICEndpoint
    private var batch = DatagramBatch(capacity: 64 << 10, runs: 64)
    private var now = Instant(nanoseconds: 1_000_000_000)
    private let clientPath: QUICPath
    private let serverPath: QUICPath

    init() {
        let first = SocketAddress(ipv4: 127, 0, 0, 1, port: 50_000)
        let second = SocketAddress(ipv4: 127, 0, 0, 1, port: 443)
        clientPath = QUICPath(local: first, remote: second)
        serverPath = QUICPath(local: second, remote: first)
        func endpoint(_ seed: UInt64) -> QUICEndpoint {
            let random = QUICRandom(seed: seed)
            return QUICEndpoint(configuration: .init(), key: QUICServiceKey(random: random), random: random)
        }
        clientEndpoint = endpoint(1)
        serverEndpoint = endpoint(2)
        guard let tls = try? unsafe TLSMaterial.client.makeClientSession(serverName: "localhost"),
            let made = try? clientEndpoint.connect(path: clientPath, tls: tls, settings: QUICSettings(), now: now)
        else { fatalError("broken promise: no client") }
        client = made
    }

    /// Runs the handshake. `adopt` gives each connection its application before the first datagram.
    func connect(_ adopt: (QUICConnection) -> Void) {
        adopt(client)
        for _ in 0..<20 where client.phase == .handshaking || server?.phase != .established {
            unsafe carry(from: client) { bytes in
                switch unsafe serverEndpoint.route(bytes, path: serverPath, into: &batch, now: now, wall: 1) {
                case .connection(let connection):
                    unsafe connection.receive(bytes, path: serverPath, ecn: 0, now: now)
                case .initial(let initial):
                    guard let tls = try? unsafe TLSMaterial.server.makeServerSession(),
                        let made = try? serverEndpoint.accept(
                            initial, path: serverPath, tls: tls, settings: QUICSettings(), now: now)
                    else { fatalError("broken promise: no server") }
                    server = made
                    adopt(made)
                    unsafe made.receive(bytes, path: serverPath, ecn: 0, now: now)
                default: break
                }
            }
            if let server {
                unsafe carry(from: server) { unsafe client.receive($0, path: clientPath, ecn: 0, now: now) }
            }
        }
        promise(client.phase == .established && server?.phase == .established, "no handshake in memory")
    }

    /// Carries what both sides have to send, a millisecond later each way, until neither has more.
    func settle() {
        guard let server else { return }
        for _ in 0..<1_000 {
            let sent = unsafe carry(from: client) { unsafe server.receive($0, path: serverPath, ecn: 0, now: now) }
            let answered = unsafe carry(from: server) { unsafe client.receive($0, path: clientPath, ecn: 0, now: now) }
            if !sent, !answered { return }
        }
        promise(false, "two ends that never fall silent")
    }

    /// True when there was something to carry.
    @discardableResult private func carry(
        from connection: QUICConnection, _ deliver: (UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        now = now.advanced(nanoseconds: 1_000_000)
        var datagrams: [[UInt8]] = []
        var more = true
        while more {
            if case .idle = connection.writeDatagrams(into: &batch, now: now) { more = false }
            for index in 0..<batch.runCount {
                let bytes = unsafe Array(batch.bytes(of: batch[index]))
                for start in stride(from: 0, to: bytes.count, by: batch[index].segmentSize) {
                    datagrams.append(Array(bytes[start..<min(bytes.count, start + batch[index].segmentSize)]))
                }
            }
            batch.removeAll()
        }
        for datagram in datagrams { unsafe datagram.withUnsafeBytes { unsafe deliver($0) } }
        return !datagrams.isEmpty
    }
}
