public import Samples
public import Words

extension Format {
    /// Reads a format that stands in a word (configuration.txt section 8.2.6). Complaints show the place in the line.
    ///
    /// - Parameter options: what the place of the format asks for: ``FormatOptions/http`` for the values of HTTP fields,
    ///   ``FormatOptions/logLine`` for log lines, none for other texts.
    public static func parse(
        _ word: Word, _ context: CompilationContext, options: FormatOptions = .http
    ) throws(Complaint) -> Format {
        var parser = FormatParser(word, context, options)
        return try parser.parse()
    }
}

/// Reads one log-format string.
struct FormatParser {
    private let bytes: [UInt8]
    private let word: Word
    private let context: CompilationContext
    /// Options of the items that follow: `%{…}o` changes them.
    private var options: FormatOptions
    /// Options that all items share.
    private var common: FormatOptions?
    private var pieces: [Format.Piece] = []
    private var literal: [UInt8] = []
    private var position = 0

    init(_ word: Word, _ context: CompilationContext, _ options: FormatOptions) {
        self.word = word
        self.context = context
        self.options = options
        bytes = word.bytes
    }

    mutating func parse() throws(Complaint) -> Format {
        let mergesSpaces = options.contains(.mergedSpaces)
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "%") {
                try item()
            } else if byte == 0x20, mergesSpaces {
                flush()
                pieces.append(.space)
                position += 1
            } else {
                literal.append(byte)
                position += 1
            }
        }
        flush()
        return finished()
    }

    /// Some options exclude others, which only the whole format tells.
    private func finished() -> Format {
        let global = Self.consistent(common ?? [], global: [])
        let result = pieces.map { piece -> Format.Piece in
            switch piece {
            case .alias(let alias, let item): .alias(alias, settled(item, global))
            case .expression(let expression, let item): .expression(expression, settled(item, global))
            case .text, .space: piece
            }
        }
        return Format(result, options: global, source: word.text)
    }

    private func settled(_ item: Format.Item, _ global: FormatOptions) -> Format.Item {
        var item = item
        if global.isDisjoint(with: .encoded) {
            item.options.remove(.binary)
            item.options.formUnion(global.intersection(.binary))
        } else {
            item.options.subtract([.binary, .json, .cbor])
            item.options.formUnion(global.intersection([.binary, .json, .cbor]))
        }
        item.options = Self.consistent(item.options, global: global)
        item.options.remove(.mergedSpaces)
        return item
    }

    /// Encodings and HTTP's escapes exclude each other; an encoding escapes in its own way.
    private static func consistent(_ options: FormatOptions, global: FormatOptions) -> FormatOptions {
        var options = options
        if options.contains(.http) {
            if !global.contains(.http), !global.isDisjoint(with: .encoded) {
                options.remove(.http)
            } else {
                options.subtract(.encoded)
            }
        }
        if !options.isDisjoint(with: .encoded) { options.remove(.escaped) }
        return options
    }

    private mutating func flush() {
        if !literal.isEmpty { pieces.append(.text(ConstantText(literal))) }
        literal = []
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func complaint(_ message: String, at place: Int) -> Complaint {
        Complaint(message, at: word.column + place)
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
    private static func isNameByte(_ byte: UInt8) -> Bool { isLetter(byte) || byte &- 0x30 < 10 }

    // MARK: Items

    /// Reads what begins with a percent sign.
    private mutating func item() throws(Complaint) {
        let start = position
        position += 1
        var name: ConstantText?
        var type = FormatType.own
        let isNamed = current == UInt8(ascii: "(")
        if isNamed { (name, type) = try self.name(start) }
        var flags: Range<Int>?
        if current == UInt8(ascii: "{") {
            let open = position + 1
            while let byte = current, byte != UInt8(ascii: "}") {
                position += 1
                _ = byte
            }
            guard current != nil else {
                throw complaint("truncated line after '\(text(start..<bytes.count))'", at: start)
            }
            flags = open..<position
            position += 1
            guard let next = current, next == UInt8(ascii: "[") || Self.isNameByte(next) else {
                throw complaint("parse argument modifier without alias name near '%{\(text(flags!))}'", at: start)
            }
        }
        guard let next = current else {
            throw complaint(
                "truncated line after '\(text(start..<bytes.count))': a verbatim '%' is written '%%'", at: start)
        }
        var item = Format.Item(name: name, options: options, type: type)
        if let flags { Self.apply(text(flags), to: &item.options) }
        if next == UInt8(ascii: "[") {
            flush()
            pieces.append(.expression(try expression(), item))
        } else if Self.isLetter(next) || flags != nil {
            try alias(item)
        } else if next == UInt8(ascii: "%") {
            literal.append(next)
            position += 1
        } else if next &- 0x30 < 10 || next == 0x20 || next == 0x09 {
            throw complaint(
                "unexpected alias name near '\(Character(Unicode.Scalar(next)))'. Maybe you want to write a single '%',"
                    + " use the syntax '%%'", at: position)
        }
        // Before anything else the percent sign is left out, as HAProxy does.
    }

    /// Reads `(name:type)`.
    private mutating func name(_ start: Int) throws(Complaint) -> (ConstantText?, FormatType) {
        position += 1
        let open = position
        var colon: Int?
        while let byte = current, byte != UInt8(ascii: ")") {
            if byte == UInt8(ascii: ":"), colon == nil {
                colon = position
            } else if !Self.isNameByte(byte), byte != UInt8(ascii: "_"), byte != UInt8(ascii: "-") {
                throw complaint(
                    "invalid character in custom name near '\(Character(Unicode.Scalar(byte)))'", at: position)
            }
            position += 1
        }
        guard current != nil else { throw complaint("truncated line after '\(text(start..<bytes.count))'", at: start) }
        let end = position
        position += 1
        let name = bytes[open..<(colon ?? end)]
        var type = FormatType.own
        if let colon {
            let word = text(colon + 1..<end)
            guard let found = FormatType(rawValue: word), found != .own else {
                throw complaint(
                    "unexpected output type '\(word)'. Supported types are: str, sint, bool, raw", at: colon + 1)
            }
            type = found
        }
        return (name.isEmpty ? nil : ConstantText(Array(name)), type)
    }

    /// Sets and takes back flags; words that are none are passed over, as HAProxy does. The first encoding stays.
    private static func apply(_ flags: String, to options: inout FormatOptions) {
        for flag in flags.split(separator: ",", omittingEmptySubsequences: false) {
            guard let sign = flag.lastIndex(where: { $0 == "+" || $0 == "-" }) else { continue }
            guard let option = FormatOptions.named(flag[flag.index(after: sign)...]) else { continue }
            if flag[sign] == "-" {
                options.remove(option)
            } else if options.isDisjoint(with: .encoded) || option.isDisjoint(with: .encoded) {
                options.formUnion(option)
            }
        }
    }

    private mutating func alias(_ item: Format.Item) throws(Complaint) {
        let start = position
        while let byte = current, Self.isNameByte(byte) { position += 1 }
        let name = text(start..<position)
        if name == "o" {
            options = item.options
            common = common.map { $0.isEmpty ? item.options : $0.intersection(item.options) } ?? item.options
            return
        }
        guard let alias = context.catalogue.aliases[name] else {
            let hint = Nearest.word(to: name, among: context.catalogue.aliases.keys)
            throw complaint(
                "no such format alias '\(name)'\(hint.map { "; did you mean '\($0)' maybe ?" } ?? ""). If you wanted to"
                    + " emit the '%' character verbatim, you need to use '%%'", at: start)
        }
        flush()
        pieces.append(.alias(alias, item))
    }

    private mutating func expression() throws(Complaint) -> Expression {
        let start = position + 1
        let result: ExpressionParser.Result
        do throws(Complaint) {
            result = try ExpressionParser(context).parse(Array(bytes[start...]), allowsRest: true)
        } catch {
            throw Complaint(
                "failed to parse sample expression <\(text(start..<bytes.count))> : \(error.message)",
                at: word.column + start + (error.column ?? 0))
        }
        let end = start + result.length
        guard end < bytes.count else { throw complaint("missing ']' after '\(text(start..<end))'", at: end) }
        guard bytes[end] == UInt8(ascii: "]") else {
            throw complaint(
                "expected ']' after '\(text(start..<end))', but found '\(Character(Unicode.Scalar(bytes[end])))'",
                at: end)
        }
        position = end + 1
        return result.expression
    }
}
