import Bytes
import MuxHTTP2
import Streams

/// Feeds what a peer sends to an HTTP/2 mux, whole and byte by byte, and compares what was understood.
func promiseSameHTTP2Reading(_ side: HTTP2Mux.Side, _ input: borrowing Span<UInt8>) {
    // What the peer must say first, so that no input is spent on it.
    let start = side == .front ? Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) : []
    let bytes = start + [0, 0, 0, 4, 0, 0, 0, 0, 0] + input.indices.map { input[$0] }
    let accepts = input.count & 1 != 0
    let requests =
        side == .front
        ? []
        : [ClientRequest(), ClientRequest(method: "HEAD"), ClientRequest(method: "POST", bodyCount: 100)]
    promiseSameReading(
        http2(side, bytes, piece: .max, accepts: accepts, requests: requests),
        http2(side, bytes, piece: 1, accepts: accepts, requests: requests))
}

/// One run of an HTTP/2 mux over what a peer sends; the players tell what was understood.
private func http2(
    _ side: HTTP2Mux.Side, _ bytes: [UInt8], piece: Int, accepts: Bool, requests: [ClientRequest]
) -> [Player] {
    let bench = MuxBench(accepts: accepts, answersLate: true)
    var settings = HTTP2Settings()
    // nghttp2 counts a CONTINUATION frame once for each piece in which its header comes.
    settings.limits.continuationFrames = 100_000
    bench.run(bytes, piece: piece, requests: requests) { host in
        guard let mux = try? HTTP2Mux(side: side, settings: settings, host: host) else {
            fatalError("broken promise: no HTTP/2 session")
        }
        return mux
    }
    return bench.players
}
