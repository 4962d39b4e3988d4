import Bytes
import Messages
import MuxHTTP1
import Streams

extension FuzzTarget {
    /// Bytes of an HTTP/1 client: pipelined requests with heads, bodies, chunks and trailers. The first byte of the
    /// input chooses whether tunnels are accepted.
    static let http1Requests = FuzzTarget("http1-requests", "HTTP/1 requests of a client") { input in
        guard !input.isEmpty else { return }
        let bytes = (1..<input.count).map { input[$0] }
        func run(piece: Int) -> [Player] {
            let bench = MuxBench(accepts: input[0] & 1 != 0)
            bench.run(bytes, piece: piece) { HTTP1FrontMux(host: $0) }
            return bench.players
        }
        promiseSameReading(run(piece: .max), run(piece: 1))
    }

    /// Bytes of an HTTP/1 server. The first byte of the input chooses the request: GET, HEAD, POST or an upgrade.
    static let http1Responses = FuzzTarget("http1-responses", "HTTP/1 responses of a server") { input in
        guard !input.isEmpty else { return }
        let bytes = (1..<input.count).map { input[$0] }
        let request =
            switch input[0] & 3 {
            case 1: ClientRequest(method: "HEAD")
            case 2: ClientRequest(method: "POST", bodyCount: 10)
            case 3: ClientRequest(isUpgrade: true)
            default: ClientRequest()
            }
        func run(piece: Int) -> [Player] {
            let bench = MuxBench()
            bench.run(bytes, piece: piece, requests: [request]) { HTTP1BackMux(host: $0, seed: 1) }
            return bench.players
        }
        promiseSameReading(run(piece: .max), run(piece: 1))
    }
}
