import COpenSSL
import Messages

/// The key and its answer by which both ends of a WebSocket see that the other one means it (RFC 6455 section 4).
enum WebSocketHandshake {
    /// A `sec-websocket-key`: 16 random bytes in base64.
    typealias Key = InlineArray<24, UInt8>
    /// A `sec-websocket-accept`: a SHA-1 in base64.
    typealias Accept = InlineArray<28, UInt8>

    /// A key from 128 random bits.
    static func key(_ high: UInt64, _ low: UInt64) -> Key {
        var key = Key(repeating: 0)
        unsafe withUnsafeBytes(of: (high, low)) { nonce in
            unsafe encode(nonce) { key[$0] = $1 }
        }
        return key
    }

    /// The answer to `key`, whatever it holds.
    static func accept(for key: Span<UInt8>) -> Accept {
        let suffix: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        var accept = Accept(repeating: 0)
        unsafe withUnsafeTemporaryAllocation(byteCount: key.count + suffix.utf8CodeUnitCount, alignment: 1) { joined in
            unsafe key.withUnsafeBytes { unsafe joined.copyMemory(from: $0) }
            let end = unsafe UnsafeMutableRawBufferPointer(rebasing: joined[key.count...])
            unsafe end.copyMemory(
                from: UnsafeRawBufferPointer(start: suffix.utf8Start, count: suffix.utf8CodeUnitCount))
            unsafe withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digest in
                _ = unsafe SHA1(joined.baseAddress, joined.count, digest.baseAddress)
                unsafe encode(UnsafeRawBufferPointer(digest)) { accept[$0] = $1 }
            }
        }
        return accept
    }

    /// Base64 of at most 21 bytes, given character by character.
    private static func encode(_ bytes: UnsafeRawBufferPointer, _ put: (Int, UInt8) -> Void) {
        // EVP_EncodeBlock writes a NUL after the text.
        unsafe withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { text in
            let count = unsafe EVP_EncodeBlock(text.baseAddress, bytes.baseAddress, Int32(bytes.count))
            for index in 0..<Int(count) { unsafe put(index, text[index]) }
        }
    }
}
