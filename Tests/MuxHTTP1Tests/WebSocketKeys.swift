import COpenSSL

/// The answer to a WebSocket key, made another way than the mux makes it (RFC 6455 section 4.2.2).
enum WebSocketKeys {
    static func accept(_ key: String) -> String {
        let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
        var digest = [UInt8](repeating: 0, count: 20)
        var size: UInt32 = 0
        _ = unsafe EVP_Digest(text, text.count, &digest, &size, EVP_sha1(), nil)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var bits = digest.flatMap { byte in (0..<8).map { Int(byte >> UInt8(7 - $0)) & 1 } }
        bits += [Int](repeating: 0, count: (6 - bits.count % 6) % 6)
        let characters = stride(from: 0, to: bits.count, by: 6).map { start in
            alphabet[bits[start..<(start + 6)].reduce(0) { $0 * 2 + $1 }]
        }
        return String(characters) + "="
    }
}
