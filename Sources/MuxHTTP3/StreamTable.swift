import QUICTransport

/// The request streams of one connection by their ID: open addressing over a power of two. Request streams are numbered
/// 0, 4, 8 …, so that neighbours in time are neighbours in the table and a look-up nearly always hits at once.
/// The table owns its streams.
@safe struct StreamTable: ~Copyable {
    private var slots: UnsafeMutablePointer<Unmanaged<HTTP3Stream>?>
    private var capacity = 8
    private(set) var count = 0

    init() {
        unsafe slots = .allocate(capacity: capacity)
        unsafe slots.initialize(repeating: nil, count: capacity)
    }

    deinit {
        for index in 0..<capacity { unsafe slots[index]?.release() }
        unsafe slots.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    @inline(__always) private func home(_ id: QUICStreamID) -> Int {
        Int(truncatingIfNeeded: id >> 2) & (capacity - 1)
    }

    /// The stream with that ID.
    @inline(__always) func stream(_ id: QUICStreamID) -> HTTP3Stream? {
        var index = home(id)
        while let slot = unsafe slots[index] {
            let stream = unsafe slot.takeUnretainedValue()
            if stream.id == id { return stream }
            index = (index + 1) & (capacity - 1)
        }
        return nil
    }

    /// Adds a stream whose ID is not in the table.
    mutating func insert(_ stream: HTTP3Stream) {
        if count * 2 >= capacity { grow() }
        unsafe place(.passRetained(stream), stream.id)
        count += 1
    }

    private func place(_ slot: Unmanaged<HTTP3Stream>, _ id: QUICStreamID) {
        var index = home(id)
        while unsafe slots[index] != nil { index = (index + 1) & (capacity - 1) }
        unsafe slots[index] = slot
    }

    /// Takes a stream out.
    mutating func remove(_ stream: HTTP3Stream) {
        var index = home(stream.id)
        while let slot = unsafe slots[index] {
            if unsafe slot.takeUnretainedValue() === stream { break }
            index = (index + 1) & (capacity - 1)
        }
        guard let slot = unsafe slots[index] else { return }
        unsafe slots[index] = nil
        count -= 1
        closeGap(index)
        unsafe slot.release()
    }

    /// Moves the streams behind a gap to where a look-up finds them.
    private func closeGap(_ gap: Int) {
        var gap = gap
        var index = (gap + 1) & (capacity - 1)
        while let slot = unsafe slots[index] {
            let distance = (index - home(unsafe slot.takeUnretainedValue().id)) & (capacity - 1)
            if distance >= (index - gap) & (capacity - 1) {
                unsafe slots[gap] = slot
                unsafe slots[index] = nil
                gap = index
            }
            index = (index + 1) & (capacity - 1)
        }
    }

    private mutating func grow() {
        let old = unsafe slots
        let oldCapacity = capacity
        capacity *= 2
        unsafe slots = .allocate(capacity: capacity)
        unsafe slots.initialize(repeating: nil, count: capacity)
        for index in 0..<oldCapacity {
            if let slot = unsafe old[index] { unsafe place(slot, slot.takeUnretainedValue().id) }
        }
        unsafe old.deallocate()
    }

    /// All streams, for the end of a connection.
    func all() -> [HTTP3Stream] {
        var streams: [HTTP3Stream] = []
        streams.reserveCapacity(count)
        for index in 0..<capacity {
            if let slot = unsafe slots[index] { unsafe streams.append(slot.takeUnretainedValue()) }
        }
        return streams
    }
}
