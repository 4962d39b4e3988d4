public import Samples

/// A `ring` section (configuration.txt section 12.5): lines that are kept in memory, and sent on to servers over TCP.
public struct RingSettings: Sendable, Equatable {
    public var name: String
    /// What `show events` says of it (`description`).
    public var summary: String
    /// What is put before lines (`format`).
    public var framing = LogFraming.raw
    /// Whether lines have what their `log` lines put before them, in place of ``framing``: the rings of streams.
    public var keepsFraming = false
    /// Longest line with what is before it, bytes (`maxlen`); nil: the size of a buffer.
    public var maxLength: Int?
    /// Bytes of memory (`size`); nil: the size of a buffer.
    public var size: Int?
    /// The file that the memory is mapped from (`backing-file`).
    public var backingFile: String?
    public var timeouts = Timeouts()
    public var servers: [RingServer] = []
    /// The ring itself.
    public var sink: Sink?
    public var location: SourceLocation

    public init(name: String, location: SourceLocation) {
        self.name = name
        summary = name
        self.location = location
    }

    public static func == (left: RingSettings, right: RingSettings) -> Bool {
        left.name == right.name && left.location == right.location && left.servers == right.servers
    }
}

/// A server that gets the lines of a ring.
public struct RingServer: Sendable, Equatable {
    /// How lines are told apart on a stream (`log-proto`, RFC 6587 section 3.4).
    public enum Framing: String, Sendable {
        /// A line feed behind each.
        case legacy
        /// The number of its bytes before each.
        case octetCount = "octet-count"
    }

    public var settings: ServerSettings
    public var framing: Framing

    public init(settings: ServerSettings, framing: Framing) {
        self.settings = settings
        self.framing = framing
    }
}
