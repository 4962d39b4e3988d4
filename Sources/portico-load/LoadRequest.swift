import ArgumentParser
import Messages

/// The request that is sent again and again. Checked, so that each head can be filled without a fault.
struct LoadRequest: Sendable {
    private struct Field: Sendable {
        let name: [UInt8]
        let value: [UInt8]
    }

    private let method: [UInt8]
    /// Empty in HTTP/1, whose requests to a server, unlike those to a proxy, name only the path (RFC 9112 section 3.2.1).
    private let scheme: [UInt8]
    private var authority: [UInt8]
    private let path: [UInt8]
    private var fields: [Field]
    private let contentLength: [UInt8]
    /// Bytes in the body; nil: none.
    let body: UInt64?

    init(_ target: LoadTarget, _ version: LoadVersion, method: String, header: [String], body: UInt64?) throws {
        self.method = Array(method.utf8)
        self.body = body
        scheme = version == .http1 ? [] : Array((target.isSecure ? "https" : "http").utf8)
        authority = target.authority
        path = target.path
        fields = [Field(name: Array("user-agent".utf8), value: Array("portico-load".utf8))]
        contentLength = Array(String(body ?? 0).utf8)
        guard Self.isToken(self.method), method != "CONNECT" else {
            throw ValidationError("'\(method)' is no method to send.")
        }
        for text in header { try add(text) }
        try fill(MessageHead(.request))
    }

    private static func isToken(_ text: [UInt8]) -> Bool { text.span.isToken }

    private mutating func add(_ text: String) throws {
        let bytes = Array(text.utf8)
        let parts = bytes.split(separator: 0x3a, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
        guard parts.count == 2, Self.isToken(parts[0]) else {
            throw ValidationError("'\(text)' is no field like 'name: value'.")
        }
        let name = parts[0].map(\.asciiLowercased)
        let rest = parts[1]
        let value = Array(rest.span.trimmed.string.utf8)
        let token = FieldName(name.span)
        guard value.span.isFieldValue, !token.isHopByHop, token != .contentLength else {
            throw ValidationError("The field '\(text)' can not be sent.")
        }
        switch token {
        case .host: authority = value
        case .userAgent: fields[0] = Field(name: name, value: value)
        default: fields.append(Field(name: name, value: value))
        }
    }

    /// Writes the request's head.
    func fill(_ head: MessageHead) throws(MessageError) {
        try head.setMethod(method.span)
        if !scheme.isEmpty { try head.setScheme(scheme.span) }
        try head.setAuthorityAndHost(authority.span)
        try head.setPath(path.span)
        for field in fields { try head.append(name: field.name.span, field.value.span) }
        guard let body else { return }
        try head.append(.contentLength, contentLength.span)
        head.bodyLength = .known(body)
    }
}
