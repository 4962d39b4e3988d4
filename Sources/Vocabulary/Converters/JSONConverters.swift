import Samples
import Words

/// Converters to and from JSON (configuration.txt section 7.3.1).
enum JSONConverters {
    static let all: [Converter] = [
        Converter(
            "json", "The text with what JSON strings must escape escaped.", example: "str(a\"b),json(utf8)",
            takes: ArgumentSignature([.string], required: 1), from: .str, to: .str,
            prepare: { values, _ throws(Complaint) in try JSONInput(values) }
        ) { evaluation, arguments, sample in
            var text = evaluation.scratch.text()
            guard arguments.object(JSONInput.self).encode(sample.bytes, into: &text), !text.isFull else { return false }
            text.finish(&sample)
            return true
        },
        Converter(
            "json_query", "The value at a path in a JSON text.", example: "req.body,json_query('$.user.name')",
            takes: ArgumentSignature([.string, .string], required: 1), from: .str, to: .any,
            prepare: { values, _ throws(Complaint) in try JSONValueQuery(values, allowsEmptyPath: false) }
        ) { evaluation, arguments, sample in
            arguments.object(JSONValueQuery.self).apply(evaluation, &sample)
        },
    ]
}

/// How `json` reads its input.
private final class JSONInput: Sendable {
    private enum Mode: String { case ascii, utf8, utf8s, utf8p, utf8ps }
    private let mode: Mode

    init(_ values: [Argument]) throws(Complaint) {
        var name = ""
        if case .string(let text)? = values.first { name = String(decoding: text, as: UTF8.self) }
        guard let mode = name.isEmpty ? .ascii : Mode(rawValue: name) else {
            throw Complaint(
                "Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'")
        }
        self.mode = mode
    }

    /// Writes the text's characters, escaped. False when the text has a character that the mode does not allow.
    func encode(_ bytes: Span<UInt8>, into text: inout ScratchText) -> Bool {
        var index = 0
        while index < bytes.count {
            if mode == .ascii {
                Self.append(UInt32(bytes[index]), to: &text)
                index += 1
                continue
            }
            let character = LooseUTF8(bytes, at: index)
            index += character.length
            let isStrict = mode == .utf8 || mode == .utf8s
            let isWrong = isStrict ? !character.isValid : character.isBroken || character.isOutOfRange
            if isWrong || character.value > 0xffff {
                if mode == .utf8 || mode == .utf8p { return false }
                continue
            }
            Self.append(character.value, to: &text)
        }
        return true
    }

    private static func append(_ character: UInt32, to text: inout ScratchText) {
        switch character {
        case 0x22: text.append("\\\"")
        case 0x5c: text.append("\\\\")
        case 0x2f: text.append("\\/")
        case 0x08: text.append("\\b")
        case 0x0c: text.append("\\f")
        case 0x0d: text.append("\\r")
        case 0x0a: text.append("\\n")
        case 0x09: text.append("\\t")
        case 0x20..<0x7f: text.append(UInt8(truncatingIfNeeded: character))
        default:
            text.append("\\u")
            var shift: UInt32 = 16
            while shift > 0 {
                shift -= 4
                let digit = UInt8(truncatingIfNeeded: character >> shift & 15)
                text.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            }
        }
    }
}

/// One character of a text that may be no UTF-8, up to six bytes long as in the first definition (RFC 2279).
private struct LooseUTF8 {
    /// The character; what was read of it when it is broken.
    var value: UInt32
    /// Bytes to go on by.
    var length = 1
    /// It starts or goes on with a byte that can not stand there.
    var isBroken = false
    private var isOverlong = false
    /// A surrogate, U+FFFE or U+FFFF.
    var isOutOfRange = false

    var isValid: Bool { !isBroken && !isOverlong && !isOutOfRange }

    init(_ bytes: Span<UInt8>, at start: Int) {
        let first = bytes[start]
        value = UInt32(first)
        if first < 0x80 { return }
        let more = Self.continuationBytes(after: first)
        guard more > 0, start + more < bytes.count else {
            isBroken = true
            return
        }
        value = UInt32(first) & (0x7f >> UInt32(more + 1))
        while length <= more {
            let byte = bytes[start + length]
            guard byte & 0xc0 == 0x80 else {
                isBroken = true
                return
            }
            value = value << 6 | UInt32(byte & 0x3f)
            length += 1
        }
        switch value {
        case ...0x7f: isOverlong = length > 1
        case ...0x7ff: isOverlong = length > 2
        case ...0xffff: isOverlong = length > 3
        case ...0x1f_ffff: isOverlong = length > 4
        default: break
        }
        isOutOfRange = 0xd800...0xdfff ~= value || 0xfffe...0xffff ~= value
    }

    private static func continuationBytes(after first: UInt8) -> Int {
        switch first {
        case 0xc0...0xdf: 1
        case 0xe0...0xef: 2
        case 0xf0...0xf7: 3
        case 0xf8...0xfb: 4
        case 0xfc...0xfd: 5
        default: 0
        }
    }
}
