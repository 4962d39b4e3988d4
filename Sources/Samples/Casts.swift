import Bytes
import Messages

/// The conversions between types that happen by themselves (configuration.txt section 7.3, introduction): before a
/// converter, before a match, and into text.
public enum Cast {
    /// Whether a value of one type can become one of another. `any` goes everywhere at first; whether it really does is
    /// seen at evaluation.
    public static func isPossible(_ from: SampleType, _ to: SampleType) -> Bool {
        switch (from, to) {
        case (.same, _), (_, .same): false
        case (_, .any), (.any, _): true
        case (.bool, .bool), (.bool, .sint), (.bool, .str), (.bool, .bin): true
        case (.sint, .bool), (.sint, .sint), (.sint, .addr), (.sint, .ipv4), (.sint, .ipv6), (.sint, .str),
            (.sint, .bin):
            true
        case (.addr, .addr), (.addr, .ipv4), (.addr, .ipv6), (.addr, .str), (.addr, .bin): true
        case (.ipv4, .sint), (.ipv4, .addr), (.ipv4, .ipv4), (.ipv4, .ipv6), (.ipv4, .str), (.ipv4, .bin): true
        case (.ipv6, .addr), (.ipv6, .ipv4), (.ipv6, .ipv6), (.ipv6, .str), (.ipv6, .bin): true
        case (.str, _): true
        case (.bin, .str), (.bin, .bin), (.bin, .meth): true
        case (.meth, .str), (.meth, .bin), (.meth, .meth): true
        default: false
        }
    }

    /// Whether the conversion leaves a value as it is.
    public static func isIdentity(_ from: SampleType, _ to: SampleType) -> Bool {
        if from == to || to == .any { return true }
        switch (from, to) {
        case (.bool, .sint), (.sint, .bool), (.ipv4, .addr), (.ipv6, .addr), (.str, .bin): return true
        default: return false
        }
    }

    /// Makes a sample one of type `to`; false when its value has no such form.
    public static func apply(_ sample: inout Sample, to: SampleType, _ scratch: ScratchArena) -> Bool {
        if sample.type == to { return true }
        switch (sample.type, to) {
        case (_, .any), (.ipv4, .addr), (.ipv6, .addr): return true
        case (.bool, .sint): sample.type = .sint
        case (.sint, .bool): sample.setBool(sample.number != 0)
        case (.bool, .str), (.sint, .str):
            var text = scratch.text()
            text.append(sample.number)
            text.finish(&sample)
        case (.bool, .bin), (.sint, .bin):
            var text = scratch.text()
            for shift in 0..<8 { text.append(UInt8(truncatingIfNeeded: sample.number >> Int64(56 - 8 * shift))) }
            text.finish(&sample, .bin)
        case (.sint, .ipv4), (.sint, .addr): sample.setIPv4(UInt32(truncatingIfNeeded: sample.number))
        case (.sint, .ipv6):
            let value = UInt64(UInt32(truncatingIfNeeded: sample.number))
            sample.setIPv6(high: 0, low: 0xffff << 32 | value)
        case (.ipv4, .sint): sample.setInteger(Int64(sample.addressLow & 0xffff_ffff))
        case (.ipv4, .ipv6): sample.setIPv6(high: 0, low: 0xffff << 32 | sample.addressLow & 0xffff_ffff)
        case (.ipv6, .ipv4):
            guard let value = ipv4(high: sample.addressHigh, low: sample.addressLow) else { return false }
            sample.setIPv4(value)
        case (.ipv4, .str), (.ipv6, .str):
            let address = sample.socketAddress()
            var text = scratch.text()
            unsafe text.fill { unsafe address.writeHost(to: $0) }
            text.finish(&sample)
        case (.ipv4, .bin):
            var text = scratch.text()
            for shift in 0..<4 { text.append(UInt8(truncatingIfNeeded: sample.addressLow >> UInt64(24 - 8 * shift))) }
            text.finish(&sample, .bin)
        case (.ipv6, .bin):
            var text = scratch.text()
            for shift in 0..<8 { text.append(UInt8(truncatingIfNeeded: sample.addressHigh >> UInt64(56 - 8 * shift))) }
            for shift in 0..<8 { text.append(UInt8(truncatingIfNeeded: sample.addressLow >> UInt64(56 - 8 * shift))) }
            text.finish(&sample, .bin)
        case (.str, .bin): sample.type = .bin
        case (.str, .bool), (.str, .sint):
            guard sample.byteCount > 0 else { return false }
            let value = integer(sample.bytes)
            if to == .bool { sample.setBool(value != 0) } else { sample.setInteger(value) }
        case (.str, .ipv4):
            guard let value = ipv4(sample.bytes) else { return false }
            sample.setIPv4(value)
        case (.str, .ipv6), (.str, .addr):
            if to == .addr, let value = ipv4(sample.bytes) {
                sample.setIPv4(value)
                return true
            }
            guard let address = SocketAddress(text: sample.bytes, port: 0), address.family == .ipv6 else {
                return false
            }
            return sample.setAddress(address)
        case (.str, .meth), (.bin, .meth):
            let method = Method(sample.bytes)
            sample.type = .meth
            sample.number = Int64(method.rawValue)
        case (.bin, .str):
            // Text ends at the first NUL.
            let bytes = sample.bytes
            var end = 0
            while end < bytes.count, bytes[end] != 0 { end += 1 }
            sample.cut(to: 0..<end)
            sample.type = .str
        case (.meth, .str), (.meth, .bin):
            let method = Method(rawValue: UInt8(truncatingIfNeeded: sample.number)) ?? .other
            if method == .other { sample.type = to } else { sample.setText(method.text, to) }
        default: return false
        }
        return true
    }

