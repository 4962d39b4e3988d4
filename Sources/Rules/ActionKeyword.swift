public import Samples
public import Words

/// An action keyword: one registration, from which the parser, `-dKall` and the documentation's list read.
public struct ActionKeyword: Sendable {
    /// Its name, without what stands in parentheses behind it.
    public let name: String
    /// One sentence.
    public let summary: String
    /// What follows the name, as the documentation writes it.
    public let usage: String
    /// The sets it may stand in.
    public let sets: [RuleSetKind]
    /// Reads the action's arguments, up to `if` or `unless`.
    public let parse: @Sendable (inout ActionReader) throws(Complaint) -> any RuleAction

    public init(
        _ name: String, _ summary: String, usage: String = "", in sets: [RuleSetKind],
        parse: @escaping @Sendable (inout ActionReader) throws(Complaint) -> any RuleAction
    ) {
        self.name = name
        self.summary = summary
        self.usage = usage
        self.sets = sets
        self.parse = parse
    }
}

/// The words of a rule, and how far they are read.
public struct ActionReader {
    /// The set that the rule belongs to.
    public let kind: RuleSetKind
    public let context: CompilationContext
    /// The action's name with its parentheses, and where it stands.
    public let keyword: Word
    /// What stands in the parentheses behind the name, `set-var(this)`; nil without.
    public let parameter: Word?
    /// `file:line` of the statement.
    public let location: String
    private let words: [Word]
    private var position: Int

    /// - Parameters:
    ///   - words: the statement's words.
    ///   - position: the place of the action's name.
    public init(
        _ kind: RuleSetKind, _ words: [Word], at position: Int, _ context: CompilationContext, location: String
    ) {
        self.kind = kind
        self.context = context
        self.words = words
        self.location = location
        keyword = words[position]
        let text = keyword.text
        if let open = text.firstIndex(of: "("), text.hasSuffix(")") {
            let start = text.index(after: open)
            parameter = Word(
                text: String(text[start..<text.index(before: text.endIndex)]),
                column: keyword.column + text[..<start].utf8.count)
        } else {
            parameter = nil
        }
        self.position = position + 1
    }

    /// The action's name without its parentheses.
    public var name: String { String(keyword.text.prefix { $0 != "(" }) }

    /// The place of the first word that is not read.
    public var end: Int { position }

    /// The next word, which stays unread. Nil at the end, and at `if` and `unless`.
    public var peek: Word? {
        guard position < words.count, words[position].text != "if", words[position].text != "unless" else { return nil }
        return words[position]
    }

    /// The next word; nil at the end, and at `if` and `unless`.
    public mutating func next() -> Word? {
        guard let word = peek else { return nil }
        position += 1
        return word
    }

    /// Reads the next word if it is `text`.
    public mutating func skip(_ text: String) -> Bool {
        guard peek?.text == text else { return false }
        position += 1
        return true
    }

    /// The next word; a complaint that says what is expected at the end.
    public mutating func argument(_ what: String) throws(Complaint) -> Word {
        // A value may well be the word `if`.
        guard let word = next() else { throw Complaint("'\(kind.rawValue) \(name)' expects \(what)", at: keyword) }
        return word
    }

    /// The next argument as a log-format string.
    public mutating func format(_ what: String) throws(Complaint) -> Format {
        try Format.parse(try argument(what), context)
    }

    /// The next argument as an expression. Its converters may stand in the words that follow.
    public mutating func expression(_ what: String = "a sample expression") throws(Complaint) -> Expression {
        let word = try argument(what)
        var reader = self
        let expression = try ExpressionParser(context).parse(
            word, peek: { reader.peek }, take: { _ = reader.next() })
        self = reader
        return expression
    }
}
