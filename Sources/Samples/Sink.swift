public import Bytes
import Glibc
import Synchronization

/// Where texts about the process's own work go (management.txt, `show events`): a descriptor, or a ring in memory that
/// the runtime API shows. Rings of the configuration are sinks too.
public final class Sink: Sendable {
    public let name: String
    public let summary: String
    /// Nil: the sink is a descriptor.
    public let ring: EventRing?
    private let descriptor: Int32
    private let failed = Atomic<UInt64>(0)

    /// A ring.
    public init(_ name: String, _ summary: String, ring: EventRing) {
        self.name = name
        self.summary = summary
        self.ring = ring
        descriptor = -1
    }

    /// An open descriptor, which stays the caller's.
    public init(_ name: String, _ summary: String, descriptor: Int32) {
        self.name = name
        self.summary = summary
        ring = nil
        self.descriptor = descriptor
    }

    /// Texts that found no room.
    public var dropped: UInt64 { ring?.dropped.load(ordering: .relaxed) ?? failed.load(ordering: .relaxed) }

    /// Writes a text, which has nothing before it yet. It does not wait: what a descriptor does not take is dropped.
    public func write(_ text: Span<UInt8>, wall: UInt64) {
        if let ring { return ring.append(text, wall: wall, isBare: true) }
        var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let isReady = unsafe poll(&poller, 1, 0) == 1 && poller.revents & Int16(POLLOUT) != 0
        let line = Array(copying: text) + [0x0a]
        guard isReady, unsafe Glibc.write(descriptor, line, line.count) == line.count else {
            failed.wrappingAdd(1, ordering: .relaxed)
            return
        }
    }
}

/// The sinks of a process: the standard ones, and the rings of its configuration, in their order.
public final class SinkTable: Sendable {
    private let sinks: Mutex<[Sink]>

    public init() {
        sinks = Mutex([
            Sink("stdout", "standard output (fd#1)", descriptor: 1),
            // HAProxy says so.
            Sink("stderr", "standard output (fd#2)", descriptor: 2),
            Sink("buf0", "in-memory ring buffer", ring: EventRing(size: 1_048_576)),
        ])
    }

    public var all: [Sink] { sinks.withLock { $0 } }

    public subscript(name: String) -> Sink? { all.first { $0.name == name } }

    /// Adds the sink of a ring.
    public func add(_ sink: Sink) { sinks.withLock { $0.append(sink) } }
}

/// A sink that an argument names; it is looked up once all sections are read.
public final class SinkReference: Sendable {
    public let name: String
    public let location: String
    private let found = Mutex<Sink?>(nil)

    public init(_ name: String, location: String) {
        self.name = name
        self.location = location
    }

    /// Nil before it is resolved.
    public var sink: Sink? { found.withLock { $0 } }

    public func resolve(_ sink: Sink) { found.withLock { $0 = sink } }
}
