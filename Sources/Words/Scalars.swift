/// Numbers, times and sizes as configuration files write them.
public enum Scalars {
    /// Why a text is no time or size.
    public enum Failure: Error, Equatable {
        /// This character does not fit; nil: the text ends too early.
        case character(Character?)
        case overflow
    }

    /// A unit that a time without a suffix is in.
    public enum TimeUnit {
        case milliseconds
        case seconds
    }

    /// Largest time in its unit, as in HAProxy.
    public static let maxTime = 0x7fff_ffff

    /// A decimal integer with an optional sign; nil when `text` is anything else, or too large for 32 bits.
    public static func integer(_ text: String) -> Int? {
        guard let value = Int32(text), text.utf8.first != UInt8(ascii: "+") else { return nil }
        return Int(value)
    }

    /// A time with one of the suffixes `us`, `ms`, `s`, `m`, `h`, `d`, in `unit`, rounded up. Without a suffix the
    /// number is in `unit` already. At most `maxTime`.
    public static func time(_ text: String, in unit: TimeUnit) throws(Failure) -> Int {
        let bytes = Array(text.utf8)
        var index = 0
        let value = try digits(bytes, &index)
        let suffix = String(decoding: bytes[index...], as: UTF8.self)
        let microseconds: Int
        switch suffix {
        case "": microseconds = unit == .milliseconds ? 1000 : 1_000_000
        case "us": microseconds = 1
        case "ms": microseconds = 1000
        case "s": microseconds = 1_000_000
        case "m": microseconds = 60_000_000
        case "h": microseconds = 3_600_000_000
        case "d": microseconds = 86_400_000_000
        default: throw .character(offender(in: suffix, units: ["us", "ms", "s", "m", "h", "d"]))
        }
        let scale = unit == .milliseconds ? 1000 : 1_000_000
        let (product, overflow) = value.multipliedReportingOverflow(by: microseconds)
        if overflow { throw .overflow }
        // Rounded up, so that no time becomes 0, which would mean none.
        let result = product / scale + (product % scale == 0 ? 0 : 1)
        if result > maxTime { throw .overflow }
        return result
    }

    /// A size with one of the suffixes `k`, `m`, `g` in either case, in bytes. It has to fit 32 bits.
    public static func size(_ text: String) throws(Failure) -> Int {
        let bytes = Array(text.utf8)
        var index = 0
        let value = try digits(bytes, &index)
        let suffix = String(decoding: bytes[index...], as: UTF8.self)
        let shift: Int
        switch suffix {
        case "": shift = 0
        case "k", "K": shift = 10
        case "m", "M": shift = 20
        case "g", "G": shift = 30
        default: throw .character(offender(in: suffix, units: ["k", "K", "m", "M", "g", "G"]))
        }
        let (result, overflow) = value.multipliedReportingOverflow(by: 1 << shift)
        if overflow || result > 0xffff_ffff { throw .overflow }
        return result
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    private static func digits(_ bytes: [UInt8], _ index: inout Int) throws(Failure) -> Int {
        guard let first = bytes.first else { throw .character(nil) }
        guard isDigit(first) else { throw .character(String(decoding: bytes, as: UTF8.self).first) }
        var value = 0
        while index < bytes.count, isDigit(bytes[index]) {
            value = value * 10 + Int(bytes[index] - UInt8(ascii: "0"))
            if value > 1 << 40 { throw .overflow }
            index += 1
        }
        return value
    }

    /// The first character of `suffix` that can not continue any of `units`.
    private static func offender(in suffix: String, units: [String]) -> Character? {
        var prefix = ""
        for character in suffix {
            prefix.append(character)
            if !units.contains(where: { $0.hasPrefix(prefix) }) { return character }
        }
        return nil
    }
}
