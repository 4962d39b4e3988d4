import Configuration
import Messages
import Samples
import Streams

// Bytes as HAProxy's logs and fetches count them (`%U`, `%B`): those of the messages as they came, whatever the versions
// on the wire are, in the form that HAProxy keeps them in.
extension ProxyExchange {
    /// Bytes of the request so far; in TCP mode those that the client sent.
    package var countedFromClient: UInt64 {
        guard let exchange else { return 0 }
        guard isHTTP else { return exchange.bytesFromClient }
        return requestHeadSize == 0 ? 0 : requestHeadSize + Self.bodySize(exchange.request)
    }

    /// Bytes of the server's response so far; in TCP mode those that the client got. None for an answer of our own.
    package var countedFromServer: UInt64 {
        guard let exchange else { return 0 }
        guard isHTTP else { return exchange.bytesToClient }
        guard responseHeadSize > 0, ownStatus == 0 else { return responseHeadSize }
        return responseHeadSize + Self.bodySize(exchange.response)
    }

    /// A body with its trailers. In chunks it has an end that counts, also without trailers.
    private static func bodySize(_ half: Half) -> UInt64 {
        guard half.phase == .ended, let head = half.head else { return half.bytesIn }
        if let trailers = half.trailers { return half.bytesIn + UInt64(trailers.fieldSize) + 1 }
        return half.bytesIn + (head.isChunked ? 1 : 0)
    }
}

extension MessageHead {
    /// Whether the message came in chunks.
    var isChunked: Bool {
        guard version == .http11, bodyLength == .unknown else { return false }
        return kind == .request || first(.transferEncoding) != nil
    }

    /// Bytes of names and values.
    var fieldSize: Int {
        var size = 0
        for index in 0..<fieldCount { size += nameText(at: index).count + value(at: index).count }
        return size
    }

    /// Bytes of a head: a start line with what HAProxy keeps beside its three parts, the fields, and an end.
    var countedSize: UInt64 {
        let lineOverhead = 20
        let version = 8
        var size = lineOverhead + version + fieldSize + 1
        switch kind {
        case .request:
            size += methodText.count
            if scheme.isEmpty {
                size += method == .connect ? authority.count : path.count
            } else {
                size += scheme.count + 3 + authority.count + path.count
            }
            // HTTP/2 and HTTP/3 have the host in a place of its own.
            if self.version >= .http2, first(.host) == nil, !authority.isEmpty { size += 4 + authority.count }
        case .response: size += 3 + reason.count
        case .trailers: break
        }
        // The field is not among those that are kept.
        if isChunked, first(.transferEncoding) == nil { size += "transfer-encodingchunked".utf8.count }
        return UInt64(size)
    }
}
