import Bytes
import Configuration
import Connections
import Messages
import Samples

/// `option forwardfor` and `option originalto` of a frontend and a backend together: fields that tell the server the
/// client's address, and the one that it connected to.
final class Forwarding {
    /// One of the two.
    private struct Field {
        let name: [UInt8]
        let exceptions: [IPNetwork]
        /// Nothing is added to a request that has the field already.
        let onlyIfNone: Bool
    }

    private let source: Field?
    private let destination: Field?

    /// The backend's name wins; an exception of either half holds, and `if-none` only where both have it.
    init(frontend: FrontendOptions, backend: BackendOptions) {
        let sources = [frontend.forwardFor, backend.forwardFor].compactMap(\.self)
        source = sources.last.map { last in
            Field(
                name: Array((last.headerName ?? ForwardForOption.standardHeaderName).lowercased().utf8),
                exceptions: sources.compactMap(\.except), onlyIfNone: sources.allSatisfy(\.onlyIfNone))
        }
        let destinations = [frontend.originalTo, backend.originalTo].compactMap(\.self)
        destination = destinations.last.map { last in
            Field(
                name: Array(last.headerName.lowercased().utf8), exceptions: destinations.compactMap(\.except),
                onlyIfNone: false)
        }
    }

    /// Whether nothing is to be added to any request.
    var isEmpty: Bool { source == nil && destination == nil }

    func apply(to head: MessageHead, _ record: ProxyExchange) throws(MessageError) {
        if let source, Self.isWanted(source, record.source, head) {
            if record.overrides?.source == nil {
                try head.append(name: source.name.span, record.session.sourceText.span)
            } else {
                try head.append(name: source.name.span, Array(record.source.host.utf8).span)
            }
        }
        if let destination, Self.isWanted(destination, record.destination, head) {
            try head.append(name: destination.name.span, Array(record.destination.host.utf8).span)
        }
    }

    private static func isWanted(_ field: Field, _ address: SocketAddress, _ head: MessageHead) -> Bool {
        guard address.isIP else { return false }
        if field.onlyIfNone, has(field.name, head) { return false }
        guard !field.exceptions.isEmpty else { return true }
        let bytes = (0..<(address.family == .ipv4 ? 4 : 16)).map { address.octets[$0] }
        guard let address = IPAddress(bytes: bytes) else { return true }
        return !field.exceptions.contains { $0.contains(address) }
    }

    private static func has(_ name: [UInt8], _ head: MessageHead) -> Bool {
        for index in 0..<head.fieldCount where head.nameText(at: index).equals(name.span) { return true }
        return false
    }
}
