public import QUICTransport
public import TLSTransport

extension ConnectionFailure {
    /// How a client's QUIC connection that brought no request ended.
    ///
    /// - Parameter refusal: why our own rules refused the handshake; nil when they did not.
    public init(_ close: QUICClose, refusal: TLSError?) {
        switch close.reason {
        case .tlsAlert where close.initiator == .local && refusal?.isAboutClient == true:
            self = refusal.map { .handshake($0) } ?? .closedEarly
        case .tlsAlert:
            self = .handshake(TLSError(.alertReceived, close.text, alert: close.alert.map { TLSAlert(rawValue: $0) }))
        case .handshakeTimeout, .idleTimeout: self = .handshakeTimeout
        default: self = .closedEarly
        }
    }
}

extension TLSError {
    /// Whether a client's certificate was refused.
    fileprivate var isAboutClient: Bool { code == .clientCertificate || code == .clientAuthority }
}
