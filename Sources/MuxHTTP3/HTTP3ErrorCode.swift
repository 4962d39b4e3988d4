import Streams

/// Error codes of HTTP/3 (RFC 9114 section 8.1) and QPACK (RFC 9204 section 6), as RESET_STREAM, STOP_SENDING and
/// CONNECTION_CLOSE carry them.
public enum HTTP3ErrorCode: UInt64, Sendable, CaseIterable {
    case noError = 0x0100
    case generalProtocolError = 0x0101
    case internalError = 0x0102
    case streamCreationError = 0x0103
    case closedCriticalStream = 0x0104
    case frameUnexpected = 0x0105
    case frameError = 0x0106
    case excessiveLoad = 0x0107
    case idError = 0x0108
    case settingsError = 0x0109
    case missingSettings = 0x010a
    case requestRejected = 0x010b
    case requestCancelled = 0x010c
    case requestIncomplete = 0x010d
    case messageError = 0x010e
    case connectError = 0x010f
    case versionFallback = 0x0110
    case qpackDecompressionFailed = 0x0200
    case qpackEncoderStreamError = 0x0201
    case qpackDecoderStreamError = 0x0202

    /// The code's name in its RFC, for logs and statistics.
    public var name: StaticString {
        switch self {
        case .noError: "H3_NO_ERROR"
        case .generalProtocolError: "H3_GENERAL_PROTOCOL_ERROR"
        case .internalError: "H3_INTERNAL_ERROR"
        case .streamCreationError: "H3_STREAM_CREATION_ERROR"
        case .closedCriticalStream: "H3_CLOSED_CRITICAL_STREAM"
        case .frameUnexpected: "H3_FRAME_UNEXPECTED"
        case .frameError: "H3_FRAME_ERROR"
        case .excessiveLoad: "H3_EXCESSIVE_LOAD"
        case .idError: "H3_ID_ERROR"
        case .settingsError: "H3_SETTINGS_ERROR"
        case .missingSettings: "H3_MISSING_SETTINGS"
        case .requestRejected: "H3_REQUEST_REJECTED"
        case .requestCancelled: "H3_REQUEST_CANCELLED"
        case .requestIncomplete: "H3_REQUEST_INCOMPLETE"
        case .messageError: "H3_MESSAGE_ERROR"
        case .connectError: "H3_CONNECT_ERROR"
        case .versionFallback: "H3_VERSION_FALLBACK"
        case .qpackDecompressionFailed: "QPACK_DECOMPRESSION_FAILED"
        case .qpackEncoderStreamError: "QPACK_ENCODER_STREAM_ERROR"
        case .qpackDecoderStreamError: "QPACK_DECODER_STREAM_ERROR"
        }
    }
}

/// The peer broke HTTP/3, or a limit of ours was reached: the whole connection is closed with the code
/// (RFC 9114 section 8).
public struct HTTP3ConnectionError: Error, Equatable, Sendable {
    /// What CONNECTION_CLOSE carries.
    public var code: HTTP3ErrorCode
    /// What the peer did, for the log and the reason phrase.
    public var message: StaticString
    /// nghttp3's own error number when QPACK failed, else 0.
    public var cause: Int32

    public init(_ code: HTTP3ErrorCode, _ message: StaticString, cause: Int32 = 0) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public static func == (left: HTTP3ConnectionError, right: HTTP3ConnectionError) -> Bool {
        left.code == right.code && left.cause == right.cause && left.message.description == right.message.description
    }
}

// Why an exchange ended ↔ what the peer is told, or told us.
extension CloseReason {
    /// The code for RESET_STREAM (and STOP_SENDING) towards a client whose exchange ended early (RFC 9114 section 8.1).
    var codeForClient: HTTP3ErrorCode {
        switch self {
        // RFC 9114 section 4.1: the response is complete, the rest of the request is not needed.
        case .notNeeded, .answered: .noError
        // RFC 9114 section 4.1.2.
        case .clientProtocolError: .messageError
        // The client itself is silent or gone, or an operator ended it.
        case .clientAborted, .clientTimeout, .killed, .denied: .requestCancelled
        // RFC 9114 section 4.1.1: nothing was done for the request, so the client may try again.
        case .queueTimeout, .noServer: .requestRejected
        // RFC 9114 section 10.5: a limit was reached.
        case .resource: .excessiveLoad
        // RFC 9114 section 4.4: the TCP connection of a CONNECT did not come or broke.
        case .connectFailed, .connectTimeout: .connectError
        // A fault behind the proxy: the response is cut short and must not look complete.
        case .serverAborted, .serverProtocolError, .serverTimeout, .serverDown, .serverUp, .internalError:
            .internalError
        }
    }

    /// The code for RESET_STREAM and STOP_SENDING towards a server whose exchange ended early. A client may only say
    /// that it needs no answer (RFC 9114 section 4.1.1), or that the answer was wrong.
    var codeForServer: HTTP3ErrorCode {
        switch self {
        case .serverProtocolError: .messageError
        case .internalError: .internalError
        default: .requestCancelled
        }
    }
}

/// What a server's reset of a stream means for the exchange.
struct ServerReset {
    var reason: CloseReason
    /// The request may go to another connection: the server did not process it.
    var isUnsent: Bool

    /// - Parameter code: the code in RESET_STREAM.
    init(code: UInt64) {
        switch HTTP3ErrorCode(rawValue: code) {
        // RFC 9114 section 4.1.1: "rejected" tells that the request was not processed at all; a client may send it
        // again on another connection.
        case .requestRejected: (reason, isUnsent) = (.serverAborted, true)
        // RFC 9114 section 8.1: the server asks for another version of HTTP; it did not serve the request.
        case .versionFallback: (reason, isUnsent) = (.serverAborted, true)
        default: (reason, isUnsent) = (.serverAborted, false)
        }
    }
}
