/// How our end of a QUIC connection behaves: transport parameters that the peer sees, and local choices.
/// Sizes are bytes, times are nanoseconds.
package struct QUICSettings: Sendable {
    /// Congestion control algorithm.
    package enum CongestionControl: Sendable, Equatable {
        case reno
        /// RFC 8312.
        case cubic
        case bbr
        case bbr2
    }

    /// QUIC version numbers that the library knows.
    package enum Version {
        /// RFC 9000.
        package static let v1: UInt32 = 0x0000_0001
        /// The version 2 draft's provisional number. RFC 9369's 0x6b3343cf is not known to ngtcp2 0.12.
        package static let v2Draft: UInt32 = 0x709a_50c4
    }

    // Limits that the peer sees (RFC 9000 section 18.2)

    /// Close in silence when nothing was received for so long (`max_idle_timeout`); zero never.
    package var idleTimeout: UInt64 = 30_000_000_000
    /// Bytes the peer may send on the whole connection before credit is returned (`initial_max_data`).
    package var connectionWindow: UInt64 = 1 << 20
    /// The same for one bidirectional stream that we opened.
    package var localBidirectionalWindow: UInt64 = 256 << 10
    /// The same for one bidirectional stream that the peer opened.
    package var remoteBidirectionalWindow: UInt64 = 256 << 10
    /// The same for one unidirectional stream that the peer opened.
    package var unidirectionalWindow: UInt64 = 64 << 10
    /// How many bidirectional streams the peer may have open at a time (`initial_max_streams_bidi`).
    package var bidirectionalStreams: UInt64 = 100
    /// How many unidirectional streams the peer may have open at a time.
    package var unidirectionalStreams: UInt64 = 3
    /// Largest datagram we accept (`max_udp_payload_size`), 1,200 to 65,527.
    package var maxReceivedDatagramSize: UInt64 = 65_527
    /// Longest time we hold an acknowledgement back (`max_ack_delay`).
    package var maxAckDelay: UInt64 = 25_000_000
    /// How many of the peer's connection IDs we store (`active_connection_id_limit`), 2 to 8.
    package var activeConnectionIDLimit: UInt64 = 7
    /// Tells the peer not to move to another path (`disable_active_migration`).
    package var disablesActiveMigration = false
    /// Largest DATAGRAM frame we take (RFC 9221); zero turns DATAGRAM off.
    package var maxDatagramFrameSize: UInt64 = 0

    // Local choices

    package var congestionControl = CongestionControl.cubic
    /// Assumed round-trip time before the first sample.
    package var initialRTT: UInt64 = 333_000_000
    /// Give up when the handshake is not complete after so long; nil never.
    package var handshakeTimeout: UInt64? = 10_000_000_000
    /// Send a PING when nothing was sent for so long; zero never.
    package var keepAlive: UInt64 = 0
    /// Upper limit for the connection window when it tunes itself to the path; zero leaves it as it is.
    package var maxConnectionWindow: UInt64 = 6 << 20
    /// Upper limit for each stream window when it tunes itself; zero leaves them as they are.
    package var maxStreamWindow: UInt64 = 2 << 20
    /// Largest datagram we send once path MTU discovery has found that it fits, 1,200 to 1,452 or more.
    package var maxSentDatagramSize = 1452
    /// Search for the path's MTU (RFC 9000 section 14.3). Without it datagrams stay at 1,200 bytes.
    package var discoversPathMTU = true
    /// Acknowledge at once after so many ack-eliciting packets.
    package var acknowledgeEvery = 2
    /// DATAGRAM frames that may wait to be sent.
    package var maxQueuedDatagrams = 64
    /// Give clients a ticket to resume the TLS session with, once the handshake is complete. Server only.
    package var sendsSessionTicket = true

    package init() {}
}
