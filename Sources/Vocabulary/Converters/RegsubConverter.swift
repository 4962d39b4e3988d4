import Patterns
import Samples
import Words

/// The converter that substitutes by a regular expression (configuration.txt section 7.3.1).
enum RegsubConverter {
    static let all: [Converter] = [
        Converter(
            "regsub",
            "The text with the first match of a regular expression replaced, or all with the flag `g`; `i` ignores case."
                + " In the replacement `\\0` to `\\9` are the match and its groups, `\\xHH` is a byte.",
            example: "path,regsub(-,_,g)", takes: ArgumentSignature([.regex, .string, .string], required: 2),
            from: .str, to: .str, prepare: { values, _ throws(Complaint) in try Substitution(values) }
        ) { evaluation, arguments, sample in
            arguments.object(Substitution.self).run(&sample, evaluation.scratch)
            return true
        }
    ]
}

/// The arguments of `regsub`, compiled.
private final class Substitution: Sendable {
    private let expression: PCRE2Expression
    private let replacement: Replacement
    private let isGlobal: Bool

    init(_ values: [Argument]) throws(Complaint) {
        func text(_ index: Int) -> [UInt8] {
            if index < values.count, case .string(let text) = values[index] { text } else { [] }
        }
        let flags = text(2)
        for flag in flags where flag != UInt8(ascii: "i") && flag != UInt8(ascii: "g") {
            throw Complaint(
                "invalid regex flag '\(Character(Unicode.Scalar(flag)))', only 'i' and 'g' are supported")
        }
        isGlobal = flags.contains(UInt8(ascii: "g"))
        replacement = Replacement(text(1))
        let pattern = String(decoding: text(0), as: UTF8.self)
        if pattern.isEmpty { throw Complaint("missing regex in arg 1") }
        do throws(PatternError) {
            expression = try PCRE2Expression(pattern, ignoringCase: flags.contains(UInt8(ascii: "i")))
        } catch {
            throw Complaint("error in regex '\(pattern)' in arg 1 : \(error.message)")
        }
    }

    /// Replaces what matches. Each search sees only what follows the last match, in which `^` does not match.
    func run(_ sample: inout Sample, _ scratch: ScratchArena) {
        var text = scratch.text()
        let bytes = sample.bytes
        var start = 0
        while true {
            let rest = bytes.extracting(start..<bytes.count)
            let isFirst = start == 0
            let captures = isFirst || isGlobal ? expression.captures(in: rest, isContinued: !isFirst) : nil
            guard let captures, let match = captures[0] else {
                text.append(rest)
                break
            }
            text.append(rest.extracting(0..<match.lowerBound))
            guard replacement.append(captures, of: rest, to: &text), start < bytes.count else { break }
            var end = match.upperBound
            if end == 0 {
                // An empty match stands before a byte, which is passed.
                text.append(rest[0])
                end = 1
            }
            start += end
        }
        text.finish(&sample)
    }
}

/// The text that takes the place of a match.
struct Replacement: Sendable {
    private enum Part: Sendable {
        case text([UInt8])
        case group(Int)
    }

    private let parts: [Part]
    /// False when the text ends within an escape: then nothing can be replaced.
    private let isComplete: Bool

    init(_ text: [UInt8]) {
        var parts: [Part] = []
        var plain: [UInt8] = []
        var isComplete = true
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                plain.append(byte)
                continue
            }
            guard index < text.count else {
                isComplete = false
                break
            }
            let escaped = text[index]
            index += 1
            if escaped &- 0x30 < 10 {
                if !plain.isEmpty { parts.append(.text(plain)) }
                plain = []
                parts.append(.group(Int(escaped &- 0x30)))
            } else if escaped == UInt8(ascii: "x") {
                guard index + 2 <= text.count else {
                    isComplete = false
                    break
                }
                plain.append(Self.digit(text[index]) << 4 &+ Self.digit(text[index + 1]))
                index += 2
            } else {
                plain.append(escaped)
            }
        }
        if !plain.isEmpty { parts.append(.text(plain)) }
        self.parts = parts
        self.isComplete = isComplete
    }

    /// The value of a hexadecimal digit; what HAProxy computes of other characters.
    private static func digit(_ byte: UInt8) -> UInt8 {
        let value = (byte &- 0x61 < 26 ? byte & 0xdf : byte) &- 0x30
        return value > 9 ? value &- 7 : value
    }

    /// Appends the replacement; false, and nothing is appended, when it is not complete or larger than a buffer.
    func append(_ captures: RegexCaptures, of subject: Span<UInt8>, to text: inout ScratchText) -> Bool {
        guard isComplete else { return false }
        var length = 0
        for part in parts {
            switch part {
            case .text(let bytes): length += bytes.count
            case .group(let group): length += captures[group]?.count ?? 0
            }
        }
        guard length < text.capacity else { return false }
        for part in parts {
            switch part {
            case .text(let bytes): text.append(bytes.span)
            case .group(let group):
                if let range = captures[group] { text.append(subject.extracting(range)) }
            }
        }
        return true
    }
}
