// Application protocols and their negotiation (ALPN, RFC 7301).

/// An application protocol that this proxy speaks, as ALPN negotiates it.
public enum ApplicationProtocol: UInt8, Hashable, Sendable {
    /// The peers negotiated none.
    case none
    /// A protocol that is not one of ours: passed through in `mode tcp`.
    case other
    case http10
    case http11
    case h2
    case h3

    /// The protocol of this ALPN identifier. An empty identifier is `none`.
    public init(_ identifier: UnsafeRawBufferPointer) {
        if unsafe identifier.isEmpty {
            self = .none
        } else if unsafe identifier.elementsEqual("h2".utf8) {
            self = .h2
        } else if unsafe identifier.elementsEqual("h3".utf8) {
            self = .h3
        } else if unsafe identifier.elementsEqual("http/1.1".utf8) {
            self = .http11
        } else if unsafe identifier.elementsEqual("http/1.0".utf8) {
            self = .http10
        } else {
            self = .other
        }
    }
}

/// The protocols to offer or to accept, most wanted first.
public struct ALPNList: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The identifiers, most wanted first.
    public let identifiers: [[UInt8]]
    /// The list in wire form: each identifier after its length (RFC 7301, section 3.1).
    public let wire: [UInt8]

    /// Longest identifier that both libraries accept.
    public static let maximumIdentifierLength = 31
    /// Most identifiers that both libraries accept.
    public static let maximumCount = 8

    /// `list` is the `alpn` keyword's argument: identifiers between commas. An empty list turns ALPN off.
    /// Throws `configuration` when an identifier is empty or too long, or there are too many.
    public init(_ list: String) throws(TLSError) {
        var identifiers: [[UInt8]] = []
        var wire: [UInt8] = []
        if !list.isEmpty {
            for part in list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                guard let length = UInt8(exactly: part.count), length > 0, part.count <= Self.maximumIdentifierLength
                else {
                    throw TLSError(
                        .configuration,
                        "ALPN identifiers have 1 to \(Self.maximumIdentifierLength) bytes: '\(list)'")
                }
                identifiers.append(Array(part))
                wire.append(length)
                wire.append(contentsOf: part)
            }
        }
        guard identifiers.count <= Self.maximumCount else {
            throw TLSError(.configuration, "more than \(Self.maximumCount) ALPN identifiers: '\(list)'")
        }
        self.identifiers = identifiers
        self.wire = wire
    }

    /// For lists written in the program. A list that breaks the rules of `init(_:)` is a programming error.
    public init(stringLiteral list: String) {
        do throws(TLSError) {
            try self.init(list)
        } catch {
            preconditionFailure(error.reason)
        }
    }
}
