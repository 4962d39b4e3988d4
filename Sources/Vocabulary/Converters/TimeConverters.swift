import Samples
import Words

/// Converters between times and dates (configuration.txt section 7.3.1).
enum TimeConverters {
    static let all: [Converter] = [
        Converter(
            "date", "The seconds since 1970 of an HTTP date in any of its three forms (RFC 9110 section 5.6.7).",
            example: "req.hdr(if-modified-since),date", from: .str, to: .sint
        ) { _, _, sample in
            var parser = HTTPDateParser(sample.bytes)
            guard let seconds = parser.parse() else { return false }
            sample.setInteger(seconds)
            return true
        },
        Converter(
            "http_date",
            "The HTTP date of a time since 1970, with an offset added. Both are in seconds, or in the unit given: `s`,"
                + " `ms` or `us`, whose part below a second is then written too.",
            example: "date,http_date(3600)", takes: ArgumentSignature([.integer, .string], required: 0), from: .sint,
            to: .str, prepare: { values, _ throws(Complaint) in try TimeUnitArgument(values) }
        ) { evaluation, arguments, sample in
            let unit = arguments.object(TimeUnitArgument.self).unitsPerSecond
            return writeHTTPDate(&sample, evaluation.scratch, offset: arguments.integer(0), unitsPerSecond: unit)
        },
        formatted("ltime", "seconds", isLocal: true, unitsPerSecond: 1),
        formatted("ms_ltime", "milliseconds", isLocal: true, unitsPerSecond: 1000),
        formatted("us_ltime", "microseconds", isLocal: true, unitsPerSecond: 1_000_000),
        formatted("utime", "seconds", isLocal: false, unitsPerSecond: 1),
        formatted("ms_utime", "milliseconds", isLocal: false, unitsPerSecond: 1000),
        formatted("us_utime", "microseconds", isLocal: false, unitsPerSecond: 1_000_000),
    ]

    /// A converter that writes a time in a format of strftime(3).
    private static func formatted(
        _ name: String, _ unit: String, isLocal: Bool, unitsPerSecond: Int64
    ) -> Converter {
        let fraction =
            unitsPerSecond > 1 ? "; `%N` is the part below a second in nanoseconds, `%3N` its first 3 digits" : ""
        return Converter(
            name,
            "The \(isLocal ? "local time" : "UTC") of a time in \(unit) since 1970, in a format of strftime(3)\(fraction)."
                + " An offset in seconds may be added.",
            example: unitsPerSecond == 1
                ? "date,\(name)(%Y%m%d)" : "accept_date(\(name.prefix(2))),\(name)(%H:%M:%S.%3N)",
            takes: ArgumentSignature([.string, .integer], required: 1), from: .sint, to: .str,
            prepare: { values, _ in TimeFormat(values.first, hasFraction: unitsPerSecond > 1) }
        ) { evaluation, arguments, sample in
            // The whole seconds of large numbers are kept below 2^55, as years have to fit 32 bits.
            let seconds = unitsPerSecond == 1 ? sample.number & largestTime : sample.number / unitsPerSecond
            let nanoseconds = sample.number % unitsPerSecond * (1_000_000_000 / unitsPerSecond)
            guard let time = BrokenDownTime(seconds &+ arguments.integer(1), isLocal: isLocal) else { return false }
            return arguments.object(TimeFormat.self).write(time, nanoseconds, &sample, evaluation.scratch)
        }
    }

    private static let largestTime: Int64 = 0x007f_ffff_ffff_ffff

    private static func writeHTTPDate(
        _ sample: inout Sample, _ scratch: ScratchArena, offset: Int64, unitsPerSecond: Int64
    ) -> Bool {
        let value = sample.number &+ offset
        guard let time = BrokenDownTime(value / unitsPerSecond & largestTime, isLocal: false) else {
            return false
        }
        var text = scratch.text()
        text.append(HTTPDateParser.dayNames[time.weekday])
        text.truncate(to: 3)
        text.append(", ")
        text.append(time.day, digits: 2)
        text.append(UInt8(ascii: " "))
        text.append(HTTPDateParser.monthNames[time.month])
        text.append(UInt8(ascii: " "))
        text.append(time.year, digits: 4)
        text.append(UInt8(ascii: " "))
        text.append(time.hour, digits: 2)
        text.append(UInt8(ascii: ":"))
        text.append(time.minute, digits: 2)
        text.append(UInt8(ascii: ":"))
        text.append(time.second, digits: 2)
        if unitsPerSecond > 1 {
            text.append(UInt8(ascii: "."))
            text.append(value % unitsPerSecond)
        }
        text.append(" GMT")
        text.finish(&sample)
        return true
    }
}

extension ScratchText {
    /// A number that is not negative, with zeros before it up to `digits`.
    fileprivate mutating func append(_ number: Int, digits: Int) {
        var bound = 1
        for _ in 1..<digits { bound *= 10 }
        while bound > max(number, 1) {
            append(UInt8(ascii: "0"))
            bound /= 10
        }
        append(Int64(number))
    }
}

/// The unit that `http_date` counts in.
private final class TimeUnitArgument: Sendable {
    let unitsPerSecond: Int64

    init(_ values: [Argument]) throws(Complaint) {
        guard values.count > 1, case .string(let text) = values[1] else {
            unitsPerSecond = 1
            return
        }
        switch String(decoding: text, as: UTF8.self) {
        case "s": unitsPerSecond = 1
        case "ms": unitsPerSecond = 1000
        case "us": unitsPerSecond = 1_000_000
        case let other: throw Complaint("expects 's', 'ms' or 'us', got '\(other)'")
        }
    }
}
