import Bytes
import Patterns
import Samples
import Words

/// The `map*` converters: the value looked up in a map file, whose other column is the result (configuration.txt section
/// 7.3.1, `map`).
enum MapConverters {
    static let all: [Converter] = named + unnamed

    /// What a converter puts out.
    private enum Output: String, CaseIterable {
        case text = ""
        case integer = "_int"
        case address = "_ip"
        case key = "_key"
    }

    /// `map` and `map_regm`, which stand for themselves.
    private static let named: [Converter] = [
        make("map", .str, .text), make("map_str", .str, .text), make("map_regm", .regm, .text),
    ]

    /// `map_beg`, `map_beg_int`, `map_ip_key` and so on: each method with each output. Integers are looked up as `int`.
    private static let unnamed: [Converter] = [MatchMethod.str, .beg, .sub, .dir, .dom, .end, .reg, .int, .ip].flatMap {
        method in
        Output.allCases.compactMap { output in
            method == .str && output == .text ? nil : make("map_\(method.name)\(output.rawValue)", method, output)
        }
    }

    private static func make(_ name: String, _ method: MatchMethod, _ output: Output) -> Converter {
        let input: SampleType =
            switch method.input {
            case .number: .sint
            case .address: .addr
            case .bytes, .text: .str
            }
        let result: SampleType =
            switch output {
            case .text, .key: .str
            case .integer: .sint
            case .address: .addr
            }
        let kind: PatternValueKind =
            switch output {
            case .text, .key: .text
            case .integer: .number
            case .address: .address
            }
        let signature =
            switch output {
            case .text, .address: ArgumentSignature([.string, .string], required: 1)
            case .integer: ArgumentSignature([.string, .integer], required: 1)
            case .key: ArgumentSignature([.string], required: 1)
            }
        return Converter(
            name, summary(method, output), example: "src,\(name)(/etc/haproxy/the.map)", takes: signature, from: input,
            to: result,
            prepare: { values, context throws(Complaint) in try MapLookup(values, context, method, kind, result) }
        ) { evaluation, arguments, sample in
            let map = arguments.object(MapLookup.self)
            if method == .regm { return map.expand(evaluation, &sample) }
            return output == .key ? map.key(evaluation, &sample) : map.value(evaluation, &sample)
        }
    }

    private static func summary(_ method: MatchMethod, _ output: Output) -> String {
        let what =
            switch output {
            case .text: "The value"
            case .integer: "The integer"
            case .address: "The address"
            case .key: "The key"
            }
        return "\(what) of the entry of a map that matches as '\(method.name)'."
    }
}

/// The checked arguments of a `map*` converter: a map under a method, and what to give without an entry.
private final class MapLookup: Sendable {
    private let index: PatternIndex
    private let fallback: VariableValue?
    private let output: SampleType

    init(
        _ values: [Argument], _ context: CompilationContext, _ method: MatchMethod, _ kind: PatternValueKind,
        _ output: SampleType
    ) throws(Complaint) {
        guard case .string(let name)? = values.first else { throw Complaint("a map file is missing") }
        let word = Word(text: String(decoding: name, as: UTF8.self), column: 0)
        let reference: PatternReference
        do throws(Complaint) {
            reference = try context.patternReference(word, hasValues: true, uses: .map)
        } catch {
            throw Complaint(error.message)
        }
        do throws(PatternError) {
            index = try PatternIndex(reference, method: method, values: kind)
        } catch {
            throw Complaint("\(error)")
        }
        self.output = output
        guard values.count > 1 else {
            fallback = nil
            return
        }
        switch values[1] {
        case .string(let text) where output == .addr:
            guard let address = Self.address(text) else {
                throw Complaint("map: cannot parse default ip <\(String(decoding: text, as: UTF8.self))>")
            }
            fallback = address
        case .string(let text): fallback = .str(text)
        case .integer(let number): fallback = .sint(number)
        default: fallback = nil
        }
    }

    private static func address(_ text: [UInt8]) -> VariableValue? {
        var sample = Sample()
        guard let address = SocketAddress(text: String(decoding: text, as: UTF8.self), port: 0),
            sample.setAddress(address)
        else { return nil }
        return VariableValue(sample)
    }

    /// Makes `sample` the value of its entry.
    func value(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        guard let match = find(sample) else { return giveFallback(evaluation, &sample) }
        switch output {
        case .sint:
            guard let number = match.number else { return false }
            sample.setInteger(number)
        case .addr:
            switch match.address {
            case .v4(let address)?: sample.setIPv4(address)
            case .v6(let high, let low)?: sample.setIPv6(high: high, low: low)
            case nil: return false
            }
        default: Self.give(match.value, evaluation, &sample)
        }
        return true
    }

    /// Makes `sample` the key of its entry.
    func key(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        guard let match = find(sample) else { return false }
        Self.give(match.key, evaluation, &sample)
        return true
    }

    /// Makes `sample` the value of its entry with `\0` to `\9` replaced by what the expression's groups matched.
    func expand(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        let lookup = index.lookup
        guard let (match, captures) = lookup.matchWithCaptures(sample.bytes) else {
            return giveFallback(evaluation, &sample)
        }
        var text = evaluation.scratch.text()
        let template = match.value
        let subject = sample.bytes
        guard Self.expand(template, captures, subject, into: &text), !text.isFull else { return false }
        text.finish(&sample)
        return true
    }

    /// `\0` to `\9` are groups, `\xHH` is a byte, and a backslash before another character that character.
    private static func expand(
        _ template: Span<UInt8>, _ captures: RegexCaptures, _ subject: Span<UInt8>, into text: inout ScratchText
    ) -> Bool {
        var index = 0
        while index < template.count {
            guard template[index] == UInt8(ascii: "\\") else {
                text.append(template[index])
                index += 1
                continue
            }
            guard index + 1 < template.count else { return false }
            let byte = template[index + 1]
            index += 2
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if let range = captures[Int(byte - 0x30)], range.upperBound <= subject.count {
                    text.append(subject.extracting(range))
                }
            case UInt8(ascii: "x"):
                guard index + 1 < template.count else { return false }
                text.append(
                    (hexadecimalDigit(template[index]) ?? 0) << 4 | (hexadecimalDigit(template[index + 1]) ?? 0))
                index += 2
            default: text.append(byte)
            }
        }
        return true
    }

    private func find(_ sample: borrowing Sample) -> PatternMatch? {
        let lookup = index.lookup
        switch sample.type {
        case .sint, .bool: return lookup.match(number: sample.number)
        case .ipv4: return lookup.match(ipv4: UInt32(truncatingIfNeeded: sample.addressLow))
        case .ipv6: return lookup.match(ipv6: sample.addressHigh, sample.addressLow)
        case .str, .bin: return lookup.match(sample.bytes)
        case .any, .same, .addr, .meth: return nil
        }
    }

    private func giveFallback(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        guard let fallback else { return false }
        fallback.copy(to: &sample, evaluation.scratch)
        return true
    }

    /// Copies a text of the map, which may go at run time.
    private static func give(_ bytes: Span<UInt8>, _ evaluation: Evaluation, _ sample: inout Sample) {
        var text = evaluation.scratch.text()
        text.append(bytes)
        text.finish(&sample)
    }
}
