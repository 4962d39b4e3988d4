import Bytes
import Messages

/// Contiguous room in an output queue that a head is written to in one pass. Writing past the end is noted, not done.
@safe struct HeadRoom: ~Copyable {
    private let base: UnsafeMutableRawPointer?
    private let capacity: Int
    /// Bytes written.
    private(set) var count = 0
    /// True when something did not fit.
    private(set) var isOverfull = false

    @unsafe init(_ room: UnsafeMutableRawBufferPointer) {
        unsafe base = room.baseAddress
        capacity = room.count
    }

    mutating func put(_ text: StaticString) {
        unsafe put(UnsafeRawPointer(text.utf8Start), text.utf8CodeUnitCount)
    }

    mutating func put(_ text: Span<UInt8>) {
        unsafe text.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { unsafe put(start, bytes.count) }
        }
    }

    @unsafe private mutating func put(_ start: UnsafeRawPointer, _ length: Int) {
        guard let base = unsafe base, length <= capacity - count else {
            isOverfull = true
            return
        }
        unsafe (base + count).copyMemory(from: start, byteCount: length)
        count += length
    }

    /// A number in decimal digits.
    mutating func put(decimal number: UInt64) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = digits.count
        var rest = number
        repeat {
            first -= 1
            digits[first] = UInt8(0x30 + rest % 10)
            rest /= 10
        } while rest > 0
        put(digits.span.extracting(first..<digits.count))
    }

    /// A number in hexadecimal digits.
    mutating func put(hexadecimal number: Int) {
        var digits = InlineArray<16, UInt8>(repeating: 0)
        var first = digits.count
        var rest = UInt64(max(0, number))
        repeat {
            first -= 1
            let digit = UInt8(rest & 15)
            digits[first] = digit < 10 ? 0x30 + digit : 0x57 + digit
            rest >>= 4
        } while rest > 0
        put(digits.span.extracting(first..<digits.count))
    }

    /// What is written so far, to be changed in place.
    @unsafe mutating func withWritten(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        guard unsafe base != nil, !isOverfull else { return }
        unsafe body(UnsafeMutableRawBufferPointer(start: base, count: count))
    }

    /// `name: value` and the line's end.
    mutating func line(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        put(name)
        put(": ")
        put(value)
        put("\r\n")
    }
}

extension OutputQueue {
    /// Writes a head of at most `bound` bytes in one piece. Returns its size.
    mutating func appendHead(bound: Int, _ write: (inout HeadRoom) -> Void) -> Int {
        var written = 0
        unsafe append(atMost: bound) { raw in
            var room = unsafe HeadRoom(raw)
            write(&room)
            if !room.isOverfull { written = room.count }
            return written
        }
        if written > 0 { return written }
        // A head that is larger than a slab: rare, so it is written aside and copied.
        unsafe withUnsafeTemporaryAllocation(byteCount: bound, alignment: 1) { raw in
            var room = unsafe HeadRoom(raw)
            write(&room)
            written = room.count
            unsafe append(Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(rebasing: raw[0..<written])))
        }
        return written
    }
}

extension MessageHead {
    /// More than the head can take as HTTP/1 text, what the mux adds included.
    var writtenBound: Int { byteCount + fieldCount * 32 + 512 }
}
