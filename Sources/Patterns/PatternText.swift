import Glibc

/// A pattern as its method reads it, ready to be put into an index.
enum ReadPattern {
    /// Not looked at by the method.
    case nothing
    /// Compared as text.
    case text
    /// Compared as bytes.
    case bytes([UInt8])
    /// A range of numbers, both ends included.
    case range(ClosedRange<Int64>)
    /// An IPv4 network; the mask may have holes.
    case network4(address: UInt32, mask: UInt32)
    /// An IPv6 network.
    case network6(high: UInt64, low: UInt64, bits: Int)
    /// A regular expression.
    case expression(PCRE2Expression)
}

/// Readers of patterns: the same texts are taken and refused as in HAProxy (configuration.txt 7.1.3 to 7.1.6).
enum PatternText {
    /// Reads a pattern for a method.
    /// - Parameter resolve: turns a host name into an IPv4 address; nil where names are not taken.
    static func read(
        _ text: Span<UInt8>, as kind: IndexKind, resolve: ((String) -> UInt32?)?
    ) throws(PatternError) -> ReadPattern {
        switch kind.method {
        case .found, .bool: .nothing
        case .str, .beg, .sub, .dir, .dom, .end: .text
        case .reg, .regm:
            .expression(
                try PCRE2Expression(text, ignoringCase: kind.ignoresCase, capturing: kind.method == .regm))
        case .bin: .bytes(try hexadecimal(text))
        case .int, .len: .range(try range(text, what: "") { number($0, $1) })
        case .version: .range(try range(text, what: "dotted ") { dottedNumber($0, $1) })
        case .ip: try network(text, resolve: resolve)
        }
    }

    /// `a`, `a:b`, `a:`, `:b`; `-` may stand for the colon.
    private static func range(
        _ text: Span<UInt8>, what: String, number: (Span<UInt8>, Range<Int>) -> Int64?
    ) throws(PatternError) -> ClosedRange<Int64> {
        let separator = text.indices.first { text[$0] == UInt8(ascii: ":") || text[$0] == UInt8(ascii: "-") }
        guard let separator else {
            if let value = number(text, 0..<text.count) { return value...value }
            let kind = text.isEmpty || !what.isEmpty ? "\(what)number" : "number"
            throw PatternError(
                text.isEmpty && what.isEmpty
                    ? "'' is not a valid number range" : "'\(text.patternString)' is not a \(kind)")
        }
        let first = 0..<separator
        let second = separator + 1..<text.count
        let refusal = PatternError("'\(text.patternString)' is not a valid \(what)number range")
        if first.isEmpty, !second.isEmpty {
            guard let upper = number(text, second) else { throw refusal }
            return .min...upper
        }
        if second.isEmpty {
            guard let lower = number(text, first) else { throw refusal }
            return lower ... .max
        }
        guard let lower = number(text, first), let upper = number(text, second), lower <= upper else { throw refusal }
        return lower...upper
    }

