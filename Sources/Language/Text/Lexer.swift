import Words

/// Cuts a line into words: quotes, backslashes, variables and comments of HAProxy's language (configuration.txt,
/// sections 2.2 and 2.3).
struct Lexer {
    /// Most words on a line.
    static let maxWords = 64

    private let line: ArraySlice<UInt8>
    private let variables: Variables
    /// The next byte to read.
    private var position: Int
    private var result = LexedLine()

    // The word being made.
    private var bytes: [UInt8] = []
    private var isInWord = false
    private var wordStart = 0
    private var unsetVariable: (name: String, position: Int)?

    // The quote we are in.
    private var quote: UInt8?
    private var quoteStart = 0
    /// Whether the quote makes a word even if nothing is in it.
    private var quoteMakesWord = false

    private init(line: ArraySlice<UInt8>, variables: Variables) {
        self.line = line
        self.variables = variables
        position = line.startIndex
    }

    /// The words of `line`, which ends at its end or at the first line feed or carriage return.
    static func split(_ line: ArraySlice<UInt8>, variables: Variables) throws(LexicalError) -> LexedLine {
        var lexer = Lexer(line: line, variables: variables)
        try lexer.run()
        return lexer.result
    }

    // MARK: Steps

    private mutating func run() throws(LexicalError) {
        while let byte = peek(), byte != Byte.lineFeed, byte != Byte.carriageReturn {
            switch byte {
            case 0:
                throw failure(.nulCharacter, at: position)
            case Byte.hash where quote == nil:
                return try finish()
            case Byte.doubleQuote where quote != Byte.singleQuote, Byte.singleQuote where quote != Byte.doubleQuote:
                toggleQuote(byte)
            case Byte.backslash where quote != Byte.singleQuote:
                try escape()
            case Byte.dollar where quote == Byte.doubleQuote:
                try expandVariable()
            case _ where quote == nil && Byte.isSpace(byte):
                try endWord()
                position += 1
            default:
                startWord(at: position)
                bytes.append(byte)
                position += 1
            }
        }
        try finish()
    }

    private mutating func finish() throws(LexicalError) {
        if quote != nil { throw failure(.unmatchedQuote, at: quoteStart) }
        try endWord()
    }

    private mutating func toggleQuote(_ byte: UInt8) {
        if quote == nil {
            quote = byte
            quoteStart = position
            quoteMakesWord = true
        } else {
            quote = nil
            if quoteMakesWord { startWord(at: quoteStart) }
        }
        position += 1
    }

    /// A backslash with what follows it. Before a character that needs no escape it stands for itself.
    private mutating func escape() throws(LexicalError) {
        let start = position
        startWord(at: start)
        position += 1
        let next = peek()
        switch next {
        case Byte.space, Byte.backslash, Byte.hash, Byte.singleQuote, Byte.doubleQuote:
            bytes.append(next ?? 0)
        case Byte.dollar where quote == Byte.doubleQuote:
            bytes.append(Byte.dollar)
        case UInt8(ascii: "t"): bytes.append(Byte.tab)
        case UInt8(ascii: "n"): bytes.append(Byte.lineFeed)
        case UInt8(ascii: "r"): bytes.append(Byte.carriageReturn)
        case UInt8(ascii: "x"):
            guard let high = peek(1).flatMap(Byte.hexadecimalValue), let low = peek(2).flatMap(Byte.hexadecimalValue)
            else { throw failure(.badHexadecimal, at: start) }
            if high == 0, low == 0 { throw failure(.nulCharacter, at: start) }
            bytes.append(high << 4 | low)
            position += 2
        default:
            bytes.append(Byte.backslash)
            return
        }
        position += 1
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}`.
    private mutating func expandVariable() throws(LexicalError) {
        let start = position
        position += 1
        var brace: Int?
        if peek() == UInt8(ascii: "{") {
            brace = position
            position += 1
        }
        let name = try variableName()
        var value: String?
        if name.text.utf8.first == Byte.dot {
            guard let own = variables.pseudoValue(of: name.text) else {
                throw failure(.badVariableName, at: name.start)
            }
            value = own
        } else {
            value = variables.value(of: name.text)
        }
        var isList = false
        if brace != nil, peek() == UInt8(ascii: "[") {
            guard peek(1) == UInt8(ascii: "*"), peek(2) == UInt8(ascii: "]") else {
                throw failure(.badExpansion, at: position)
            }
            isList = true
            position += 3
        }
        if let brace {
            let preset = try closeBrace(openedAt: brace)
            value = value ?? preset
        }
        if isList {
            // A list without a member makes no word, quotes or not.
            quoteMakesWord = false
            try appendList(value ?? "", at: start)
        } else {
            startWord(at: start)
            if let value {
                bytes.append(contentsOf: value.utf8)
            } else if unsetVariable == nil {
                unsetVariable = (name.text, name.start)
            }
        }
    }

    private mutating func variableName() throws(LexicalError) -> (text: String, start: Int) {
        let start = position
        guard let first = peek(), Byte.isLetter(first) || first == Byte.underscore || first == Byte.dot else {
            throw failure(.badVariableName, at: position)
        }
        position += 1
        while let byte = peek(), Byte.isLetter(byte) || Byte.isDigit(byte) || byte == Byte.underscore {
            position += 1
        }
        return (String(decoding: line[start..<position], as: UTF8.self), start)
    }

    /// Reads up to the closing brace; the result is the text behind a dash, if there is one.
    private mutating func closeBrace(openedAt brace: Int) throws(LexicalError) -> String? {
        var preset: String?
        if peek() == Byte.minus {
            let start = position + 1
            while let byte = peek(), byte != UInt8(ascii: "}") { position += 1 }
            preset = String(decoding: line[start..<max(start, position)], as: UTF8.self)
        }
        guard peek() == UInt8(ascii: "}") else { throw failure(.unmatchedBrace, at: brace) }
        position += 1
        return preset
    }

    /// Each part of `value` between spaces becomes a word of its own; the first and last join what they touch.
    private mutating func appendList(_ value: String, at start: Int) throws(LexicalError) {
        for byte in value.utf8 {
            if Byte.isSpace(byte) {
                try endWord()
            } else {
                startWord(at: start)
                bytes.append(byte)
            }
        }
    }

    // MARK: Words

    private mutating func startWord(at place: Int) {
        if isInWord { return }
        isInWord = true
        wordStart = quote == nil ? place : quoteStart
        bytes.removeAll(keepingCapacity: true)
        unsetVariable = nil
    }

    private mutating func endWord() throws(LexicalError) {
        guard isInWord else { return }
        isInWord = false
        let column = wordStart - line.startIndex
        if result.words.count == Self.maxWords { throw failure(.tooManyWords, at: wordStart) }
        if bytes.isEmpty, result.emptyWord == nil {
            result.emptyWord = LexedLine.EmptyWord(
                index: result.words.count,
                column: unsetVariable.map { $0.position - line.startIndex } ?? column,
                variable: unsetVariable?.name)
        }
        result.words.append(Word(bytes: bytes, column: column))
    }

    // MARK: Bytes

    private func peek(_ offset: Int = 0) -> UInt8? {
        let index = position + offset
        return index < line.endIndex ? line[index] : nil
    }

    private func failure(_ code: LexicalError.Code, at place: Int) -> LexicalError {
        LexicalError(code: code, column: place - line.startIndex)
    }
}
