// The keys that encrypt session tickets, shared by all workers.

public import Bytes
import COpenSSL
import Synchronization

/// One key of session tickets (RFC 5077, section 4): a public name, and what encrypts and authenticates.
@safe final class TicketKey: @unchecked Sendable {
    static let nameLength = 16
    static let secretLength = 32

    /// Name, encryption key, authentication key. Written once, wiped when the key goes.
    private let bytes: UnsafeMutableRawBufferPointer

    init() throws(TLSError) {
        let count = Self.nameLength + 2 * Self.secretLength
        unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        guard unsafe RAND_priv_bytes(bytes.baseAddress, Int32(count)) == 1 else {
            unsafe bytes.deallocate()
            throw TLSError(.internal, "no random bytes: \(OpenSSLErrors.drain())")
        }
    }

    deinit {
        unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count)
        unsafe bytes.deallocate()
    }

    var name: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: bytes[..<Self.nameLength])
    }

    var encryptionKey: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: bytes[Self.nameLength..<Self.nameLength + Self.secretLength])
    }

    var authenticationKey: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: bytes[(Self.nameLength + Self.secretLength)...])
    }
}

/// The keys of session tickets. Random at start, held in memory only, shared by all workers: a ticket from one worker
/// resumes on another. A new key replaces the old one every `period`; the one before still decrypts.
@safe public final class TicketKeyRing: Sendable {
    /// What a worker keeps of the ring: asked again only once `validUntil` has passed.
    struct Keys: Sendable {
        /// Encrypts new tickets.
        let current: TicketKey
        /// Still decrypts; nil at first.
        let previous: TicketKey?
        let validUntil: Instant
    }

    /// The master key of GnuTLS's tickets, from which GnuTLS derives and rotates its own keys by wall-clock time.
    let quicMasterKey: [UInt8]
    static let quicMasterKeyLength = 64
    /// Keeps early data that came with these tickets from being taken twice, whichever listener it comes to.
    public let replayGuard = ReplayGuard()

    private let period: Int
    private let keys: Mutex<Keys>

    /// `period` is the time between two keys, in milliseconds: tickets live at least that long, and at most twice.
    public init(now: Instant = .zero, period: Int = 3_600_000) throws(TLSError) {
        self.period = period
        self.quicMasterKey = try Self.random(Self.quicMasterKeyLength)
        let first = Keys(current: try TicketKey(), previous: nil, validUntil: now.advanced(milliseconds: period))
        self.keys = Mutex(first)
    }

    /// The keys at `now`. The first worker that comes after the end of a period makes the new key.
    func keys(at now: Instant) throws(TLSError) -> Keys {
        let result = keys.withLock { keys -> Result<Keys, TLSError> in
            guard now >= keys.validUntil else { return .success(keys) }
            do throws(TLSError) {
                // After a whole idle period the old key has had its time as the previous one.
                let isStale = now >= keys.validUntil.advanced(milliseconds: period)
                keys = Keys(
                    current: try TicketKey(), previous: isStale ? nil : keys.current,
                    validUntil: now.advanced(milliseconds: period))
                return .success(keys)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    static func random(_ count: Int) throws(TLSError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let status = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe RAND_priv_bytes(buffer.baseAddress, Int32(buffer.count))
        }
        guard status == 1 else {
            throw TLSError(.internal, "no random bytes: \(OpenSSLErrors.drain())")
        }
        return bytes
    }
}
