import Samples

/// Looks for one value in a JSON text: `$`, then `.name` for a member of an object and `[n]` for an element of an array
/// (configuration.txt section 7.3.1, `json_query`). A backslash takes a dot or bracket into a name. Names are compared
/// with the bytes of the text as they stand there, before escapes are resolved.
///
/// Only what stands before the value is looked over, as HAProxy does: a text that goes wrong later has the value.
enum JSONQuery {
    /// A value that was found.
    struct Match {
        enum Kind { case string, number, yes, no, null, object, array }
        let kind: Kind
        /// Its bytes in the text; a string has its quotes.
        let range: Range<Int>
    }

    /// The value at `path`; nil when there is none, when the text is not JSON up to there, or when the path is wrong.
    static func find(_ path: Span<UInt8>, in text: Span<UInt8>) -> Match? {
        guard path.count > 0, path[0] == UInt8(ascii: "$") else { return nil }
        var walk = Walk()
        var scanner = JSONScanner(text)
        while let token = scanner.next() {
            switch walk.step(token, path, text) {
            case .goOn: continue
            case .found(let match): return match
            case .absent: return nil
            }
        }
        return nil
    }

    /// How far a search has come.
    private struct Walk {
        enum Answer {
            case goOn, absent
            case found(Match)
        }

        /// The next byte of the path.
        private var position = 1
        /// Brackets open in the text.
        private var depth = 0
        /// Brackets that the path has gone into.
        private var matched = 0
        /// The place in the array that the path goes into, and the place it asks for.
        private var place: Int64 = 0
        private var wanted: Int64 = 0
        /// Where the object or array that the whole path leads to starts.
        private var start: Int?

        mutating func step(_ token: JSONScanner.Token, _ path: Span<UInt8>, _ text: Span<UInt8>) -> Answer {
            switch token.kind {
            case .openBrace, .openBracket: open(token, path)
            case .closeBrace, .closeBracket:
                depth -= 1
                if isAtEnd(path), depth == matched, let start {
                    let kind: Match.Kind = token.kind == .closeBrace ? .object : .array
                    return .found(Match(kind: kind, range: start..<token.range.upperBound))
                }
            case .comma: comma(path)
            case .key: return key(token, path, text)
            case .colon: break
            case .string, .number, .yes, .no, .null:
                if depth == matched, isAtEnd(path), let kind = Self.kind(of: token.kind) {
                    return .found(Match(kind: kind, range: token.range))
                }
            }
            return .goOn
        }

        private mutating func open(_ token: JSONScanner.Token, _ path: Span<UInt8>) {
            if token.kind == .openBracket, depth == matched, byte(position, path) == UInt8(ascii: "[") {
                place = 0
                wanted = Self.index(path.extracting(droppingFirst: position + 1))
                if wanted == 0 {
                    matched += 1
                    position += 3
                }
            }
            if isAtEnd(path), depth == matched { start = token.range.lowerBound }
            depth += 1
        }

        private mutating func comma(_ path: Span<UInt8>) {
            guard depth == matched + 1 else { return }
            place += 1
            guard place == wanted else { return }
            while !isAtEnd(path), byte(position, path) != UInt8(ascii: "]") { position += 1 }
            position += 1
            matched += 1
        }

        private mutating func key(_ token: JSONScanner.Token, _ path: Span<UInt8>, _ text: Span<UInt8>) -> Answer {
            if depth == matched + 1, byte(position, path) == UInt8(ascii: "."),
                let end = end(of: text.extracting(token.range.lowerBound + 1..<token.range.upperBound - 1), path)
            {
                matched += 1
                position = end
                return .goOn
            }
            // The next member of the object that was searched: what the path asks for was not in the one before.
            return depth == matched ? .absent : .goOn
        }

        /// Where the name in the path that stands here ends, when it is `name`; nil when it is another.
        private func end(of name: Span<UInt8>, _ path: Span<UInt8>) -> Int? {
            var index = position + 1
            var length = 0
            while index < path.count, path[index] != UInt8(ascii: "."), path[index] != UInt8(ascii: "[") {
                if path[index] == UInt8(ascii: "\\") { index += 1 }
                guard length < name.count, byte(index, path) == name[length] else { return nil }
                length += 1
                index += 1
            }
            return length == name.count ? index : nil
        }

        private func isAtEnd(_ path: Span<UInt8>) -> Bool { position >= path.count }

        private func byte(_ index: Int, _ path: Span<UInt8>) -> UInt8 { index < path.count ? path[index] : 0 }

        /// The number in brackets; 0 when there is none.
        private static func index(_ text: Span<UInt8>) -> Int64 {
            let value = JSONNumber(text).value
            return value.magnitude < 0x7fff_ffff ? Int64(value) : -1
        }

        private static func kind(of token: JSONScanner.Kind) -> Match.Kind? {
            switch token {
            case .string: .string
            case .number: .number
            case .yes: .yes
            case .no: .no
            case .null: .null
            default: nil
            }
        }
    }

    /// Writes the bytes that a string stands for, `text` being what is between its quotes. False for what HAProxy gives
    /// no value for.
    static func unescape(_ text: Span<UInt8>, into output: inout ScratchText) -> Bool {
        unescape(text) { output.append($0) }
    }

    /// The bytes that a string stands for; nil for what HAProxy gives no value for.
    static func unescaped(_ text: Span<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        return unescape(text, { bytes.append($0) }) ? bytes : nil
    }

    /// Tells the bytes that a string stands for, `text` being what is between its quotes. False for what HAProxy gives
    /// no value for: escapes beyond U+00FF, `\/`, and unknown ones.
    private static func unescape(_ text: Span<UInt8>, _ append: (UInt8) -> Void) -> Bool {
        var index = 0
        while index < text.count {
            let byte = text[index]
            guard byte == UInt8(ascii: "\\"), index + 1 < text.count else {
                append(byte)
                index += 1
                continue
            }
            if text[index + 1] == UInt8(ascii: "u"), index + 5 < text.count {
                guard text[index + 2] == UInt8(ascii: "0"), text[index + 3] == UInt8(ascii: "0") else { return false }
                append(Self.digit(text[index + 4]) << 4 | Self.digit(text[index + 5]))
                index += 6
                continue
            }
            switch text[index + 1] {
            case UInt8(ascii: "b"): append(0x08)
            case UInt8(ascii: "f"): append(0x0c)
            case UInt8(ascii: "n"): append(0x0a)
            case UInt8(ascii: "r"): append(0x0d)
            case UInt8(ascii: "t"): append(0x09)
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): append(text[index + 1])
            default: return false
            }
            index += 2
        }
        return true
    }

    /// A hexadecimal digit; what is none counts as HAProxy counts it.
    private static func digit(_ byte: UInt8) -> UInt8 {
        hexadecimalDigit(byte) ?? byte &- 0x57
    }
}
