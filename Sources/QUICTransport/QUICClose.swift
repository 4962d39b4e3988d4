/// Why a QUIC connection ended.
public struct QUICClose: Sendable {
    /// What kind of end it was.
    public enum Reason: Sendable, Equatable {
        /// CONNECTION_CLOSE of type 0x1d with an application error code (RFC 9000 section 19.19).
        case application
        /// CONNECTION_CLOSE of type 0x1c with a transport error code (RFC 9000 section 20.1).
        case transport
        /// A TLS alert, carried as transport error 0x0100 + alert (RFC 9001 section 4.8).
        case tlsAlert
        /// Nothing was received for the idle timeout: closed in silence (RFC 9000 section 10.1).
        case idleTimeout
        /// The handshake did not complete in time.
        case handshakeTimeout
        /// The peer has lost the connection's state and sent a stateless reset (RFC 9000 section 10.3).
        case statelessReset
        /// A server that speaks no common version answered (RFC 9000 section 6.2). Client only.
        case versionNegotiation
        /// Dropped in silence: the first packet was not worth a connection, or we abandoned it.
        case dropped
        /// The client must prove its address before more is kept for it: answer its datagram with
        /// `QUICEndpoint.writeRetry`. Happens when a large ClientHello's packets arrive out of order. Server only.
        case retryRequired
    }

    /// Who ended it.
    public enum Initiator: Sendable, Equatable {
        case local
        case peer
    }

    public var reason: Reason
    public var initiator: Initiator
    /// The error code on the wire: of the application for `.application`, else of the transport. Zero if there is none.
    public var code: UInt64
    /// The reason phrase of the frame, repaired to valid UTF-8, at most 1,024 bytes; empty if there is none.
    public var text: String

    public init(reason: Reason, initiator: Initiator, code: UInt64 = 0, text: String = "") {
        self.reason = reason
        self.initiator = initiator
        self.code = code
        self.text = text
    }

    /// The TLS alert number, when that is what ended the connection (RFC 8446 section 6.2).
    public var alert: UInt8? {
        guard reason == .tlsAlert else { return nil }
        return UInt8(truncatingIfNeeded: code & 0xff)
    }
}
