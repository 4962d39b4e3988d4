package import Samples

/// A `ring` section (configuration.txt section 12.5): lines that are kept in memory, and sent on to servers over TCP.
package struct RingSettings: Sendable, Equatable {
    package var name: String
    /// What `show events` says of it (`description`).
    package var summary: String
    /// What is put before lines (`format`).
    package var framing = LogFraming.raw
    /// Whether lines have what their `log` lines put before them, in place of ``framing``: the rings of streams.
    package var keepsFraming = false
    /// Longest line with what is before it, bytes (`maxlen`); nil: the size of a buffer.
    package var maxLength: Int?
    /// Bytes of memory (`size`); nil: the size of a buffer.
    package var size: Int?
    /// The file that the memory is mapped from (`backing-file`).
    package var backingFile: String?
    package var timeouts = Timeouts()
    package var servers: [RingServer] = []
    /// The ring itself.
    package var sink: Sink?
    package var location: SourceLocation

    package init(name: String, location: SourceLocation) {
        self.name = name
        summary = name
        self.location = location
    }

    package static func == (left: RingSettings, right: RingSettings) -> Bool {
        left.name == right.name && left.location == right.location && left.servers == right.servers
    }
}

/// A server that gets the lines of a ring.
package struct RingServer: Sendable, Equatable {
    /// How lines are told apart on a stream (`log-proto`, RFC 6587 section 3.4).
    package enum Framing: String, Sendable {
        /// A line feed behind each.
        case legacy
        /// The number of its bytes before each.
        case octetCount = "octet-count"
    }

    package var settings: ServerSettings
    package var framing: Framing

    package init(settings: ServerSettings, framing: Framing) {
        self.settings = settings
        self.framing = framing
    }
}
