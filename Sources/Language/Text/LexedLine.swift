import Words

/// The words of one line.
struct LexedLine: Sendable, Equatable {
    var words: [Word] = []
    /// The first word that is empty, if one is.
    var emptyWord: EmptyWord?

    /// A word without a character: mostly a variable that is not set.
    struct EmptyWord: Sendable, Equatable {
        /// Its place among the words, from 0.
        var index: Int
        /// Where it starts in its line, in bytes from 0.
        var column: Int
        /// The variable that is not set, if that is why the word is empty.
        var variable: String?
    }
}

/// Why a line can not be cut into words.
struct LexicalError: Error, Sendable, Equatable {
    enum Code: Sendable, Equatable {
        case unmatchedQuote
        case unmatchedBrace
        case badVariableName
        case badHexadecimal
        case badExpansion
        case tooManyWords
        case nulCharacter
    }

    var code: Code
    /// Where in the line, in bytes from 0.
    var column: Int

    /// The message without its place.
    var message: String {
        switch code {
        case .unmatchedQuote: "unmatched quote"
        case .unmatchedBrace: "unmatched brace in environment variable name"
        case .badVariableName: "forbidden first char in environment variable name"
        case .badHexadecimal: "truncated or invalid hexadecimal sequence"
        case .badExpansion: "truncated or invalid word expansion sequence"
        case .tooManyWords: "too many words, at most \(Lexer.maxWords) fit on a line"
        case .nulCharacter: "a NUL character is not possible here"
        }
    }
}
