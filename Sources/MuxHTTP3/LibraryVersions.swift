public import Bytes
import CNghttp3

/// The HTTP/3 library of this module.
public enum HTTP3Libraries {
    public static var versions: [LibraryVersion] {
        let running = unsafe nghttp3_version(0).map { unsafe String(cString: $0.pointee.version_str) } ?? "?"
        return [LibraryVersion(name: "nghttp3", built: NGHTTP3_VERSION, running: running)]
    }
}
