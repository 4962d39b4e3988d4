/// The comparison that precedes numbers in an ACL (configuration.txt 7.1.3): it turns the numbers after it into ranges.
public enum NumberOperator: String, Sendable {
    case eq, ge, gt, le, lt

    /// The pattern that stands for this comparison with `text`: `gt 5` is `6:`. A text that is a range already stays
    /// as it is.
    /// - Parameter method: `int`, `len`, or `version`.
    public func pattern(for text: String, method: MatchMethod) throws(PatternError) -> String {
        if self == .eq || text.contains(":") || text.contains("-") { return text }
        let refusal = PatternError("'\(text)' is neither a number nor a supported operator")
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard var value = Self.number(parts[0]) else { throw refusal }
        if method == .version {
            var minor: Int64 = 0
            if parts.count > 1 {
                guard let number = Self.number(parts[1]) else { throw refusal }
                minor = number
            }
            guard minor < 65536 else { throw PatternError("'\(text)' contains too large a minor value") }
            guard value < 65536 else { throw PatternError("'\(text)' contains too large a major value") }
            value = value << 16 | minor
        }
        if self == .gt { value = value &+ 1 }
        if self == .lt { value = value &- 1 }
        let number = method == .version ? "\(value >> 16).\(value & 0xffff)" : "\(value)"
        return self == .ge || self == .gt ? number + ":" : ":" + number
    }

    private static func number(_ text: Substring) -> Int64? {
        let bytes = Array(text.utf8)
        return PatternText.number(bytes.span, 0..<bytes.count)
    }
}
