// Gathers small pieces into one TLS record.

import Glibc

/// Room for the plaintext of one record, shared by all connections of a context: it is filled and encrypted within one
/// call, and holds nothing in between.
@safe final class RecordBuffer {
    /// Plaintext bytes in a record at most (RFC 8446, section 5.1).
    static let recordSize = 16_384

    let bytes: UnsafeMutableRawBufferPointer

    init() {
        unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.recordSize, alignment: 64)
    }

    deinit {
        unsafe bytes.deallocate()
    }

    /// Copies `size` bytes (at most a record) from the pieces that begin with `first`.
    func gather(_ size: Int, from pieces: UnsafeMutableBufferPointer<iovec>, first: Int) -> UnsafeRawBufferPointer {
        var filled = 0
        var index = first
        while filled < size {
            let piece = unsafe pieces[index]
            let part = unsafe min(piece.iov_len, size - filled)
            if let source = unsafe piece.iov_base, let target = unsafe bytes.baseAddress {
                unsafe (target + filled).copyMemory(from: source, byteCount: part)
            }
            filled += part
            index += 1
        }
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[..<size])
    }
}
