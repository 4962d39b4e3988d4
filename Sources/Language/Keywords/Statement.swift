import Configuration
import Samples
import Words

/// One line of the configuration as a file has it.
struct SourceLine: Sendable {
    var location: SourceLocation
    /// Its bytes without the line feed.
    var bytes: ArraySlice<UInt8>
}

/// A place in a line, for messages that come once the line is done.
struct Mark: Sendable, Equatable {
    var location: SourceLocation
    var excerpt: Excerpt
}

/// A keyword with its arguments, and how far they are read.
struct Statement {
    /// `no` or `default` before the keyword.
    enum Modifier: String, Sendable {
        case none = ""
        case no
        case `default`
    }

    let line: SourceLine
    let modifier: Modifier
    /// What expressions and rules are read with.
    let context: CompilationContext
    /// The name under which messages speak of the statement: `timeout client`, or `bind *:80`.
    var name: String
    /// Warnings so far.
    private(set) var warnings: [Complaint] = []

    private let words: [Word]
    private var position: Int

    /// A statement whose keyword is the `keywordLength` words from `start` on.
    init(
        line: SourceLine, words: [Word], start: Int, keywordLength: Int, modifier: Modifier, context: CompilationContext
    ) {
        self.line = line
        self.context = context
        self.modifier = modifier
        self.words = words
        position = min(start + keywordLength, words.count)
        name = words[min(start, words.count)..<position].map(\.text).joined(separator: " ")
    }

    var location: SourceLocation { line.location }

    /// The place of a word, or of the statement's first word.
    func mark(_ word: Word? = nil) -> Mark {
        let column = word?.column ?? words.first?.column ?? 0
        return Mark(location: location, excerpt: Excerpt(line: line.bytes, column: column))
    }

    // MARK: Arguments

    /// Whether all arguments are read.
    var isAtEnd: Bool { position >= words.count }

    /// The next argument, which stays unread; nil at the end.
    var peek: Word? { isAtEnd ? nil : words[position] }

    /// The next argument; nil at the end.
    mutating func next() -> Word? {
        guard let word = peek else { return nil }
        position += 1
        return word
    }

    /// The arguments that are not read yet.
    var remaining: [Word] { Array(words[position...]) }

    /// Passes over arguments that another reader has read.
    mutating func advance(by count: Int) { position = min(position + count, words.count) }

    /// Reads the next argument if it is `text`.
    mutating func skip(_ text: String) -> Bool {
        guard peek?.text == text else { return false }
        position += 1
        return true
    }

    /// The next argument; a complaint that says what the statement expects at the end.
    mutating func argument(_ what: String) throws(Complaint) -> Word {
        guard let word = next() else { throw Complaint("'\(name)' expects \(what)") }
        return word
    }

    /// Complains when an argument is left.
    func finish() throws(Complaint) {
        if let word = peek { throw Complaint("'\(name)' : unexpected extra argument '\(word.text)'", at: word) }
    }

    /// Keeps a warning about the statement.
    mutating func warn(_ message: String, at word: Word? = nil) {
        warnings.append(Complaint(message, at: word?.column))
    }
}
