import Bytes
import Samples
import Words

/// Fetches that give a constant (configuration.txt section 7.3.2).
enum ConstantFetches {
    static let all: [Fetch] = [
        Fetch("always_true", "Always true.", gives: .bool, from: .constant) { _, _, sample in
            sample.setBool(true)
            return true
        },
        Fetch("always_false", "Always false.", gives: .bool, from: .constant) { _, _, sample in
            sample.setBool(false)
            return true
        },
        Fetch(
            "str", "The text given.", example: "str(hello)", takes: ArgumentSignature([.string], required: 1),
            gives: .str, from: .constant, prepare: { values, _ in ConstantText(values.first) }
        ) { _, arguments, sample in
            sample.setText(arguments.object(ConstantText.self).bytes)
            return true
        },
        Fetch(
            "int", "The integer given.", example: "int(42)", takes: ArgumentSignature([.integer], required: 1),
            gives: .sint, from: .constant
        ) { _, arguments, sample in
            sample.setInteger(arguments.integer(0))
            return true
        },
        Fetch(
            "bool", "The boolean given: true, false, 1 or 0.", example: "bool(true)",
            takes: ArgumentSignature([.string], required: 1), gives: .bool, from: .constant,
            prepare: { values, _ throws(Complaint) in try ConstantBool(values) }
        ) { _, arguments, sample in
            sample.setBool(arguments.object(ConstantBool.self).value)
            return true
        },
    ]
}

/// The argument of `bool`.
private final class ConstantBool: Sendable {
    let value: Bool

    init(_ values: [Argument]) throws(Complaint) {
        guard case .string(let bytes) = values.first else { throw Complaint("a boolean is missing") }
        switch String(decoding: bytes, as: UTF8.self).lowercased() {
        case "true", "1": value = true
        case "false", "0": value = false
        case let other: throw Complaint("'\(other)' is neither 'true' nor 'false'")
        }
    }
}