    /// A decimal number, which may be negative.
    static func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Int64? {
        guard !range.isEmpty else { return nil }
        let isNegative = text[range.lowerBound] == UInt8(ascii: "-")
        var value: Int64 = 0
        for index in range.dropFirst(isNegative ? 1 : 0) {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) =
                isNegative
                ? tens.subtractingReportingOverflow(Int64(digit)) : tens.addingReportingOverflow(Int64(digit))
            guard !tooLarge, !overflow else { return nil }
            value = sum
        }
        return value
    }

    /// `major` or `major.minor`, each below 65536, as one number.
    private static func dottedNumber(_ text: Span<UInt8>, _ range: Range<Int>) -> Int64? {
        let dot = range.first { text[$0] == UInt8(ascii: ".") } ?? range.upperBound
        guard let major = number(text, range.lowerBound..<dot), major < 65536 else { return nil }
        guard dot < range.upperBound else { return major << 16 }
        guard let minor = number(text, dot + 1..<range.upperBound), minor < 65536 else { return nil }
        return major << 16 | minor & 0xffff
    }

    private static func hexadecimal(_ text: Span<UInt8>) throws(PatternError) -> [UInt8] {
        guard text.count.isMultiple(of: 2) else { throw PatternError("an even number of hex digit is expected") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = nibble(text[index]) else { throw badDigit(text[index]) }
            guard let low = nibble(text[index + 1]) else { throw badDigit(text[index + 1]) }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func badDigit(_ byte: UInt8) -> PatternError {
        PatternError("an hex digit is expected (found '\(Character(Unicode.Scalar(byte)))')")
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// `address` or `address/mask`; an IPv4 mask is a number of bits or dotted, an IPv6 mask a number of bits.
    private static func network(
        _ text: Span<UInt8>, resolve: ((String) -> UInt32?)?
    ) throws(PatternError) -> ReadPattern {
        let slash = text.indices.last { text[$0] == UInt8(ascii: "/") }
        let address = 0..<(slash ?? text.count)
        let mask = slash.map { $0 + 1..<text.count }
        let mask4: UInt32? = mask.map { dottedOrBits(text, $0) } ?? .max
        if let mask4, let value = AddressText.v4(text, address) {
            return .network4(address: value, mask: mask4)
        }
        let mask6: Int? = mask.map { bits(text, $0, limit: 128) } ?? 128
        if let mask6, let value = AddressText.v6(text, address) {
            return .network6(high: value.high, low: value.low, bits: mask6)
        }
        if let resolve, let mask4, let value = resolve(text.extracting(address).patternString) {
            return .network4(address: value, mask: mask4)
        }
        throw PatternError("'\(text.patternString)' is not a valid IPv4 or IPv6 address")
    }

    private static func dottedOrBits(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        if range.contains(where: { text[$0] == UInt8(ascii: ".") }) { return AddressText.v4(text, range) }
        guard let bits = bits(text, range, limit: 32) else { return nil }
        return bits == 0 ? 0 : .max << UInt32(32 - bits)
    }

    private static func bits(_ text: Span<UInt8>, _ range: Range<Int>, limit: Int) -> Int? {
        guard let value = number(text, range), (0...Int64(limit)).contains(value) else { return nil }
        return Int(value)
    }
}

/// Numeric addresses as text, as inet_pton(3) reads them.
enum AddressText {
    /// The address in host order; nil for anything but dotted decimal.
    static func v4(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        var value: UInt32 = 0
        var part: UInt32 = 0
        var parts = 0
        var digits = 0
        for index in range {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                guard digits > 0, parts < 3 else { return nil }
                value = value << 8 | part
                parts += 1
                part = 0
                digits = 0
                continue
            }
            let digit = byte &- UInt8(ascii: "0")
            // inet_pton takes no leading zero.
            guard digit <= 9, digits == 0 || part > 0 else { return nil }
            part = part * 10 + UInt32(digit)
            guard part <= 255 else { return nil }
            digits += 1
        }
        return parts == 3 && digits > 0 ? value << 8 | part : nil
    }

    /// The address's halves; nil for anything but RFC 4291's forms.
    static func v6(_ text: Span<UInt8>, _ range: Range<Int>) -> (high: UInt64, low: UInt64)? {
        guard let bytes = bytes6(text, range) else { return nil }
        return (bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }, bytes[8...].reduce(0) { $0 << 8 | UInt64($1) })
    }

    private static func bytes6(_ text: Span<UInt8>, _ range: Range<Int>) -> [UInt8]? {
        // No address is longer, and the C function stops at a zero byte where we must not.
        guard !range.isEmpty, range.count < 46 else { return nil }
        var copy: [CChar] = []
        copy.reserveCapacity(range.count + 1)
        for index in range {
            guard text[index] != 0 else { return nil }
            copy.append(CChar(bitPattern: text[index]))
        }
        copy.append(0)
        var address: [UInt8] = Array(repeating: 0, count: 16)
        return unsafe inet_pton(AF_INET6, copy, &address) == 1 ? address : nil
    }
}

extension Span<UInt8> {
    /// The bytes as text, for errors and tools: not for the hot path.
    var patternString: String {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in indices { copy.append(self[index]) }
        return String(decoding: copy, as: UTF8.self)
    }
}
