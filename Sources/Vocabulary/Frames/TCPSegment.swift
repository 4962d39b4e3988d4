/// A TCP header (RFC 9293 section 3.1) that is here whole, with its options.
struct TCPSegment {
    /// Bytes of the header without options.
    static let fixedLength = 20
    /// Bytes of the header.
    let headerLength: Int

    /// Nil when the header is not here whole.
    init?(_ segment: Span<UInt8>) {
        guard segment.count >= Self.fixedLength else { return nil }
        headerLength = Int(segment[12] >> 4) * 4
        guard headerLength >= Self.fixedLength, segment.count >= headerLength else { return nil }
    }

    /// Tells each option but the end mark: kind, where it starts, and where the next one would. An option whose length is
    /// wrong comes last, with no next. Stops when `visit` returns false.
    func forEachOption(_ segment: Span<UInt8>, _ visit: (_ kind: UInt8, _ start: Int, _ next: Int?) -> Bool) {
        var position = Self.fixedLength
        while position < headerLength, segment[position] != 0 {
            let kind = segment[position]
            var next: Int?
            if kind == 1 {
                next = position + 1
            } else if position + 1 < headerLength, segment[position + 1] > 1 {
                next = position + Int(segment[position + 1])
            }
            guard visit(kind, position, next), let next else { return }
            position = next
        }
    }

    /// Where the first option of a kind starts, if it ends in the header; nil when there is none.
    func option(_ wanted: UInt8, _ segment: Span<UInt8>) -> Int? {
        var found: Int?
        forEachOption(segment) { kind, start, next in
            guard let next else { return false }
            if kind == wanted, next <= headerLength { found = start }
            return found == nil
        }
        return found
    }
}
