/// A set of bytes that a place does not take as they are.
public struct ByteClass: Sendable {
    private let low: UInt64
    private let second: UInt64
    /// Bytes from 128 on: all or none.
    private let high: Bool

    private init(_ bytes: [UInt8], controls: Bool, high: Bool) {
        var sets: (UInt64, UInt64) = (0, 0)
        for byte in bytes + (controls ? Array(0..<32) + [127] : []) {
            if byte < 64 { sets.0 |= 1 << UInt64(byte) } else { sets.1 |= 1 << UInt64(byte - 64) }
        }
        (low, second) = sets
        self.high = high
    }

    public func contains(_ byte: UInt8) -> Bool {
        if byte < 64 { return low >> UInt64(byte) & 1 != 0 }
        if byte < 128 { return second >> UInt64(byte - 64) & 1 != 0 }
        return high
    }

    public static let none = ByteClass([], controls: false, high: false)
    /// Not in a URI of a log line.
    public static let uri = ByteClass(Array("\"#".utf8), controls: true, high: true)
    /// Not in a captured field of a log line.
    public static let capture = ByteClass(Array("\"#{|}".utf8), controls: true, high: true)
    /// Not in the value of an HTTP field.
    public static let field = ByteClass(Array(0..<9) + Array(10..<32) + [127], controls: false, high: false)
    /// To be escaped in structured data (RFC 5424 section 6.3.3).
    public static let structured = ByteClass(Array("\"\\]".utf8), controls: false, high: false)
    /// To be escaped in JSON.
    public static let json = ByteClass(Array("\"\\".utf8), controls: false, high: false)
}
