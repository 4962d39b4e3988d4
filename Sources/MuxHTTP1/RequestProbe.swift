public import Messages

/// Reads the head of a request from bytes that nobody has taken for HTTP yet: what rules of TCP mode look at.
public enum RequestProbe {
    public enum Result: Sendable {
        /// The bytes may be the start of a request.
        case incomplete
        /// They are no request.
        case invalid
        /// The head is whole.
        case found
    }

    /// Reads the head at the start of `bytes` into `head`, which is empty.
    public static func read(_ bytes: Span<UInt8>, into head: MessageHead) -> Result {
        var start = 0
        while start + 1 < bytes.count, bytes[start] == 0x0d, bytes[start + 1] == 0x0a { start += 2 }
        let rest = bytes.extracting(start..<bytes.count)
        guard rest.count > 0 else { return .incomplete }
        guard rest[0].isTokenCharacter else { return .invalid }
        var scanner = HeadScanner()
        guard let end = scanner.end(of: rest) else { return looksLikeRequest(rest) ? .incomplete : .invalid }
        do throws(MessageError) {
            if rest.extracting(0..<end).equals("PRI * HTTP/2.0\r\n\r\n") {
                // The start of HTTP/2's preface is made to look like a request (RFC 9113 section 3.4).
                try head.setMethod(Span("PRI"))
                try head.setPath(Span("*"))
                head.version = .http2
                return .found
            }
            _ = try HeadParser.request(rest.extracting(0..<end), into: head)
            return .found
        } catch {
            return .invalid
        }
    }

    /// Whether the part of a request line that is here could be that of one.
    private static func looksLikeRequest(_ bytes: Span<UInt8>) -> Bool {
        var index = 0
        while index < bytes.count, bytes[index].isTokenCharacter { index += 1 }
        guard index < bytes.count else { return true }
        guard bytes[index] == 0x20 else { return false }
        index = bytes.endOfTarget(from: index + 1)
        guard index < bytes.count else { return true }
        guard bytes[index] == 0x20 else { return false }
        let version = bytes.extracting(index + 1..<bytes.count)
        let expected: StaticString = "HTTP/"
        let start = Span<UInt8>(expected)
        for place in 0..<min(start.count, version.count) where version[place] != start[place] { return false }
        return true
    }
}
