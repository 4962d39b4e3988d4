public import Bytes
import CGnuTLS
import COpenSSL

/// The TLS libraries of this module.
public enum TLSLibraries {
    public static var versions: [LibraryVersion] {
        let gnutls = unsafe gnutls_check_version(nil).map { unsafe String(cString: $0) } ?? "?"
        return [openSSL, LibraryVersion(name: "GnuTLS", built: GNUTLS_VERSION, running: gnutls)]
    }

    /// The library for TLS on TCP, whose version conditions of the configuration ask for.
    public static var openSSL: LibraryVersion {
        let running = unsafe OpenSSL_version(OPENSSL_VERSION_STRING).map { unsafe String(cString: $0) } ?? "?"
        return LibraryVersion(name: "OpenSSL", built: OPENSSL_FULL_VERSION_STR, running: running)
    }
}
