/// A word of a configuration line, with quotes, escapes and variables resolved.
package struct Word: Sendable, Equatable {
    package var text: String
    /// Where it starts in its line, in bytes from 0: at its quote when it has one.
    package var column: Int

    package init(text: String, column: Int) {
        self.text = text
        self.column = column
    }
}

/// Why a statement of the configuration is not accepted.
package struct Complaint: Error, Sendable, Equatable {
    package var message: String
    /// The column to mark in the statement's line; nil: its keyword.
    package var column: Int?

    package init(_ message: String, at column: Int? = nil) {
        self.message = message
        self.column = column
    }

    /// A complaint about one word.
    package init(_ message: String, at word: Word) {
        self.init(message, at: word.column)
    }
}
