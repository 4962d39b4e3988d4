internal import CNgtcp2

extension QUICConnection {
    /// How the path does, as congestion control and loss recovery see it (RFC 9002). Times are nanoseconds.
    public struct Statistics: Sendable {
        /// Smoothed round-trip time; the assumed one before the first sample.
        public var smoothedRTT: UInt64 = 0
        public var minimumRTT: UInt64 = 0
        public var latestRTT: UInt64 = 0
        public var rttVariation: UInt64 = 0
        /// Congestion window, bytes.
        public var congestionWindow: UInt64 = 0
        /// Slow start threshold, bytes; `UInt64.max` before the first loss.
        public var slowStartThreshold: UInt64 = 0
        /// Bytes sent and not yet acknowledged or lost.
        public var bytesInFlight: UInt64 = 0
        /// Probe timeouts in a row.
        public var probeTimeouts: Int = 0
        /// Largest datagram that is known to fit the path.
        public var datagramSize: Int = 0
    }

    /// A snapshot; the last one when the connection carries nothing any more.
    public var statistics: Statistics {
        guard let native = unsafe native else { return lastStatistics }
        var from = ngtcp2_conn_stat()
        unsafe ngtcp2_conn_get_conn_stat_versioned(native, NGTCP2_CONN_STAT_VERSION, &from)
        return unsafe Statistics(
            smoothedRTT: from.smoothed_rtt, minimumRTT: from.min_rtt, latestRTT: from.latest_rtt,
            rttVariation: from.rttvar, congestionWindow: from.cwnd, slowStartThreshold: from.ssthresh,
            bytesInFlight: from.bytes_in_flight, probeTimeouts: from.pto_count,
            datagramSize: ngtcp2_conn_get_path_max_tx_udp_payload_size(native))
    }

    /// The QUIC version in use; before it is negotiated the one that the client chose; zero after the end.
    public var version: UInt32 {
        guard let native = unsafe native else { return 0 }
        let negotiated = unsafe ngtcp2_conn_get_negotiated_version(native)
        return unsafe VersionTranslation.translated(
            negotiated != 0 ? negotiated : ngtcp2_conn_get_client_chosen_version(native))
    }

    /// At a server the versions among which the client's preference decides; nil where ours does.
    var choosableVersions: [UInt32]? {
        role == .server && !endpoint.configuration.prefersOwnVersions ? endpoint.versions : nil
    }

    /// Whether what arrives now may be a replay: the handshake is not complete (RFC 9001 section 9.2).
    public var isEarlyData: Bool { phase == .handshaking }

    /// The path in use, nil after the end.
    public var path: QUICPath? {
        guard let native = unsafe native, let path = unsafe ngtcp2_conn_get_path(native) else { return nil }
        return unsafe QUICPath(path.pointee)
    }

    /// Counts the losses of a stream that closes.
    func countLosses(of id: QUICStreamID) { counters.streamPacketsLost &+= UInt64(lostPackets(of: id)) }

    /// The connection IDs by which the peer calls us and we call the peer, the ones in use now; nil after the end.
    public var connectionIDs: (local: ConnectionID, remote: ConnectionID)? {
        guard let native = unsafe native, let remote = unsafe ngtcp2_conn_get_dcid(native),
            let local = ownConnectionIDs().first
        else { return nil }
        return unsafe (local, ConnectionID(remote.pointee))
    }

    /// A path was validated: the connection has moved when it is a new one and in use.
    func pathValidated(_ path: QUICPath) {
        guard path != knownPath, path == self.path else { return }
        knownPath = path
        counters.migrations &+= 1
    }

    /// Packets with data of that stream that were lost, some of them perhaps only late.
    public func lostPackets(of id: QUICStreamID) -> Int {
        guard let native = unsafe native else { return 0 }
        return unsafe ngtcp2_conn_get_stream_loss_count(native, id)
    }
}
