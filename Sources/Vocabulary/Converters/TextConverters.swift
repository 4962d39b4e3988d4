import Messages
import Samples
import Words

/// Converters that measure, cut and turn text (configuration.txt section 7.3.1).
enum TextConverters {
    static let all: [Converter] = [
        Converter("length", "The number of bytes.", example: "str(hello),length", from: .str, to: .sint) {
            _, _, sample in
            sample.setInteger(Int64(sample.byteCount))
            return true
        },
        Converter("reverse", "The bytes in opposite order.", example: "str(abc),reverse", from: .str, to: .str) {
            evaluation, _, sample in
            var text = evaluation.scratch.text()
            let bytes = sample.bytes
            for index in bytes.indices { text.append(bytes[bytes.count - 1 - index]) }
            text.finish(&sample)
            return true
        },
        Converter(
            "reverse_dom", "The labels of a domain name in opposite order; none when a label is empty.",
            example: "str(www.example.com.),reverse_dom", from: .str, to: .str, run: reverseDomain),
        Converter(
            "cut_crlf", "The text up to the first CR or LF.", example: "req.hdr(x),cut_crlf", from: .str, to: .str
        ) { _, _, sample in
            let bytes = sample.bytes
            var end = 0
            while end < bytes.count, bytes[end] != 0x0d, bytes[end] != 0x0a { end += 1 }
            sample.cut(to: 0..<end)
            return true
        },
        Converter(
            "ltrim", "The text without the given characters at its start.", example: "str(xxabc),ltrim(x)",
            takes: ArgumentSignature([.string], required: 1), from: .str, to: .str
        ) { _, arguments, sample in
            let unwanted = arguments.text(0)
            let bytes = sample.bytes
            var start = 0
            while start < bytes.count, unwanted.contains(bytes[start]) { start += 1 }
            sample.cut(to: start..<bytes.count)
            return true
        },
        Converter(
            "rtrim", "The text without the given characters at its end.", example: "str(abcxx),rtrim(x)",
            takes: ArgumentSignature([.string], required: 1), from: .str, to: .str
        ) { _, arguments, sample in
            let unwanted = arguments.text(0)
            let bytes = sample.bytes
            var end = bytes.count
            while end > 0, unwanted.contains(bytes[end - 1]) { end -= 1 }
            sample.cut(to: 0..<end)
            return true
        },
        Converter(
            "host_only", "The host of a Host field, without port, in lower case (RFC 9110 section 7.2).",
            example: "req.hdr(host),host_only", from: .str, to: .str
        ) { evaluation, _, sample in
            let bytes = sample.bytes
            let end = portSeparator(bytes) ?? bytes.count
            var text = evaluation.scratch.text()
            for index in 0..<end { text.append(bytes[index].asciiLowercased) }
            text.finish(&sample)
            return true
        },
        Converter(
            "port_only", "The port of a Host field; 0 without one (RFC 9110 section 7.2).",
            example: "req.hdr(host),port_only", from: .str, to: .sint
        ) { _, _, sample in
            let bytes = sample.bytes
            var port: UInt32 = 0
            // Digits are not checked: as HAProxy computes it.
            for index in ((portSeparator(bytes) ?? bytes.count - 1) + 1)..<bytes.count {
                port = port &* 10 &- 0x30 &+ UInt32(bytes[index])
            }
            sample.setInteger(Int64(port))
            return true
        },
        Converter(
            "iif", "The first text when the input is true, else the second.", example: "ssl_fc,iif(https,http)",
            takes: ArgumentSignature([.string, .string], required: 2), from: .bool, to: .str,
            prepare: { values, _ in ConstantPair(values) }
        ) { _, arguments, sample in
            let texts = arguments.object(ConstantPair.self)
            let text = sample.number != 0 ? texts.first : texts.second
            sample.setText(text.bytes)
            return true
        },
        Converter(
            "has_ctl",
            "True when a control character is among the bytes: one of the mask, `any`, `http` (CR, LF and NUL), or any"
                + " but TAB without an argument.",
            example: "req.hdr(referer),has_ctl(http)", takes: ArgumentSignature([.string], required: 0), from: .bin,
            to: .bool, prepare: { values, _ throws(Complaint) in try ControlMask(values.first) }
        ) { _, arguments, sample in
            let mask = arguments.object(ControlMask.self).bits
            let bytes = sample.bytes
            var found = false
            for index in bytes.indices {
                let byte = bytes[index]
                if byte < 0x20 ? mask & 1 << UInt64(byte) != 0 : byte == 0x7f && mask & 1 << 32 != 0 {
                    found = true
                    break
                }
            }
            sample.setBool(found)
            return true
        },
    ]

