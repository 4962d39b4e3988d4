import Glibc

/// The dates of log lines, in local time, computed once per second.
struct LogDate {
    private var second = Int.min
    private var fields = Fields()

    /// The parts of a local date.
    private struct Fields {
        var year = 1970
        var month = 1
        var day = 1
        var hour = 0
        var minute = 0
        var second = 0
        /// Seconds east of UTC.
        var offset = 0
    }

    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private mutating func update(_ wall: UInt64) {
        let now = Int(wall / 1_000_000_000)
        guard now != second else { return }
        second = now
        var time = time_t(now)
        var local = unsafe tm()
        _ = unsafe localtime_r(&time, &local)
        unsafe fields = Fields(
            year: Int(local.tm_year) + 1900, month: Int(local.tm_mon) + 1, day: Int(local.tm_mday),
            hour: Int(local.tm_hour), minute: Int(local.tm_min), second: Int(local.tm_sec), offset: local.tm_gmtoff)
    }

    /// `06/Feb/2009:12:14:14.655`: a message's own date.
    mutating func appendPrecise(_ wall: UInt64, to text: inout LogText) {
        update(wall)
        text.append(fields.day, width: 2)
        text.append("/")
        text.append(month)
        text.append("/")
        text.append(fields.year, width: 4)
        text.append(":")
        appendTime(to: &text)
        text.append(".")
        text.append(Int(wall / 1_000_000 % 1000), width: 3)
    }

    /// `Feb  6 12:14:14`: RFC 3164's date.
    mutating func appendSyslog(_ wall: UInt64, to text: inout LogText) {
        update(wall)
        text.append(month)
        text.append(" ")
        if fields.day < 10 { text.append(" ") }
        text.append(fields.day)
        text.append(" ")
        appendTime(to: &text)
    }

    /// `2009-02-06T12:14:14.655123+01:00`: RFC 5424's date.
    mutating func appendISO(_ wall: UInt64, to text: inout LogText) {
        update(wall)
        text.append(fields.year, width: 4)
        text.append("-")
        text.append(fields.month, width: 2)
        text.append("-")
        text.append(fields.day, width: 2)
        text.append("T")
        appendTime(to: &text)
        text.append(".")
        text.append(Int(wall / 1000 % 1_000_000), width: 6)
        let offset = fields.offset
        text.append(offset < 0 ? "-" : "+")
        text.append(abs(offset) / 3600, width: 2)
        text.append(":")
        text.append(abs(offset) % 3600 / 60, width: 2)
    }

    /// The year that a month belongs to: the one before when it is still to come.
    mutating func appendYear(_ wall: UInt64, ofMonth month: Int, to text: inout LogText) {
        update(wall)
        text.append(fields.month < month ? fields.year - 1 : fields.year, width: 4)
    }

    private var month: StaticString { Self.months[min(max(fields.month - 1, 0), 11)] }

    private func appendTime(to text: inout LogText) {
        text.append(fields.hour, width: 2)
        text.append(":")
        text.append(fields.minute, width: 2)
        text.append(":")
        text.append(fields.second, width: 2)
    }
}
