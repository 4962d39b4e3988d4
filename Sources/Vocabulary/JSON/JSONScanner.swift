import Messages

/// Splits a JSON text (RFC 8259) into tokens, one at a time, without memory of its own but the kinds of the brackets that
/// are open. What follows the first whole value is not looked at.
///
/// It is as strict as the scanner that HAProxy uses, not stricter: numbers may have leading zeros, and strings may hold
/// control characters other than NUL.
struct JSONScanner: ~Escapable {
    /// What a token is.
    enum Kind: Equatable {
        case openBrace, closeBrace, openBracket, closeBracket, comma, colon
        case key, string, number, yes, no, null

        /// Whether it is a value with no parts.
        var isScalar: Bool {
            switch self {
            case .string, .number, .yes, .no, .null: true
            default: false
            }
        }
    }

    struct Token {
        let kind: Kind
        /// Its bytes; a key or string has its quotes.
        let range: Range<Int>
    }

    /// Most brackets that may be open at once.
    static let depthLimit = 20

    private enum Expected { case value, key, colon, commaOrEnd }

    private let text: Span<UInt8>
    private var position = 0
    private var expected = Expected.value
    /// A bit for each open bracket, innermost last: 1 for a brace.
    private var braces: UInt32 = 0
    private(set) var depth = 0
    private var isDone = false

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) { self.text = text }

    /// The next token; nil at the end of the value, and where the text is not JSON.
    mutating func next() -> Token? {
        while !isDone, position < text.count {
            let byte = text[position]
            if byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d {
                position += 1
                continue
            }
            let start = position
            let kind: Kind?
            switch expected {
            case .value: kind = value(byte)
            case .key: kind = key(byte)
            case .colon:
                kind = byte == UInt8(ascii: ":") ? .colon : nil
                position += 1
                expected = .value
            case .commaOrEnd: kind = separator(byte)
            }
            guard let kind else { break }
            return Token(kind: kind, range: start..<position)
        }
        isDone = true
        return nil
    }

    private mutating func value(_ byte: UInt8) -> Kind? {
        switch byte {
        case UInt8(ascii: "{"): return open(isBrace: true)
        case UInt8(ascii: "["): return open(isBrace: false)
        case UInt8(ascii: "]") where depth > 0: return close(byte)
        case UInt8(ascii: "t"): return word("true", .yes)
        case UInt8(ascii: "f"): return word("false", .no)
        case UInt8(ascii: "n"): return word("null", .null)
        case UInt8(ascii: "\""): return string() ? scalar(.string) : nil
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            position += JSONNumber(text.extracting(droppingFirst: position)).length
            return scalar(.number)
        default: return nil
        }
    }

    private mutating func key(_ byte: UInt8) -> Kind? {
        if byte == UInt8(ascii: "}") { return close(byte) }
        guard byte == UInt8(ascii: "\""), string() else { return nil }
        expected = .colon
        return .key
    }

    private mutating func separator(_ byte: UInt8) -> Kind? {
        switch byte {
        case UInt8(ascii: ","):
            position += 1
            expected = braces & 1 == 1 ? .key : .value
            return .comma
        case UInt8(ascii: "]"), UInt8(ascii: "}"): return close(byte)
        default: return nil
        }
    }

    private mutating func open(isBrace: Bool) -> Kind? {
        guard depth < Self.depthLimit else { return nil }
        braces = braces << 1 | (isBrace ? 1 : 0)
        depth += 1
        position += 1
        expected = isBrace ? .key : .value
        return isBrace ? .openBrace : .openBracket
    }

    private mutating func close(_ byte: UInt8) -> Kind? {
        let isBrace = byte == UInt8(ascii: "}")
        guard depth > 0, (braces & 1 == 1) == isBrace else { return nil }
        braces >>= 1
        depth -= 1
        position += 1
        expected = .commaOrEnd
        if depth == 0 { isDone = true }
        return isBrace ? .closeBrace : .closeBracket
    }

    private mutating func scalar(_ kind: Kind) -> Kind {
        expected = .commaOrEnd
        if depth == 0 { isDone = true }
        return kind
    }

    private mutating func word(_ word: StaticString, _ kind: Kind) -> Kind? {
        let length = word.utf8CodeUnitCount
        guard text.count - position >= length else { return nil }
        let letters = Span(word)
        for index in 0..<length where text[position + index] != letters[index] { return nil }
        position += length
        return scalar(kind)
    }

    /// Skips a string from its opening quote to behind the closing one.
    private mutating func string() -> Bool {
        var index = position + 1
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "\\") where index + 1 < text.count && Self.isEscapedAlone(text[index + 1]): index += 2
            case 0: return false
            case UInt8(ascii: "\""):
                position = index + 1
                return true
            default: index += 1
            }
        }
        return false
    }

    /// Whether a backslash takes this byte with it: the others after a backslash are no end of the string anyway.
    private static func isEscapedAlone(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x08, 0x0c, 0x0a, 0x0d, 0x09, UInt8(ascii: "\\"), UInt8(ascii: "\""): true
        default: false
        }
    }
}
