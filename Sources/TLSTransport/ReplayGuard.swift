// Keeps early data from being replayed (RFC 8446, section 8.1).

import Synchronization

/// Remembers every client hello whose early data was accepted, so that no worker accepts it again. Shared by all
/// workers; bounded: once it is full, early data is refused (the handshake goes on without) until entries expire.
public final class ReplayGuard: Sendable {
    /// The first 16 bytes of a hello's PSK binder, which is an HMAC: no two hellos share them.
    struct Hello: Hashable {
        var upper: UInt64
        var lower: UInt64
    }

    private struct Memory {
        var current: Set<Hello> = []
        var previous: Set<Hello> = []
        /// When `current` becomes `previous`, in seconds.
        var turnsAt: Int?
    }

    /// Hellos of one lifetime that are remembered at most.
    public let capacity: Int
    /// How long a hello is remembered at least, in seconds: tickets must not live longer.
    public let lifetime: Int
    private let memory = Mutex(Memory())

    public init(capacity: Int = 262_144, lifetime: Int = 3600) {
        self.capacity = capacity
        self.lifetime = lifetime
    }

    /// Remembers a hello by its binder. False when it was seen before, or there is no room. `now` is in seconds.
    public func admit(binder: UnsafeRawBufferPointer, now: Int) -> Bool {
        guard binder.count >= MemoryLayout<UInt64>.size * 2 else { return false }
        let hello = unsafe Hello(
            upper: binder.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
            lower: binder.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        return memory.withLock { memory in
            if let turn = memory.turnsAt, now < turn {
                // Within the current lifetime.
            } else {
                let isRecent = memory.turnsAt.map { now < $0 + lifetime } ?? false
                memory.previous = isRecent ? memory.current : []
                memory.current = []
                memory.turnsAt = now + lifetime
            }
            guard !memory.previous.contains(hello), memory.current.count < capacity else { return false }
            return memory.current.insert(hello).inserted
        }
    }
}
