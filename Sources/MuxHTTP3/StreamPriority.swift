import CNghttp3

/// A request's place in the order of sending (RFC 9218 section 4).
public struct StreamPriority: Equatable, Sendable {
    /// 0 goes first, 7 last.
    public var urgency: UInt8 = 3
    /// The response is of use in pieces: streams of one urgency share the connection.
    public var isIncremental = false

    public init(urgency: UInt8 = 3, isIncremental: Bool = false) {
        self.urgency = min(urgency, 7)
        self.isIncremental = isIncremental
    }

    /// From the value of `priority` or of a PRIORITY_UPDATE frame; what it does not name has its default. Nil when it
    /// is not a structured field dictionary, or `u` or `i` has a wrong type or range.
    public init?(fieldValue: Span<UInt8>) {
        var parsed = nghttp3_pri(urgency: 3, inc: 0)
        let result = unsafe fieldValue.withUnsafeBufferPointer { bytes -> Int32 in
            guard let start = bytes.baseAddress, bytes.count > 0 else { return 0 }
            return unsafe nghttp3_http_parse_priority(&parsed, start, bytes.count)
        }
        guard result == 0 else { return nil }
        self.init(urgency: UInt8(truncatingIfNeeded: parsed.urgency), isIncremental: parsed.inc != 0)
    }
}
