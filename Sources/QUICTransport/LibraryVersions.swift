package import Bytes
import CNgtcp2

/// The QUIC library of this module.
package enum QUICLibraries {
    package static var versions: [LibraryVersion] {
        let running = unsafe ngtcp2_version(0).map { unsafe String(cString: $0.pointee.version_str) } ?? "?"
        return [LibraryVersion(name: "ngtcp2", built: NGTCP2_VERSION, running: running)]
    }
}
