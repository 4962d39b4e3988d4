// Certificates and keys made for one test run.

import COpenSSL
import Glibc

/// A private key.
@safe final class TestKey: @unchecked Sendable {
    let pointer: OpaquePointer

    /// RSA-2048 keys take long to make: one serves all tests.
    static let rsa = TestKey.rsa(bits: 2048)

    init(_ pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    deinit {
        unsafe EVP_PKEY_free(pointer)
    }

    static func p256() -> TestKey {
        ec(curve: NID_X9_62_prime256v1)
    }

    static func ec(curve: Int32) -> TestKey {
        unsafe generate(EVP_PKEY_EC) { unsafe EVP_PKEY_CTX_set_ec_paramgen_curve_nid($0, curve) }
    }

    static func rsa(bits: Int32) -> TestKey {
        unsafe generate(EVP_PKEY_RSA) { unsafe EVP_PKEY_CTX_set_rsa_keygen_bits($0, bits) }
    }

    static func ed448() -> TestKey {
        unsafe generate(EVP_PKEY_ED448) { _ in 1 }
    }

    static func ed25519() -> TestKey {
        unsafe generate(EVP_PKEY_ED25519) { _ in 1 }
    }

    private static func generate(_ kind: Int32, _ configure: (OpaquePointer) -> Int32) -> TestKey {
        let context = unsafe EVP_PKEY_CTX_new_id(kind, nil)!
        defer { unsafe EVP_PKEY_CTX_free(context) }
        precondition(unsafe EVP_PKEY_keygen_init(context) == 1)
        precondition(unsafe configure(context) == 1)
        var key: OpaquePointer?
        precondition(unsafe EVP_PKEY_keygen(context, &key) == 1)
        return unsafe TestKey(key!)
    }

    var pem: String {
        unsafe TestPEM.text { unsafe PEM_write_bio_PrivateKey($0, pointer, nil, nil, 0, nil, nil) }
    }

    func encryptedPEM(passphrase: String) -> String {
        unsafe TestPEM.text { bio in
            unsafe passphrase.withCString { text in
                let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
                return unsafe PEM_write_bio_PrivateKey(
                    bio, pointer, EVP_aes_256_cbc(), bytes, Int32(passphrase.utf8.count), nil, nil)
            }
        }
    }
}

/// A certificate with its key.
@safe final class TestCertificate: @unchecked Sendable {
    let pointer: OpaquePointer
    let key: TestKey

    /// A self-signed certification authority for the whole run.
    static let authority = TestCertificate(
        commonName: "Portico Test CA", names: [], key: .p256(), issuer: nil, isCA: true)

    /// A certificate of `issuer`, or self-signed. `names` become subject alternative names.
    init(
        commonName: String?, names: [String], key: TestKey, issuer: TestCertificate?, isCA: Bool = false,
        validDays: Int = 30
    ) {
        let certificate = unsafe X509_new()!
        unsafe X509_set_version(certificate, 2)
        unsafe ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), UInt64.random(in: 1...UInt64.max))
        let day = 86_400
        unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), min(-day, (validDays - 1) * day))
        unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), validDays * day)
        unsafe X509_set_pubkey(certificate, key.pointer)
        if let commonName {
            let subject = unsafe X509_get_subject_name(certificate)
            unsafe X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, commonName, -1, -1, 0)
        }
        unsafe X509_set_issuer_name(certificate, X509_get_subject_name(issuer?.pointer ?? certificate))
        func extend(_ identifier: Int32, _ value: String) {
            let item = unsafe X509V3_EXT_conf_nid(nil, nil, identifier, value)!
            unsafe X509_add_ext(certificate, item, -1)
            unsafe X509_EXTENSION_free(item)
        }
        extend(NID_basic_constraints, isCA ? "critical,CA:TRUE" : "critical,CA:FALSE")
        extend(NID_key_usage, isCA ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature")
        if !names.isEmpty {
            extend(NID_subject_alt_name, names.map { "DNS:" + $0 }.joined(separator: ","))
        }
        let signer = issuer?.key ?? key
        let digest = unsafe EVP_PKEY_get_base_id(signer.pointer) == EVP_PKEY_ED25519 ? nil : EVP_sha256()
        precondition(unsafe X509_sign(certificate, signer.pointer, digest) > 0)
        unsafe self.pointer = certificate
        self.key = key
    }

    deinit {
        unsafe X509_free(pointer)
    }

    /// A leaf of the test authority.
    static func leaf(_ names: String..., key: TestKey = .p256()) -> TestCertificate {
        TestCertificate(commonName: names.first, names: names, key: key, issuer: .authority)
    }

    var pem: String {
        unsafe TestPEM.text { unsafe PEM_write_bio_X509($0, pointer) }
    }
}

enum TestPEM {
    /// What `write` puts into a memory BIO.
    static func text(_ write: (OpaquePointer) -> Int32) -> String {
        let bio = unsafe BIO_new(BIO_s_mem())!
        defer { unsafe BIO_free(bio) }
        precondition(unsafe write(bio) == 1)
        var start: UnsafeMutableRawPointer?
        let count = unsafe BIO_ctrl(bio, BIO_CTRL_INFO, 0, &start)
        return unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}

/// A directory that goes away with this object.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = ((unsafe getenv("TMPDIR").map { unsafe String(cString: $0) }) ?? "/tmp") + "/portico-tls-XXXXXX"
        template = unsafe template.withCString { text in
            let copy = unsafe strdup(text)!
            defer { unsafe free(copy) }
            precondition(unsafe mkdtemp(copy) != nil)
            return unsafe String(cString: copy)
        }
        path = template
    }

    deinit {
        if let directory = unsafe opendir(path) {
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                unsafe unlink(path + "/" + name)
            }
            unsafe closedir(directory)
        }
        unsafe rmdir(path)
    }

    /// Writes a file and answers its path.
    @discardableResult
    func write(_ name: String, _ text: String) -> String {
        let file = path + "/" + name
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(descriptor >= 0)
        var copy = text
        copy.withUTF8 { bytes in
            precondition(unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count) == bytes.count)
        }
        close(descriptor)
        return file
    }

    /// Writes chain and key into one file and answers its path.
    @discardableResult
    func write(_ name: String, _ certificate: TestCertificate, chain: [TestCertificate] = []) -> String {
        write(name, certificate.pem + chain.map(\.pem).joined() + certificate.key.pem)
    }
}
