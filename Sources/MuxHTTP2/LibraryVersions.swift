public import Bytes
import CNghttp2

/// The HTTP/2 library of this module.
public enum HTTP2Libraries {
    public static var versions: [LibraryVersion] {
        let running = unsafe nghttp2_version(0).map { unsafe String(cString: $0.pointee.version_str) } ?? "?"
        return [LibraryVersion(name: "nghttp2", built: NGHTTP2_VERSION, running: running)]
    }
}
