internal import CNgtcp2

/// Datagrams ready to leave: one contiguous buffer, cut into runs that each fit one `UDP_SEGMENT` send.
///
/// One per worker, reused for every flush. Several connections may fill the same batch before it is sent.
@safe
public struct DatagramBatch: ~Copyable {
    /// Consecutive datagrams with one path and one ECN mark. All have `segmentSize` bytes but the last, which may
    /// have fewer: what `UDP_SEGMENT` asks for.
    public struct Run {
        /// Position of the first datagram in the batch.
        public var offset: Int
        /// Bytes of all its datagrams together.
        public var count: Int
        /// Bytes of each datagram but the last.
        public var segmentSize: Int
        /// ECN codepoint to send with: the two low bits of the IP header's TOS or traffic class (RFC 3168).
        public var ecn: UInt8
        public var path: QUICPath

        /// How many datagrams the run holds.
        public var datagramCount: Int { segmentSize == 0 ? 0 : (count + segmentSize - 1) / segmentSize }
    }

    /// Datagrams in one run at most: the kernel's `UDP_MAX_SEGMENTS`.
    public static let maxSegments = 64
    /// Bytes in one run at most: what fits one UDP send.
    public static let maxRunSize = 65_000

    private let storage: UnsafeMutableRawBufferPointer
    private let runStorage: UnsafeMutablePointer<Run>
    private let runCapacity: Int
    /// The path of the packet being built, and of the last one appended.
    private var current = PathStorage()
    private var previous = PathStorage()
    private var lastRunIsOpen = false

    /// Bytes filled so far.
    public private(set) var count = 0
    /// Runs filled so far.
    public private(set) var runCount = 0

    /// Allocates a batch of `capacity` bytes and at most `runs` runs.
    public init(capacity: Int = 256 << 10, runs: Int = 128) {
        unsafe storage = .allocate(byteCount: max(capacity, 2 * 1500), alignment: 16)
        runCapacity = max(runs, 1)
        unsafe runStorage = .allocate(capacity: runCapacity)
        unsafe runStorage.initialize(
            repeating: Run(offset: 0, count: 0, segmentSize: 0, ecn: 0, path: .none), count: runCapacity)
    }

    deinit {
        unsafe runStorage.deinitialize(count: runCapacity)
        unsafe runStorage.deallocate()
        unsafe storage.deallocate()
    }

    public var isEmpty: Bool { count == 0 }

    /// The run at `index`, from 0 up to `runCount`.
    public subscript(index: Int) -> Run {
        precondition(index >= 0 && index < runCount)
        return unsafe runStorage[index]
    }

    /// The bytes of a run; valid until the batch is changed.
    public func bytes(of run: Run) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: storage[run.offset..<run.offset + run.count])
    }

    /// Forgets all datagrams; keeps the memory.
    public mutating func removeAll() {
        count = 0
        runCount = 0
        lastRunIsOpen = false
    }

    /// Whether one more datagram of `size` bytes fits, even if it needs a run of its own.
    func hasRoom(for size: Int) -> Bool {
        unsafe storage.count - count >= size && runCount < runCapacity
    }

    /// Where the next datagram is to be written.
    var tail: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: storage[count...])
    }

    /// Where ngtcp2 puts the path of the datagram it writes at `tail`.
    var currentPath: UnsafeMutablePointer<ngtcp2_path> { unsafe current.path }

    /// Takes the `size` bytes written at `tail`, on the path in `currentPath`. A datagram that goes `alone` shares its
    /// run with no other: a probe of the path's MTU, which the kernel may refuse to send.
    mutating func append(size: Int, ecn: UInt8, alone: Bool = false) {
        defer { if alone { lastRunIsOpen = false } }
        let samePath = unsafe lastRunIsOpen && ngtcp2_path_eq(previous.path, current.path) != 0
        if samePath, !alone, extendLastRun(size: size, ecn: ecn) { return }
        if !samePath { unsafe ngtcp2_path_copy(previous.path, current.path) }
        let path = unsafe QUICPath(current.path.pointee)
        startRun(size: size, ecn: ecn, path: path)
    }

    /// Copies one datagram that was built elsewhere. False, and nothing is taken, when the batch is full.
    public mutating func append(_ datagram: UnsafeRawBufferPointer, ecn: UInt8 = 0, path: QUICPath) -> Bool {
        guard datagram.count > 0, hasRoom(for: datagram.count) else { return false }
        unsafe tail.copyMemory(from: datagram)
        startRun(size: datagram.count, ecn: ecn, path: path)
        lastRunIsOpen = false
        return true
    }

    private mutating func extendLastRun(size: Int, ecn: UInt8) -> Bool {
        let last = unsafe runStorage + (runCount - 1)
        let run = unsafe last.pointee
        guard run.ecn == ecn, size <= run.segmentSize, run.count + size <= Self.maxRunSize,
            run.count < run.segmentSize * Self.maxSegments
        else { return false }
        unsafe last.pointee.count += size
        count += size
        // A short segment can only be the last one.
        if size < run.segmentSize { lastRunIsOpen = false }
        return true
    }

    private mutating func startRun(size: Int, ecn: UInt8, path: QUICPath) {
        unsafe runStorage[runCount] = Run(offset: count, count: size, segmentSize: size, ecn: ecn, path: path)
        runCount += 1
        count += size
        lastRunIsOpen = true
    }
}