    /// The IPv4 address in an IPv6 one that maps it (`::ffff:a.b.c.d`), embeds it (`::a.b.c.d`) or carries it by 6to4
    /// (`2002:…`); nil in others.
    public static func ipv4(high: UInt64, low: UInt64) -> UInt32? {
        if high == 0, low >> 32 == 0xffff || low >> 32 == 0 { return UInt32(truncatingIfNeeded: low) }
        if high >> 48 == 0x2002 { return UInt32(truncatingIfNeeded: high >> 16) }
        return nil
    }

    /// The IPv4 address that a text starts with: four decimal numbers up to 255 with dots between them. Leading zeros
    /// and what follows the fourth number do not matter. Nil when there is none.
    public static func ipv4(_ text: Span<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var index = 0
        for place in 0..<4 {
            if place > 0 {
                guard index < text.count, text[index] == UInt8(ascii: ".") else { return nil }
                index += 1
            }
            var octet: UInt32 = 0
            let start = index
            while index < text.count, text[index] &- 0x30 < 10 {
                octet = octet * 10 + UInt32(text[index] &- 0x30)
                if octet > 255 { return nil }
                index += 1
            }
            if index == start { return nil }
            value = value << 8 | octet
        }
        // A fifth dot makes it no address.
        return index < text.count && text[index] == UInt8(ascii: ".") ? nil : value
    }

    /// The integer that a text starts with, after an optional sign; 0 without one. Values outside 64 bits stop at the
    /// nearest.
    public static func integer(_ text: Span<UInt8>) -> Int64 {
        var index = 0
        var isNegative = false
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            isNegative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        var value: Int64 = 0
        while index < text.count {
            let digit = text[index] &- 0x30
            guard digit < 10 else { break }
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) =
                isNegative
                ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
            if tooLarge || overflow { return isNegative ? .min : .max }
            value = sum
            index += 1
        }
        return value
    }

    /// A decimal integer that takes the whole text. One outside 64 bits stops at the nearest. Nil for anything else.
    public static func wholeInteger(_ text: [UInt8]) -> Int64? {
        var digits = text[...]
        if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            digits = digits.dropFirst()
        }
        for byte in digits where byte &- 0x30 > 9 { return nil }
        return integer(text.span)
    }
}
