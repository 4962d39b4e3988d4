// A certificate chain with its private key, ready for both TLS libraries.

import CGnuTLS
import COpenSSL

/// The kind of key in a certificate: at most one certificate of each kind serves a name.
public enum KeyKind: Int, CaseIterable, Sendable {
    case ecdsa
    case rsa
    case ed25519
}

/// A certificate chain and its private key. Immutable; shared by all workers.
@safe public final class Certificate: @unchecked Sendable {
    /// The file it came from, as configured.
    public let file: String
    /// The file that its key came from; nil when it came from none.
    public let keyFile: String?
    public let kind: KeyKind
    /// The DNS names that it serves, in lower case: subject alternative names and common names. A wildcard begins
    /// with `*.`.
    public let names: [String]

    /// The leaf.
    let leaf: X509Handle
    let key: KeyHandle
    /// The intermediate certificates, leaf's issuer first: a `STACK_OF(X509)` that lives as long as this object.
    let chain: OpaquePointer
    let intermediates: [X509Handle]
    /// The same chain and key for GnuTLS, or why GnuTLS refuses them: then the certificate serves TCP only.
    let quic: Result<QUICCertificate, TLSError>

    /// Joins the certificates of a file with the key that belongs to one of them; that one becomes the leaf.
    init(
        file: String, keyFile: String?, certificates: [X509Handle], key: KeyHandle
    ) throws(CertificateError) {
        guard !certificates.isEmpty else { throw CertificateError(file: file, .noCertificate) }
        let match = certificates.firstIndex { certificate in
            unsafe X509_check_private_key(certificate.pointer, key.pointer) == 1
        }
        ERR_clear_error()
        guard let match else { throw CertificateError(file: file, .keyMismatch) }
        let leaf = certificates[match]
        var others = certificates
        others.remove(at: match)
        let ordered = Self.issuerOrder(from: leaf, others)
        let kind = try Self.kind(of: key, file: file)
        guard let stack = unsafe portico_x509_stack_new() else {
            throw CertificateError(file: file, .badPEM("out of memory"))
        }
        for certificate in ordered where unsafe portico_x509_stack_push(stack, certificate.pointer) == 0 {
            unsafe portico_x509_stack_free(stack)
            throw CertificateError(file: file, .badPEM("out of memory"))
        }
        do throws(TLSError) {
            self.quic = .success(try QUICCertificate(chain: [leaf] + ordered, key: key))
        } catch {
            self.quic = .failure(error)
        }
        self.file = file
        self.keyFile = keyFile
        self.kind = kind
        self.leaf = leaf
        self.key = key
        unsafe self.chain = stack
        self.intermediates = ordered
        self.names = Self.names(of: leaf)
    }

    deinit {
        unsafe portico_x509_stack_free(chain)
    }

    /// The key's size in bits.
    public var keyBits: Int {
        unsafe Int(EVP_PKEY_get_bits(key.pointer))
    }

    private static func kind(of key: KeyHandle, file: String) throws(CertificateError) -> KeyKind {
        switch unsafe EVP_PKEY_get_base_id(key.pointer) {
        case EVP_PKEY_RSA: return .rsa
        case EVP_PKEY_EC: return .ecdsa
        case EVP_PKEY_ED25519: return .ed25519
        default:
            let name = unsafe EVP_PKEY_get0_type_name(key.pointer).map { unsafe String(cString: $0) }
            throw CertificateError(file: file, .unsupportedKey(name ?? "unknown"))
        }
    }

    /// Leaf's issuer first, then its issuer, and so on (RFC 5246, section 7.4.2); unrelated ones last, in file order.
    private static func issuerOrder(from leaf: X509Handle, _ others: [X509Handle]) -> [X509Handle] {
        var ordered: [X509Handle] = []
        var rest = others
        var subject = leaf
        while let next = rest.firstIndex(where: { issuer in
            unsafe X509_check_issued(issuer.pointer, subject.pointer) == X509_V_OK
        }) {
            subject = rest.remove(at: next)
            ordered.append(subject)
        }
        ERR_clear_error()
        return ordered + rest
    }

    private static func names(of leaf: X509Handle) -> [String] {
        var names: [String] = []
        func add(_ text: UnsafePointer<ASN1_STRING>?) {
            guard let text = unsafe text, let name = unsafe dnsName(text), !names.contains(name) else { return }
            names.append(name)
        }
        if let alternatives = unsafe X509_get_ext_d2i(leaf.pointer, NID_subject_alt_name, nil, nil) {
            let list = OpaquePointer(alternatives)
            let count = unsafe portico_general_name_count(list)
            for index in 0..<max(count, 0) {
                unsafe add(portico_general_name_dns(list, index))
            }
            unsafe portico_general_names_free(list)
        }
        let subject = unsafe X509_get_subject_name(leaf.pointer)
        var index: Int32 = -1
        while true {
            index = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, index)
            guard index >= 0 else { break }
            unsafe add(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)).map { unsafe UnsafePointer($0) })
        }
        return names
    }

    /// The text as a lower-case DNS name, or nil when it is none (a display name, or one with control characters).
    private static func dnsName(_ text: UnsafePointer<ASN1_STRING>) -> String? {
        var utf8: UnsafeMutablePointer<UInt8>?
        let length = unsafe ASN1_STRING_to_UTF8(&utf8, text)
        guard length > 0, let utf8 = unsafe utf8 else {
            ERR_clear_error()
            return nil
        }
        defer { unsafe CRYPTO_free(utf8, #file, #line) }
        return unsafe ServerName.normalized(UnsafeRawBufferPointer(start: utf8, count: Int(length)))
    }
}
