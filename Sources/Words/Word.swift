/// A word of a configuration line, with quotes, escapes and variables resolved.
public struct Word: Sendable, Equatable {
    /// The word; what is no UTF-8 stands here as U+FFFD.
    public var text: String {
        didSet { raw = nil }
    }
    /// Where it starts in its line, in bytes from 0: at its quote when it has one.
    public var column: Int
    /// The bytes of a word that is no UTF-8; nil: those of ``text``.
    private var raw: [UInt8]?

    public init(text: String, column: Int) {
        self.text = text
        self.column = column
    }

    /// A word of any bytes: escapes such as `\xE0` make some that no text has.
    public init(bytes: [UInt8], column: Int) {
        self.column = column
        if let text = String(validating: bytes, as: UTF8.self) {
            self.text = text
        } else {
            text = String(decoding: bytes, as: UTF8.self)
            raw = bytes
        }
    }

    /// What the word says, byte by byte: for texts that go to the wire or are compared with what came from there.
    public var bytes: [UInt8] { raw ?? Array(text.utf8) }

    /// Whether the word is UTF-8.
    public var isText: Bool { raw == nil }
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
