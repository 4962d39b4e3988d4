import Glibc
public import Synchronization

/// A bounded store of short texts, the newest of which drive out the oldest (configuration.txt section 12.5). Any thread
/// may write and read. A lock is held for one copy at a time; workers write once in a turn.
@safe public final class EventRing: Sendable {
    /// A text in the ring.
    public struct Event: Sendable, Equatable {
        /// Its number, from 0 on.
        public var number: UInt64
        /// When it was written: nanoseconds since 1970-01-01 UTC.
        public var wall: UInt64
        /// Whether what the ring's format puts before a text is still missing.
        public var isBare: Bool
        public var text: [UInt8]
    }

    /// Bytes before each text: its length, when it was written, and whether it is bare.
    private static let headSize = 16

    @safe private struct State {
        nonisolated(unsafe) var memory: UnsafeMutableRawBufferPointer
        /// Where the oldest event begins, and how many bytes are in use behind it.
        var start = 0
        var used = 0
        /// The numbers of the oldest event and of the next one.
        var oldest: UInt64 = 0
        var next: UInt64 = 0
        var watchers: [UInt64: @Sendable () -> Void] = [:]
        var lastWatcher: UInt64 = 0
    }

    private let state: Mutex<State>
    /// Bytes of memory.
    public let size: Int
    private let isMapped: Bool
    /// Texts that were larger than the ring.
    public let dropped = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - size: bytes of memory; at least 1,024.
    public init(size: Int) {
        self.size = max(1024, size)
        isMapped = false
        unsafe state = Mutex(State(memory: .allocate(byteCount: self.size, alignment: 16)))
    }

    /// A ring whose memory is a file's, so that it outlives the process. `descriptor` stays the caller's. Nil: the file
    /// can not be mapped.
    public init?(size: Int, file descriptor: Int32) {
        self.size = max(1024, size)
        isMapped = true
        guard ftruncate(descriptor, self.size) == 0,
            let memory = unsafe mmap(nil, self.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            unsafe memory != MAP_FAILED
        else { return nil }
        unsafe state = Mutex(State(memory: UnsafeMutableRawBufferPointer(start: memory, count: self.size)))
    }

    deinit {
        state.withLock { state in
            if isMapped {
                unsafe munmap(state.memory.baseAddress!, state.memory.count)
            } else {
                unsafe state.memory.deallocate()
            }
        }
    }

    /// Adds a text; the oldest ones make room for it.
    public func append(_ text: Span<UInt8>, wall: UInt64, isBare: Bool = false) {
        let needed = Self.headSize + text.count
        guard needed <= size else {
            dropped.wrappingAdd(1, ordering: .relaxed)
            return
        }
        let watchers = state.withLock { state in
            while state.used + needed > size {
                let length = Int(Self.load(state, state.start) as UInt32)
                state.start = (state.start + Self.headSize + length) % size
                state.used -= Self.headSize + length
                state.oldest += 1
            }
            let place = (state.start + state.used) % size
            Self.store(UInt32(text.count), state, place)
            Self.store(isBare ? 1 : 0 as UInt32, state, place + 4)
            Self.store(wall, state, place + 8)
            for index in text.indices {
                unsafe state.memory[(place + Self.headSize + index) % state.memory.count] = text[index]
            }
            state.used += needed
            state.next += 1
            defer { state.watchers = [:] }
            return Array(state.watchers.values)
        }
        for action in watchers { action() }
    }

    /// The numbers of the oldest event and of the next that will come.
    public var range: Range<UInt64> { state.withLock { $0.oldest..<$0.next } }

    /// Events from a number on, the oldest first: as many as fit into `limit` bytes, and at least one if there is one.
    public func events(from number: UInt64, limit: Int) -> [Event] {
        state.withLock { state in
            var result: [Event] = []
            var place = state.start
            var bytes = 0
            var current = state.oldest
            while current < state.next {
                let length = Int(Self.load(state, place) as UInt32)
                if current >= number {
                    if !result.isEmpty, bytes + length > limit { break }
                    let text = (0..<length).map { index in
                        unsafe state.memory[(place + Self.headSize + index) % state.memory.count]
                    }
                    result.append(
                        Event(
                            number: current, wall: Self.load(state, place + 8),
                            isBare: Self.load(state, place + 4) as UInt32 != 0, text: text))
                    bytes += length
                }
                place = unsafe (place + Self.headSize + length) % state.memory.count
                current += 1
            }
            return result
        }
    }

    /// Calls `action` once, from the thread that writes the next event; at once when there is one with this number
    /// already. Returns what ``forget(_:)`` takes.
    public func whenWritten(_ number: UInt64, _ action: @escaping @Sendable () -> Void) -> UInt64 {
        let (ticket, isHere) = state.withLock { state in
            state.lastWatcher += 1
            let isHere = state.next > number
            if !isHere { state.watchers[state.lastWatcher] = action }
            return (state.lastWatcher, isHere)
        }
        if isHere { action() }
        return ticket
    }

    /// Does not call any more.
    public func forget(_ ticket: UInt64) { state.withLock { $0.watchers[ticket] = nil } }

    // MARK: Numbers, which may go around the end

    private static func load<Number: FixedWidthInteger>(_ state: borrowing State, _ place: Int) -> Number {
        var value: Number = 0
        for index in 0..<MemoryLayout<Number>.size {
            let byte = unsafe state.memory[(place + index) % state.memory.count]
            value |= Number(truncatingIfNeeded: byte) << Number(truncatingIfNeeded: index * 8)
        }
        return value
    }

    private static func store<Number: FixedWidthInteger>(_ value: Number, _ state: borrowing State, _ place: Int) {
        for index in 0..<MemoryLayout<Number>.size {
            unsafe state.memory[(place + index) % state.memory.count] =
                UInt8(truncatingIfNeeded: value >> Number(truncatingIfNeeded: index * 8))
        }
    }
}
