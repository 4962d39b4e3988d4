public import Streams

/// Error codes of RST_STREAM and GOAWAY (RFC 9113 section 7).
public enum HTTP2ErrorCode: UInt32, Sendable {
    case noError = 0x0
    case protocolError = 0x1
    case internalError = 0x2
    case flowControlError = 0x3
    case settingsTimeout = 0x4
    case streamClosed = 0x5
    case frameSizeError = 0x6
    case refusedStream = 0x7
    case cancel = 0x8
    case compressionError = 0x9
    case connectError = 0xa
    case enhanceYourCalm = 0xb
    case inadequateSecurity = 0xc
    case http11Required = 0xd
}

extension HTTP2ErrorCode {
    /// A code that came from a peer: unknown ones mean an internal error (RFC 9113 section 7).
    init(received code: UInt32) { self = HTTP2ErrorCode(rawValue: code) ?? .internalError }
}

// The one place that turns reasons of an early end into codes and back. `docs/CLOSING.md` is made from it.
extension HTTP2ErrorCode {
    /// What the client is told when its stream ends early for `reason`.
    public init(toClient reason: CloseReason) {
        self =
            switch reason {
            // RFC 9113 section 8.1: a response that is complete before its request asks for the end of the request
            // with NO_ERROR.
            case .notNeeded, .answered: .noError
            // RFC 9113 section 8.1.1: malformed requests are stream errors of this type.
            case .clientProtocolError: .protocolError
            // RFC 9113 section 7: "no longer needed". The client itself is silent or gone, or an operator ended it.
            case .clientAborted, .clientTimeout, .killed, .denied: .cancel
            // RFC 9113 section 8.7: sent before any processing, so the client may try again.
            case .queueTimeout, .noServer: .refusedStream
            // RFC 9113 section 10.5: a limit was reached.
            case .resource: .enhanceYourCalm
            // RFC 9113 section 8.5: the TCP connection of a CONNECT broke. For others it is a fault behind the proxy:
            // the response is cut short and must not look complete.
            case .connectFailed, .connectTimeout: .connectError
            case .serverAborted, .serverProtocolError, .serverTimeout, .serverDown, .serverUp, .internalError:
                .internalError
            }
    }

    /// What the server is told when we end a request early for `reason`.
    public init(toServer reason: CloseReason) {
        self =
            switch reason {
            // RFC 9113 section 8.1.1.
            case .serverProtocolError: .protocolError
            case .internalError: .internalError
            // RFC 9113 section 7, CANCEL: the stream is no longer needed. A client does not use NO_ERROR: it would say
            // nothing about a response that is still under way.
            case .notNeeded, .answered, .clientAborted, .clientProtocolError, .clientTimeout, .connectFailed,
                .connectTimeout,
                .queueTimeout, .noServer, .serverAborted, .serverTimeout, .serverDown, .serverUp, .killed, .denied,
                .resource:
                .cancel
            }
    }

    /// True when the server says that it did not process the request (RFC 9113 section 8.7), so that it may go to
    /// another connection whatever its method.
    public var isUnprocessed: Bool { self == .refusedStream }
}

extension CloseReason {
    /// Why the exchanges of a connection end whose transport failed.
    init(_ failure: TransportFailure, onFront isFront: Bool) {
        self =
            switch failure {
            case .reset, .truncated, .failed: isFront ? .clientAborted : .serverAborted
            case .timeout: isFront ? .clientTimeout : .serverTimeout
            case .stopping: .killed
            }
    }
}
