import COpenSSL
import TLSTransport

/// What fetches read out of a certificate in DER. Made for one evaluation.
@safe final class CertificateText {
    private let certificate: OpaquePointer

    /// Nil when the bytes are no certificate.
    init?(_ der: [UInt8]) {
        let parsed: OpaquePointer? = unsafe der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return unsafe d2i_X509(nil, &start, bytes.count)
        }
        guard let parsed = unsafe parsed else {
            ERR_clear_error()
            return nil
        }
        unsafe certificate = parsed
    }

    deinit { unsafe X509_free(certificate) }

    var version: Int { unsafe X509_get_version(certificate) + 1 }

    var serial: [UInt8]? {
        guard let number = unsafe X509_get0_serialNumber(certificate) else { return nil }
        return unsafe Self.bytes(number)
    }

    var fingerprint: [UInt8]? {
        unsafe Array(unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { room, count in
            var length: UInt32 = 0
            _ = unsafe X509_digest(certificate, EVP_sha1(), room.baseAddress, &length)
            count = Int(length)
        }
    }

    var notBefore: [UInt8]? { unsafe Self.time(X509_get0_notBefore(certificate)) }
    var notAfter: [UInt8]? { unsafe Self.time(X509_get0_notAfter(certificate)) }

    var keyAlgorithm: [UInt8]? {
        var algorithm: OpaquePointer?
        guard let key = unsafe X509_get_X509_PUBKEY(certificate),
            unsafe X509_PUBKEY_get0_param(&algorithm, nil, nil, nil, key) == 1
        else { return nil }
        return unsafe Self.shortName(OBJ_obj2nid(algorithm))
    }

    var signatureAlgorithm: [UInt8]? { unsafe Self.shortName(X509_get_signature_nid(certificate)) }

    var subject: DistinguishedName? {
        guard let name = unsafe X509_get_subject_name(certificate) else { return nil }
        return unsafe DistinguishedName(name, of: self)
    }

    var issuer: DistinguishedName? {
        guard let name = unsafe X509_get_issuer_name(certificate) else { return nil }
        return unsafe DistinguishedName(name, of: self)
    }

    /// As OpenSSL prints them, with commas between; nil without any.
    var alternativeNames: [UInt8]? {
        unsafe Self.printed { unsafe portico_x509_print_names(certificate, $0) == 1 }
    }

    /// The numbers of the certificate's policies.
    var policies: [[UInt8]]? {
        guard let policies = unsafe portico_x509_policies(certificate) else { return nil }
        defer { unsafe portico_x509_policies_free(policies) }
        var found: [[UInt8]] = []
        for index in 0..<(unsafe portico_x509_policy_count(policies)) {
            var room = [CChar](repeating: 0, count: 128)
            let length = unsafe portico_x509_policy_text(policies, index, &room, Int32(room.count))
            if length > 0, length < room.count { found.append(room.prefix(Int(length)).map { UInt8(bitPattern: $0) }) }
        }
        return found
    }

    /// What `print` writes, its first 16 kB; nil when it fails or writes nothing.
    static func printed(_ print: (OpaquePointer) -> Bool) -> [UInt8]? {
        guard let text = unsafe PrintedText.bytes(print), !text.isEmpty else { return nil }
        return Array(text.prefix(16_384))
    }

    /// A time as YYMMDDhhmmss and its zone; nil outside of 2000...2049 in the short form, and for odd ones.
    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> [UInt8]? {
        guard let time = unsafe time else { return nil }
        let text = unsafe bytes(time)
        switch unsafe ASN1_STRING_type(time) {
        case V_ASN1_GENERALIZEDTIME:
            guard text.count >= 12, text[0] == 0x32, text[1] == 0x30 else { return nil }
            return Array(text.dropFirst(2))
        case V_ASN1_UTCTIME:
            guard text.count >= 10, text[0] < 0x35 else { return nil }
            return text
        default: return nil
        }
    }

    private static func shortName(_ number: Int32) -> [UInt8]? {
        guard let name = unsafe OBJ_nid2sn(number) else { return nil }
        return unsafe Array(String(cString: name).utf8)
    }

    static func bytes(_ string: UnsafePointer<ASN1_STRING>) -> [UInt8] {
        guard let start = unsafe ASN1_STRING_get0_data(string) else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: start, count: Int(ASN1_STRING_length(string))))
    }
}

/// A name in a certificate.
@safe struct DistinguishedName {
    private let name: OpaquePointer
    /// Keeps the name.
    private let certificate: CertificateText

    init(_ name: OpaquePointer, of certificate: CertificateText) {
        unsafe self.name = name
        self.certificate = certificate
    }

    /// Its entries in their order: short name and value.
    private var entries: [(kind: [UInt8], value: [UInt8])] {
        var found: [([UInt8], [UInt8])] = []
        for index in 0..<(unsafe X509_NAME_entry_count(name)) {
            guard let entry = unsafe X509_NAME_get_entry(name, index),
                let object = unsafe X509_NAME_ENTRY_get_object(entry),
                let value = unsafe X509_NAME_ENTRY_get_data(entry)
            else { continue }
            found.append(unsafe (Self.kind(object), CertificateText.bytes(value)))
        }
        return found
    }

    private static func kind(_ object: OpaquePointer) -> [UInt8] {
        let number = unsafe OBJ_obj2nid(object)
        if number != NID_undef, let name = unsafe OBJ_nid2sn(number) { return unsafe Array(String(cString: name).utf8) }
        var room = [CChar](repeating: 0, count: 128)
        _ = unsafe OBJ_obj2txt(&room, Int32(room.count), object, 0)
        return room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }

    /// A value without what follows its first zero byte; nil when more than zeros follow.
    private static func checked(_ value: [UInt8]) -> [UInt8]? {
        guard let zero = value.firstIndex(of: 0) else { return value }
        return value[zero...].allSatisfy { $0 == 0 } ? Array(value[...zero]) : nil
    }

    /// The value of an entry by its short name, from 1 at the start or -1 at the end; nil without it.
    func entry(_ kind: [UInt8], occurrence: Int) -> [UInt8]? {
        let wanted = kind.map(\.asciiLowercase)
        let same = entries.filter { $0.kind.map(\.asciiLowercase) == wanted }
        let index = occurrence > 0 ? occurrence - 1 : same.count + occurrence
        guard occurrence != 0, same.indices.contains(index) else { return nil }
        return Self.checked(same[index].value)
    }

    /// `/C=FR/CN=www`; nil for an empty name.
    var oneLine: [UInt8]? {
        var text: [UInt8] = []
        for entry in entries {
            guard let value = Self.checked(entry.value) else { return nil }
            text += [0x2f] + entry.kind + [0x3d] + value
        }
        return text.isEmpty ? nil : text
    }

    /// `CN=www,C=FR` (RFC 2253).
    var rfc2253: [UInt8]? {
        unsafe CertificateText.printed { unsafe X509_NAME_print_ex($0, name, 0, portico_x509_name_rfc2253) >= 0 }
    }
}

extension UInt8 {
    fileprivate var asciiLowercase: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
