/// Memory that a pool keeps for its next use. In a build with `-D SANITIZES_ADDRESSES` AddressSanitizer is told about it,
/// so that it finds who still uses what was given back; otherwise there is nothing to do here.
public enum SpareMemory {
    #if SANITIZES_ADDRESSES
        /// Texts that grow move each time, so that whoever holds on to the old place is found.
        public static let movesTexts = true

        /// Nobody may read or write these bytes until ``open(_:_:)``.
        @unsafe public static func close(_ start: UnsafeRawPointer, _ count: Int) { unsafe poison(start, count) }

        /// The bytes are in use again.
        @unsafe public static func open(_ start: UnsafeRawPointer, _ count: Int) { unsafe unpoison(start, count) }
    #else
        /// Texts that grow move only when they have no room.
        @inline(__always) public static var movesTexts: Bool { false }

        /// Nobody may read or write these bytes until ``open(_:_:)``.
        @inline(__always) @unsafe public static func close(_ start: UnsafeRawPointer, _ count: Int) {}

        /// The bytes are in use again.
        @inline(__always) @unsafe public static func open(_ start: UnsafeRawPointer, _ count: Int) {}
    #endif
}

#if SANITIZES_ADDRESSES
    @_silgen_name("__asan_poison_memory_region")
    private func poison(_ start: UnsafeRawPointer, _ count: Int)
    @_silgen_name("__asan_unpoison_memory_region")
    private func unpoison(_ start: UnsafeRawPointer, _ count: Int)
#endif
