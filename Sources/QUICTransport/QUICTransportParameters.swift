internal import CNgtcp2

/// What one end of a connection has said about itself (RFC 9000 section 18.2), for operators. Times are milliseconds,
/// sizes bytes.
public struct QUICTransportParameters: Sendable {
    /// The connection ID of the client's first packet; nil where the client speaks.
    public var originalDestination: ConnectionID?
    public var initialSource: ConnectionID
    public var retrySource: ConnectionID?
    public var maxIdleTimeout: UInt64
    public var maxDatagramSize: UInt64
    public var acknowledgementDelayExponent: UInt64
    public var maxAcknowledgementDelay: UInt64
    public var activeConnectionIDLimit: UInt64
    public var connectionWindow: UInt64
    public var localBidirectionalWindow: UInt64
    public var remoteBidirectionalWindow: UInt64
    public var unidirectionalWindow: UInt64
    public var bidirectionalStreams: UInt64
    public var unidirectionalStreams: UInt64
    public var disablesActiveMigration: Bool
    public var hasStatelessResetToken: Bool

    init(_ from: borrowing ngtcp2_transport_params) {
        let original = unsafe ConnectionID(from.original_dcid)
        originalDestination = original.count > 0 ? original : nil
        initialSource = unsafe ConnectionID(from.initial_scid)
        retrySource = unsafe from.retry_scid_present != 0 ? ConnectionID(from.retry_scid) : nil
        maxIdleTimeout = unsafe from.max_idle_timeout / 1_000_000
        maxDatagramSize = unsafe from.max_udp_payload_size
        acknowledgementDelayExponent = unsafe from.ack_delay_exponent
        maxAcknowledgementDelay = unsafe from.max_ack_delay / 1_000_000
        activeConnectionIDLimit = unsafe from.active_connection_id_limit
        connectionWindow = unsafe from.initial_max_data
        localBidirectionalWindow = unsafe from.initial_max_stream_data_bidi_local
        remoteBidirectionalWindow = unsafe from.initial_max_stream_data_bidi_remote
        unidirectionalWindow = unsafe from.initial_max_stream_data_uni
        bidirectionalStreams = unsafe from.initial_max_streams_bidi
        unidirectionalStreams = unsafe from.initial_max_streams_uni
        disablesActiveMigration = unsafe from.disable_active_migration != 0
        hasStatelessResetToken = unsafe from.stateless_reset_token_present != 0
    }
}

extension QUICConnection {
    /// What we have said; nil after the end.
    public var localParameters: QUICTransportParameters? {
        guard let native = unsafe native, let own = unsafe ngtcp2_conn_get_local_transport_params(native) else {
            return nil
        }
        return unsafe QUICTransportParameters(own.pointee)
    }

    /// What the peer has said; nil before it came, and after the end.
    public var remoteParameters: QUICTransportParameters? {
        guard let native = unsafe native, let peer = unsafe ngtcp2_conn_get_remote_transport_params(native) else {
            return nil
        }
        return unsafe QUICTransportParameters(peer.pointee)
    }
}
