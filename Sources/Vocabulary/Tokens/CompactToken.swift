/// The parts of a token in compact serialization (RFC 7515 section 7.1, RFC 7516 section 7.1): text between dots.
struct CompactToken {
    /// Most parts of any token.
    private static let limit = 5
    private var ends: [5 of Int] = InlineArray(repeating: 0)
    /// How many parts there are.
    private(set) var count = 0
    /// Whether there are more than were asked for.
    private(set) var hasMore = false

    /// Splits `token` into at most `wanted` parts.
    init(_ token: Span<UInt8>, parts wanted: Int) {
        for index in token.indices where token[index] == UInt8(ascii: ".") {
            ends[count] = index
            count += 1
            if count == min(wanted, Self.limit) {
                hasMore = true
                return
            }
        }
        ends[count] = token.count
        count += 1
    }

    /// Where a part stands.
    func range(_ part: Int) -> Range<Int> { (part == 0 ? 0 : ends[part - 1] + 1)..<ends[part] }
}
