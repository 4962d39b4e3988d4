// Encrypts and decrypts the session tickets of OpenSSL (RFC 5077, section 4).

import Bytes
import COpenSSL

/// The ticket keys as one worker sees them, with the algorithms looked up once.
@safe final class TicketCrypter {
    private let ring: TicketKeyRing
    private let clock: TurnClock
    private var keys: TicketKeyRing.Keys
    /// AES-256-CBC, owned.
    private let cipher: OpaquePointer

    static let ivLength = 16

    init(ring: TicketKeyRing, clock: TurnClock) throws(TLSError) {
        guard let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-CBC", nil) else {
            throw TLSError(.internal, OpenSSLErrors.drain())
        }
        unsafe self.cipher = cipher
        self.ring = ring
        self.clock = clock
        do throws(TLSError) {
            keys = try ring.keys(at: clock.now)
        } catch {
            unsafe EVP_CIPHER_free(cipher)
            throw error
        }
    }

    deinit {
        unsafe EVP_CIPHER_free(cipher)
    }

    private func refresh() throws(TLSError) {
        if clock.now >= keys.validUntil { keys = try ring.keys(at: clock.now) }
    }

    /// Prepares to encrypt a ticket: names the key, makes an IV. 1, or -1 on failure, as OpenSSL wants it.
    func encrypt(
        name: UnsafeMutablePointer<UInt8>, iv: UnsafeMutablePointer<UInt8>, _ encryption: OpaquePointer,
        _ authentication: OpaquePointer
    ) -> Int32 {
        guard (try? refresh()) != nil, unsafe RAND_bytes(iv, Int32(Self.ivLength)) == 1 else { return -1 }
        let key = keys.current
        unsafe UnsafeMutableRawBufferPointer(start: name, count: TicketKey.nameLength).copyMemory(from: key.name)
        let secret = unsafe key.encryptionKey.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard unsafe EVP_EncryptInit_ex2(encryption, cipher, secret, iv, nil) == 1 else { return -1 }
        return unsafe authenticate(authentication, key) ? 1 : -1
    }

    /// Prepares to decrypt a ticket: 1, or 2 when it should be renewed, or 0 when no key has its name (a full
    /// handshake follows).
    func decrypt(
        name: UnsafeMutablePointer<UInt8>, iv: UnsafeMutablePointer<UInt8>, _ encryption: OpaquePointer,
        _ authentication: OpaquePointer
    ) -> Int32 {
        guard (try? refresh()) != nil else { return 0 }
        let wanted = unsafe UnsafeBufferPointer(start: name, count: TicketKey.nameLength)
        let key: TicketKey
        if unsafe wanted.elementsEqual(keys.current.name) {
            key = keys.current
        } else if let previous = keys.previous, unsafe wanted.elementsEqual(previous.name) {
            key = previous
        } else {
            return 0
        }
        let secret = unsafe key.encryptionKey.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard unsafe EVP_DecryptInit_ex2(encryption, cipher, secret, iv, nil) == 1,
            unsafe authenticate(authentication, key)
        else { return -1 }
        return key === keys.current ? 1 : 2
    }

    private func authenticate(_ context: OpaquePointer, _ key: TicketKey) -> Bool {
        let secret = unsafe key.authenticationKey
        return unsafe portico_ticket_mac_init(context, secret.baseAddress, secret.count) == 1
    }
}

/// OpenSSL's callback for both directions; the context holds the crypter.
func handleTicket(
    ssl: OpaquePointer?, name: UnsafeMutablePointer<UInt8>?, iv: UnsafeMutablePointer<UInt8>?,
    encryption: OpaquePointer?, authentication: OpaquePointer?, encrypts: Int32
) -> Int32 {
    guard let name = unsafe name, let iv = unsafe iv, let encryption = unsafe encryption,
        let authentication = unsafe authentication,
        let crypter = unsafe TLSServerContext.of(ssl)?.ticketCrypter
    else { return -1 }
    if encrypts == 1 { return unsafe crypter.encrypt(name: name, iv: iv, encryption, authentication) }
    let answer = unsafe crypter.decrypt(name: name, iv: iv, encryption, authentication)
    // Clients use a TLS 1.3 ticket once (RFC 8446, section C.4): each resumption brings the next.
    return unsafe answer == 1 && SSL_version(ssl) == TLS1_3_VERSION ? 2 : answer
}
