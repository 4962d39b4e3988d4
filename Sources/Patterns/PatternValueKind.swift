/// What a map's values are read as: what its converter puts out.
public enum PatternValueKind: Sendable, Hashable {
    /// The text itself (`map_*_str`).
    case text
    /// A number (`map_*_int`).
    case number
    /// An address (`map_*_ip`).
    case address

    /// Reads a text of this kind; false when it is none.
    @unsafe func read(_ text: Span<UInt8>, into value: inout PatternValue) -> Bool {
        switch self {
        case .text: return true
        case .number:
            guard let number = Self.number(text) else { return false }
            unsafe value.kind = .number
            unsafe value.low = UInt64(bitPattern: number)
            return true
        case .address:
            if let address = AddressText.v4(text, 0..<text.count) {
                unsafe value.kind = .v4
                unsafe value.low = UInt64(address)
                return true
            }
            guard let address = AddressText.v6(text, 0..<text.count) else { return false }
            unsafe value.kind = .v6
            unsafe value.high = address.high
            unsafe value.low = address.low
            return true
        }
    }

    /// A decimal number, and nothing else; an empty text is 0, as in HAProxy.
    static func number(_ text: Span<UInt8>) -> Int64? {
        let (value, length) = leadingNumber(text)
        return length == text.count ? value : nil
    }

    /// The decimal number that a text begins with, 0 when there is none, and the length of its text. One beyond 64 bits
    /// is cut to the nearest, as in HAProxy.
    static func leadingNumber(_ text: Span<UInt8>) -> (value: Int64, length: Int) {
        let isNegative = !text.isEmpty && text[0] == UInt8(ascii: "-")
        var index = isNegative ? 1 : 0
        var value: Int64 = 0
        var isCut = false
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            index += 1
            if isCut { continue }
            let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) =
                isNegative
                ? tens.subtractingReportingOverflow(Int64(digit)) : tens.addingReportingOverflow(Int64(digit))
            isCut = tooLarge || overflow
            value = isCut ? (isNegative ? .min : .max) : sum
        }
        return (value, index)
    }
}

/// An address as a map's value.
public enum PatternAddress: Equatable, Sendable {
    /// In host order.
    case v4(UInt32)
    /// The two halves, in host order.
    case v6(high: UInt64, low: UInt64)
}
