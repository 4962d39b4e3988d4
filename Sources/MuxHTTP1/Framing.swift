import Messages

/// How a message's body is delimited on an HTTP/1 connection (RFC 9112 section 6.3).
enum Framing: Equatable {
    /// The message ends with its head.
    case none
    /// So many bytes follow.
    case length(UInt64)
    case chunked
    /// The body ends with the connection.
    case untilClose
    /// The connection is a tunnel, or becomes one when the answer says so.
    case tunnel

    /// The same in words that all versions share.
    var bodyLength: BodyLength {
        switch self {
        case .none: .none
        case .length(let bytes): .known(bytes)
        case .chunked, .untilClose: .unknown
        case .tunnel: .tunnel
        }
    }
}

/// What a head says beside its fields.
struct HeadFacts: Equatable {
    /// How the body is delimited.
    var framing = Framing.none
    /// True when the sender means to use the connection again (RFC 9112 section 9.3).
    var persists = false
}
