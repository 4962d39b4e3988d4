import Messages

/// Reads an HTTP date: IMF-fixdate, or the obsolete forms of RFC 850 and asctime (RFC 9110 section 5.6.7). Names are
/// checked, numbers only for their count of digits, and what follows the date does not matter: as in HAProxy.
struct HTTPDateParser: ~Escapable {
    static let monthNames: InlineArray<12, StaticString> = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    static let dayNames: InlineArray<7, StaticString> = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    private let bytes: Span<UInt8>
    private var index = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    /// The seconds since 1970; nil when the text is no date.
    mutating func parse() -> Int64? {
        for form in 0..<3 {
            index = 0
            let seconds = form == 0 ? fixed() : form == 1 ? rfc850() : asctime()
            if let seconds { return seconds }
        }
        return nil
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private mutating func fixed() -> Int64? {
        guard dayName(whole: false), take(","), take(" "), let day = number(2), take(" "), let month = month(),
            take(" "), let year = number(4), take(" "), let time = time(), take(" GMT")
        else { return nil }
        return Self.seconds(year, month, day) + time
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`, also with four digits of the year.
    private mutating func rfc850() -> Int64? {
        guard dayName(whole: true), take(","), take(" "), let day = number(2), take("-"), let month = month(),
            take("-"), var year = number(2)
        else { return nil }
        if take(" ") {
            year += year <= 60 ? 2000 : 1900
        } else {
            guard let low = number(2), take(" ") else { return nil }
            year = year * 100 + low
        }
        guard let time = time(), take(" GMT") else { return nil }
        return Self.seconds(year, month, day) + time
    }

    /// `Sun Nov  6 08:49:37 1994`
    private mutating func asctime() -> Int64? {
        guard dayName(whole: false), take(" "), let month = month(), take(" "), let day = number(take(" ") ? 1 : 2),
            take(" "), let time = time(), take(" "), let year = number(4)
        else { return nil }
        return Self.seconds(year, month, day) + time
    }

    private mutating func take(_ text: StaticString) -> Bool {
        let end = index + text.utf8CodeUnitCount
        guard end <= bytes.count, bytes.extracting(index..<end).equals(text) else { return false }
        index = end
        return true
    }

    /// The whole name of a day, or its first three letters.
    private mutating func dayName(whole: Bool) -> Bool {
        for day in 0..<7 {
            let name = Self.dayNames[day]
            if whole {
                if take(name) { return true }
            } else if index + 3 <= bytes.count {
                let start = unsafe name.utf8Start
                if unsafe bytes[index] == start[0] && bytes[index + 1] == start[1] && bytes[index + 2] == start[2] {
                    index += 3
                    return true
                }
            }
        }
        return false
    }

    /// A month from 0.
    private mutating func month() -> Int64? {
        for month in 0..<12 where take(Self.monthNames[month]) { return Int64(month) }
        return nil
    }

    private mutating func number(_ digits: Int) -> Int64? {
        guard index + digits <= bytes.count else { return nil }
        var value: Int64 = 0
        for place in index..<index + digits {
            guard bytes[place] &- 0x30 < 10 else { return nil }
            value = value * 10 + Int64(bytes[place] &- 0x30)
        }
        index += digits
        return value
    }

    /// `08:49:37` in seconds.
    private mutating func time() -> Int64? {
        guard let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2) else {
            return nil
        }
        return hour * 3600 + minute * 60 + second
    }

    /// The seconds from 1970 to the start of a day; `month` counts from 0. Year 0 and days outside the month give what
    /// the calendar gives when it goes on.
    private static func seconds(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Years start in March here, so that a leap day is the last of one.
        let shifted = month < 2 ? year - 1 : year
        let era = shifted >= 0 ? shifted / 400 : (shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month < 2 ? month + 10 : month - 2) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400
    }
}
