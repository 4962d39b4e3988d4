import Synchronization

/// The hash of keys: 64 bits, mixed with a secret of the process, so that no peer can choose keys that collide.
enum KeyHash {
    /// The process's secret.
    static let secret = UInt64.random(in: .min ... .max)

    /// The hash of `count` bytes. With `folds`, ASCII letters count in lower case.
    @inline(__always)
    @unsafe static func of(_ bytes: UnsafePointer<UInt8>, count: Int, secret: UInt64, folds: Bool) -> UInt64 {
        unsafe TextReader(bytes, count: count, folds: folds).hash(first: count, secret: secret)
    }

    // A hash of bytes in steps: eight at a time, then what is left.

    @inline(__always) static func begin(count: Int, secret: UInt64) -> UInt64 {
        mix(secret ^ UInt64(truncatingIfNeeded: count), 0x9e37_79b9_7f4a_7c15)
    }

    @inline(__always) static func add(_ word: UInt64, to state: UInt64, secret: UInt64) -> UInt64 {
        mix(state ^ word, secret | 1)
    }

    @inline(__always) static func end(_ state: UInt64) -> UInt64 { mix(state, 0xd6e8_feb8_6659_fd93) }

    /// The hash of a number.
    @inline(__always) static func of(_ number: UInt64, secret: UInt64) -> UInt64 {
        mix(mix(number ^ secret, 0x9e37_79b9_7f4a_7c15), secret | 1)
    }

    /// Eight bytes as they stand.
    @inline(__always) @unsafe static func word(_ bytes: UnsafePointer<UInt8>) -> UInt64 {
        unsafe UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self)
    }

    /// Fewer than eight bytes, the missing ones zero.
    @inline(__always) @unsafe static func tail(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt64 {
        if count >= 4 {
            let low = unsafe UnsafeRawPointer(bytes).loadUnaligned(as: UInt32.self)
            let high = unsafe UnsafeRawPointer(bytes + (count &- 4)).loadUnaligned(as: UInt32.self)
            return UInt64(low) | UInt64(high) << 32
        }
        let first = unsafe UInt64(bytes[0])
        let middle = unsafe UInt64(bytes[count >> 1])
        let last = unsafe UInt64(bytes[count &- 1])
        return first | middle << 8 | last << 16
    }

    /// The eight bytes with ASCII letters in lower case, when `folds`.
    @inline(__always) static func fold(_ word: UInt64, _ folds: Bool) -> UInt64 {
        guard folds else { return word }
        let low = word & 0x7f7f_7f7f_7f7f_7f7f
        let aboveZ = low &+ 0x2525_2525_2525_2525
        let fromA = low &+ 0x3f3f_3f3f_3f3f_3f3f
        let upper = ~word & (aboveZ ^ fromA) & 0x8080_8080_8080_8080
        return word | upper >> 2
    }

    /// True when both texts are the same. With `folds`, `key` is in lower case, and letters of `bytes` count so.
    @inline(__always)
    @unsafe static func equal(
        _ bytes: UnsafePointer<UInt8>, _ key: UnsafePointer<UInt8>, count: Int, folds: Bool
    ) -> Bool {
        unsafe TextReader(bytes, count: count, folds: folds).matches(key, from: 0, to: count)
    }

    /// The hash of a prefix of 128 bits.
    @inline(__always) static func of(_ high: UInt64, _ low: UInt64, secret: UInt64) -> UInt64 {
        mix(mix(high ^ secret, 0x9e37_79b9_7f4a_7c15) ^ low, secret | 1)
    }

    @inline(__always) private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
