import Bytes
import Rules
import Samples
import Streams
import Words

/// Converters that help to find mistakes (configuration.txt section 7.3.1): `when` and `debug`.
enum DiagnosticConverters {
    static let all: [Converter] = [
        Converter(
            "when", "The value as it is when a condition holds, else nothing.", example: "bc_src,when(forwarded)",
            takes: ArgumentSignature([.string, .string, .string], required: 1), from: .any, to: .any,
            prepare: { values, context throws(Complaint) in try WhenCondition(values, context) }
        ) { evaluation, arguments, _ in
            arguments.object(WhenCondition.self).holds(evaluation)
        },
        Converter(
            "debug", "The value as it is; it is shown in the ring `buf0`, or in the sink named.",
            example: "src,debug(client)", takes: ArgumentSignature([.string, .string], required: 0), from: .any,
            to: .same, prepare: { values, context in DebugOutput(values, context) }
        ) { evaluation, arguments, sample in
            arguments.object(DebugOutput.self).write(sample, evaluation)
            return true
        },
    ]
}

/// The condition of `when`.
private final class WhenCondition: Sendable {
    enum Kind: String, CaseIterable {
        case error, forwarded, normal, processed, stopping, toapplet, acl
    }

    private let kind: Kind
    private let isNegated: Bool
    private let condition: Condition?

    init(_ values: [Argument], _ context: CompilationContext) throws(Complaint) {
        func text(_ index: Int) -> String {
            guard index < values.count, case .string(let text) = values[index] else { return "" }
            return String(decoding: text, as: UTF8.self)
        }
        let word = text(0)
        isNegated = word.hasPrefix("!")
        let name = isNegated ? String(word.dropFirst()) : word
        guard let kind = Kind(rawValue: name) else {
            let names = Kind.allCases.map(\.rawValue).joined(separator: ",")
            throw Complaint("expects a supported keyword among {\(names)} but got '\(name)'")
        }
        self.kind = kind
        guard kind == .acl else {
            condition = nil
            return
        }
        let acl = text(1)
        guard !acl.isEmpty else { throw Complaint("'acl' selector requires an extra argument with the ACL name") }
        let declared = (context.findACL(acl) as? ACL).map { [acl: $0] } ?? [:]
        let (place, keyword) = (context.place, context.keyword)
        do throws(Complaint) {
            condition = try ConditionParser(context, acls: declared).parse(
                [Word(text: acl, column: 0)], isNegated: false)
        } catch {
            throw Complaint("ACL '\(acl)' not found")
        }
        (context.place, context.keyword) = (place, keyword)
    }

    func holds(_ evaluation: Evaluation) -> Bool {
        let facts = evaluation.facts
        let isTrue =
            switch kind {
            case .error: facts?.isAbnormal == true
            case .normal: facts?.isAbnormal != true
            case .forwarded: facts?.isForwarded == true
            case .toapplet: facts?.isServedHere == true
            case .processed: facts?.isForwarded == true || facts?.isServedHere == true
            case .stopping: evaluation.process?.isStopping == true
            case .acl: evaluate(evaluation)
            }
        return isTrue != isNegated
    }

    /// The ACL is evaluated within another evaluation, which may iterate.
    private func evaluate(_ evaluation: Evaluation) -> Bool {
        let iterates = evaluation.iterates
        defer { evaluation.iterates = iterates }
        return condition?.holds(evaluation) == true
    }
}

/// Where `debug` writes, and what it puts before the value.
private final class DebugOutput: Sendable {
    private let prefix: ConstantText
    private let sink: SinkReference

    init(_ values: [Argument], _ context: CompilationContext) {
        prefix = ConstantText(values.first)
        var name = "buf0"
        if values.count > 1, case .string(let text) = values[1] { name = String(decoding: text, as: UTF8.self) }
        sink = context.referToSink(name)
    }

    func write(_ sample: borrowing Sample, _ evaluation: Evaluation) {
        guard let sink = sink.sink else { return }
        let prefix = self.prefix
        var text = evaluation.scratch.text()
        text.append("[debug] ")
        text.append(prefix.bytes)
        text.append(": type=")
        text.append(Array(sample.type.name.utf8).span)
        text.append(" ")
        var shown = copy sample
        if Cast.apply(&shown, to: .str, evaluation.scratch) {
            text.append("<")
            for index in 0..<shown.byteCount {
                let byte = shown.bytes[index]
                text.append(byte: byte >= 0x20 && byte < 0x7f ? byte : 0x2e)
            }
            text.append(">")
        } else {
            text.append("(undisplayable)")
        }
        sink.write(text.bytes, wall: evaluation.resources.clock.wall)
    }
}
