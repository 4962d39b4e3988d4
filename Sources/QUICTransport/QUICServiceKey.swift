internal import CGnuTLS

/// The secret that all processes of one service share: connection IDs, stateless reset tokens and address-validation
/// tokens are derived from it, so that one process can read what another one made.
public struct QUICServiceKey: Sendable {
    /// Bytes in the secret.
    public static let count = 32

    /// The bytes: for another process of the service, and for nobody else.
    public let secret: [UInt8]

    /// Nil unless `secret` has 32 bytes.
    public init?(secret: [UInt8]) {
        guard secret.count == Self.count else { return nil }
        self.secret = secret
    }

    /// The key of all processes that are configured with this secret, of any length (`cluster-secret`).
    public init(clusterSecret: [UInt8]) {
        secret = MessageAuthenticator(key: clusterSecret).code(for: "portico cluster secret")
    }

    /// A key for one process alone, from a source of unpredictable bytes.
    public init(random source: QUICRandom) {
        secret = source.bytes(count: Self.count)
    }

    /// A key for one purpose: HMAC-SHA256 of the secret and the purpose's name.
    func key(for purpose: StaticString) -> [UInt8] {
        MessageAuthenticator(key: secret).code(for: purpose)
    }

    /// Three words for one purpose.
    func words(for purpose: StaticString) -> (UInt32, UInt32, UInt32) {
        unsafe key(for: purpose).withUnsafeBytes { bytes in
            unsafe (
                bytes.loadUnaligned(as: UInt32.self), bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
            )
        }
    }
}

/// HMAC-SHA256 with a fixed key, set up once (RFC 2104).
@safe
final class MessageAuthenticator {
    /// Bytes in a code.
    static let count = 32

    private var handle: gnutls_hmac_hd_t?

    init(key: [UInt8]) {
        let result = unsafe key.withUnsafeBytes {
            unsafe gnutls_hmac_init(&handle, GNUTLS_MAC_SHA256, $0.baseAddress, $0.count)
        }
        // The algorithm is always there and the key has a fixed length: only a want of memory can fail here.
        precondition(result == 0, "HMAC-SHA256 can not be set up")
    }

    deinit {
        if let handle = unsafe handle { unsafe gnutls_hmac_deinit(handle, nil) }
    }

    /// Writes the code of `message` to `output`, which has room for 32 bytes, and starts over.
    func code(for message: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer) {
        guard let handle = unsafe handle else { return }
        _ = unsafe gnutls_hmac(handle, message.baseAddress, message.count)
        unsafe gnutls_hmac_output(handle, output)
    }

    func code(for text: StaticString) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Self.count) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            unsafe code(
                for: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount),
                into: UnsafeMutableRawPointer(base))
            count = Self.count
        }
    }
}
