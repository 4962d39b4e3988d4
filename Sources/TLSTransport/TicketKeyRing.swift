// The keys that encrypt session tickets, shared by all workers.

import COpenSSL

/// The keys of session tickets. Random at start, held in memory only, shared by all workers: a ticket from one worker
/// resumes on another.
@safe package final class TicketKeyRing: Sendable {
    /// The master key of GnuTLS's tickets, from which GnuTLS derives and rotates its own keys by wall-clock time.
    let quicMasterKey: [UInt8]

    static let quicMasterKeyLength = 64

    package init() throws(TLSError) {
        self.quicMasterKey = try Self.random(Self.quicMasterKeyLength)
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
