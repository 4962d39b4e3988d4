/// A request method (RFC 9110 section 9). Methods that are not well known are ``other``; their text is in the head.
public enum Method: UInt8, Sendable {
    case get, head, post, put, delete, connect, options, trace, patch
    case other

    /// The method that `token` spells, case-sensitively.
    public init(_ token: Span<UInt8>) {
        switch token.count {
        case 3: self = token.equals("GET") ? .get : token.equals("PUT") ? .put : .other
        case 4: self = token.equals("POST") ? .post : token.equals("HEAD") ? .head : .other
        case 5: self = token.equals("PATCH") ? .patch : token.equals("TRACE") ? .trace : .other
        case 6: self = token.equals("DELETE") ? .delete : .other
        case 7: self = token.equals("OPTIONS") ? .options : token.equals("CONNECT") ? .connect : .other
        default: self = .other
        }
    }

    /// The method's text; empty for ``other``.
    public var text: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other: ""
        }
    }

    /// True for methods without a wish to change anything at the server (RFC 9110 section 9.2.1).
    public var isSafe: Bool { self == .get || self == .head || self == .options || self == .trace }

    /// True for methods that may be repeated (RFC 9110 section 9.2.2).
    public var isIdempotent: Bool { isSafe || self == .put || self == .delete }
}

/// The version of HTTP that a message came in with.
public enum HTTPVersion: UInt8, Sendable, Comparable {
    case http10, http11, http2, http3

    /// As logs write it: `HTTP/1.1`.
    public var text: StaticString {
        switch self {
        case .http10: "HTTP/1.0"
        case .http11: "HTTP/1.1"
        case .http2: "HTTP/2.0"
        case .http3: "HTTP/3.0"
        }
    }

    public static func < (left: HTTPVersion, right: HTTPVersion) -> Bool { left.rawValue < right.rawValue }
}

/// How long a message's body is, in a form that all versions share.
public enum BodyLength: Equatable, Sendable {
    /// There is no body: the message ends with its head.
    case none
    /// Exactly so many bytes (`content-length`).
    case known(UInt64)
    /// Until the sender ends it: chunked, END_STREAM, FIN, or the close of an HTTP/1 connection.
    case unknown
    /// The stream is a tunnel from here on (CONNECT, an accepted upgrade).
    case tunnel
}
