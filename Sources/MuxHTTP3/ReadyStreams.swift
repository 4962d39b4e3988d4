public import QUICTransport

/// A stream as the order of sending sees it. The links belong to ``ReadyStreams``.
@safe public class ReadyStream {
    public var id: QUICStreamID = -1
    /// Change it with ``ReadyStreams/change(_:to:)`` while the stream is in the order.
    public fileprivate(set) var priority = StreamPriority()
    /// True while the stream has something to send and stands in the order.
    public fileprivate(set) var isReady = false
    fileprivate var next: Unmanaged<ReadyStream>?
    fileprivate var previous: Unmanaged<ReadyStream>?
    /// Bytes that the stream sent in its present turn.
    fileprivate var turnBytes = 0

    public init() {
        unsafe next = nil
        unsafe previous = nil
    }

    /// Back to the state of a fresh stream; not while it is in the order.
    func resetOrder() {
        id = -1
        priority = StreamPriority()
        turnBytes = 0
    }
}

/// The streams that have something to send, in the order of RFC 9218 section 10: the most urgent first; within an
/// urgency the ones that are not incremental one after the other by stream ID, the incremental ones in turns, and
/// between both kinds in turns. The streams are not retained: take a stream out before it goes.
public struct ReadyStreams {
    /// Bytes that an incremental stream sends before the next one's turn: two or three packets.
    public static var turnLimit: Int { 4096 }

    public init() {}

    private var levels = InlineArray<8, Level>(repeating: Level())
    /// Bit n tells that level n has streams.
    private var occupied: UInt8 = 0

    @safe private struct Level {
        var sequential = Line()
        var incremental = Line()
        /// Whose turn it is when both lines have streams.
        var isIncrementalTurn = false
    }

    /// A doubly linked line of streams.
    @safe fileprivate struct Line {
        var first: Unmanaged<ReadyStream>?
        var last: Unmanaged<ReadyStream>?

        init() {
            unsafe first = nil
            unsafe last = nil
        }

        var isEmpty: Bool { unsafe first == nil }

        /// Puts `stream` behind `place`; in front of all when that is nil.
        mutating func insert(_ stream: ReadyStream, behind place: ReadyStream?) {
            let link = unsafe Unmanaged.passUnretained(stream)
            let following: Unmanaged<ReadyStream>?
            if let place {
                unsafe following = place.next
                unsafe place.next = link
                unsafe stream.previous = Unmanaged.passUnretained(place)
            } else {
                unsafe following = first
                unsafe first = link
                unsafe stream.previous = nil
            }
            unsafe stream.next = following
            if let following = unsafe following {
                unsafe following._withUnsafeGuaranteedRef { unsafe $0.previous = link }
            } else {
                unsafe last = link
            }
        }

        mutating func remove(_ stream: ReadyStream) {
            if let before = unsafe stream.previous {
                unsafe before._withUnsafeGuaranteedRef { unsafe $0.next = stream.next }
            } else {
                unsafe first = stream.next
            }
            if let after = unsafe stream.next {
                unsafe after._withUnsafeGuaranteedRef { unsafe $0.previous = stream.previous }
            } else {
                unsafe last = stream.previous
            }
            unsafe stream.next = nil
            unsafe stream.previous = nil
        }
    }

    public var isEmpty: Bool { occupied == 0 }

    /// Whether a stream of the order is the only one in it.
    public func isAlone(_ stream: ReadyStream) -> Bool {
        guard occupied == 1 << stream.priority.urgency, unsafe stream.next == nil, unsafe stream.previous == nil else {
            return false
        }
        let level = levels[Int(stream.priority.urgency)]
        return stream.priority.isIncremental ? level.sequential.isEmpty : level.incremental.isEmpty
    }

    /// The stream to send from next.
    public var first: ReadyStream? {
        guard occupied != 0 else { return nil }
        let level = levels[occupied.trailingZeroBitCount]
        let takesIncremental = level.sequential.isEmpty || (level.isIncrementalTurn && !level.incremental.isEmpty)
        let line = takesIncremental ? level.incremental : level.sequential
        return unsafe line.first?.takeUnretainedValue()
    }

    /// Puts a stream into the order; nothing happens when it is there.
    public mutating func insert(_ stream: ReadyStream) {
        guard !stream.isReady else { return }
        let index = Int(stream.priority.urgency)
        stream.isReady = true
        stream.turnBytes = 0
        if stream.priority.isIncremental {
            let last = unsafe levels[index].incremental.last?.takeUnretainedValue()
            levels[index].incremental.insert(stream, behind: last)
        } else {
            // New streams have the largest ID, so the place is near the end.
            var place = unsafe levels[index].sequential.last?.takeUnretainedValue()
            while let other = place, other.id > stream.id { place = unsafe other.previous?.takeUnretainedValue() }
            levels[index].sequential.insert(stream, behind: place)
        }
        occupied |= 1 << UInt8(index)
    }

    /// Takes a stream out of the order; nothing happens when it is not there.
    public mutating func remove(_ stream: ReadyStream) {
        guard stream.isReady else { return }
        let index = Int(stream.priority.urgency)
        stream.isReady = false
        if stream.priority.isIncremental {
            levels[index].incremental.remove(stream)
        } else {
            levels[index].sequential.remove(stream)
        }
        if levels[index].sequential.isEmpty, levels[index].incremental.isEmpty { occupied &= ~(1 << UInt8(index)) }
    }

    /// Gives a stream another priority, whether or not it is in the order.
    public mutating func change(_ stream: ReadyStream, to priority: StreamPriority) {
        guard stream.priority != priority else { return }
        let wasReady = stream.isReady
        remove(stream)
        stream.priority = priority
        if wasReady { insert(stream) }
    }

    /// Counts bytes that a stream in the order has sent; at the end of its turn another one's begins.
    public mutating func didSend(_ stream: ReadyStream, _ count: Int) {
        guard stream.isReady else { return }
        stream.turnBytes += count
        guard stream.turnBytes >= Self.turnLimit else { return }
        stream.turnBytes = 0
        let index = Int(stream.priority.urgency)
        levels[index].isIncrementalTurn = !stream.priority.isIncremental
        if stream.priority.isIncremental, unsafe stream.next != nil {
            levels[index].incremental.remove(stream)
            let last = unsafe levels[index].incremental.last?.takeUnretainedValue()
            levels[index].incremental.insert(stream, behind: last)
        }
    }
}