    /// The place of the colon before the port: the last one, unless an IPv6 literal's `]` comes after it.
    private static func portSeparator(_ bytes: Span<UInt8>) -> Int? {
        var index = bytes.count
        while index > 0 {
            index -= 1
            if bytes[index] == UInt8(ascii: "]") { return nil }
            if bytes[index] == UInt8(ascii: ":") { return index }
        }
        return nil
    }

    private static let reverseDomain: SampleFunction = { evaluation, _, sample in
        let bytes = sample.bytes
        let dot = UInt8(ascii: ".")
        var end = bytes.count
        if end > 0, bytes[end - 1] == dot { end -= 1 }
        guard end > 0, bytes[0] != dot else { return false }
        var text = evaluation.scratch.text()
        while true {
            var start = end
            while start > 0, bytes[start - 1] != dot { start -= 1 }
            guard start < end else { return false }
            text.append(bytes.extracting(start..<end))
            if start == 0 { break }
            text.append(dot)
            end = start - 1
        }
        text.finish(&sample)
        return true
    }
}

/// Two texts of the configuration.
private final class ConstantPair: Sendable {
    let first: ConstantText
    let second: ConstantText

    init(_ values: [Argument]) {
        first = ConstantText(values.first)
        second = ConstantText(values.dropFirst().first)
    }
}

/// The control characters that `has_ctl` looks for: bits 0 to 31 for themselves, bit 32 for DEL.
private final class ControlMask: Sendable {
    let bits: UInt64

    init(_ argument: Argument?) throws(Complaint) {
        guard case .string(let bytes) = argument, !bytes.isEmpty else {
            bits = 0x1_ffff_fdff
            return
        }
        switch String(decoding: bytes, as: UTF8.self) {
        case "any": bits = 0x1_ffff_ffff
        case "http": bits = 0x2401
        case let text: bits = try Self.parse(text)
        }
    }

    /// A number in decimal, in hexadecimal behind `0x`, or in octal behind `0`.
    private static func parse(_ text: String) throws(Complaint) -> UInt64 {
        var digits = Substring(text)
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
        var radix: UInt64 = 10
        if digits.lowercased().hasPrefix("0x"), digits.dropFirst(2).first?.isHexDigit == true {
            digits = digits.dropFirst(2)
            radix = 16
        } else if digits.hasPrefix("0") {
            radix = 8
        }
        var value: UInt64 = 0
        for (place, character) in digits.enumerated() {
            guard let digit = character.hexDigitValue, UInt64(digit) < radix else {
                let position = text.count - digits.count + place
                throw Complaint(
                    "cannot parse value '\(text)', problem at position \(position); expecting an integer value"
                        + " (decimal or hex with '0x' prefix)")
            }
            let (product, overflow) = value.multipliedReportingOverflow(by: radix)
            value = overflow || product > UInt64(Int64.max) - 15 ? UInt64(Int64.max) : product + UInt64(digit)
        }
        if isNegative { value = 0 &- value }
        let excess = value & ~0x1_ffff_ffff
        guard excess == 0 else {
            throw Complaint("unsupported excess bits 0x\(String(excess, radix: 16)) in argument value \(text)")
        }
        return value
    }
}
