package import Rules
package import Samples
import Synchronization

/// What a frontend's log lines look like, and when they are written.
package struct LineSettings: Sendable, Equatable {
    /// `log-format`, or the format that an option stands for; nil: `Connect from …` lines.
    package var format: Format?
    /// The structured data of RFC 5424 lines (`log-format-sd`).
    package var structuredData: Format?
    /// Lines about connections that failed before their first request (`error-log-format`).
    package var errorFormat: Format?
    /// A line at each of these steps (`log-steps`); nil: one line for each exchange.
    package var steps: Set<LogOrigin>?
    /// One line, as soon as all is known but what only the end tells (`option logasap`).
    package var isEarly = false
    /// Lines about failures have the level `err` (`option log-separate-errors`).
    package var separatesErrors = false
    /// No lines about exchanges without a failure (`option dontlog-normal`).
    package var omitsNormal = false

    package init() {}
}

/// What a frontend captures of messages for its log and its rules.
package struct CaptureSettings: Sendable, Equatable {
    /// A slot: `capture request header`, or one without a field that rules fill (`declare capture`, `http-request
    /// capture … len`).
    package struct Slot: Sendable, Equatable {
        /// In lower case; empty for a slot that rules fill.
        package var name: [UInt8]
        /// Most bytes that are kept.
        package var length: Int

        package init(name: [UInt8] = [], length: Int) {
            self.name = name
            self.length = length
        }
    }

    /// `capture cookie`.
    package struct Cookie: Sendable, Equatable {
        /// How the cookie's `name=value` begins.
        package var prefix: [UInt8]
        package var length: Int

        package init(prefix: [UInt8], length: Int) {
            self.prefix = prefix
            self.length = length
        }
    }

    package var request: [Slot] = []
    package var response: [Slot] = []
    package var cookie: Cookie?

    package init() {}
}

/// `unique-id-format` and `unique-id-header`.
package struct UniqueIDSettings: Sendable, Equatable {
    package var format: Format?
    /// The field that carries the identifier to the server, in lower case; nil: none.
    package var header: [UInt8]?

    /// Longest identifier, bytes.
    package static let limit = 128

    package init() {}
}

/// A `log-profile` section: other formats for lines of one log target or of one `do-log`.
package struct LogProfile: Sendable, Equatable {
    /// What the profile says of a step.
    package struct Step: Sendable, Equatable {
        /// No line.
        package var isDropped = false
        /// Nil: the frontend's.
        package var format: Format?
        package var structuredData: Format?

        package init() {}
    }

    package var name: String
    package var tag: String?
    /// By step; ``LogOrigin/sessionError`` stands for `error`.
    package var steps: [LogOrigin: Step] = [:]
    /// `on any`.
    package var other: Step?
    package var location: SourceLocation

    package init(name: String, location: SourceLocation) {
        self.name = name
        self.location = location
    }

    /// What holds for a line of `origin`; nil: nothing in particular.
    package func step(_ origin: LogOrigin) -> Step? {
        steps[origin == .sessionKilled ? .sessionError : origin] ?? other
    }
}

/// Which lines a target takes (`sample <ranges>:<size>`): of `size` lines those whose numbers are in `ranges`, from 1.
/// The count is shared by all workers.
package final class LogSampling: Sendable {
    package let ranges: [ClosedRange<Int>]
    package let size: Int
    private let count = Atomic<Int>(0)

    package init(_ ranges: [ClosedRange<Int>], size: Int) {
        self.ranges = ranges
        self.size = size
    }

    /// Counts a line; whether the target takes it.
    package func takesNext() -> Bool {
        let number = count.wrappingAdd(1, ordering: .relaxed).oldValue
        let place = (number & .max) % size + 1
        return ranges.contains { $0.contains(place) }
    }
}

extension LogSampling: Hashable {
    package static func == (left: LogSampling, right: LogSampling) -> Bool {
        left.ranges == right.ranges && left.size == right.size
    }
    package func hash(into hasher: inout Hasher) {
        hasher.combine(ranges)
        hasher.combine(size)
    }
}
