import Samples
import Words

/// The converter that chooses a language (configuration.txt section 7.3.1, RFC 9110 section 12.5.4).
enum LanguageConverter {
    static let all: [Converter] = [
        Converter(
            "language",
            "The wanted one of the languages given, between semicolons, by the weights of an Accept-Language field; the"
                + " second argument when none is.",
            example: "req.fhdr(accept-language),language(es;fr;en,en)",
            takes: ArgumentSignature([.string, .string], required: 1), from: .str, to: .str,
            prepare: { values, _ in LanguageChoice(values) }
        ) { _, arguments, sample in
            let choice = arguments.object(LanguageChoice.self)
            if let range = choice.preferred(in: sample.bytes), !range.isEmpty {
                let languages = choice.languages
                sample.setText(languages.bytes)
                sample.cut(to: range)
            } else {
                let standard = choice.standard
                sample.setText(standard.bytes)
            }
            return sample.byteCount > 0
        }
    ]
}

/// The languages that `language` chooses from.
final class LanguageChoice: Sendable {
    /// As configured: `es;fr;en`.
    let languages: ConstantText
    /// What is given when no language fits; empty for none.
    let standard: ConstantText

    init(_ values: [Argument]) {
        languages = ConstantText(values.first)
        standard = ConstantText(values.dropFirst().first)
    }

    /// Where in ``languages`` the language is that `field` wants most; the first of equal weights. Nil when none of them
    /// is wanted.
    func preferred(in field: borrowing Span<UInt8>) -> Range<Int>? {
        var best: Range<Int>?
        var bestWeight = 0
        var index = 0
        while true {
            skipSpace(field, &index)
            guard index < field.count else { return best }
            let start = index
            while index < field.count, !isEnd(field[index]) { index += 1 }
            if index > start, let language = language(field, start..<index), let weight = weight(field, &index),
                weight > bestWeight
            {
                best = language
                bestWeight = weight
                if weight >= 1000 { return best }
            }
            while index < field.count, field[index] != UInt8(ascii: ",") { index += 1 }
            index += 1
        }
    }

    /// The configured language that a range of the field names: the same, or its part before a dash.
    private func language(_ field: borrowing Span<UInt8>, _ range: Range<Int>) -> Range<Int>? {
        let languages = languages
        let known = languages.bytes
        var start = 0
        while true {
            var end = start
            while end < known.count, known[end] != UInt8(ascii: ";") { end += 1 }
            if matches(field, range, known, start..<end) { return start..<end }
            guard end < known.count else { return nil }
            start = end + 1
        }
    }

    private func matches(
        _ field: borrowing Span<UInt8>, _ range: Range<Int>, _ known: borrowing Span<UInt8>, _ language: Range<Int>
    ) -> Bool {
        guard range.count >= language.count else { return false }
        for offset in 0..<language.count
        where field[range.lowerBound + offset] != known[language.lowerBound + offset] { return false }
        return range.count == language.count || field[range.lowerBound + language.count] == UInt8(ascii: "-")
    }

    /// The weight in thousandths of what `index` stands behind: 1000 without one. Nil when something else follows there.
    private func weight(_ field: borrowing Span<UInt8>, _ index: inout Int) -> Int? {
        skipSpace(field, &index)
        guard index < field.count, field[index] != UInt8(ascii: ",") else { return 1000 }
        guard take(UInt8(ascii: ";"), field, &index) else { return nil }
        guard take(UInt8(ascii: "q"), field, &index), take(UInt8(ascii: "="), field, &index),
            let units = digit(field, &index)
        else { return 1000 }
        var value = units * 1000
        if index < field.count, field[index] == UInt8(ascii: ".") {
            index += 1
            var scale = 100
            while scale > 0, let digit = digit(field, &index) {
                value += digit * scale
                scale /= 10
            }
        }
        return min(value, 1000)
    }

    /// Passes `character` and the space behind it; false when it does not stand here.
    private func take(_ character: UInt8, _ field: borrowing Span<UInt8>, _ index: inout Int) -> Bool {
        guard index < field.count, field[index] == character else { return false }
        index += 1
        skipSpace(field, &index)
        return true
    }

    private func digit(_ field: borrowing Span<UInt8>, _ index: inout Int) -> Int? {
        guard index < field.count, field[index] &- 0x30 < 10 else { return nil }
        index += 1
        return Int(field[index - 1] &- 0x30)
    }

    private func isEnd(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ";") || byte == UInt8(ascii: ",") || isSpace(byte)
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 0x09 < 5 }

    private func skipSpace(_ field: borrowing Span<UInt8>, _ index: inout Int) {
        while index < field.count, isSpace(field[index]) { index += 1 }
    }
}
