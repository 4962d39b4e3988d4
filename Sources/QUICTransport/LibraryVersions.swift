public import Bytes
import CNgtcp2

/// The QUIC library of this module.
public enum QUICLibraries {
    public static var versions: [LibraryVersion] {
        let running = unsafe ngtcp2_version(0).map { unsafe String(cString: $0.pointee.version_str) } ?? "?"
        return [LibraryVersion(name: "ngtcp2", built: NGTCP2_VERSION, running: running)]
    }
}
