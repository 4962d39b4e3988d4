import Glibc

/// A text as the trees of patterns meet it: from its first byte on, or from its last one back (`end`); its letters as
/// they are, or in lower case. Byte 0 is the first that is met.
@unsafe struct TextReader {
    /// The first byte; backwards, what follows the last one.
    let origin: UnsafePointer<UInt8>
    let count: Int
    let folds: Bool
    let isBackwards: Bool

    @inline(__always)
    init(_ bytes: UnsafePointer<UInt8>, count: Int, folds: Bool = false, isBackwards: Bool = false) {
        unsafe origin = isBackwards ? bytes + count : bytes
        unsafe self.count = count
        unsafe self.folds = folds
        unsafe self.isBackwards = isBackwards
    }

    /// The text behind the first `count` bytes of one that is met forwards.
    @inline(__always) func dropFirst(_ count: Int) -> TextReader {
        unsafe TextReader(origin + count, count: self.count &- count, folds: folds)
    }

    @inline(__always) subscript(index: Int) -> UInt8 {
        let byte = unsafe isBackwards ? origin[-1 &- index] : origin[index]
        return unsafe folds ? byte.lowercased : byte
    }

    /// Eight bytes, the one that is met first lowest.
    @inline(__always) private func word(at index: Int) -> UInt64 {
        let word = unsafe isBackwards ? KeyHash.word(origin - index - 8).byteSwapped : KeyHash.word(origin + index)
        return unsafe KeyHash.fold(word, folds)
    }

    /// Fewer than eight bytes, as ``KeyHash/tail(_:count:)`` arranges them.
    @inline(__always) private func tail(at index: Int, count: Int) -> UInt64 {
        guard unsafe isBackwards else { return unsafe KeyHash.fold(KeyHash.tail(origin + index, count: count), folds) }
        if count >= 4 {
            let low = unsafe UnsafeRawPointer(origin - index - 4).loadUnaligned(as: UInt32.self).byteSwapped
            let high = unsafe UnsafeRawPointer(origin - index - count).loadUnaligned(as: UInt32.self).byteSwapped
            return unsafe KeyHash.fold(UInt64(low) | UInt64(high) << 32, folds)
        }
        let first = unsafe UInt64(origin[-1 &- index])
        let middle = unsafe UInt64(origin[-1 &- index &- count >> 1])
        let last = unsafe UInt64(origin[0 &- index &- count])
        return unsafe KeyHash.fold(first | middle << 8 | last << 16, folds)
    }

    /// The hash of the first `count` bytes, the same as ``KeyHash/of(_:count:secret:folds:)`` gives for them in the order
    /// in which they are met.
    @inline(__always) func hash(first count: Int, secret: UInt64) -> UInt64 {
        var state = KeyHash.begin(count: count, secret: secret)
        var index = 0
        while index &+ 8 <= count {
            state = unsafe KeyHash.add(word(at: index), to: state, secret: secret)
            index &+= 8
        }
        if index < count {
            state = unsafe KeyHash.add(tail(at: index, count: count &- index), to: state, secret: secret)
        }
        return KeyHash.end(state)
    }

    /// True when the bytes from `start` up to `end` are those of `text`, which is in lower case if this folds.
    @inline(__always) func matches(_ text: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Bool {
        var index = start
        while index &+ 8 <= end {
            if unsafe word(at: index) != KeyHash.word(text + index) { return false }
            index &+= 8
        }
        guard index < end else { return true }
        let rest = end &- index
        return unsafe tail(at: index, count: rest) == KeyHash.tail(text + index, count: rest)
    }

    /// Where the byte `wanted` first stands, from `start` on and before `end`, in a text that is met forwards.
    @inline(__always) func place(of wanted: UInt8, from start: Int, to end: Int) -> Int? {
        if unsafe folds && wanted.isLowercaseLetter {
            var index = start
            while index < end {
                if unsafe self[index] == wanted { return index }
                index &+= 1
            }
            return nil
        }
        guard let found = unsafe memchr(origin + start, Int32(wanted), end &- start) else { return nil }
        return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(origin)
    }
}

extension UInt8 {
    @inline(__always) fileprivate var isLowercaseLetter: Bool { self &- 0x61 < 26 }
}
