import COpenSSL

/// The few facts of a certificate that PROXY headers tell.
@safe public struct CertificateSummary {
    private let certificate: X509Handle

    /// Nil when the bytes are no certificate in DER.
    public init?(der: [UInt8]) {
        guard let certificate = X509Handle(der: der) else { return nil }
        self.certificate = certificate
    }

    /// The first common name of the subject.
    public var commonName: [UInt8]? {
        let subject = unsafe X509_get_subject_name(certificate.pointer)
        let index = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard index >= 0, let entry = unsafe X509_NAME_get_entry(subject, index),
            let value = unsafe X509_NAME_ENTRY_get_data(entry)
        else { return nil }
        return unsafe Array(
            UnsafeBufferPointer(start: ASN1_STRING_get0_data(value), count: Int(max(0, ASN1_STRING_length(value)))))
    }

    /// Kind and size of the key: `RSA2048`, `EC256`.
    public var keyAlgorithm: String { certificate.details.algorithm }

    /// The algorithm of the signature: `RSA-SHA256`.
    public var signatureAlgorithm: String? {
        unsafe OBJ_nid2sn(X509_get_signature_nid(certificate.pointer)).map { unsafe String(cString: $0) }
    }
}
