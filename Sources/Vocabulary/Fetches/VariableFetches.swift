import Bytes
import Messages
import Samples
import Words

/// Fetches of variables (configuration.txt sections 2.8 and 7.3.2).
enum VariableFetches {
    static let all: [Fetch] = [
        Fetch(
            "var", "A variable's value with its type, or the text given when it is not set.",
            example: "var(txn.user,-)",
            takes: ArgumentSignature([.variable, .string], required: 1), gives: .any, from: .constant,
            prepare: { values, _ in VariableDefault(values) }
        ) { evaluation, arguments, sample in
            guard case .variable(let name) = arguments[0] else { return false }
            if let value = evaluation.variable(name) { return sample.set(value, evaluation.scratch) }
            let standard = arguments.object(VariableDefault.self)
            guard let text = standard.text else { return false }
            sample.setText(text.bytes)
            return true
        },
        Fetch(
            "dump_all_vars", "The variables of a scope, or of all, as text.", example: "dump_all_vars(txn,user,;)",
            takes: ArgumentSignature([.string, .string, .string], required: 0), gives: .str, from: .constant,
            prepare: { values, _ throws(Complaint) in try VariableSelection(values) }
        ) { evaluation, arguments, sample in
            let selection: VariableSelection = arguments.object()
            var text = evaluation.scratch.text()
            guard let process = evaluation.process else { return text.give(&sample) }
            let names = process.variableNames
            for scope in selection.scopes {
                for number in names.indices where names[number].hasPrefix(selection.prefix) {
                    let name = VariableName(scope: scope, number: UInt32(number), text: names[number])
                    guard let value = evaluation.variable(name) else { continue }
                    if text.count > 0 {
                        let delimiter = selection.delimiter
                        text.append(delimiter.span)
                    }
                    text.append(Array("\(scope.rawValue).\(names[number])=".utf8).span)
                    text.append(dumping: value)
                }
            }
            return text.give(&sample)
        },
    ]
}

extension Evaluation {
    /// A variable's value; nil when it is not set here.
    func variable(_ name: VariableName) -> VariableValue? {
        if name.scope == .proc { return processVariables.value(name.number) }
        return variables(name.scope)?.value(name.number)
    }
}

extension Sample {
    /// Takes a variable's value; a text is copied to the worker's scratch, so that it stays when the variable changes.
    mutating func set(_ value: VariableValue, _ scratch: ScratchArena) -> Bool {
        switch value {
        case .bool(let flag): setBool(flag)
        case .sint(let number): setInteger(number)
        case .ipv4(let address): setIPv4(address)
        case .ipv6(let high, let low): setIPv6(high: high, low: low)
        case .str(let text): return setCopy(of: text, scratch)
        case .bin(let text): return setCopy(of: text, scratch, .bin)
        case .meth(let method, let text):
            guard setCopy(of: text, scratch, .meth) else { return false }
            number = Int64(method)
        }
        return true
    }
}

/// The default of `var`; nil when it has none.
private final class VariableDefault: Sendable {
    let text: ConstantText?

    init(_ values: [Argument]) { text = values.count > 1 ? ConstantText(values[1]) : nil }
}

/// The arguments of `dump_all_vars`.
private final class VariableSelection: Sendable {
    let scopes: [VariableScope]
    let prefix: String
    let delimiter: [UInt8]

    init(_ values: [Argument]) throws(Complaint) {
        func text(_ index: Int) -> [UInt8]? {
            guard index < values.count, case .string(let text) = values[index] else { return nil }
            return text
        }
        let all: [VariableScope] = [.sess, .txn, .req, .res, .proc]
        if let name = text(0), !name.isEmpty {
            let word = String(decoding: name, as: UTF8.self)
            guard let scope = VariableScope(rawValue: word) else {
                throw Complaint("invalid scope '\(word)', must be one of: sess, txn, req, res, proc")
            }
            scopes = [scope]
        } else {
            scopes = all
        }
        prefix = String(decoding: text(1) ?? [], as: UTF8.self)
        delimiter = text(2) ?? Array(", ".utf8)
    }
}

extension ScratchText {
    /// A variable's value as `dump_all_vars` writes it: texts in quotes, bytes in hexadecimal after an `x`.
    fileprivate mutating func append(dumping value: VariableValue) {
        switch value {
        case .bool(let flag): append(flag ? "true" : "false")
        case .sint(let number): append(number)
        case .ipv4, .ipv6:
            var sample = Sample()
            if case .ipv4(let address) = value { sample.setIPv4(address) }
            if case .ipv6(let high, let low) = value { sample.setIPv6(high: high, low: low) }
            append(Array(sample.socketAddress().host.utf8).span)
        case .str(let text): append(quoting: text)
        case .bin(let bytes):
            append(0x78 as UInt8)
            for byte in bytes { append(lowercaseHexadecimal: byte) }
        case .meth(let number, let text):
            let method = Method(rawValue: number) ?? .other
            append(quoting: method == .other ? text : Array(copying: Span(method.text)))
        }
    }

    private mutating func append(quoting text: [UInt8]) {
        append(0x22 as UInt8)
        for byte in text {
            switch byte {
            case 0x22, 0x5c:
                append(0x5c as UInt8)
                append(byte)
            case 0x0d: append("\\r")
            case 0x0a: append("\\n")
            case 0x08: append("\\b")
            case 0x00: append("\\0")
            default: append(byte)
            }
        }
        append(0x22 as UInt8)
    }
}
