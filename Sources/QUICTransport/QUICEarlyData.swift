internal import CNgtcp2
internal import TLSTransport

/// What a client must remember of a connection, beside its TLS session, to send early data (0-RTT) on the next one to
/// the same server (RFC 9001 section 4.6.1, RFC 9000 section 7.4.1).
public struct QUICEarlyData: Sendable {
    /// The protocol that was negotiated; the next connection uses no other.
    public let alpn: [UInt8]
    /// The server's transport parameters as they stood on the wire.
    let parameters: [UInt8]
}

extension QUICConnection {
    /// What to remember for early data on the next connection to this server; nil before the handshake is complete and
    /// after the end. Client only. The TLS half is `QUICTLSSession.resumptionData`.
    public var earlyDataForNextConnection: QUICEarlyData? {
        guard role == .client, phase == .established, let native = unsafe native, let tls,
            let server = unsafe ngtcp2_conn_get_remote_transport_params(native)
        else { return nil }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 512) { buffer, count in
            let written = unsafe ngtcp2_encode_transport_params_versioned(
                buffer.baseAddress, buffer.count, NGTCP2_TRANSPORT_PARAMS_TYPE_ENCRYPTED_EXTENSIONS,
                NGTCP2_TRANSPORT_PARAMS_VERSION, server)
            count = max(0, written)
        }
        guard !bytes.isEmpty else { return nil }
        return QUICEarlyData(alpn: Array((tls.alpn ?? "").utf8), parameters: bytes)
    }

    /// Offers early data to the server; call before the first `writeDatagrams`. The connection's TLS session must resume
    /// the one that `earlyData` belongs to, with early data allowed. The application is then told `readyToSend` when the
    /// first packet is built, and `earlyDataRejected` if the server took none of it. What is sent before
    /// `handshakeCompleted` may be replayed by anyone who sees it. Client only.
    public func offer(_ earlyData: QUICEarlyData) {
        guard role == .client, phase == .handshaking, let native = unsafe native else { return }
        var parameters = unsafe ngtcp2_transport_params()
        let result = unsafe ngtcp2_decode_transport_params_versioned(
            NGTCP2_TRANSPORT_PARAMS_VERSION, &parameters, NGTCP2_TRANSPORT_PARAMS_TYPE_ENCRYPTED_EXTENSIONS,
            earlyData.parameters, earlyData.parameters.count)
        guard result == 0 else { return }
        unsafe ngtcp2_conn_set_early_remote_transport_params_versioned(
            native, NGTCP2_TRANSPORT_PARAMS_VERSION, &parameters)
        earlyProtocol = earlyData.alpn
    }

    /// Keys for 0-RTT packets are in place: the client's application may begin.
    func earlySendingIsPossible() -> Int32 {
        guard let alpn = earlyProtocol else { return 0 }
        sendsEarlyData = true
        toldReadyToSend = true
        unsafe application?.readyToSend(alpn: alpn)
        return callbackResult
    }

    /// The server's answer is complete: tells the library when the server took no early data, so that it is undone.
    func checkEarlyData() -> Int32 {
        guard role == .client, toldReadyToSend, earlyProtocol != nil, tls?.isEarlyDataAccepted == false else {
            return 0
        }
        wasEarlyDataRejected = true
        return unsafe ngtcp2_conn_early_data_rejected(native)
    }
}
