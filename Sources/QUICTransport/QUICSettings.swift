/// How our end of a QUIC connection behaves: transport parameters that the peer sees, and local choices.
/// Sizes are bytes, times are nanoseconds.
public struct QUICSettings: Sendable {
    /// Congestion control algorithm.
    public enum CongestionControl: Sendable, Equatable {
        case reno
        /// RFC 8312.
        case cubic
        case bbr
        case bbr2
    }

    /// QUIC version numbers.
    public enum Version {
        /// RFC 9000.
        public static let v1: UInt32 = 0x0000_0001
        /// RFC 9369.
        public static let v2: UInt32 = 0x6b33_43cf
        /// All that we speak.
        public static let all = [v1, v2]
    }

    // Limits that the peer sees (RFC 9000 section 18.2)

    /// Close in silence when nothing was received for so long (`max_idle_timeout`); zero never.
    public var idleTimeout: UInt64 = 30_000_000_000
    /// Bytes the peer may send on the whole connection before credit is returned (`initial_max_data`).
    public var connectionWindow: UInt64 = 1 << 20
    /// The same for one bidirectional stream that we opened.
    public var localBidirectionalWindow: UInt64 = 256 << 10
    /// The same for one bidirectional stream that the peer opened.
    public var remoteBidirectionalWindow: UInt64 = 256 << 10
    /// The same for one unidirectional stream that the peer opened.
    public var unidirectionalWindow: UInt64 = 64 << 10
    /// How many bidirectional streams the peer may have open at a time (`initial_max_streams_bidi`).
    public var bidirectionalStreams: UInt64 = 100
    /// How many unidirectional streams the peer may have open at a time.
    public var unidirectionalStreams: UInt64 = 3
    /// Largest datagram we accept (`max_udp_payload_size`), 1,200 to 65,527.
    public var maxReceivedDatagramSize: UInt64 = 65_527
    /// Longest time we hold an acknowledgement back (`max_ack_delay`).
    public var maxAckDelay: UInt64 = 25_000_000
    /// How many of the peer's connection IDs we store (`active_connection_id_limit`), 2 to 8.
    public var activeConnectionIDLimit: UInt64 = 7
    /// Tells the peer not to move to another path (`disable_active_migration`).
    public var disablesActiveMigration = false
    /// Largest DATAGRAM frame we take (RFC 9221); zero turns DATAGRAM off.
    public var maxDatagramFrameSize: UInt64 = 0

    // Local choices

    public var congestionControl = CongestionControl.cubic
    /// Spread what is sent over the round-trip time (RFC 9002 section 7.7); otherwise the congestion window goes at once.
    public var paces = true
    /// Assumed round-trip time before the first sample.
    public var initialRTT: UInt64 = 333_000_000
    /// Give up when the handshake is not complete after so long; nil never.
    public var handshakeTimeout: UInt64? = 10_000_000_000
    /// Send a PING when nothing was sent for so long; zero never.
    public var keepAlive: UInt64 = 0
    /// Upper limit for the connection window when it tunes itself to the path; zero leaves it as it is.
    public var maxConnectionWindow: UInt64 = 6 << 20
    /// Upper limit for each stream window when it tunes itself; zero leaves them as they are.
    public var maxStreamWindow: UInt64 = 2 << 20
    /// Largest datagram we send once path MTU discovery has found that it fits, 1,200 to 1,452 or more.
    public var maxSentDatagramSize = 1452
    /// Search for the path's MTU (RFC 9000 section 14.3). Without it datagrams stay at 1,200 bytes.
    public var discoversPathMTU = true
    /// Acknowledge at once after so many ack-eliciting packets.
    public var acknowledgeEvery = 1
    /// DATAGRAM frames that may wait to be sent.
    public var maxQueuedDatagrams = 64
    /// Give clients a ticket to resume the TLS session with, once the handshake is complete. Server only.
    public var sendsSessionTicket = true

    public init() {}
}
