import Bytes
import Samples
import Words

/// Converters of the Forwarded field (configuration.txt section 7.3.1, RFC 7239).
enum ForwardedConverters {
    static let all: [Converter] = [
        Converter(
            "rfc7239_is_valid", "True when the text is one valid element of a Forwarded field.",
            example: "req.hdr(forwarded),rfc7239_is_valid", from: .str, to: .bool
        ) { _, _, sample in
            let element = ForwardedElement(sample.bytes)
            sample.setBool(element != nil)
            return true
        },
        Converter(
            "rfc7239_field", "The parameter `proto`, `host`, `for` or `by` of an element of a Forwarded field.",
            example: "req.hdr(forwarded),rfc7239_field(for)", takes: ArgumentSignature([.string], required: 1),
            from: .str, to: .str, prepare: { values, _ in ForwardedFieldName(values) }
        ) { _, arguments, sample in
            guard let element = ForwardedElement(sample.bytes),
                let range = element.range(of: arguments.object(ForwardedFieldName.self).field)
            else { return false }
            sample.cut(to: range)
            return true
        },
        Converter(
            "rfc7239_n2nn", "The name in a node of a Forwarded field: an address, `unknown`, or `_` and what hides it.",
            example: "req.hdr(forwarded),rfc7239_field(for),rfc7239_n2nn", from: .str, to: .any
        ) { _, _, sample in
            guard let node = ForwardedNode(sample.bytes) else { return false }
            switch node.name {
            case .ipv4(let address): sample.setIPv4(address)
            case .ipv6(let high, let low): sample.setIPv6(high: high, low: low)
            case .text(let range): sample.cut(to: range)
            }
            return true
        },
        Converter(
            "rfc7239_n2np", "The port in a node of a Forwarded field: an integer, or `_` and what hides it.",
            example: "req.hdr(forwarded),rfc7239_field(for),rfc7239_n2np", from: .str, to: .any
        ) { _, _, sample in
            guard let node = ForwardedNode(sample.bytes) else { return false }
            switch node.port {
            case .none: return false
            case .number(let port): sample.setInteger(Int64(port))
            case .text(let range): sample.cut(to: range)
            }
            return true
        },
        Converter(
            "rfc7239_nn",
            "A node's name for a Forwarded field: an address, `unknown` for an empty text, or `_` and the text.",
            example: "src,rfc7239_nn", from: .any, to: .str
        ) { evaluation, _, sample in writeName(&sample, evaluation.scratch) },
        Converter(
            "rfc7239_np", "A node's port for a Forwarded field: a number, or `_` and the text.",
            example: "src_port,rfc7239_np", from: .any, to: .str
        ) { evaluation, _, sample in
            if sample.type == .sint {
                sample.setInteger(Int64(UInt32(truncatingIfNeeded: sample.number)))
                return Cast.apply(&sample, to: .str, evaluation.scratch)
            }
            guard castToText(&sample, evaluation.scratch), sample.byteCount > 0 else { return false }
            return writeHidden(&sample, evaluation.scratch)
        },
    ]

    private static func writeName(_ sample: inout Sample, _ scratch: ScratchArena) -> Bool {
        switch sample.type {
        case .ipv4: return Cast.apply(&sample, to: .str, scratch)
        case .ipv6:
            guard Cast.apply(&sample, to: .str, scratch) else { return false }
            var text = scratch.text()
            text.append(UInt8(ascii: "["))
            text.append(sample.bytes)
            text.append(UInt8(ascii: "]"))
            text.finish(&sample)
            return true
        default:
            guard castToText(&sample, scratch) else { return false }
            if sample.byteCount == 0 {
                sample.setText("unknown")
                return true
            }
            return writeHidden(&sample, scratch)
        }
    }

    private static func castToText(_ sample: inout Sample, _ scratch: ScratchArena) -> Bool {
        sample.type == .str || Cast.isPossible(sample.type, .str) && Cast.apply(&sample, to: .str, scratch)
    }

    /// An obfuscated identifier from a text that may be one (RFC 7239 section 6.3).
    private static func writeHidden(_ sample: inout Sample, _ scratch: ScratchArena) -> Bool {
        let bytes = sample.bytes
        for index in bytes.indices where !ForwardedNode.isObfuscated(bytes[index]) { return false }
        var text = scratch.text()
        text.append(UInt8(ascii: "_"))
        text.append(bytes)
        text.finish(&sample)
        return true
    }
}

/// The argument of `rfc7239_field`; nil for names that no element has.
private final class ForwardedFieldName: Sendable {
    let field: ForwardedElement.Field?

    init(_ values: [Argument]) {
        guard case .string(let text) = values.first else {
            field = nil
            return
        }
        field = ForwardedElement.Field(rawValue: String(decoding: text, as: UTF8.self))
    }
}
