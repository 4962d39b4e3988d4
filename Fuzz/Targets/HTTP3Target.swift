import Bytes
import MuxHTTP3
import QUICTransport
import Streams

extension FuzzTarget {
    /// Stream bytes of an HTTP/3 client: requests, control stream, QPACK streams.
    static let http3Requests = FuzzTarget("http3-requests", "HTTP/3 streams of a client", weight: 20) { input in
        promiseSameHTTP3Reading(.front, input)
    }

    /// Stream bytes of an HTTP/3 server that has three requests to answer: GET, HEAD and POST.
    static let http3Responses = FuzzTarget("http3-responses", "HTTP/3 streams of a server", weight: 20) { input in
        promiseSameHTTP3Reading(.back, input)
    }
}

/// Feeds the peer's streams to an HTTP/3 mux, in pieces as the input has them and byte by byte.
private func promiseSameHTTP3Reading(_ side: HTTP3Mux.Side, _ input: borrowing Span<UInt8>) {
    let pieces = StreamPiece.read(input)
    promiseSameReading(HTTP3Bench(side).run(pieces, step: .max), HTTP3Bench(side).run(pieces, step: 1))
}

/// Some bytes for one stream: an octet that names the stream and says whether it ends, one with their number, they.
private struct StreamPiece {
    var id: QUICStreamID
    var isLast: Bool
    var bytes: [UInt8]

    /// Bit 7 ends the stream, bit 6 makes it unidirectional, the rest counts.
    static func read(_ input: borrowing Span<UInt8>) -> [StreamPiece] {
        var pieces: [StreamPiece] = []
        var position = 0
        while position + 2 <= input.count {
            let name = input[position]
            let end = min(input.count, position + 2 + Int(input[position + 1]))
            pieces.append(
                StreamPiece(
                    id: QUICStreamID(name & 7) << 2 | (name & 0x40 != 0 ? 2 : 0), isLast: name & 0x80 != 0,
                    bytes: (position + 2..<end).map { input[$0] }))
            position = end
        }
        return pieces
    }
}

/// One HTTP/3 mux on a real connection in memory; the streams at its other end say what the input says.
private final class HTTP3Bench: MuxHost {
    let resources = WorkerResources(buffers: BufferPool(slabSize: 16 * 1024, spareLimit: 4))
    private let side: HTTP3Mux.Side
    private let shared: HTTP3Resources
    private var players: [Player] = []

    init(_ side: HTTP3Mux.Side) {
        self.side = side
        shared = HTTP3Resources(resources)
    }

    func muxNeedsFlush() {}
    func muxStreamsChanged() {}

    func openExchange(for end: any StreamEnd) -> Exchange? {
        let player = Player(.server, accepts: false)
        players.append(player)
        let exchange = Exchange(front: end, handler: player, resources: resources)
        player.exchange = exchange
        return exchange
    }

    func run(_ pieces: [StreamPiece], step: Int) -> [Player] {
        do {
            let pair = QUICPair()
            let peer = ScriptedPeer()
            var made: (mux: HTTP3Mux, connection: QUICConnection)?
            pair.connect { connection in
                guard (connection.role == .server) == (side == .front) else { return peer.adopt(connection) }
                guard
                    let mux = try? HTTP3Mux(
                        settings: HTTP3Settings(), connection: connection, host: self, resources: shared)
                else { fatalError("broken promise: no HTTP/3") }
                made = (mux, connection)
                unsafe connection.application = mux
            }
            guard let made else { fatalError("broken promise: no connection") }
            if side == .back { request(over: made.mux) }
            pair.settle()
            for piece in pieces {
                var start = 0
                repeat {
                    let end = start + min(step, piece.bytes.count - start)
                    let isLast = piece.isLast && end == piece.bytes.count
                    peer.send(Array(piece.bytes[start..<end]), on: piece.id, isLast: isLast)
                    pair.settle()
                    start = end
                } while start < piece.bytes.count
            }
            // Like HTTP/2: what a frame means depends on whether the stream is answered, so all is read first.
            while players.contains(where: { $0.play() }) { pair.settle() }
            made.connection.abandon()
            for player in players where !player.isOver { player.leave() }
            promise(players.allSatisfy { $0.isOver }, "an exchange outlives its connection")
            withExtendedLifetime(peer) {}
        }
        for player in players { player.letGo() }
        shared.releaseIdle()
        promise(resources.buffers.used == 0, "\(resources.buffers.used) slabs are never given back")
        return players
    }

    private func request(over mux: HTTP3Mux) {
        for one in [ClientRequest(), ClientRequest(method: "HEAD"), ClientRequest(method: "POST", bodyCount: 100)] {
            if let player = Player.sending(one, over: mux, resources) { players.append(player) }
        }
    }
}
