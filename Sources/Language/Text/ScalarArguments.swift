import Words

// Numbers, times and sizes as arguments of statements.
extension Statement {
    /// The next argument as an integer in `range`.
    mutating func integer(in range: ClosedRange<Int> = 0...Int(Int32.max)) throws(Complaint) -> Int {
        let word = try argument("an integer argument")
        return try integer(word, in: range, of: name)
    }

    /// The value of the setting `option` on a `bind` or `server` line.
    mutating func integer(of option: Word, in range: ClosedRange<Int> = 0...Int(Int32.max)) throws(Complaint) -> Int {
        let word = try value(of: option, "an integer argument")
        return try integer(word, in: range, of: option.text)
    }

    private func integer(_ word: Word, in range: ClosedRange<Int>, of owner: String) throws(Complaint) -> Int {
        guard let value = Scalars.integer(word.text) else {
            throw Complaint("'\(owner)' expects an integer argument, got '\(word.text)'", at: word)
        }
        guard range.contains(value) else {
            let bounds =
                range.upperBound == Int(Int32.max)
                ? "of at least \(range.lowerBound)" : "between \(range.lowerBound) and \(range.upperBound)"
            throw Complaint("'\(owner)' expects an integer \(bounds), got '\(word.text)'", at: word)
        }
        return value
    }

    /// The value of the setting `option` on a `bind` or `server` line.
    mutating func value(of option: Word, _ what: String) throws(Complaint) -> Word {
        guard let word = next() else {
            throw Complaint("'\(name)' : '\(option.text)' expects \(what)", at: option)
        }
        return word
    }

    /// The next argument as a time in `unit`; see `Scalars.time`.
    mutating func time(in unit: Scalars.TimeUnit = .milliseconds) throws(Complaint) -> Int {
        let words = unit == .milliseconds ? "milliseconds" : "seconds"
        let word = try argument("an integer value (in \(words))")
        return try time(word, in: unit, of: name)
    }

    /// The time that the setting `option` on a `bind` or `server` line has.
    mutating func time(of option: Word) throws(Complaint) -> Int {
        try time(value(of: option, "an integer value (in milliseconds)"), in: .milliseconds, of: option.text)
    }

    private func time(_ word: Word, in unit: Scalars.TimeUnit, of owner: String) throws(Complaint) -> Int {
        do {
            return try Scalars.time(word.text, in: unit)
        } catch {
            let message =
                switch error {
                case .overflow where unit == .milliseconds:
                    "timer overflow in argument '\(word.text)' to '\(owner)' (maximum value is 2147483647 ms or"
                        + " ~24.8 days)"
                case .overflow:
                    "timer overflow in argument '\(word.text)' to '\(owner)' (maximum value is 2147483647 s or"
                        + " ~68 years)"
                case .character(let character):
                    Self.unexpected(character, in: word, of: owner)
                }
            throw Complaint(message, at: word)
        }
    }

    /// The next argument as a size in bytes, in `range`; see `Scalars.size`.
    mutating func size(in range: ClosedRange<Int>) throws(Complaint) -> Int {
        let word = try argument("a size in bytes")
        return try size(word, in: range, of: name)
    }

    /// `text` as a size, for the statement's argument `word`.
    func size(_ text: String, of word: Word, in range: ClosedRange<Int>) throws(Complaint) -> Int {
        try size(Word(text: text, column: word.column), in: range, of: name)
    }

    private func size(_ word: Word, in range: ClosedRange<Int>, of owner: String) throws(Complaint) -> Int {
        let value: Int
        do {
            value = try Scalars.size(word.text)
        } catch {
            let message =
                switch error {
                case .overflow: "size overflow in argument '\(word.text)' to '\(owner)'"
                case .character(let character): Self.unexpected(character, in: word, of: owner)
                }
            throw Complaint(message, at: word)
        }
        guard range.contains(value) else {
            throw Complaint(
                "'\(owner)' expects a size between \(range.lowerBound) and \(range.upperBound) bytes, got"
                    + " '\(word.text)'", at: word)
        }
        return value
    }

    private static func unexpected(_ character: Character?, in word: Word, of owner: String) -> String {
        guard let character else { return "'\(word.text)' ends before its unit in '\(owner)'" }
        return "unexpected character '\(character)' in '\(owner)'"
    }

    /// The next argument, which has to be `on` or `off`.
    mutating func onOff() throws(Complaint) -> Bool {
        let word = try argument("either 'on' or 'off'")
        switch word.text {
        case "on": return true
        case "off": return false
        default: throw Complaint("'\(name)' expects either 'on' or 'off' but got '\(word.text)'", at: word)
        }
    }
}
