import Bytes
import Glibc
import Messages

/// The URL that the load goes to.
struct LoadTarget: Sendable {
    let text: String
    let isSecure: Bool
    /// Without brackets.
    let host: String
    let port: UInt16
    /// Host, and port when it is not the scheme's own.
    let authority: [UInt8]
    /// Path and query.
    let path: [UInt8]

    /// Nil when `text` is no `http` or `https` URL.
    init?(_ text: String) {
        guard let mark = text.firstRange(of: "://") else { return nil }
        switch text[..<mark.lowerBound].lowercased() {
        case "http": isSecure = false
        case "https": isSecure = true
        default: return nil
        }
        let rest = text[mark.upperBound...].prefix { $0 != "#" }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = Array(rest[..<end].utf8)
        guard let parts = authority.span.authorityParts, parts.hostEnd > 0 else { return nil }
        var host = String(decoding: authority[..<parts.hostEnd], as: UTF8.self)
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        var path = Array(rest[end...].utf8)
        if path.first != 0x2f { path.insert(0x2f, at: 0) }
        guard !host.isEmpty, path.span.isOriginTarget else { return nil }
        self.text = text
        self.host = host
        port = parts.port ?? (isSecure ? 443 : 80)
        self.authority = authority
        self.path = path
    }

    /// Every address of the host, in the system's order; empty with the resolver's words when there is none.
    func resolve() -> (addresses: [SocketAddress], error: String) {
        if let address = SocketAddress(text: host, port: port) { return ([address], "") }
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else { return ([], unsafe String(cString: gai_strerror(code))) }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            let raw = unsafe UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
            var address = unsafe SocketAddress(raw: raw, length: raw.count)
            address.port = port
            if !addresses.contains(address) { addresses.append(address) }
            unsafe next = entry.pointee.ai_next
        }
        return (addresses, addresses.isEmpty ? "no address" : "")
    }
}
