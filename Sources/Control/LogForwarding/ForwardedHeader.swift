import Bytes
import Configuration

/// What goes before a forwarded line: what it had there itself where the target's format has a place for it.
struct ForwardedHeader {
    let line: ForwardedLine
    /// Nil: the line's own format.
    let framing: LogFraming?
    let facility: Int
    let level: LogLevel

    /// The format that the line came in (as far as its parts tell).
    private var ownFraming: LogFraming {
        if !line.host.isEmpty {
            let isISO = line.time.count == 1 || line.time.count >= ForwardedLine.shortestISODate
            return isISO ? .rfc5424 : .rfc3164
        }
        if !line.tag.isEmpty { return .local }
        return line.hasPriority ? .priority : .raw
    }

    func append(to buffer: inout LogText, wall: UInt64, _ date: inout LogDate) {
        let framing = framing ?? ownFraming
        switch framing {
        case .raw, .iso: break
        case .short, .timed: appendNumber(level.rawValue, to: &buffer)
        case .local, .rfc3164, .rfc5424, .priority: appendNumber(facility * 8 + level.rawValue, to: &buffer)
        }
        switch framing {
        case .raw, .short, .priority: break
        case .timed, .iso: appendISO(to: &buffer, wall, &date)
        case .local, .rfc3164:
            appendOld(to: &buffer, wall, &date)
            if framing == .rfc3164 {
                if line.host.isEmpty { buffer.append("localhost") } else { buffer.append(Array(line.host)) }
                buffer.append(" ")
            }
            guard !line.tag.isEmpty else { return }
            buffer.append(Array(line.tag))
            if !line.process.isEmpty {
                buffer.append("[")
                buffer.append(Array(line.process))
                buffer.append("]")
            }
            buffer.append(": ")
        case .rfc5424:
            buffer.append("1 ")
            if line.time.count == 1 { buffer.append("- ") } else { appendISO(to: &buffer, wall, &date) }
            for part in [line.host, line.tag, line.process, line.identifier, line.data] {
                if part.isEmpty { buffer.append("-") } else { buffer.append(Array(part)) }
                buffer.append(" ")
            }
        }
    }

    private func appendNumber(_ number: Int, to buffer: inout LogText) {
        buffer.append("<")
        buffer.append(number)
        buffer.append(">")
    }

    /// The date of RFC 5424, with a space: the line's own, in that form.
    private func appendISO(to buffer: inout LogText, _ wall: UInt64, _ date: inout LogDate) {
        let time = Array(line.time)
        if time.count >= ForwardedLine.shortestISODate {
            buffer.append(time)
        } else if time.count == ForwardedLine.legacyDate, let month = month(of: time) {
            date.appendYear(wall, ofMonth: month, to: &buffer)
            buffer.append("-")
            buffer.append(month, width: 2)
            buffer.append("-")
            buffer.append(byte: time[4] == 0x20 ? 0x30 : time[4])
            buffer.append(byte: time[5])
            buffer.append("T")
            buffer.append(Array(time[7...]))
            // RFC 5424 section 6.2.3 has this for a time whose zone is not known.
            buffer.append("-00:00")
        } else {
            date.appendISO(wall, to: &buffer)
        }
        buffer.append(" ")
    }

    /// The date of RFC 3164, with a space.
    private func appendOld(to buffer: inout LogText, _ wall: UInt64, _ date: inout LogDate) {
        let time = Array(line.time)
        if time.count == ForwardedLine.legacyDate {
            buffer.append(time)
        } else if time.count >= ForwardedLine.shortestISODate,
            let month = Int(String(decoding: time[5..<7], as: UTF8.self)), (0...12).contains(month)
        {
            buffer.append(ForwardedLine.months[max(month, 1) - 1])
            buffer.append(" ")
            buffer.append(byte: time[8] == 0x30 ? 0x20 : time[8])
            buffer.append(byte: time[9])
            buffer.append(" ")
            buffer.append(Array(time[11..<19]))
        } else {
            date.appendSyslog(wall, to: &buffer)
        }
        buffer.append(" ")
    }

    /// 1 to 12.
    private func month(of time: [UInt8]) -> Int? {
        ForwardedLine.months.firstIndex { time.starts(with: $0.utf8) }.map { $0 + 1 }
    }
}
