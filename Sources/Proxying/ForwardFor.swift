import Bytes
import Configuration
import Connections
import Messages

/// `option forwardfor`: tells the server the client's address in a header field.
struct ForwardFor {
    private let name: [UInt8]
    private let exceptions: [IPNetwork]
    private let onlyIfNone: Bool

    /// Nil when neither half asks for it. The backend's name wins; an exception of either half holds.
    init?(frontend: ForwardForOption?, backend: ForwardForOption?) {
        guard frontend != nil || backend != nil else { return nil }
        let header = backend?.headerName ?? frontend?.headerName ?? ForwardForOption.standardHeaderName
        name = Array(header.utf8)
        exceptions = [frontend?.except, backend?.except].compactMap(\.self)
        onlyIfNone = frontend?.onlyIfNone ?? false || backend?.onlyIfNone ?? false
    }

    func apply(to head: MessageHead, _ session: Session) throws(MessageError) {
        let source = session.source
        guard source.family == .ipv4 || source.family == .ipv6 else { return }
        if !exceptions.isEmpty {
            let bytes = (0..<(source.family == .ipv4 ? 4 : 16)).map { source.octets[$0] }
            if let address = IPAddress(bytes: bytes), exceptions.contains(where: { $0.contains(address) }) { return }
        }
        if onlyIfNone, hasField(head) { return }
        try head.append(name: name.span, session.sourceText.span)
    }

    private func hasField(_ head: MessageHead) -> Bool {
        for index in 0..<head.fieldCount {
            let field = head.nameText(at: index)
            guard field.count == name.count else { continue }
            if (0..<name.count).allSatisfy({ field[$0] == name[$0].asciiLowercased }) { return true }
        }
        return false
    }
}
