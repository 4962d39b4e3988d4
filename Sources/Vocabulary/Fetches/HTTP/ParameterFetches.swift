import Bytes
import Messages
import Samples
import Streams

/// Fetches of parameters in the query and in the body (configuration.txt section 7.3.6).
enum ParameterFetches {
    static let all: [Fetch] =
        ["url_param", "urlp"].map { name in
            Fetch(
                name, "The value of a parameter of the query: the first one of that name.", example: "\(name)(lang)",
                takes: ArgumentSignature([.string, .string, .string], required: 0), gives: .str, from: .requestHead,
                prepare: { values, _ in ParameterSelector(values, delimiterAt: 1, optionAt: 2) }
            ) { evaluation, arguments, sample in
                query(evaluation, arguments.object(), &sample)
            }
        }
        + [
            Fetch(
                "urlp_val", "The integer that the value of a parameter of the query starts with.",
                example: "urlp_val(size)", takes: ArgumentSignature([.string, .string, .string], required: 0),
                gives: .sint, from: .requestHead,
                prepare: { values, _ in ParameterSelector(values, delimiterAt: 1, optionAt: 2) }
            ) { evaluation, arguments, sample in
                guard query(evaluation, arguments.object(), &sample) else { return false }
                sample.setInteger(sample.bytes.leadingInteger)
                return true
            },
            Fetch(
                "req.body_param", "The value of a parameter of a form in the body: the first one of that name.",
                example: "req.body_param(user)", takes: ArgumentSignature([.string, .string], required: 0), gives: .bin,
                from: .requestHead, prepare: { values, _ in ParameterSelector(values, delimiterAt: nil, optionAt: 1) }
            ) { evaluation, arguments, sample in
                body(evaluation, arguments.object(), &sample)
            },
        ]

    private static func query(
        _ evaluation: Evaluation, _ selector: ParameterSelector, _ sample: inout Sample
    ) -> Bool {
        guard let head = evaluation.head(.request, &sample) else { return false }
        // Other delimiters may stand in the scheme or the authority.
        if selector.delimiter == 0x3f || selector.delimiter == 0x3b {
            return show(head.path, evaluation, selector, isList: false, &sample)
        }
        var target = Sample()
        guard target.setTarget(of: head, evaluation.scratch) else { return false }
        return show(target.bytes, evaluation, selector, isList: false, &sample)
    }

    private static func body(_ evaluation: Evaluation, _ selector: ParameterSelector, _ sample: inout Sample) -> Bool {
        guard evaluation.head(.request, &sample) != nil, let half = evaluation.exchange?.request else { return false }
        var text = Sample()
        text.setWaiting(half, evaluation.scratch)
        return show(text.bytes, evaluation, selector, isList: true, &sample)
    }

    private static func show(
        _ text: Span<UInt8>, _ evaluation: Evaluation, _ selector: ParameterSelector, isList: Bool,
        _ sample: inout Sample
    ) -> Bool {
        var start = evaluation.iterates ? sample.cursor : 0
        if start == 0, !isList {
            start = text.firstIndex(of: selector.delimiter) + 1
            guard start <= text.count else { return false }
        }
        var scanner = ParameterScanner(
            delimiter: selector.delimiter, ignoresCase: selector.ignoresCase, from: min(start, text.count))
        let name = selector.name
        guard let place = scanner.next(text, named: name.bytes) else { return false }
        sample.setText(text.extracting(place))
        if evaluation.iterates, scanner.position < text.count {
            sample.cursor = scanner.position
            sample.flags.insert(.notLast)
        }
        return true
    }
}

/// The arguments of fetches of parameters.
private final class ParameterSelector: Sendable {
    let name: ConstantText
    let delimiter: UInt8
    let ignoresCase: Bool

    init(_ values: [Argument], delimiterAt: Int?, optionAt: Int) {
        func first(_ index: Int) -> UInt8? {
            guard index < values.count, case .string(let text) = values[index] else { return nil }
            return text.first
        }
        name = ConstantText(values.first)
        delimiter = delimiterAt.map { first($0) ?? 0x3f } ?? 0x26
        ignoresCase = first(optionAt) == 0x69
    }
}
