public import Words

/// Reads sample expressions (configuration.txt section 7.3).
public struct ExpressionParser {
    private let context: CompilationContext

    public init(_ context: CompilationContext) { self.context = context }

    /// An expression and where it ended in its text.
    public struct Result {
        public let expression: Expression
        /// Bytes of the text that belong to it.
        public let length: Int
    }

    /// Reads an expression that takes the whole text of a word.
    public func parse(_ word: Word) throws(Complaint) -> Expression {
        do throws(Complaint) {
            return try parse(word.bytes, allowsRest: false).expression
        } catch {
            throw Complaint(error.message, at: word.column + (error.column ?? 0))
        }
    }

    /// Reads an expression from words: converters may stand in the words that follow, as HAProxy allows. `next` is asked
    /// for the next word without taking it, `take` takes it.
    public func parse(
        _ word: Word, peek: () -> Word?, take: () -> Void
    ) throws(Complaint) -> Expression {
        var bytes = word.bytes
        while let following = peek() {
            let name = String(following.text.prefix { Self.isNameCharacter($0) })
            guard context.catalogue.converters[name] != nil, !name.isEmpty else { break }
            take()
            if bytes.last != UInt8(ascii: ",") { bytes.append(UInt8(ascii: ",")) }
            bytes += following.bytes
        }
        return try parse(Word(bytes: bytes, column: word.column))
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x2e || byte == 0x5f || byte == 0x2d || byte == 0x2b
            || byte == 0x3a
    }

    /// Reads an expression from the start of `bytes`. Columns of complaints count from there.
    ///
    /// - Parameter allowsRest: whether something else may follow it, as in a format string.
    public func parse(_ bytes: [UInt8], allowsRest: Bool) throws(Complaint) -> Result {
        var position = 0
        let name = Self.name(bytes, &position)
        guard !name.isEmpty else { throw Complaint("missing fetch method", at: 0) }
        guard let fetch = context.catalogue.fetches[name] else {
            let hint = Nearest.word(to: name, among: context.catalogue.fetches.keys)
            let isConverter = context.catalogue.converters[name] != nil
            let advice =
                isConverter
                ? "; it is a converter, which stands after a fetch and a comma"
                : hint.map { "; did you mean '\($0)' maybe ?" } ?? ""
            throw Complaint("unknown fetch method '\(name)'\(advice)", at: 0)
        }
        guard !fetch.sources.places.isDisjoint(with: context.place) else {
            throw Complaint(
                "fetch method '\(name)' extracts information from '\(fetch.sources.names)', none of which is available"
                    + " here", at: 0)
        }
        var reader = ArgumentReader(bytes, at: position)
        context.keyword = (name, "")
        let arguments: ArgumentList
        do throws(Complaint) {
            arguments = try prepared(try reader.read(fetch.signature, context), by: fetch.prepare)
        } catch {
            throw Complaint("fetch method '\(name)' : \(error.message)", at: error.column ?? position)
        }
        position = reader.position
        var type = fetch.type
        var steps: [Expression.Step] = []
        var last = "fetch keyword"
        while position < bytes.count {
            guard bytes[position] == UInt8(ascii: ",") else {
                if allowsRest { break }
                throw Complaint("missing comma after \(last)", at: position)
            }
            while position < bytes.count, bytes[position] == UInt8(ascii: ",") { position += 1 }
            if position >= bytes.count { break }
            let start = position
            let name = Self.name(bytes, &position)
            let step = try converter(name, bytes, start: start, &position, &type)
            steps.append(step)
            last = "converter '\(name)'"
        }
        let expression = Expression(
            text: String(decoding: bytes[..<position], as: UTF8.self), type: type, sources: fetch.sources,
            fetchName: fetch.name, fetch: Expression.Step(cast: .any, run: fetch.run, arguments: arguments),
            converters: steps)
        return Result(expression: expression, length: position)
    }

    private func converter(
        _ name: String, _ bytes: [UInt8], start: Int, _ position: inout Int, _ type: inout SampleType
    ) throws(Complaint) -> Expression.Step {
        guard let converter = context.catalogue.converters[name] else {
            let hint = Nearest.word(to: name, among: context.catalogue.converters.keys)
            throw Complaint(
                "unknown converter '\(name)'\(hint.map { "; did you mean '\($0)' maybe ?" } ?? "")", at: start)
        }
        guard Cast.isPossible(type, converter.input) else {
            throw Complaint(
                "converter '\(name)' cannot be applied: it takes '\(converter.input.name)', and what comes before it"
                    + " gives '\(type.name)'", at: start)
        }
        var reader = ArgumentReader(bytes, at: position)
        context.keyword.converter = name
        let values: [Argument]
        do throws(Complaint) {
            values = try reader.read(converter.signature, context)
        } catch {
            throw Complaint(
                "invalid arg \(reader.place) in converter '\(name)' : \(error.message)", at: error.column ?? start)
        }
        let arguments: ArgumentList
        do throws(Complaint) {
            arguments = try prepared(values, by: converter.prepare)
        } catch {
            throw Complaint("invalid args in converter '\(name)' : \(error.message)", at: error.column ?? start)
        }
        position = reader.position
        if converter.output != .same {
            type = converter.output
        } else if !Cast.isIdentity(type, converter.input) {
            type = converter.input
        }
        return Expression.Step(cast: converter.input, run: converter.run, arguments: arguments)
    }

    private func prepared(
        _ values: [Argument], by prepare: ArgumentPreparation?
    ) throws(Complaint) -> ArgumentList {
        let object = try prepare?(values, context)
        if values.isEmpty, object == nil { return .none }
        return ArgumentList(values, prepared: object)
    }

    private static func name(_ bytes: [UInt8], _ position: inout Int) -> String {
        let start = position
        while position < bytes.count, isNameByte(bytes[position]) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }
}
