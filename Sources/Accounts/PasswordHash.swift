import CCrypt
import Glibc

/// The memory that crypt(3) works in: 32 KB, one for each thread that checks passwords. Not Sendable.
@safe public final class PasswordWorkspace {
    private let data: UnsafeMutablePointer<crypt_data>

    public init() {
        unsafe data = .allocate(capacity: 1)
        unsafe memset(data, 0, MemoryLayout<crypt_data>.size)
    }

    deinit {
        // What is left of passwords goes with it.
        unsafe explicit_bzero(data, MemoryLayout<crypt_data>.size)
        unsafe data.deallocate()
    }

    /// Whether `password` is the one that `hash` was made of. It may take milliseconds: that is the hash's purpose.
    ///
    /// - Parameter hash: as crypt(3) writes it: MD5, SHA-256, SHA-512, bcrypt, yescrypt and what else libcrypt knows.
    public func verify(_ password: Span<UInt8>, against hash: [UInt8]) -> Bool {
        guard let made = make(password, hash) else { return false }
        return made.span.isEqual(to: hash.span)
    }

    /// Whether crypt(3) knows the method that a hash was made by.
    public func supports(_ hash: [UInt8]) -> Bool { make(Span(), hash) != nil }

    /// The hash of a password with the method and salt of another hash; nil for methods that are not known.
    private func make(_ password: Span<UInt8>, _ setting: [UInt8]) -> [UInt8]? {
        // Longer ones are no passwords to crypt(3).
        guard password.count < 512 else { return nil }
        var phrase = ContiguousArray<CChar>(repeating: 0, count: password.count + 1)
        for index in password.indices { phrase[index] = CChar(bitPattern: password[index]) }
        defer {
            unsafe phrase.withUnsafeMutableBytes { bytes in unsafe explicit_bzero(bytes.baseAddress!, bytes.count) }
        }
        let words = setting.map { CChar(bitPattern: $0) } + [0]
        let result = unsafe phrase.withUnsafeBufferPointer { phrase in
            unsafe words.withUnsafeBufferPointer { words in
                unsafe crypt_r(phrase.baseAddress!, words.baseAddress!, data)
            }
        }
        // Where it fails it gives nothing, or a text that is no hash.
        guard let result = unsafe result, unsafe result[0] != 0x2a else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: result, count: strlen(result)))
    }
}

extension Span<UInt8> {
    /// Whether the bytes are the same, in a time that only depends on their count.
    func isEqual(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        var difference: UInt8 = 0
        for index in indices { difference |= self[index] ^ other[index] }
        return difference == 0
    }
}
