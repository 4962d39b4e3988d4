/// QUIC's variable-length integers (RFC 9000 section 16): 62 bits in 1, 2, 4 or 8 bytes.
public enum Varint {
    /// The largest value.
    public static let max: UInt64 = (1 << 62) - 1

    /// Bytes that `value` takes.
    @inline(__always) public static func size(_ value: UInt64) -> Int {
        if value < 1 << 6 { return 1 }
        if value < 1 << 14 { return 2 }
        return value < 1 << 30 ? 4 : 8
    }

    /// Writes `value` (at most ``max``) at `offset`; returns the offset after it. The caller has made room.
    @inline(__always) @unsafe
    static func write(_ value: UInt64, to room: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let size = size(value)
        let prefix: UInt64 = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3
        let word = value | prefix << UInt64(size * 8 - 2)
        for index in 0..<size {
            unsafe room[offset + index] = UInt8(truncatingIfNeeded: word >> UInt64((size - 1 - index) * 8))
        }
        return offset + size
    }
}

/// Reads one variable-length integer that may come in pieces.
public struct VarintReader {
    private var value: UInt64 = 0
    private var missing: UInt8 = 0

    public init() {}

    /// True in the middle of an integer.
    public var isPartial: Bool { missing > 0 }

    /// Reads on at `position` and moves it; nil when the bytes end before the integer does.
    @inline(__always) public mutating func read(_ bytes: Span<UInt8>, _ position: inout Int) -> UInt64? {
        if missing == 0 {
            guard position < bytes.count else { return nil }
            let first = bytes[position]
            position += 1
            value = UInt64(first & 0x3f)
            if first < 0x40 { return value }
            missing = (1 << (first >> 6)) - 1
        }
        while missing > 0 {
            guard position < bytes.count else { return nil }
            value = value << 8 | UInt64(bytes[position])
            position += 1
            missing -= 1
        }
        return value
    }
}
