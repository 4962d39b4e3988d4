/// The value of one or more `content-length` fields (RFC 9110 section 8.6).
public struct ContentLength: Equatable, Sendable {
    /// The length in bytes; nil until a field came.
    public private(set) var value: UInt64?

    public init() {}

    /// Takes in one field's value: digits, or a list of the same number.
    public mutating func add(_ text: Span<UInt8>) throws(MessageError) {
        var place = 0
        var found = false
        // An empty member (`5,,5`) hides nothing but has no place in a length either.
        while place <= text.count {
            var end = place
            while end < text.count, text[end] != 0x2c { end += 1 }
            let number = try Self.number(text.extracting(place..<end).trimmed)
            guard value == nil || value == number else { throw .conflictingContentLength }
            value = number
            found = true
            place = end + 1
        }
        guard found else { throw .badContentLength }
    }

    private static func number(_ digits: Span<UInt8>) throws(MessageError) -> UInt64 {
        guard !digits.isEmpty else { throw .badContentLength }
        var number: UInt64 = 0
        for index in digits.indices {
            let digit = digits[index] &- 0x30
            guard digit < 10 else { throw .badContentLength }
            let (shifted, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
            // A sum of sizes must stay far from the edge.
            guard !overflow, !carry, sum <= UInt64(Int64.max) else { throw .badContentLength }
            number = sum
        }
        return number
    }
}

/// Watches that a body has the length its head announced (RFC 9113 section 8.1.1, RFC 9114 section 4.1.2).
public struct ContentLengthGuard: Equatable, Sendable {
    /// Bytes still to come; nil when the head announced no length.
    public private(set) var left: UInt64?

    public init(_ length: BodyLength) {
        switch length {
        case .none: left = 0
        case .known(let bytes): left = bytes
        case .unknown, .tunnel: left = nil
        }
    }

    /// `count` body bytes came.
    public mutating func receive(_ count: Int) throws(MessageError) {
        guard let left else { return }
        guard let bytes = UInt64(exactly: count), bytes <= left else { throw .bodyLongerThanLength }
        self.left = left - bytes
    }

    /// The body has ended.
    public func end() throws(MessageError) {
        if let left, left > 0 { throw .bodyShorterThanLength }
    }
}
