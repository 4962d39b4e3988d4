package import Configuration
import Glibc

/// The machine itself.
package struct LinuxSystem: LanguageSystem {
    /// Largest file that is read, bytes.
    package static let maxFileSize = 64 << 20

    package init() {}

    package func read(_ path: String) throws(SystemError) -> [UInt8] {
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if fd < 0 { throw Self.lastError() }
        defer { close(fd) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(fd, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.lastError()
            }
            if count == 0 { return content }
            content.append(contentsOf: chunk[..<count])
            if content.count > Self.maxFileSize { throw SystemError(reason: "File too large") }
        }
    }

    package func entries(of path: String) throws(SystemError) -> [String]? {
        guard let directory = unsafe opendir(path) else {
            if errno == ENOTDIR { return nil }
            throw Self.lastError()
        }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    package func isRegularFile(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    package func address(of name: String, family: AddressFamily?) -> IPAddress? {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family =
            switch family {
            case .ipv4: AF_INET
            case .ipv6: AF_INET6
            case nil: AF_UNSPEC
            }
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(name, nil, &hints, &list) == 0, let first = unsafe list else { return nil }
        defer { unsafe freeaddrinfo(first) }
        var next: UnsafeMutablePointer<addrinfo>? = unsafe first
        while let info = unsafe next {
            if let address = unsafe Self.address(of: info.pointee) { return address }
            unsafe next = unsafe info.pointee.ai_next
        }
        return nil
    }

    private static func address(of info: addrinfo) -> IPAddress? {
        guard let raw = unsafe UnsafeRawPointer(info.ai_addr) else { return nil }
        switch unsafe info.ai_family {
        case AF_INET:
            let address = unsafe raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            return IPAddress(bytes: unsafe withUnsafeBytes(of: address) { unsafe Array($0) })
        case AF_INET6:
            let address = unsafe raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return IPAddress(bytes: unsafe withUnsafeBytes(of: address) { unsafe Array($0) })
        default:
            return nil
        }
    }

    private static func lastError() -> SystemError {
        SystemError(reason: unsafe String(cString: strerror(errno)))
    }
}
