/// An expression of `.if`, `.elif` and `-cc` (configuration.txt, section 2.4).
indirect enum BlockCondition: Sendable, Equatable {
    case constant(Bool)
    case not(BlockCondition)
    case and(BlockCondition, BlockCondition)
    case or(BlockCondition, BlockCondition)
    case predicate(Predicate, [String])
}

/// A function of conditions.
enum Predicate: String, Sendable, CaseIterable {
    case defined
    case feature
    case streq
    case strneq
    case strstr
    case versionAtLeast = "version_atleast"
    case versionBefore = "version_before"
    case tlsVersionAtLeast = "openssl_version_atleast"
    case tlsVersionBefore = "openssl_version_before"
    case tlsLibraryStartsWith = "ssllib_name_startswith"
    case awslcAtLeast = "awslc_api_atleast"
    case awslcBefore = "awslc_api_before"
    case enabled

    /// How many arguments it takes.
    var argumentCount: Int {
        switch self {
        case .streq, .strneq, .strstr: 2
        default: 1
        }
    }
}

/// Why a condition has no value.
package struct ConditionError: Error, Sendable, Equatable {
    /// What is wrong, without its place.
    package var message: String
    /// Where in the condition's text, in bytes from 0.
    package var column: Int
}

/// Reads a condition. `&&` binds closer than `||`, and both close from the right.
struct BlockConditionParser {
    /// Deepest nesting of parentheses, and longest chain of operators.
    static let maxDepth = 1024

    private let text: [UInt8]
    private var position = 0
    private var depth = 0

    private init(_ text: String) {
        self.text = Array(text.utf8)
    }

    /// The condition that `text` spells; nil for an empty text, which is false.
    static func parse(_ text: String) throws(ConditionError) -> BlockCondition? {
        var parser = BlockConditionParser(text)
        parser.skipSpaces()
        if parser.peek() == nil { return nil }
        let condition = try parser.expression()
        if let rest = parser.peek() {
            let shown = Character(Unicode.Scalar(rest))
            throw parser.failure("unexpected character '\(shown)' at the end of conditional expression '\(text)'")
        }
        return condition
    }

    private mutating func expression() throws(ConditionError) -> BlockCondition {
        try enter()
        defer { depth -= 1 }
        let left = try conjunction()
        guard skip("||") else { return left }
        return .or(left, try expression())
    }

    private mutating func conjunction() throws(ConditionError) -> BlockCondition {
        try enter()
        defer { depth -= 1 }
        let left = try term()
        guard skip("&&") else { return left }
        return .and(left, try conjunction())
    }

    private mutating func term() throws(ConditionError) -> BlockCondition {
        let start = position
        var isNegated = false
        while skip("!") { isNegated.toggle() }
        let condition: BlockCondition
        if let number = try integer() {
            condition = .constant(number)
        } else if skip("(") {
            condition = try expression()
            guard skip(")") else {
                throw ConditionError(
                    message: "expected ')' after conditional expression '\(rest(from: start))'", column: start)
            }
        } else if let predicate = predicate() {
            condition = .predicate(predicate, try arguments(of: predicate))
        } else {
            throw ConditionError(message: "unparsable conditional expression '\(rest(from: start))'", column: start)
        }
        skipSpaces()
        return isNegated ? .not(condition) : condition
    }

    /// An integer; true when it is not zero.
    private mutating func integer() throws(ConditionError) -> Bool? {
        let start = position
        if peek() == Byte.minus || peek() == UInt8(ascii: "+") { position += 1 }
        guard let first = peek(), Byte.isDigit(first) else {
            position = start
            return nil
        }
        var isTrue = false
        while let digit = peek(), Byte.isDigit(digit) {
            if digit != UInt8(ascii: "0") { isTrue = true }
            position += 1
        }
        return isTrue
    }

    private mutating func predicate() -> Predicate? {
        var end = position
        while end < text.count, text[end] != UInt8(ascii: "("), text[end] != Byte.space { end += 1 }
        guard let predicate = Predicate(rawValue: String(decoding: text[position..<end], as: UTF8.self)) else {
            return nil
        }
        position = end
        return predicate
    }

    /// Arguments in parentheses, between commas. Quotes and backslashes protect commas and parentheses.
    private mutating func arguments(of predicate: Predicate) throws(ConditionError) -> [String] {
        let wanted = predicate.argumentCount
        var arguments: [String] = []
        if peek() == UInt8(ascii: "(") {
            let open = position
            position += 1
            var argument: [UInt8] = []
            var quote: UInt8?
            scan: while true {
                guard let byte = peek() else {
                    throw ConditionError(
                        message: "expected ')' after the arguments of predicate '\(predicate.rawValue)'", column: open)
                }
                position += 1
                switch byte {
                case Byte.doubleQuote where quote != Byte.singleQuote, Byte.singleQuote where quote != Byte.doubleQuote:
                    quote = quote == nil ? byte : nil
                case Byte.backslash where quote != Byte.singleQuote && peek().map(Self.isProtectable) == true:
                    argument.append(unescaped())
                case UInt8(ascii: ",") where quote == nil:
                    arguments.append(String(decoding: argument, as: UTF8.self))
                    argument = []
                case UInt8(ascii: ")") where quote == nil:
                    arguments.append(String(decoding: argument, as: UTF8.self))
                    break scan
                default:
                    argument.append(byte)
                }
            }
        }
        guard arguments.count == wanted else {
            let what = arguments.count < wanted ? "missing" : "too many"
            throw failure(
                "\(what) arguments (got \(arguments.count)/\(wanted)) in predicate '\(predicate.rawValue)'"
                    + " used in conditional expression")
        }
        return arguments
    }

    /// Whether a backslash changes what this byte means.
    private static func isProtectable(_ byte: UInt8) -> Bool {
        "\\'\" ,()trn".utf8.contains(byte)
    }

    private mutating func unescaped() -> UInt8 {
        let byte = text[position]
        position += 1
        return switch byte {
        case UInt8(ascii: "t"): Byte.tab
        case UInt8(ascii: "r"): Byte.carriageReturn
        case UInt8(ascii: "n"): Byte.lineFeed
        default: byte
        }
    }

    // MARK: Text

    private func peek() -> UInt8? {
        position < text.count ? text[position] : nil
    }

    private mutating func skipSpaces() {
        while let byte = peek(), byte == Byte.space || byte == Byte.tab { position += 1 }
    }

    /// Skips `token` and the spaces behind it; false when it is not there.
    private mutating func skip(_ token: String) -> Bool {
        guard text[position...].starts(with: token.utf8) else { return false }
        position += token.utf8.count
        skipSpaces()
        return true
    }

    private mutating func enter() throws(ConditionError) {
        depth += 1
        if depth > 2 * Self.maxDepth { throw failure("conditional expression nested too deeply") }
    }

    private func rest(from start: Int) -> String {
        String(decoding: text[start...], as: UTF8.self)
    }

    private func failure(_ message: String) -> ConditionError {
        ConditionError(message: message, column: position)
    }
}
