import Messages

/// Reads messages of the Financial Information eXchange protocol: `tag=value` and a byte 1, over and over.
enum FIXMessage {
    /// What is known of a message that may not be here whole.
    enum Answer<Value> {
        case value(Value)
        /// Not valid, or the tag is not in it.
        case none
        /// More data may tell.
        case moreNeeded
    }

    static let delimiter: UInt8 = 1
    /// The shortest message.
    private static let minimumLength = 26

    /// Tags with a meaning here.
    private enum Tag {
        static let beginString: UInt32 = 8
        static let bodyLength: UInt32 = 9
        static let checkSum: UInt32 = 10
        static let msgType: UInt32 = 35
    }

    /// Tags that may be written by name.
    private static let names: [(StaticString, UInt32)] = [
        ("msgtype", Tag.msgType), ("checksum", Tag.checkSum), ("bodylength", Tag.bodyLength), ("targetcompid", 56),
        ("beginstring", Tag.beginString), ("sendercompid", 49),
    ]

    /// The number of a tag written as number or name; nil when it is neither.
    static func tag(_ text: Span<UInt8>) -> UInt32? {
        if let number = number(text), number > 0 { return number }
        for (name, number) in names where text.equalsIgnoringCase(name) { return number }
        return nil
    }

    /// One field of a message.
    private struct Field {
        let tag: Range<Int>
        let value: Range<Int>
        var next: Int { value.upperBound + 1 }
    }

    private enum Step {
        case field(Field)
        case malformed, incomplete
    }

    /// The field that starts at `start`.
    private static func field(_ message: Span<UInt8>, at start: Int) -> Step {
        var equals = start
        while equals < message.count, message[equals] != UInt8(ascii: "=") { equals += 1 }
        var end = equals
        while end < message.count, message[end] != delimiter { end += 1 }
        if end == message.count { return .incomplete }
        if equals == start { return .malformed }
        return .field(Field(tag: start..<equals, value: equals + 1..<end))
    }

    /// Whether a message is valid: its first three tags and its last one, its length and its checksum. More than one
    /// message may stand in `message`; the first is looked at.
    static func validate(_ message: Span<UInt8>) -> Answer<Bool> {
        if message.count < minimumLength { return .moreNeeded }
        var position = 0
        var count = 0
        var highestTag: UInt32?
        var bodyLength: UInt32 = 0
        var body = 0
        var sum: UInt8 = 0
        while position < message.count {
            let field: Field
            switch self.field(message, at: position) {
            case .incomplete: return .moreNeeded
            case .malformed: return .value(false)
            case .field(let found): field = found
            }
            guard let tag = number(message.extracting(field.tag)), tag > 0, isKnown(tag, upTo: highestTag) else {
                return .value(false)
            }
            let value = message.extracting(field.value)
            count += 1
            switch count {
            case 1:
                guard tag == Tag.beginString, let highest = Self.highestTag(version: value) else {
                    return .value(false)
                }
                highestTag = highest
            case 2:
                guard tag == Tag.bodyLength, let length = number(value), length > 0 else { return .value(false) }
                bodyLength = length
                body = field.next
            case 3: guard tag == Tag.msgType else { return .value(false) }
            default:
                guard tag == Tag.checkSum else { break }
                return .value(Int(bodyLength) == position - body && value.count == 3 && sum == looseNumber(value))
            }
            for index in position..<field.next { sum &+= message[index] }
            position = field.next
        }
        return body > 0 ? .moreNeeded : .value(false)
    }

    /// Where the value of a tag stands in the first message.
    static func value(of wanted: UInt32, in message: Span<UInt8>) -> Answer<Range<Int>> {
        var position = 0
        while position < message.count {
            switch field(message, at: position) {
            case .incomplete: return .moreNeeded
            case .malformed: return .none
            case .field(let field):
                guard let tag = number(message.extracting(field.tag)), tag > 0 else { return .none }
                // A tag without a value is there and has none.
                if tag == wanted { return field.value.isEmpty ? .moreNeeded : .value(field.value) }
                if tag == Tag.checkSum { return .none }
                position = field.next
            }
        }
        return .moreNeeded
    }

    /// Tags of users, which each version allows.
    private static let userTags: ClosedRange<UInt32> = 10000...19999

    private static func isKnown(_ tag: UInt32, upTo highest: UInt32?) -> Bool {
        guard let highest else { return true }
        return tag <= highest || userTags.contains(tag)
    }

    /// The highest tag of a version; nil for unknown ones.
    private static func highestTag(version: Span<UInt8>) -> UInt32? {
        if version.equals("FIX.4.0") { return 140 }
        if version.equals("FIX.4.1") { return 211 }
        if version.equals("FIX.4.2") { return 446 }
        if version.equals("FIX.4.3") { return 659 }
        if version.equals("FIX.4.4") { return 956 }
        if version.equals("FIXT.1.1") { return 1621 }
        return nil
    }

    /// A decimal number that is the whole text; larger ones wrap round at 32 bits, as in HAProxy. Nothing is 0.
    private static func number(_ text: Span<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        for index in text.indices {
            guard text[index].isDigit else { return nil }
            value = value &* 10 &+ UInt32(text[index] &- 0x30)
        }
        return value
    }

    /// A number of digits that are not looked at: other characters count by their distance from `0`.
    private static func looseNumber(_ text: Span<UInt8>) -> UInt32 {
        var value: UInt32 = 0
        for index in text.indices { value = value &* 10 &+ UInt32(text[index]) &- 0x30 }
        return value
    }
}
