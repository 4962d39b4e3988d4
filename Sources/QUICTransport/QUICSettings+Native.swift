internal import Bytes
internal import CNgtcp2

extension QUICSettings {
    /// Largest number that a variable-length integer holds (RFC 9000 section 16).
    private static let maxVarint: UInt64 = (1 << 62) - 1
    /// Smallest datagram that every QUIC path must carry (RFC 9000 section 14).
    static let minDatagramSize = 1200
    /// Largest datagram that the library builds.
    private static let maxDatagramSize = 1500

    /// `maxSentDatagramSize`, brought into what the library takes.
    var sentDatagramLimit: Int { min(max(maxSentDatagramSize, Self.minDatagramSize), Self.maxDatagramSize) }

    /// The transport parameters that the peer sees (RFC 9000 section 18.2), brought into their legal ranges.
    func transportParameters(role: QUICConnection.Role) -> ngtcp2_transport_params {
        var parameters = unsafe ngtcp2_transport_params()
        unsafe ngtcp2_transport_params_default_versioned(NGTCP2_TRANSPORT_PARAMS_VERSION, &parameters)
        unsafe parameters.initial_max_stream_data_bidi_local = min(localBidirectionalWindow, Self.maxVarint)
        unsafe parameters.initial_max_stream_data_bidi_remote = min(remoteBidirectionalWindow, Self.maxVarint)
        unsafe parameters.initial_max_stream_data_uni = min(unidirectionalWindow, Self.maxVarint)
        unsafe parameters.initial_max_data = min(connectionWindow, Self.maxVarint)
        unsafe parameters.initial_max_streams_bidi = min(bidirectionalStreams, 1 << 60)
        unsafe parameters.initial_max_streams_uni = min(unidirectionalStreams, 1 << 60)
        unsafe parameters.max_idle_timeout = min(idleTimeout, Self.maxVarint)
        unsafe parameters.max_udp_payload_size = min(max(maxReceivedDatagramSize, UInt64(Self.minDatagramSize)), 65_527)
        unsafe parameters.active_connection_id_limit = min(max(activeConnectionIDLimit, 2), 8)
        // At most 2^14 milliseconds.
        unsafe parameters.max_ack_delay = min(maxAckDelay, 16_383_000_000)
        unsafe parameters.max_datagram_frame_size = min(maxDatagramFrameSize, 65_535)
        unsafe parameters.disable_active_migration = disablesActiveMigration ? 1 : 0
        unsafe parameters.grease_quic_bit = 1
        return unsafe parameters
    }

    /// Calls `body` with the library's settings; what they point to lives during the call.
    func withNative(
        now: Instant, endpoint: QUICEndpoint, role: QUICConnection.Role, logs: Bool,
        _ body: (inout ngtcp2_settings) -> Void
    ) {
        var native = unsafe ngtcp2_settings()
        unsafe ngtcp2_settings_default_versioned(NGTCP2_SETTINGS_VERSION, &native)
        unsafe native.cc_algo =
            switch congestionControl {
            case .reno: NGTCP2_CC_ALGO_RENO
            case .cubic: NGTCP2_CC_ALGO_CUBIC
            case .bbr: NGTCP2_CC_ALGO_BBR
            case .bbr2: NGTCP2_CC_ALGO_BBR2
            }
        unsafe native.initial_ts = now.nanoseconds
        unsafe native.initial_rtt = max(initialRTT, 1)
        unsafe native.max_tx_udp_payload_size = sentDatagramLimit
        unsafe native.max_window = min(maxConnectionWindow, Self.maxVarint)
        unsafe native.max_stream_window = min(maxStreamWindow, Self.maxVarint)
        unsafe native.ack_thresh = max(acknowledgeEvery, 1)
        unsafe native.handshake_timeout = handshakeTimeout ?? .max
        unsafe native.no_pmtud = discoversPathMTU ? 0 : 1
        unsafe native.rand_ctx.native_handle = Unmanaged.passUnretained(endpoint.random).toOpaque()
        if logs { unsafe native.qlog.write = NativeCallbacks.qlog }
        var versions = endpoint.versions.map(VersionTranslation.translated)
        var preferred = versions
        if role == .server, !endpoint.configuration.prefersOwnVersions {
            // What the client prefers is all that is left for the library to change to (`VersionInformation.incoming`).
            preferred = [VersionTranslation.inside, Version.v1].filter(versions.contains)
        }
        unsafe versions.withUnsafeMutableBufferPointer { buffer in
            unsafe native.other_versions = buffer.baseAddress
            unsafe native.other_versionslen = buffer.count
            unsafe preferred.withUnsafeMutableBufferPointer { first in
                unsafe native.preferred_versions = first.baseAddress
                unsafe native.preferred_versionslen = first.count
                unsafe body(&native)
            }
        }
    }
}

extension ngtcp2_transport_params {
    /// What only a server says: how the client first called it, and how to prove a stateless reset.
    mutating func setOriginalDestination(of initial: QUICInitial, resetToken: StatelessResetToken) {
        unsafe original_dcid = initial.originalDestination.ngtcp2
        if initial.followsRetry {
            unsafe retry_scid = initial.destination.ngtcp2
            unsafe retry_scid_present = 1
        }
        unsafe stateless_reset_token_present = 1
        unsafe withUnsafeMutableBytes(of: &stateless_reset_token) { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe resetToken.write(to: base)
        }
    }
}
