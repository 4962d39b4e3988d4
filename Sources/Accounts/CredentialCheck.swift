import COpenSSL

/// Checks users' credentials: one per worker. Not Sendable.
///
/// crypt(3) is slow by intent, and a browser sends its credentials with each request. So the last credentials that were
/// right are remembered in a small table, by a digest that is salted anew in each worker: a password that stands
/// in it costs a hash of a microsecond, and CPU time for each request stays flat. Wrong passwords are never remembered.
public final class CredentialCheck {
    /// Places in the table.
    public static let capacity = 256
    private typealias Digest = InlineArray<32, UInt8>

    private lazy var workspace = PasswordWorkspace()
    private var table: [Digest?] = []
    private let salt: [UInt8]
    /// How often crypt(3) was asked, for tests.
    public private(set) var hashings = 0

    public init() {
        var random = SystemRandomNumberGenerator()
        salt = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    /// The user of a list whose name and password these are: a place in ``UserList/users``. Nil: nobody's.
    public func user(_ name: Span<UInt8>, password: Span<UInt8>, in list: UserList) -> Int? {
        guard let place = list.user(named: name), let known = list.users[place].password else { return nil }
        switch known {
        case .plain(let text): return text.span.isEqual(to: password) ? place : nil
        case .hash(let hash):
            guard let digest = digest(password, hash) else {
                hashings += 1
                return workspace.verify(password, against: hash) ? place : nil
            }
            let slot = (Int(digest[0]) | Int(digest[1]) << 8) % Self.capacity
            if !table.isEmpty, let other = table[slot], Self.isEqual(other, digest) { return place }
            hashings += 1
            guard workspace.verify(password, against: hash) else { return nil }
            if table.isEmpty { table = Array(repeating: nil, count: Self.capacity) }
            table[slot] = digest
            return place
        }
    }

    /// The digest of a password under the salt and the hash that it has to have.
    private func digest(_ password: Span<UInt8>, _ hash: [UInt8]) -> Digest? {
        guard let context = unsafe EVP_MD_CTX_new() else { return nil }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1,
            unsafe EVP_DigestUpdate(context, salt, salt.count) == 1,
            unsafe EVP_DigestUpdate(context, hash, hash.count) == 1,
            // Where the hash ends and the password begins.
            unsafe EVP_DigestUpdate(context, [0] as [UInt8], 1) == 1,
            unsafe password.withUnsafeBufferPointer({
                unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
            }) == 1
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: 32)
        guard unsafe EVP_DigestFinal_ex(context, &bytes, nil) == 1 else { return nil }
        var digest = Digest(repeating: 0)
        for index in 0..<32 { digest[index] = bytes[index] }
        return digest
    }

    private static func isEqual(_ left: Digest, _ right: Digest) -> Bool {
        var difference: UInt8 = 0
        for index in 0..<32 { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
