import Bytes
import Messages
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
        Fetch(
            "ipv4", "The IPv4 address given.", example: "ipv4(192.0.2.1)",
            takes: ArgumentSignature([.ipv4], required: 1), gives: .ipv4, from: .constant
        ) { _, arguments, sample in
            guard case .ipv4(let address) = arguments[0] else { return false }
            sample.setIPv4(address)
            return true
        },
        Fetch(
            "ipv6", "The IPv6 address given.", example: "ipv6(2001:db8::1)",
            takes: ArgumentSignature([.ipv6], required: 1), gives: .ipv6, from: .constant
        ) { _, arguments, sample in
            guard case .ipv6(let high, let low) = arguments[0] else { return false }
            sample.setIPv6(high: high, low: low)
            return true
        },
        Fetch(
            "bin", "The bytes given in hexadecimal.", example: "bin(48656c6c6f)",
            takes: ArgumentSignature([.string], required: 1), gives: .bin, from: .constant,
            prepare: { values, _ throws(Complaint) in ConstantText(try hexadecimal(values)) }
        ) { _, arguments, sample in
            sample.setText(arguments.object(ConstantText.self).bytes, .bin)
            return true
        },
        Fetch(
            "meth", "The method given.", example: "meth(GET)", takes: ArgumentSignature([.string], required: 1),
            gives: .meth, from: .constant,
            prepare: { values, _ throws(Complaint) in
                let text = ConstantText(values.first)
                guard text.bytes.isToken else { throw Complaint("expects valid method.") }
                return text
            }
        ) { _, arguments, sample in
            let text: ConstantText = arguments.object()
            sample.setMethod(Method(text.bytes), text: text.bytes)
            return true
        },
    ]

    /// Bytes from pairs of hexadecimal digits.
    private static func hexadecimal(_ values: [Argument]) throws(Complaint) -> [UInt8] {
        guard case .string(let text) = values.first, !text.isEmpty else {
            throw Complaint("hexadecimal digits are missing")
        }
        guard text.count % 2 == 0 else {
            throw Complaint("an even number of hex digit is expected")
        }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: text.count, by: 2) {
            let pair = String(decoding: text[index...(index + 1)], as: UTF8.self)
            guard pair.first != "+", pair.first != "-", let byte = UInt8(pair, radix: 16) else {
                throw Complaint("an hex digit is expected (found '\(pair)')")
            }
            bytes.append(byte)
        }
        return bytes
    }
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
