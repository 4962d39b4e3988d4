/// One `log` line: where log lines go and which of them.
public struct LogTarget: Sendable, Hashable {
    public var destination: LogDestination
    /// How a line is wrapped (`format`).
    public var framing: LogFraming
    /// Lines that were taken from elsewhere are wrapped as they were there (`log-forward` without `format`).
    public var detectsFraming = false
    /// Longest line in bytes (`len`), 80 to 65535; HAProxy's default is 1024. Longer ones are cut.
    public var maxLength: Int
    public var facility: LogFacility
    /// Lines that are less important than this are not sent.
    public var level: LogLevel
    /// Lines that are more important than this are sent with this level.
    public var minLevel: LogLevel
    /// Which lines are sent (`sample`); nil: all.
    public var sampling: LogSampling?
    /// The profile that changes lines (`profile`): an index into `Configuration.logProfiles`. Nil: none.
    public var profile: Int?

    public init(
        destination: LogDestination, framing: LogFraming = .local, maxLength: Int = 1024, facility: LogFacility,
        level: LogLevel = .debug, minLevel: LogLevel = .emergency
    ) {
        self.destination = destination
        self.framing = framing
        self.maxLength = maxLength
        self.facility = facility
        self.level = level
        self.minLevel = minLevel
    }
}

/// Where log lines go.
public enum LogDestination: Sendable, Hashable {
    /// An open file descriptor; `stdout` is 1, `stderr` is 2.
    case fd(Int32)
    /// A syslog server over UDP.
    case udp(HostAddress, port: UInt16)
    /// A Unix datagram socket.
    case unix(path: String)
    /// A ring: a place in `Configuration.rings`. Streams (`tcp@…`) have rings of their own.
    case ring(Int)
    /// The servers of a backend in `mode log`: a place in `Configuration.logBackends`.
    case backend(Int)
}

/// How a log line is wrapped.
public enum LogFraming: String, Sendable {
    /// RFC 3164 without its host name: the default, unless `log-send-hostname` makes it `rfc3164`.
    case local
    case rfc3164
    case rfc5424
    /// `<priority>` and the text.
    case priority
    /// `<level>` and the text.
    case short
    /// `<level>`, the ISO date and the text.
    case timed
    /// The ISO date and the text.
    case iso
    /// The text.
    case raw
}

/// A syslog facility.
public enum LogFacility: String, Sendable, CaseIterable {
    case kern, user, mail, daemon, auth, syslog, lpr, news
    case uucp, cron, auth2, ftp, ntp, audit, alert, cron2
    case local0, local1, local2, local3, local4, local5, local6, local7

    /// The number in a syslog priority, 0 to 23.
    public var code: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// A syslog level; the raw value is its number, 0 the most important.
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    case emergency, alert, critical, error, warning, notice, info, debug

    /// The word in configuration files.
    public var name: String {
        switch self {
        case .emergency: "emerg"
        case .alert: "alert"
        case .critical: "crit"
        case .error: "err"
        case .warning: "warning"
        case .notice: "notice"
        case .info: "info"
        case .debug: "debug"
        }
    }

    /// By number: an emergency is less than a debug line.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}
