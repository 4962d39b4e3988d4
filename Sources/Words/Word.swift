/// A word of a configuration line, with quotes, escapes and variables resolved.
public struct Word: Sendable, Equatable {
    public var text: String
    /// Where it starts in its line, in bytes from 0: at its quote when it has one.
    public var column: Int

    public init(text: String, column: Int) {
        self.text = text
        self.column = column
    }
}

/// Why a statement of the configuration is not accepted.
public struct Complaint: Error, Sendable, Equatable {
    public var message: String
    /// The column to mark in the statement's line; nil: its keyword.
    public var column: Int?

    public init(_ message: String, at column: Int? = nil) {
        self.message = message
        self.column = column
    }

    /// A complaint about one word.
    public init(_ message: String, at word: Word) {
        self.init(message, at: word.column)
    }
}
