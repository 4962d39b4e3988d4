public import Rules
public import Samples
import Synchronization

/// What a frontend's log lines look like, and when they are written.
public struct LineSettings: Sendable, Equatable {
    /// `log-format`, or the format that an option stands for; nil: `Connect from …` lines.
    public var format: Format?
    /// The structured data of RFC 5424 lines (`log-format-sd`).
    public var structuredData: Format?
    /// Lines about connections that failed before their first request (`error-log-format`).
    public var errorFormat: Format?
    /// A line at each of these steps (`log-steps`); nil: one line for each exchange.
    public var steps: Set<LogOrigin>?
    /// One line, as soon as all is known but what only the end tells (`option logasap`).
    public var isEarly = false
    /// Lines about failures have the level `err` (`option log-separate-errors`).
    public var separatesErrors = false
    /// No lines about exchanges without a failure (`option dontlog-normal`).
    public var omitsNormal = false

    public init() {}
}

/// What a frontend captures of messages for its log and its rules.
public struct CaptureSettings: Sendable, Equatable {
    /// A slot: `capture request header`, or one without a field that rules fill (`declare capture`, `http-request
    /// capture … len`).
    public struct Slot: Sendable, Equatable {
        /// In lower case; empty for a slot that rules fill.
        public var name: [UInt8]
        /// Most bytes that are kept.
        public var length: Int

        public init(name: [UInt8] = [], length: Int) {
            self.name = name
            self.length = length
        }
    }

    /// `capture cookie`.
    public struct Cookie: Sendable, Equatable {
        /// How the cookie's `name=value` begins.
        public var prefix: [UInt8]
        public var length: Int

        public init(prefix: [UInt8], length: Int) {
            self.prefix = prefix
            self.length = length
        }
    }

    public var request: [Slot] = []
    public var response: [Slot] = []
    public var cookie: Cookie?

    public init() {}
}

/// `unique-id-format` and `unique-id-header`.
public struct UniqueIDSettings: Sendable, Equatable {
    public var format: Format?
    /// The field that carries the identifier to the server, in lower case; nil: none.
    public var header: [UInt8]?

    /// Longest identifier, bytes.
    public static let limit = 128

    public init() {}

    /// The identifier that a format makes of what `evaluation` stands at, cut to ``limit``. The evaluation is free for
    /// another use then.
    public static func identifier(_ format: Format, _ evaluation: Evaluation) -> [UInt8] {
        defer { evaluation.scratch.release() }
        var text = Sample()
        format.text(evaluation, &text)
        text.cut(to: 0..<limit - 1)
        return Array(copying: text.bytes)
    }
}

/// A `log-profile` section: other formats for lines of one log target or of one `do-log`.
public struct LogProfile: Sendable, Equatable {
    /// What the profile says of a step.
    public struct Step: Sendable, Equatable {
        /// No line.
        public var isDropped = false
        /// Nil: the frontend's.
        public var format: Format?
        public var structuredData: Format?

        public init() {}
    }

    public var name: String
    public var tag: String?
    /// By step; ``LogOrigin/sessionError`` stands for `error`.
    public var steps: [LogOrigin: Step] = [:]
    /// `on any`.
    public var other: Step?
    public var location: SourceLocation

    public init(name: String, location: SourceLocation) {
        self.name = name
        self.location = location
    }

    /// What holds for a line of `origin`; nil: nothing in particular.
    public func step(_ origin: LogOrigin) -> Step? {
        steps[origin == .sessionKilled ? .sessionError : origin] ?? other
    }
}

/// Which lines a target takes (`sample <ranges>:<size>`): of `size` lines those whose numbers are in `ranges`, from 1.
/// The count is shared by all workers.
public final class LogSampling: Sendable {
    public let ranges: [ClosedRange<Int>]
    public let size: Int
    private let count = Atomic<Int>(0)

    public init(_ ranges: [ClosedRange<Int>], size: Int) {
        self.ranges = ranges
        self.size = size
    }

    /// Counts a line; whether the target takes it.
    public func takesNext() -> Bool {
        let number = count.wrappingAdd(1, ordering: .relaxed).oldValue
        let place = (number & .max) % size + 1
        return ranges.contains { $0.contains(place) }
    }
}

extension LogSampling: Hashable {
    public static func == (left: LogSampling, right: LogSampling) -> Bool {
        left.ranges == right.ranges && left.size == right.size
    }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ranges)
        hasher.combine(size)
    }
}
