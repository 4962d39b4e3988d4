internal import CNgtcp2

/// A QUIC connection ID (RFC 9000 section 5.1): up to 20 bytes, kept inline so that a table lookup allocates nothing.
public struct ConnectionID: Hashable, Sendable {
    private var head: UInt64
    private var middle: UInt64
    private var tail: UInt32
    /// Number of bytes, 0 to 20.
    public let count: UInt8

    /// Largest connection ID of the versions we speak.
    public static let maxCount = 20

    /// Copies the bytes; nil when there are more than 20.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= Self.maxCount else { return nil }
        count = UInt8(truncatingIfNeeded: bytes.count)
        if bytes.count == MemoryLayout<UInt64>.size {
            head = unsafe bytes.loadUnaligned(as: UInt64.self)
            middle = 0
            tail = 0
        } else {
            var words: (UInt64, UInt64, UInt32) = (0, 0, 0)
            unsafe withUnsafeMutableBytes(of: &words) { unsafe $0.copyMemory(from: bytes) }
            (head, middle, tail) = words
        }
    }

    /// The eight bytes of `word` in memory order.
    init(word: UInt64) {
        head = word
        middle = 0
        tail = 0
        count = 8
    }

    /// Copies one of ngtcp2's; a length that it never gives makes the empty ID.
    init(_ cid: borrowing ngtcp2_cid) {
        let count = min(cid.datalen, Self.maxCount)
        var data = cid.data
        self = unsafe withUnsafeBytes(of: &data) {
            unsafe ConnectionID(UnsafeRawBufferPointer(rebasing: $0[..<count])) ?? ConnectionID(word: 0)
        }
    }

    /// The first eight bytes in memory order; zeros stand for missing ones.
    var word: UInt64 { head }

    /// The ID in ngtcp2's form.
    var ngtcp2: ngtcp2_cid {
        var cid = ngtcp2_cid()
        unsafe withBytes { bytes in
            cid.datalen = bytes.count
            unsafe withUnsafeMutableBytes(of: &cid.data) { unsafe $0.copyMemory(from: bytes) }
        }
        return cid
    }

    /// Calls `body` with the bytes.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var words = (head, middle, tail)
        return unsafe withUnsafeBytes(of: &words) { unsafe body(UnsafeRawBufferPointer(rebasing: $0[..<Int(count)])) }
    }

    /// The bytes.
    var array: [UInt8] { unsafe withBytes { unsafe Array($0) } }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(head)
        guard count != 8 else { return }
        hasher.combine(middle)
        hasher.combine(tail)
        hasher.combine(count)
    }
}

extension ConnectionID: CustomStringConvertible {
    /// Hexadecimal digits.
    public var description: String {
        unsafe withBytes { bytes in
            var text = ""
            for index in 0..<bytes.count {
                let byte = unsafe bytes[index]
                text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
            return text
        }
    }
}
