import Bytes
import Configuration
import Messages

extension FuzzTarget {
    /// IP addresses as text. The configuration's own parser and the C library's, which sockets use, must agree; and
    /// what an address prints must be read back as the same address.
    static let addressText = FuzzTarget("address-text", "IP addresses in configuration and PROXY headers") { input in
        let text = input.string
        // C strings end at NUL, and invalid UTF-8 was replaced: the two would read different texts.
        guard !text.utf8.contains(0), text.utf8.count == input.count else { return }
        let configured = IPAddress(text: text)
        let resolved = SocketAddress(text: text, port: 0)
        promise((configured == nil) == (resolved == nil), "one parser takes \(text), the other does not")
        guard let configured, let resolved else { return }
        promise(IPAddress(text: configured.description) == configured, "\(configured) is not read back")
        promise(IPAddress(text: resolved.host) == configured, "\(text) is \(configured) and \(resolved.host)")
    }
}
