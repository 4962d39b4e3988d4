/// The 16-byte token that proves a stateless reset (RFC 9000 section 10.3), kept inline.
struct StatelessResetToken: Hashable {
    static let count = 16
    private var head: UInt64
    private var tail: UInt64

    /// Reads 16 bytes from `source`.
    init(_ source: UnsafeRawPointer) {
        head = unsafe source.loadUnaligned(as: UInt64.self)
        tail = unsafe source.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    }

    /// The token at the end of a datagram; nil when the datagram is too short to be a stateless reset.
    init?(endOf datagram: UnsafeRawBufferPointer) {
        guard datagram.count >= StatelessResetKey.minPacketCount, let base = datagram.baseAddress else { return nil }
        unsafe self.init(base + (datagram.count - Self.count))
    }

    func write(to target: UnsafeMutableRawPointer) {
        unsafe target.storeBytes(of: head, as: UInt64.self)
        unsafe target.storeBytes(of: tail, toByteOffset: 8, as: UInt64.self)
    }
}

/// Derives the stateless reset token of each of our connection IDs from the service key, so that a process which has
/// lost the connection, or never had it, can still tell the peer so.
final class StatelessResetKey {
    /// Shortest packet that can carry a token: 5 unpredictable bytes and the token (RFC 9000 section 10.3).
    static let minPacketCount = 21
    /// We send no larger ones: enough to look like a short packet.
    static let maxPacketCount = 43

    private let authenticator: MessageAuthenticator

    init(key: QUICServiceKey) {
        authenticator = MessageAuthenticator(key: key.key(for: "stateless reset"))
    }

    /// The token of `id`: the first half of HMAC-SHA256.
    func token(for id: ConnectionID) -> StatelessResetToken {
        var code: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        return unsafe withUnsafeMutableBytes(of: &code) { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("a tuple has an address") }
            unsafe id.withBytes { unsafe authenticator.code(for: $0, into: base) }
            return unsafe StatelessResetToken(base)
        }
    }
}
