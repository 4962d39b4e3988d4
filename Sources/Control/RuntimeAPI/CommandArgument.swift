/// How arguments of commands are read.
package enum CommandArgument {
    /// What a time without a unit is in.
    package enum TimeUnit: Int, Sendable {
        case milliseconds = 1
        case seconds = 1000
    }

    /// A time with one of the suffixes `us`, `ms`, `s`, `m`, `h`, `d`, in milliseconds, rounded up. Nil when it is none,
    /// or more than 2,147,483,647 of its default unit, as in HAProxy.
    package static func milliseconds(_ text: String, defaultUnit: TimeUnit = .milliseconds) -> Int? {
        let digits = text.utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }
        guard !digits.isEmpty, let value = Int(Substring(digits)), value <= 1 << 40 else { return nil }
        let microseconds: Int
        switch text.dropFirst(digits.count) {
        case "": microseconds = defaultUnit.rawValue * 1000
        case "us": microseconds = 1
        case "ms": microseconds = 1000
        case "s": microseconds = 1_000_000
        case "m": microseconds = 60_000_000
        case "h": microseconds = 3_600_000_000
        case "d": microseconds = 86_400_000_000
        default: return nil
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: microseconds)
        guard !overflow else { return nil }
        let limit = 0x7fff_ffff * defaultUnit.rawValue
        let result = product / 1000 + (product % 1000 == 0 ? 0 : 1)
        return result <= limit ? result : nil
    }

    /// The number that a text starts with, as C's `atoi` reads it: 0 when it starts with none.
    package static func leadingInteger(_ text: String) -> Int {
        var rest = text.utf8.drop { $0 == 0x20 || $0 == 0x09 }[...]
        var isNegative = false
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        var value = 0
        for byte in rest {
            guard byte >= 0x30, byte <= 0x39 else { break }
            value = min(value * 10 + Int(byte - 0x30), Int(Int32.max))
        }
        return isNegative ? -value : value
    }
}
