import Bytes
import Configuration
import Glibc

/// What goes before the text of a log line, by its target's format.
struct LogHeader {
    let framing: LogFraming
    /// The facility's number in a syslog priority.
    let facility: Int
    let level: LogLevel
    /// The name in RFC 3164 and 5424 lines.
    let hostname: String

    /// - Parameters:
    ///   - data: the structured data of an RFC 5424 line; empty: none.
    ///   - tag: the program's name in the line.
    func append(
        to buffer: inout LogText, _ data: Span<UInt8>, tag: [UInt8], wall: UInt64, _ date: inout LogDate
    ) {
        switch framing {
        case .raw: break
        case .short: appendLevel(to: &buffer)
        case .timed:
            appendLevel(to: &buffer)
            date.appendISO(wall, to: &buffer)
            buffer.append(" ")
        case .iso:
            date.appendISO(wall, to: &buffer)
            buffer.append(" ")
        case .priority: appendPriority(to: &buffer)
        case .local, .rfc3164:
            appendPriority(to: &buffer)
            date.appendSyslog(wall, to: &buffer)
            buffer.append(" ")
            if framing == .rfc3164 {
                buffer.append(hostname)
                buffer.append(" ")
            }
            buffer.append(tag)
            buffer.append("[")
            buffer.append(Int(getpid()))
            buffer.append("]: ")
        case .rfc5424:
            appendPriority(to: &buffer)
            buffer.append("1 ")
            date.appendISO(wall, to: &buffer)
            buffer.append(" ")
            buffer.append(hostname)
            buffer.append(" ")
            buffer.append(tag)
            buffer.append(" ")
            buffer.append(Int(getpid()))
            buffer.append(" - ")
            // HAProxy leaves out the spaces that end the structured data.
            var end = data.count
            while end > 0, data[end - 1] == 0x20 { end -= 1 }
            if end == 0 { buffer.append("-") } else { buffer.append(data.extracting(0..<end)) }
            buffer.append(" ")
        }
    }

    private func appendPriority(to buffer: inout LogText) {
        buffer.append("<")
        buffer.append(facility * 8 + level.rawValue)
        buffer.append(">")
    }

    private func appendLevel(to buffer: inout LogText) {
        buffer.append("<")
        buffer.append(level.rawValue)
        buffer.append(">")
    }
}

/// How events of a ring are shown and sent: what is missing before their texts is put there.
struct EventText {
    private let framing: LogFraming
    private let tag: [UInt8]
    private let hostname: String
    private var date = LogDate()

    /// - Parameter ring: nil: one of the standard sinks.
    init(_ ring: RingSettings?, _ configuration: Configuration, hostname: String) {
        framing = ring?.framing ?? .timed
        tag = Array((configuration.global.logTag ?? "haproxy").utf8)
        self.hostname = hostname
    }

    /// The bytes of an event, without an end of line.
    mutating func bytes(_ event: EventRing.Event) -> [UInt8] {
        guard event.isBare else { return event.text }
        var text = LogText()
        LogHeader(framing: framing, facility: 0, level: .emergency, hostname: hostname)
            .append(to: &text, Span(), tag: tag, wall: event.wall, &date)
        text.append(event.text)
        return text.bytes
    }
}
