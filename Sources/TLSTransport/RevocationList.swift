// Certificates that authorities have revoked.

import COpenSSL

/// The certificate revocation lists of one file (`crl-file`). Immutable once loaded; shared by all workers.
@safe public final class RevocationList: @unchecked Sendable {
    /// The name under which it is known: the file's path.
    public let name: String
    /// Owned.
    private let lists: [OpaquePointer]
    /// The lists as PEM, as GnuTLS reads them.
    let text: [UInt8]

    /// How many lists there are.
    public var count: Int { unsafe lists.count }

    /// Loads the lists of a PEM file, or of every file of a directory.
    public convenience init(path: String) throws(CertificateError) {
        var text: [UInt8] = []
        for file in try CertificateFiles.authorities(in: path) { text += try PEMFile(path: file).bytes }
        try self.init(text: text, name: path)
    }

    /// Takes lists from PEM text. Throws when there is none.
    public init(text: [UInt8], name: String) throws(CertificateError) {
        let lists = try unsafe PEMFile(text: text, path: name).revocationLists()
        guard unsafe !lists.isEmpty else { throw CertificateError(file: name, .noRevocationList) }
        unsafe self.lists = lists
        self.name = name
        let written = unsafe PrintedText.bytes { out in
            var index = 0
            while unsafe index < lists.count {
                guard unsafe PEM_write_bio_X509_CRL(out, lists[index]) == 1 else { return false }
                index += 1
            }
            return true
        }
        guard let written else { throw CertificateError(file: name, .badPEM("out of memory")) }
        self.text = written
    }

    deinit {
        var index = 0
        while unsafe index < lists.count {
            unsafe X509_CRL_free(lists[index])
            index += 1
        }
    }

    /// Has a store refuse what the lists revoke; false when memory is out.
    @unsafe func apply(to store: OpaquePointer) -> Bool {
        var index = 0
        while unsafe index < lists.count {
            guard unsafe X509_STORE_add_crl(store, lists[index]) == 1 else { return false }
            index += 1
        }
        unsafe portico_x509_store_check_revocations(store)
        return true
    }

    /// What each list holds, in HAProxy's words (`show ssl crl-file`).
    public var details: [String] {
        var texts: [String] = []
        var index = 0
        while unsafe index < lists.count {
            let list = unsafe lists[index]
            let text = unsafe PrintedText.bytes { out in unsafe portico_x509_crl_print(list, out) == 1 }
            texts.append(String(decoding: text ?? [], as: UTF8.self))
            index += 1
        }
        return texts
    }
}
