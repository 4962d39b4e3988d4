/// Numbers, times and sizes as configuration files write them.
enum Scalars {
    /// Why a text is no time or size.
    enum Failure: Error, Equatable {
        /// This character does not fit; nil: the text ends too early.
        case character(Character?)
        case overflow
    }

    /// A unit that a time without a suffix is in.
    enum TimeUnit {
        case milliseconds
        case seconds
    }

    /// Largest time in its unit, as in HAProxy.
    static let maxTime = 0x7fff_ffff

    /// A decimal integer with an optional sign; nil when `text` is anything else, or too large for 32 bits.
    static func integer(_ text: String) -> Int? {
        guard let value = Int32(text), text.utf8.first != UInt8(ascii: "+") else { return nil }
        return Int(value)
    }

    /// A time with one of the suffixes `us`, `ms`, `s`, `m`, `h`, `d`, in `unit`, rounded up. Without a suffix the
    /// number is in `unit` already. At most `maxTime`.
    static func time(_ text: String, in unit: TimeUnit) throws(Failure) -> Int {
        let bytes = Array(text.utf8)
        var index = 0
        let value = try digits(bytes, &index)
        let suffix = String(decoding: bytes[index...], as: UTF8.self)
        let microseconds: Int
        switch suffix {
        case "": microseconds = unit == .milliseconds ? 1000 : 1_000_000
        case "us": microseconds = 1
        case "ms": microseconds = 1000
        case "s": microseconds = 1_000_000
        case "m": microseconds = 60_000_000
        case "h": microseconds = 3_600_000_000
        case "d": microseconds = 86_400_000_000
        default: throw .character(offender(in: suffix, units: ["us", "ms", "s", "m", "h", "d"]))
        }
        let scale = unit == .milliseconds ? 1000 : 1_000_000
        let (product, overflow) = value.multipliedReportingOverflow(by: microseconds)
        if overflow { throw .overflow }
        // Rounded up, so that no time becomes 0, which would mean none.
        let result = product / scale + (product % scale == 0 ? 0 : 1)
        if result > maxTime { throw .overflow }
        return result
    }

    /// A size with one of the suffixes `k`, `m`, `g` in either case, in bytes. It has to fit 32 bits.
    static func size(_ text: String) throws(Failure) -> Int {
        let bytes = Array(text.utf8)
        var index = 0
        let value = try digits(bytes, &index)
        let suffix = String(decoding: bytes[index...], as: UTF8.self)
        let shift: Int
        switch suffix {
        case "": shift = 0
        case "k", "K": shift = 10
        case "m", "M": shift = 20
        case "g", "G": shift = 30
        default: throw .character(offender(in: suffix, units: ["k", "K", "m", "M", "g", "G"]))
        }
        let (result, overflow) = value.multipliedReportingOverflow(by: 1 << shift)
        if overflow || result > 0xffff_ffff { throw .overflow }
        return result
    }

    private static func digits(_ bytes: [UInt8], _ index: inout Int) throws(Failure) -> Int {
        guard let first = bytes.first else { throw .character(nil) }
        guard Byte.isDigit(first) else { throw .character(String(decoding: bytes, as: UTF8.self).first) }
        var value = 0
        while index < bytes.count, Byte.isDigit(bytes[index]) {
            value = value * 10 + Int(bytes[index] - UInt8(ascii: "0"))
            if value > 1 << 40 { throw .overflow }
            index += 1
        }
        return value
    }

    /// The first character of `suffix` that can not continue any of `units`.
    private static func offender(in suffix: String, units: [String]) -> Character? {
        var prefix = ""
        for character in suffix {
            prefix.append(character)
            if !units.contains(where: { $0.hasPrefix(prefix) }) { return character }
        }
        return nil
    }
}

// MARK: Arguments

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
