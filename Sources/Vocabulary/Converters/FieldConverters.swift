import Samples
import Words

/// Converters that take a part of a text or of bytes (configuration.txt section 7.3.1). The result is not copied.
enum FieldConverters {
    static let all: [Converter] = [
        Converter(
            "field",
            "The field at an index, counted from 1 or from the end by negative ones, or so many fields from there (0:"
                + " all that follow). Each delimiter ends a field.",
            example: "str(f1_f2_f3),field(2,_)", takes: ArgumentSignature([.integer, .string, .integer], required: 2),
            from: .str, to: .str, prepare: checkParts
        ) { _, arguments, sample in take(Parts.fields, arguments, &sample) },
        Converter(
            "word",
            "As `field`, but several delimiters in a row separate only once, and those at the start are skipped.",
            example: "str(f1__f2),word(2,_)", takes: ArgumentSignature([.integer, .string, .integer], required: 2),
            from: .str, to: .str, prepare: checkParts
        ) { _, arguments, sample in take(Parts.words, arguments, &sample) },
        Converter(
            "param", "The value of the named parameter in a query string; the delimiter is `&` unless one is given.",
            example: "str(a=1&b=2),param(b)", takes: ArgumentSignature([.string, .string], required: 1), from: .str,
            to: .str, prepare: { values, _ throws(Complaint) in try ParameterName(values) }
        ) { _, arguments, sample in
            guard let range = arguments.object(ParameterName.self).find(in: sample.bytes) else { return false }
            sample.cut(to: range)
            return true
        },
        Converter(
            "bytes", "The bytes from an offset, all or a number of them. Both may be variables.",
            example: "str(012345),bytes(1,3)", takes: ArgumentSignature([.string, .string], required: 1), from: .bin,
            to: .bin, prepare: { values, context throws(Complaint) in try ByteRange(values, context) }
        ) { evaluation, arguments, sample in arguments.object(ByteRange.self).cut(&sample, evaluation) },
    ]

    private static let checkParts: ArgumentPreparation = { values, _ throws(Complaint) in
        if case .integer(0) = values[0] { throw Complaint("Unexpected value 0 for index") }
        if case .string(let text) = values[1], text.isEmpty { throw Complaint("Empty separators list") }
        return nil
    }

    private static func take(_ kind: Parts, _ arguments: borrowing ArgumentList, _ sample: inout Sample) -> Bool {
        let count = Int(Int32(truncatingIfNeeded: arguments.integer(2, default: 1)))
        let range = kind.range(
            in: sample.bytes, index: arguments.integer(0), delimiters: arguments.text(1), count: count)
        guard let range else { return false }
        sample.cut(to: range)
        return true
    }
}

/// How delimiters cut a text.
private enum Parts {
    case fields, words

    /// Where the part at `index` is, or `count` parts from there; all that follow when `count` is not positive. Nil when
    /// there are not so many parts.
    func range(in bytes: Span<UInt8>, index: Int64, delimiters: [UInt8], count: Int) -> Range<Int>? {
        let length = bytes.count
        let isBackward = index < 0
        // Counted from the side that the index counts from.
        func isDelimiter(_ place: Int) -> Bool {
            delimiters.contains(bytes[isBackward ? length - 1 - place : place])
        }
        var left = index.magnitude - 1
        var start = 0
        if self == .words { while start < length, isDelimiter(start) { start += 1 } }
        while left > 0 {
            while start < length, !isDelimiter(start) { start += 1 }
            guard start < length else { return nil }
            start += 1
            if self == .words { while start < length, isDelimiter(start) { start += 1 } }
            left -= 1
        }
        if self == .words, start == length { return nil }
        var end = start
        var wanted = count
        while true {
            while end < length, !isDelimiter(end) { end += 1 }
            if end == length || wanted == 1 { break }
            if wanted > 1 { wanted -= 1 }
            end += 1
            if self == .words { while end < length, isDelimiter(end) { end += 1 } }
        }
        return isBackward ? length - end..<length - start : start..<end
    }
}

/// The arguments of `param`.
private final class ParameterName: Sendable {
    private let name: [UInt8]
    private let delimiter: UInt8

    init(_ values: [Argument]) throws(Complaint) {
        if case .string(let text) = values.first { name = text } else { name = [] }
        guard values.count > 1, case .string(let text) = values[1] else {
            delimiter = UInt8(ascii: "&")
            return
        }
        if text.count == 4, text.starts(with: "0x".utf8),
            let code = UInt8(String(decoding: text.dropFirst(2), as: UTF8.self), radix: 16)
        {
            delimiter = code
        } else if text.count == 1 {
            delimiter = text[0]
        } else {
            throw Complaint("Delimiter must be either exactly 1 character, or 0xHH for an ASCII code .")
        }
    }

    /// Where the parameter's value is; empty when the parameter has none, nil when it is missing.
    func find(in bytes: Span<UInt8>) -> Range<Int>? {
        var position = 0
        while position < bytes.count {
            let equal = position + name.count
            guard equal <= bytes.count else { return nil }
            let ends = equal == bytes.count || bytes[equal] == delimiter
            if ends || bytes[equal] == UInt8(ascii: "="), isNamed(bytes, position) {
                if ends { return position..<position }
                let end = Self.next(delimiter, in: bytes, from: equal + 1)
                return equal + 1..<end
            }
            position = ends ? equal + 1 : Self.next(delimiter, in: bytes, from: position) + 1
        }
        return nil
    }

    private func isNamed(_ bytes: Span<UInt8>, _ position: Int) -> Bool {
        for index in name.indices where bytes[position + index] != name[index] { return false }
        return true
    }

    private static func next(_ byte: UInt8, in bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] != byte { index += 1 }
        return index
    }
}

/// The arguments of `bytes`.
private final class ByteRange: Sendable {
    private let offset: IntegerOperand
    private let length: IntegerOperand?

    init(_ values: [Argument], _ context: CompilationContext) throws(Complaint) {
        offset = try IntegerOperand(values.first, context)
        if offset.constant < 0 { throw Complaint("expects a non-negative integer") }
        if values.count > 1 {
            let operand = try IntegerOperand(values[1], context)
            if operand.variable == nil, operand.constant <= 0 { throw Complaint("expects a positive integer") }
            length = operand
        } else {
            length = nil
        }
    }

    /// Keeps the wanted bytes. False when an operand has no valid value, or when more data may come and is needed.
    func cut(_ sample: inout Sample, _ evaluation: Evaluation) -> Bool {
        let count = Int64(sample.byteCount)
        guard let start = offset.value(evaluation), start >= 0 else {
            sample.flags.remove(.mayChange)
            return false
        }
        if start >= count {
            guard evaluation.isFinal else { return false }
            sample.cut(to: 0..<0)
            return true
        }
        var end = count
        if let length {
            guard let wanted = length.value(evaluation), wanted >= 0 else {
                sample.flags.remove(.mayChange)
                return false
            }
            if wanted <= count - start {
                end = start + wanted
            } else if !evaluation.isFinal {
                return false
            }
        }
        sample.cut(to: Int(start)..<Int(end))
        return true
    }
}
