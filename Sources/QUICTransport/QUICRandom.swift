internal import COpenSSL

/// Unpredictable bytes from a seed: the ChaCha20 key stream (RFC 8439). One per worker, used for connection IDs, path
/// challenges and the padding of stateless resets. The same seed gives the same bytes.
@safe
public final class QUICRandom {
    /// Bytes in a seed.
    public static let seedCount = 32

    private let cipher: OpaquePointer
    private var block: [UInt8]
    private var position: Int
    private static let blockSize = 512

    /// A stream from 32 bytes of seed. A shorter seed is filled up with zeros, a longer one cut off.
    public init(seed: [UInt8]) {
        var key = Array(seed.prefix(Self.seedCount))
        key += [UInt8](repeating: 0, count: Self.seedCount - key.count)
        guard let context = unsafe EVP_CIPHER_CTX_new() else { preconditionFailure("out of memory") }
        unsafe cipher = unsafe context
        let nonce = [UInt8](repeating: 0, count: 16)
        let result = unsafe EVP_EncryptInit_ex(context, EVP_chacha20(), nil, key, nonce)
        precondition(result == 1, "ChaCha20 can not be set up")
        block = [UInt8](repeating: 0, count: Self.blockSize)
        position = Self.blockSize
    }

    /// A stream that repeats from run to run, for simulations.
    public convenience init(seed: UInt64) {
        self.init(seed: (0..<8).map { UInt8(truncatingIfNeeded: seed >> UInt64(8 * $0)) })
    }

    /// A stream seeded by the kernel.
    public static func system() -> QUICRandom {
        var generator = SystemRandomNumberGenerator()
        return QUICRandom(seed: (0..<seedCount).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    deinit {
        unsafe EVP_CIPHER_CTX_free(cipher)
    }

    private func refill() {
        unsafe block.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.update(repeating: 0)
            var count: Int32 = 0
            _ = unsafe EVP_EncryptUpdate(cipher, buffer.baseAddress, &count, buffer.baseAddress, Int32(buffer.count))
        }
        position = 0
    }

    /// Fills `target` with the next bytes.
    func fill(_ target: UnsafeMutableRawBufferPointer) {
        var done = 0
        while done < target.count {
            if position == Self.blockSize { refill() }
            let count = min(target.count - done, Self.blockSize - position)
            unsafe block.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[done...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[position..<position + count]))
            }
            position += count
            done += count
        }
    }

    /// The next eight bytes as a number.
    public func next() -> UInt64 {
        var value: UInt64 = 0
        unsafe withUnsafeMutableBytes(of: &value) { unsafe fill($0) }
        return value
    }

    public func bytes(count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            unsafe fill(UnsafeMutableRawBufferPointer(buffer))
            filled = count
        }
    }
}
