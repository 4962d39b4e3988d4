// What operators are told about a certificate.

import COpenSSL
import Glibc

/// A certificate's contents as text, in HAProxy's forms (`show ssl cert`).
public struct CertificateDetails: Sendable, Equatable {
    /// Hexadecimal, in upper case.
    public let serial: String
    /// `Nov 21 20:26:42 2026 GMT`.
    public let notBefore: String
    public let notAfter: String
    /// The end of its validity: seconds since 1970-01-01 UTC.
    public let expires: Int
    /// `DNS:a.test, DNS:b.test`; names of other types are left empty.
    public let alternativeNames: String
    /// Kind and size of the key: `RSA2048`, `EC256`.
    public let algorithm: String
    /// SHA-1, hexadecimal, in upper case.
    public let fingerprint: String
    /// `/C=DE/CN=name`.
    public let subject: String
    public let issuer: String
}

extension X509Handle {
    var details: CertificateDetails {
        CertificateDetails(
            serial: serial, notBefore: unsafe Self.text(of: X509_get0_notBefore(pointer)),
            notAfter: unsafe Self.text(of: X509_get0_notAfter(pointer)), expires: expires,
            alternativeNames: alternativeNames, algorithm: algorithm, fingerprint: fingerprint, subject: subject,
            issuer: unsafe Self.text(of: X509_get_issuer_name(pointer)))
    }

    var subject: String { unsafe Self.text(of: X509_get_subject_name(pointer)) }
    var issuer: String { unsafe Self.text(of: X509_get_issuer_name(pointer)) }

    private var serial: String {
        guard let number = unsafe X509_get0_serialNumber(pointer) else { return "" }
        return unsafe Self.hexadecimal(
            UnsafeBufferPointer(start: ASN1_STRING_get0_data(number), count: Int(max(0, ASN1_STRING_length(number)))))
    }

    private var fingerprint: String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard unsafe X509_digest(pointer, EVP_sha1(), &digest, &length) == 1 else { return "" }
        return unsafe digest.prefix(Int(length)).withUnsafeBufferPointer { unsafe Self.hexadecimal($0) }
    }

    private var algorithm: String {
        guard let key = unsafe X509_get0_pubkey(pointer) else { return "" }
        let bits = unsafe EVP_PKEY_get_bits(key)
        switch unsafe EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA: return "RSA\(bits)"
        case EVP_PKEY_EC: return "EC\(bits)"
        case EVP_PKEY_DSA: return "DSA\(bits)"
        case EVP_PKEY_ED25519: return "ED25519"
        default: return ""
        }
    }

    private var alternativeNames: String {
        guard let alternatives = unsafe X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else { return "" }
        let list = OpaquePointer(alternatives)
        defer { unsafe portico_general_names_free(list) }
        var texts: [String] = []
        let count = unsafe portico_general_name_count(list)
        for index in 0..<max(count, 0) {
            let name = unsafe portico_general_name_dns(list, index)
            texts.append(unsafe name.flatMap { unsafe Self.utf8($0) }.map { "DNS:\($0)" } ?? "")
        }
        return texts.joined(separator: ", ")
    }

    private var expires: Int {
        var time = unsafe tm()
        guard unsafe ASN1_TIME_to_tm(X509_get0_notAfter(pointer), &time) == 1 else { return 0 }
        return unsafe timegm(&time)
    }

    // MARK: Texts of OpenSSL's types

    private static func hexadecimal(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        var text = ""
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            if byte < 16 { text += "0" }
            text += String(byte, radix: 16, uppercase: true)
        }
        return text
    }

    private static func utf8(_ string: UnsafePointer<ASN1_STRING>) -> String? {
        var utf8: UnsafeMutablePointer<UInt8>?
        let length = unsafe ASN1_STRING_to_UTF8(&utf8, string)
        guard length >= 0, let utf8 = unsafe utf8 else {
            ERR_clear_error()
            return nil
        }
        defer { unsafe CRYPTO_free(utf8, #file, #line) }
        return unsafe String(decoding: UnsafeBufferPointer(start: utf8, count: Int(length)), as: UTF8.self)
    }

    private static func text(of time: UnsafePointer<ASN1_TIME>?) -> String {
        let text = unsafe PrintedText.bytes { unsafe ASN1_TIME_print($0, time) == 1 }
        return String(decoding: text ?? [], as: UTF8.self)
    }

    /// A distinguished name in one line, each part behind a slash.
    private static func text(of name: OpaquePointer?) -> String {
        var text = ""
        let count = unsafe X509_NAME_entry_count(name)
        for index in 0..<max(count, 0) {
            guard let entry = unsafe X509_NAME_get_entry(name, index),
                let value = unsafe X509_NAME_ENTRY_get_data(entry)
            else { continue }
            let object = unsafe X509_NAME_ENTRY_get_object(entry)
            let number = unsafe OBJ_obj2nid(object)
            var key = ""
            if number != NID_undef, let short = unsafe OBJ_nid2sn(number) {
                key = unsafe String(cString: short)
            } else {
                var buffer = [CChar](repeating: 0, count: 128)
                let count = unsafe OBJ_obj2txt(&buffer, Int32(buffer.count), object, 1)
                key = String(
                    decoding: buffer.prefix(Int(max(0, min(count, 127)))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
            let bytes = unsafe UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(value), count: Int(max(0, ASN1_STRING_length(value))))
            unsafe text += "/\(key)=\(String(decoding: bytes, as: UTF8.self))"
        }
        return text
    }
}

extension Certificate {
    /// What its leaf holds.
    public var details: CertificateDetails { leaf.details }
}

extension TrustStore {
    /// What each authority's certificate holds, in their order.
    public var details: [CertificateDetails] { certificates.map(\.details) }
}
