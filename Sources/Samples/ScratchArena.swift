import Bytes
import Messages

/// A worker's memory for texts that converters and formats make while rules run. Taking and giving back is a move of a
/// mark. The rules' runner releases it after each rule; what has to stay longer is copied out.
@safe public final class ScratchArena {
    /// Most bytes of one text: `tune.bufsize`.
    public let textLimit: Int
    private var blocks: [UnsafeMutablePointer<UInt8>]
    private let blockSize: Int
    private var block = 0
    fileprivate var top = 0
    /// Most blocks: what a rule with many nested texts may take.
    private let blockLimit = 16

    /// - Parameter textLimit: most bytes of one text: `tune.bufsize`.
    public init(textLimit: Int = 16_384) {
        self.textLimit = textLimit
        blockSize = textLimit * 4
        unsafe blocks = [.allocate(capacity: blockSize)]
    }

    deinit {
        var index = 0
        while unsafe index < blocks.count {
            unsafe blocks[index].deallocate()
            index += 1
        }
    }

    /// Gives back everything: texts made before are gone.
    public func release() {
        block = 0
        top = 0
        unsafe closeMemory()
    }

    /// Nobody may look at texts that are gone.
    @unsafe private func closeMemory() {
        var index = 0
        while unsafe SpareMemory.movesTexts && index < blocks.count {
            unsafe SpareMemory.close(blocks[index], blockSize)
            index += 1
        }
    }

    /// Starts a text. Others may be started before it is finished.
    public func text() -> ScratchText {
        if top + textLimit > blockSize {
            if block + 1 < blockLimit {
                block += 1
                if unsafe block == blocks.count { unsafe blocks.append(.allocate(capacity: blockSize)) }
                top = 0
            } else {
                // No room: a text that takes nothing.
                return unsafe ScratchText(self, blocks[block], capacity: 0, end: top)
            }
        }
        let start = unsafe blocks[block] + top
        unsafe SpareMemory.open(start, textLimit)
        top += textLimit
        return unsafe ScratchText(self, start, capacity: textLimit, end: top)
    }
}

/// A text under construction in a ``ScratchArena``. When it is full, further bytes are dropped and ``isFull`` tells so.
@safe public struct ScratchText {
    private let arena: ScratchArena
    private let start: UnsafeMutablePointer<UInt8>
    private let end: Int
    public let capacity: Int
    public private(set) var count = 0
    /// True once a byte found no room.
    public private(set) var isFull = false

    fileprivate init(_ arena: ScratchArena, _ start: UnsafeMutablePointer<UInt8>, capacity: Int, end: Int) {
        self.arena = arena
        unsafe self.start = start
        self.capacity = capacity
        self.end = end
    }

    /// The text so far; good until the arena is released.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self) get {
            unsafe _overrideLifetime(Span(_unsafeStart: UnsafePointer(start), count: count), borrowing: self)
        }
    }

    public subscript(index: Int) -> UInt8 {
        get {
            precondition(index >= 0 && index < count, "outside the text")
            return unsafe start[index]
        }
        set {
            precondition(index >= 0 && index < count, "outside the text")
            unsafe start[index] = newValue
        }
    }

    public mutating func append(_ byte: UInt8) {
        guard count < capacity else {
            isFull = true
            return
        }
        unsafe start[count] = byte
        count += 1
    }

    /// A byte that is written as a literal.
    public mutating func append(byte: UInt8) { append(byte) }

    public mutating func append(_ text: Span<UInt8>) {
        let length = min(text.count, capacity - count)
        if length < text.count { isFull = true }
        unsafe text.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { unsafe (start + count).update(from: base, count: length) }
        }
        count += length
    }

    /// Lets `write` fill the room that is left, as C functions want it.
    ///
    /// - Parameter write: returns how many bytes it wrote; nil: it failed, and the text stays as it was.
    /// - Returns: false when it failed.
    @discardableResult
    public mutating func fill(_ write: (_ room: UnsafeMutableBufferPointer<UInt8>) -> Int?) -> Bool {
        let room = unsafe UnsafeMutableBufferPointer(start: start + count, count: capacity - count)
        guard let written = unsafe write(room) else { return false }
        precondition(written >= 0 && written <= capacity - count, "more than there is room for")
        count += written
        return true
    }

    public mutating func append(_ text: StaticString) { append(Span(text)) }

    /// A decimal number.
    public mutating func append(_ number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var left = number.magnitude
        var length = 0
        repeat {
            digits[length] = UInt8(truncatingIfNeeded: left % 10) + 0x30
            left /= 10
            length += 1
        } while left > 0
        while length > 0 {
            length -= 1
            append(digits[length])
        }
    }

    /// A byte as two hexadecimal digits in upper case.
    public mutating func append(hexadecimal byte: UInt8) {
        append(Self.digit(byte >> 4))
        append(Self.digit(byte & 15))
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }

    /// Drops bytes from the end.
    public mutating func truncate(to length: Int) { count = min(count, max(0, length)) }

    /// Ends the text and makes it the value of `sample`: it shows the arena's bytes. What was reserved and not used is
    /// given back.
    public consuming func finish(_ sample: inout Sample, _ type: SampleType = .str) {
        if arena.top == end, capacity > 0 { arena.top = end - capacity + count }
        sample.setText(bytes, type)
    }
}
