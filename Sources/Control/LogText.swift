import Bytes
import Messages

/// Text of log lines in a byte buffer that is used again and again: no allocation per line once it has grown.
struct LogText {
    private(set) var bytes: [UInt8] = []

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }
    var count: Int { bytes.count }

    mutating func append(_ text: StaticString) {
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
    mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }
    mutating func append(byte: UInt8) { bytes.append(byte) }

    mutating func append(_ text: Span<UInt8>) {
        unsafe text.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    /// Appends a decimal number, with leading zeros up to `width` digits.
    mutating func append(_ number: Int, width: Int = 1) {
        if number < 0 {
            bytes.append(0x2d)
            return append(magnitude: number.magnitude, width: width)
        }
        append(magnitude: number.magnitude, width: width)
    }

    mutating func append(_ number: UInt64) { append(magnitude: UInt(number), width: 1) }

    private mutating func append(magnitude: UInt, width: Int) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var count = 0
        var left = magnitude
        repeat {
            digits[count] = UInt8(truncatingIfNeeded: left % 10) + 0x30
            left /= 10
            count += 1
        } while left > 0
        for _ in 0..<max(0, width - count) { bytes.append(0x30) }
        while count > 0 {
            count -= 1
            bytes.append(digits[count])
        }
    }
}
