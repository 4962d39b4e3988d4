import Glibc

extension Span<UInt8> {
    /// True when the bytes are exactly `text`.
    public func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let other = unsafe text.utf8Start
        for index in indices where unsafe self[index] != other[index] { return false }
        return true
    }

    /// True when the bytes are `text` but for the case of ASCII letters; `text` must be in lower case.
    public func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let other = unsafe text.utf8Start
        for index in indices where unsafe self[index].asciiLowercased != other[index] { return false }
        return true
    }

    /// True when both have the same bytes.
    public func equals(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        return unsafe withUnsafeBufferPointer { own in
            unsafe other.withUnsafeBufferPointer { its in
                guard let first = own.baseAddress, let second = its.baseAddress else { return true }
                return unsafe memcmp(first, second, own.count) == 0
            }
        }
    }

    /// The place of the first `byte` from `start` on; ``count`` when there is none.
    public func firstIndex(of byte: UInt8, from start: Int = 0) -> Int {
        guard start < count else { return count }
        return unsafe withUnsafeBufferPointer { own in
            guard let base = own.baseAddress else { return 0 }
            guard let found = unsafe memchr(base + start, Int32(byte), own.count - start) else { return own.count }
            return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
        }
    }

    /// True when the bytes of `other` stand at `start`.
    public func has(_ other: borrowing Span<UInt8>, at start: Int) -> Bool {
        guard start >= 0, other.count <= count - start else { return false }
        for index in other.indices where self[start + index] != other[index] { return false }
        return true
    }

    /// The bytes as text, for logs and errors: not for the hot path.
    public var string: String {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in indices { copy.append(self[index]) }
        return String(decoding: copy, as: UTF8.self)
    }
}

extension UInt8 {
    /// The byte with `A`...`Z` turned to lower case.
    @inline(__always) public var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
