import Messages

/// Finds what is wrong with a head that was refused.
public enum MalformedHead {
    /// Most lines that are looked at.
    private static let lineLimit = 512

    /// Where the first line begins that is wrong by itself; the end of the head when it is wrong as a whole.
    ///
    /// - Parameter isRequest: which kind of head it is.
    public static func firstBadLine(in bytes: [UInt8], isRequest: Bool) -> Int {
        var start = 0
        var count = 0
        while start < bytes.count, count < lineLimit {
            let end = bytes[start...].firstIndex(of: 0x0a).map { $0 + 1 } ?? bytes.count
            let line = Array(bytes[start..<end])
            if line == [0x0d, 0x0a] || line == [0x0a] { return start }
            let isGood = count == 0 ? isGood(startLine: line, isRequest) : isGood(field: line, isRequest)
            if !isGood { return start }
            start = end
            count += 1
        }
        return min(start, bytes.count)
    }

    private static let host = Array("host: a\r\n".utf8)

    private static func isGood(startLine line: [UInt8], _ isRequest: Bool) -> Bool {
        parses(line + (isRequest ? host : []), isRequest)
    }

    private static func isGood(field line: [UInt8], _ isRequest: Bool) -> Bool {
        guard isRequest else { return parses(Array("HTTP/1.1 200 OK\r\n".utf8) + line, false) }
        let name = line.prefix { $0 != UInt8(ascii: ":") }.map { $0 | 0x20 }
        return parses(Array("GET / HTTP/1.1\r\n".utf8) + line + (name == Array("host".utf8) ? [] : host), true)
    }

    private static func parses(_ lines: [UInt8], _ isRequest: Bool) -> Bool {
        let bytes = lines + [0x0d, 0x0a]
        let head = MessageHead(isRequest ? .request : .response, byteLimit: bytes.count + 256, fieldLimit: 16)
        do throws(MessageError) {
            if isRequest {
                _ = try HeadParser.request(bytes.span, into: head)
            } else {
                _ = try HeadParser.response(bytes.span, to: HeadParser.RequestFacts(), into: head)
            }
            return true
        } catch { return false }
    }
}
