import Glibc
public import Synchronization

/// Whether bytes that nobody has to see stay in the kernel on their way from one socket to another (`splice(2)`).
public enum Splicing: UInt8, Sendable, Comparable {
    case never
    /// While the peer brings more than is asked for (`option splice-auto`).
    case bulk
    /// From the first byte behind those that rules have seen (`option splice-request`, `splice-response`).
    case always

    public static func < (left: Splicing, right: Splicing) -> Bool { left.rawValue < right.rawValue }
}

/// Bytes on their way that stay in the kernel (pipe(7)). Used by one worker.
public final class KernelPipe {
    /// Where bytes leave.
    public let readEnd: Int32
    /// Where bytes come in.
    public let writeEnd: Int32
    /// Bytes that it may hold; less when they come in small pieces.
    public let capacity: Int
    /// Bytes that wait.
    public var count = 0
    /// It took no more when it was last asked, and has not been read from since.
    public var isFull = false

    fileprivate init?(size: Int) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        readEnd = ends[0]
        writeEnd = ends[1]
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        // F_SETPIPE_SZ, F_GETPIPE_SZ: glibc shows them to GNU sources alone. What the system refuses stays as it is.
        if size > 0 { _ = fcntl(writeEnd, 1031, Int32(clamping: size)) }
        capacity = max(4096, Int(fcntl(writeEnd, 1032)))
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }
}

/// The pipes of one worker.
public final class KernelPipePool {
    /// All workers' pipes, for `show info`.
    public static let counts = KernelPipeCounts()

    private let limit: Int
    private let size: Int
    private var free: [KernelPipe] = []
    private var count = 0

    /// - Parameters:
    ///   - limit: how many pipes there may be; each has two descriptors.
    ///   - size: bytes for a pipe; 0 is the system's size.
    public init(limit: Int = 0, size: Int = 256 * 1024) {
        self.limit = limit
        self.size = size
    }

    /// An empty pipe; nil when there are too many, or the system gives none.
    public func take() -> KernelPipe? {
        if let pipe = free.popLast() {
            Self.counts.free.wrappingSubtract(1, ordering: .relaxed)
            Self.counts.used.wrappingAdd(1, ordering: .relaxed)
            return pipe
        }
        guard count < limit, let pipe = KernelPipe(size: size) else { return nil }
        count += 1
        Self.counts.used.wrappingAdd(1, ordering: .relaxed)
        return pipe
    }

    /// Takes a pipe back. One that still holds bytes is not used again.
    public func giveBack(_ pipe: KernelPipe) {
        Self.counts.used.wrappingSubtract(1, ordering: .relaxed)
        guard pipe.count == 0 else {
            count -= 1
            return
        }
        pipe.isFull = false
        Self.counts.free.wrappingAdd(1, ordering: .relaxed)
        free.append(pipe)
    }

    deinit { Self.counts.free.wrappingSubtract(free.count, ordering: .relaxed) }
}

/// How many kernel pipes there are, and what went through them.
public final class KernelPipeCounts: Sendable {
    public let used = Atomic<Int>(0)
    public let free = Atomic<Int>(0)
    /// Bytes sent from pipes since the start.
    public let bytesOut = Atomic<UInt64>(0)
}
