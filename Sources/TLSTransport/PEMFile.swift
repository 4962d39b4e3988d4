// One PEM file: its certificates and its private key.

import COpenSSL
import Glibc

/// The text of a PEM file, wiped when it goes.
@safe struct PEMFile: ~Copyable {
    /// Largest file that is read, in bytes.
    static let maximumSize = 1 << 20

    let path: String
    private let text: UnsafeMutableRawBufferPointer

    /// Reads the file whole.
    init(path: String) throws(CertificateError) {
        unsafe self.text = try Self.read(path)
        self.path = path
    }

    /// Text that is no file's, under the name that errors give it.
    init(text: [UInt8], path: String) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.count), alignment: 1)
        unsafe copy.copyBytes(from: text)
        unsafe self.text = UnsafeMutableRawBufferPointer(rebasing: copy[..<text.count])
        self.path = path
    }

    private static func read(_ path: String) throws(CertificateError) -> UnsafeMutableRawBufferPointer {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CertificateError(file: path, .unreadable(errno)) }
        defer { close(descriptor) }
        // One more byte than allowed tells a file of the largest size from a larger one.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: maximumSize + 1, alignment: 1)
        var count = 0
        var failure: CertificateError.Reason?
        while failure == nil, count < buffer.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let got = unsafe Glibc.read(descriptor, rest.baseAddress, rest.count)
            if got > 0 {
                count += got
            } else if got == 0 {
                break
            } else if errno != EINTR {
                failure = .unreadable(errno)
            }
        }
        if count > maximumSize { failure = .tooLarge }
        if let failure {
            unsafe OPENSSL_cleanse(buffer.baseAddress, count)
            unsafe buffer.deallocate()
            throw CertificateError(file: path, failure)
        }
        return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    }

    deinit {
        unsafe OPENSSL_cleanse(text.baseAddress, text.count)
        unsafe text.deallocate()
    }

    /// The certificates, in file order. Other blocks are skipped.
    func certificates() throws(CertificateError) -> [X509Handle] {
        guard let bio = unsafe memoryBIO() else { throw CertificateError(file: path, .badPEM("out of memory")) }
        defer { unsafe BIO_free(bio) }
        var certificates: [X509Handle] = []
        ERR_clear_error()
        while let certificate = unsafe portico_pem_read_certificate(bio) {
            unsafe certificates.append(X509Handle(owning: certificate))
        }
        try endOfBlocks()
        return certificates
    }

    /// The file's bytes.
    var bytes: [UInt8] { unsafe [UInt8](text) }

    /// The revocation lists, in file order; the caller owns them. Other blocks are skipped.
    @unsafe func revocationLists() throws(CertificateError) -> [OpaquePointer] {
        guard let bio = unsafe memoryBIO() else { throw CertificateError(file: path, .badPEM("out of memory")) }
        defer { unsafe BIO_free(bio) }
        var lists: [OpaquePointer] = unsafe []
        ERR_clear_error()
        while let list = unsafe portico_pem_read_revocation_list(bio) { unsafe lists.append(list) }
        do throws(CertificateError) { try endOfBlocks() } catch {
            var index = 0
            while unsafe index < lists.count {
                unsafe X509_CRL_free(lists[index])
                index += 1
            }
            throw error
        }
        return unsafe lists
    }

    /// The first private key, or nil when there is none.
    func privateKey() throws(CertificateError) -> KeyHandle? {
        guard hasPrivateKeyBlock else { return nil }
        guard let bio = unsafe memoryBIO() else { throw CertificateError(file: path, .badPEM("out of memory")) }
        defer { unsafe BIO_free(bio) }
        ERR_clear_error()
        if let key = unsafe portico_pem_read_private_key(bio) {
            return unsafe KeyHandle(owning: key)
        }
        try endOfBlocks()
        throw CertificateError(file: path, .badPEM("unreadable private key"))
    }

    /// OpenSSL's reader can not tell a file without a private key from a broken one.
    private var hasPrivateKeyBlock: Bool {
        unsafe text.split(separator: UInt8(ascii: "\n")).contains { line in
            let line = unsafe line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            return unsafe line.starts(with: "-----BEGIN ".utf8)
                && line.suffix(16).elementsEqual("PRIVATE KEY-----".utf8)
        }
    }

    private func memoryBIO() -> OpaquePointer? {
        unsafe BIO_new_mem_buf(text.baseAddress, Int32(text.count))
    }

    /// Tells the plain end of the file from a broken block.
    private func endOfBlocks() throws(CertificateError) {
        let code = ERR_peek_last_error()
        defer { ERR_clear_error() }
        guard code != 0 else { return }
        let library = ERR_GET_LIB(code)
        let reason = ERR_GET_REASON(code)
        if library == ERR_LIB_PEM, reason == PEM_R_NO_START_LINE { return }
        if library == ERR_LIB_PEM, reason == PEM_R_BAD_PASSWORD_READ {
            throw CertificateError(file: path, .encryptedPrivateKey)
        }
        throw CertificateError(file: path, .badPEM(OpenSSLErrors.reason(code)))
    }
}

/// Owns one reference to an `X509`. OpenSSL's certificates are immutable once parsed and their count is atomic.
@safe final class X509Handle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    deinit {
        unsafe X509_free(pointer)
    }
}

/// Owns one reference to an `EVP_PKEY`. Signing with one key from several threads is allowed by OpenSSL.
@safe final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    deinit {
        unsafe EVP_PKEY_free(pointer)
    }
}

/// OpenSSL's per-thread error queue.
enum OpenSSLErrors {
    /// OpenSSL's reason text for a code of its queue.
    static func reason(_ code: UInt) -> String {
        if let text = unsafe ERR_reason_error_string(code) {
            return unsafe String(cString: text)
        }
        return "error \(code)"
    }

    /// Empties the queue; answers the reason of its oldest entry.
    static func drain() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        return code == 0 ? "no reason given" : reason(code)
    }
}
