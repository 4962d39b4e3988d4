import Messages

/// Reads the field lines of a head or a trailer section (RFC 9112 section 5), strictly: each line ends in CRLF, no
/// folding, no blank before the colon. Names turn to lower case.
struct FieldReader {
    // What the fields said.
    private(set) var length = ContentLength()
    private(set) var codings = TransferCodings()
    private(set) var connection = ConnectionOptions()
    private(set) var hosts = 0
    private(set) var upgrades = 0
    /// Passes over fields whose names have wrong characters, and takes NUL in values.
    private let allowsViolations: Bool

    init(allowsViolations: Bool = false) { self.allowsViolations = allowsViolations }

    /// Reads `bytes` from `place` to the empty line. The same bytes lie in `head` from `base` on; fields are added
    /// there.
    mutating func read(
        _ bytes: Span<UInt8>, from start: Int, base: UInt32, into head: MessageHead
    ) throws(MessageError) {
        var place = start
        while true {
            guard place < bytes.count else { throw .missingColon }
            let first = bytes[place]
            if first == 0x0d {
                try Self.endOfLine(bytes, at: place)
                guard place + 2 == bytes.count else { throw .missingColon }
                return
            }
            // RFC 9112 section 5.2: a folded line, or a blank between start line and fields.
            if first.isBlank { throw .foldedField }
            let nameStart = place
            place = bytes.endOfToken(from: place)
            var isDropped = false
            if allowsViolations, place < bytes.count, bytes[place] != 0x3a {
                isDropped = true
                while place < bytes.count, bytes[place] != 0x3a, bytes[place] != 0x0d, bytes[place] != 0x0a {
                    place += 1
                }
            }
            try Self.colon(bytes, at: place, nameStart: nameStart)
            let name = HeadRange(start: base + UInt32(nameStart), count: UInt32(place - nameStart))
            place += 1
            while place < bytes.count, bytes[place].isBlank { place += 1 }
            let valueStart = place
            guard var end = bytes.firstInvalidValueByte(from: place) else { throw .badValue }
            while allowsViolations, bytes[end] == 0 {
                guard let next = bytes.firstInvalidValueByte(from: end + 1) else { throw .badValue }
                end = next
            }
            try Self.endOfLine(bytes, at: end)
            if isDropped {
                place = end + 2
                continue
            }
            var valueEnd = end
            while valueEnd > valueStart, bytes[valueEnd - 1].isBlank { valueEnd -= 1 }
            let value = HeadRange(start: base + UInt32(valueStart), count: UInt32(valueEnd - valueStart))
            let token = try head.appendStored(name: name, value: value)
            if token != .other { try note(token, bytes.extracting(valueStart..<valueEnd), head) }
            place = end + 2
        }
    }

    /// Keeps what concerns the message's framing and its connection.
    private mutating func note(
        _ token: FieldName, _ value: Span<UInt8>, _ head: MessageHead
    ) throws(MessageError) {
        if head.kind == .trailers {
            if token.isForbiddenInTrailers { head.remove(at: head.fieldCount - 1) }
            return
        }
        switch token {
        case .contentLength:
            let isFirst = length.value == nil
            try length.add(value)
            // One field with one number is what goes on.
            if isFirst {
                let number = value.firstMember.withoutLeadingZeros
                if number.count < value.count { try head.replaceValue(at: head.fieldCount - 1, number) }
            } else {
                head.remove(at: head.fieldCount - 1)
            }
        case .transferEncoding:
            // Never of requests: who disagrees about a request's end can be made to read two.
            try codings.add(value, allowsViolations: allowsViolations && head.kind == .response)
        case .connection: try connection.add(value)
        case .host: hosts += 1
        case .upgrade: upgrades += 1
        default: break
        }
    }

    private static func colon(_ bytes: Span<UInt8>, at place: Int, nameStart: Int) throws(MessageError) {
        guard place < bytes.count else { throw .missingColon }
        let byte = bytes[place]
        if byte == 0x3a {
            guard place > nameStart else { throw .emptyName }
            return
        }
        if byte.isBlank, place > nameStart { throw .blankBeforeColon }
        if byte == 0x0a { throw .bareLineFeed }
        throw byte == 0x0d ? .missingColon : .badName
    }

    /// Checks that CRLF stands at `place`; the byte there is a control.
    static func endOfLine(_ bytes: Span<UInt8>, at place: Int) throws(MessageError) {
        guard place < bytes.count else { throw .bareCarriageReturn }
        switch bytes[place] {
        case 0x0d:
            guard place + 1 < bytes.count, bytes[place + 1] == 0x0a else { throw .bareCarriageReturn }
        case 0x0a: throw .bareLineFeed
        default: throw .badValue
        }
    }
}
