// The text forms of addresses: dotted decimal, and RFC 4291 section 2.2 in, RFC 5952 out.

extension IPAddress: CustomStringConvertible {
    /// The address in its canonical text form (RFC 5952 for IPv6, without brackets).
    public var description: String {
        switch self {
        case .v4(let value): Self.dotted(value)
        case .v6(let high, let low): Self.colons(high: high, low: low)
        }
    }

    /// Parses an IPv4 address in dotted decimal, or an IPv6 address without brackets; nil for anything else.
    public init?(text: some StringProtocol) {
        let bytes = Array(text.utf8)
        if let value = Self.parseV4(bytes[...]) {
            self = .v4(value)
        } else if let (high, low) = Self.parseV6(bytes[...]) {
            self = .v6(high: high, low: low)
        } else {
            return nil
        }
    }

    private static func dotted(_ value: UInt32) -> String {
        "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
    }

    private static func colons(high: UInt64, low: UInt64) -> String {
        // IPv4-mapped addresses keep their dotted end (RFC 5952 section 5).
        if high == 0, low >> 32 == 0xffff { return "::ffff:" + dotted(UInt32(truncatingIfNeeded: low)) }
        let groups = [high, low].flatMap { half in (0..<4).map { half >> UInt64(48 - 16 * $0) & 0xffff } }
        let zeros = longestZeroRun(groups)
        let text = groups.map { String($0, radix: 16) }
        guard !zeros.isEmpty else { return text.joined(separator: ":") }
        return text[..<zeros.lowerBound].joined(separator: ":") + "::"
            + text[zeros.upperBound...].joined(separator: ":")
    }

    /// The first of the longest runs of two or more zero groups (RFC 5952 section 4.2).
    private static func longestZeroRun(_ groups: [UInt64]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 {
                start = index + 1
            } else if index + 1 - start > max(best.count, 1) {
                best = start..<index + 1
            }
        }
        return best
    }

    private static func parseV4(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            // A leading zero could mean octal to another reader, so it is refused (as inet_pton does).
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var byte: UInt32 = 0
            for digit in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                byte = byte * 10 + UInt32(digit - UInt8(ascii: "0"))
            }
            guard byte <= 255 else { return nil }
            value = value << 8 | byte
        }
        return value
    }

    private static func parseV6(_ text: ArraySlice<UInt8>) -> (UInt64, UInt64)? {
        guard text.count <= 45 else { return nil }
        guard let gap = firstDoubleColon(text) else {
            guard let groups = parseGroups(text), groups.count == 8 else { return nil }
            return halves(groups)
        }
        guard let head = parseGroups(text[..<gap], isEnd: false), let tail = parseGroups(text[(gap + 2)...]),
            head.count + tail.count <= 7
        else { return nil }
        return halves(head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail)
    }

    private static func firstDoubleColon(_ text: ArraySlice<UInt8>) -> Int? {
        text.indices.dropLast().first { text[$0] == UInt8(ascii: ":") && text[$0 + 1] == UInt8(ascii: ":") }
    }

    /// Groups of one to four hex digits between colons; the last may be an IPv4 address when `isEnd`.
    private static func parseGroups(_ text: ArraySlice<UInt8>, isEnd: Bool = true) -> [UInt64]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var groups: [UInt64] = []
        for (index, part) in parts.enumerated() {
            if isEnd, index == parts.count - 1, let tail = parseV4(part) {
                groups += [UInt64(tail >> 16), UInt64(tail & 0xffff)]
                continue
            }
            guard (1...4).contains(part.count), let value = hexadecimal(part) else { return nil }
            groups.append(value)
        }
        return groups
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt64(digit - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func halves(_ groups: [UInt64]) -> (UInt64, UInt64) {
        (groups.prefix(4).reduce(0) { $0 << 16 | $1 }, groups.dropFirst(4).reduce(0) { $0 << 16 | $1 })
    }
}

extension IPNetwork: CustomStringConvertible {
    /// `address/length`.
    public var description: String { "\(address)/\(prefixLength)" }
}
