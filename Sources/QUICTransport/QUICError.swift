internal import CNgtcp2

/// An operation on a QUIC connection was refused.
public struct QUICError: Error, Equatable {
    /// What went wrong, independent of the library's numbers.
    public enum Code: Sendable, Equatable {
        /// The peer's stream limit is reached; `…StreamLimitRaised` tells when to try again.
        case streamLimit
        /// The stream is unknown: closed, or never opened.
        case streamNotFound
        /// The direction does not exist on that stream, or a value is out of range.
        case invalidArgument
        /// Not possible in the connection's present state: not established yet, or closing.
        case invalidState
        /// The queue of DATAGRAM frames is full, or the peer takes no frame of this size.
        case datagramRefused
        /// TLS or packet protection failed.
        case cryptography
        /// The peer broke the protocol.
        case protocolViolation
        /// No unused connection ID of the peer is left for a new path.
        case connectionIDBlocked
        /// Memory ran out, or the library failed inside.
        case internalFailure
    }

    public var code: Code
    /// What was being done, for example `open bidirectional stream`.
    public var place: StaticString
    /// The library's own error number, for the log; zero if the error is ours.
    public var cause: Int32

    public init(_ code: Code, place: StaticString, cause: Int32 = 0) {
        self.code = code
        self.place = place
        self.cause = cause
    }

    /// Translates an ngtcp2 error number.
    init(ngtcp2 cause: Int32, place: StaticString) {
        let code: Code =
            switch cause {
            case NGTCP2_ERR_STREAM_ID_BLOCKED: .streamLimit
            case NGTCP2_ERR_STREAM_NOT_FOUND, NGTCP2_ERR_STREAM_SHUT_WR: .streamNotFound
            case NGTCP2_ERR_INVALID_ARGUMENT: .invalidArgument
            case NGTCP2_ERR_INVALID_STATE, NGTCP2_ERR_CLOSING, NGTCP2_ERR_DRAINING: .invalidState
            case NGTCP2_ERR_CRYPTO, NGTCP2_ERR_DECRYPT: .cryptography
            case NGTCP2_ERR_CONN_ID_BLOCKED: .connectionIDBlocked
            case NGTCP2_ERR_NOMEM, NGTCP2_ERR_CALLBACK_FAILURE, NGTCP2_ERR_INTERNAL, NGTCP2_ERR_NOBUF: .internalFailure
            default: .protocolViolation
            }
        self.init(code, place: place, cause: cause)
    }

    public static func == (a: QUICError, b: QUICError) -> Bool {
        a.code == b.code && a.cause == b.cause && a.place.description == b.place.description
    }
}

extension QUICError: CustomStringConvertible {
    public var description: String {
        if cause == 0 { return "\(place): \(code)" }
        guard let text = unsafe ngtcp2_strerror(cause) else { return "\(place): \(code) (\(cause))" }
        return unsafe "\(place): \(code) (\(String(cString: text)))"
    }
}
