import COpenSSL
import Samples

/// A digest algorithm of OpenSSL.
@safe struct MessageDigest: @unchecked Sendable {
    /// Static data of the library.
    private let algorithm: OpaquePointer

    /// The algorithm of a name as OpenSSL knows it, such as `sha256`; nil for others.
    init?(named name: String) {
        guard let algorithm = unsafe EVP_get_digestbyname(name) else { return nil }
        unsafe self.algorithm = algorithm
    }

    private init(_ algorithm: OpaquePointer) { unsafe self.algorithm = algorithm }

    static let sha1 = unsafe MessageDigest(EVP_sha1())
    static let sha224 = unsafe MessageDigest(EVP_sha224())
    static let sha256 = unsafe MessageDigest(EVP_sha256())
    static let sha384 = unsafe MessageDigest(EVP_sha384())
    static let sha512 = unsafe MessageDigest(EVP_sha512())

    /// What C calls of the library take.
    var pointer: OpaquePointer { unsafe algorithm }

    /// Bytes of a digest.
    var size: Int { unsafe Int(EVP_MD_get_size(algorithm)) }

    /// Appends the digest of `message`. False when the library can not make it.
    func hash(_ message: Span<UInt8>, into text: inout ScratchText) -> Bool {
        let size = size
        return unsafe text.fill { room in
            guard room.count >= size, size > 0 else { return nil }
            var length: UInt32 = 0
            let done = unsafe message.withUnsafeBufferPointer { bytes in
                unsafe EVP_Digest(bytes.baseAddress, bytes.count, room.baseAddress, &length, algorithm, nil)
            }
            return done == 1 ? Int(length) : nil
        }
    }

    /// Appends the authentication code (RFC 2104) of `message`. False when the library can not make it.
    func authenticate(_ message: Span<UInt8>, key: Span<UInt8>, into text: inout ScratchText) -> Bool {
        let size = size
        return unsafe text.fill { room in
            guard room.count >= size else { return nil }
            var length: UInt32 = 0
            // The library takes no key at all for a missing one, even of no bytes.
            let done = unsafe key.withUnsafeBufferPointer { key in
                unsafe message.withUnsafeBufferPointer { message in
                    unsafe HMAC(
                        algorithm, key.baseAddress ?? UnsafePointer(room.baseAddress!), Int32(key.count),
                        message.baseAddress, message.count, room.baseAddress, &length) != nil
                }
            }
            return done ? Int(length) : nil
        }
    }
}

/// Whether two texts are the same, in a time that only depends on their length.
func isEqualInConstantTime(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for index in left.indices { difference |= left[index] ^ right[index] }
    return difference == 0
}
