internal import CGnuTLS
internal import CNgtcp2
internal import TLSTransport

/// What a client remembers of a connection, so that its next one to the same server starts faster. A session and its
/// early data may serve several times, a token once (RFC 9000 section 8.1.3).
public struct QUICResumption: Sendable {
    /// The TLS session with the server's latest ticket; nil before one came.
    public var session: [UInt8]?
    /// Seconds for which the session may be resumed, from when its ticket came (RFC 8446 section 4.6.1).
    public var sessionLifetime: UInt32
    /// What early data needs; nil without a session, and when the ticket allows none.
    public var earlyData: QUICEarlyData?
    /// The version of QUIC that all of it belongs to: the next connection must begin with it (RFC 9369 section 5).
    public var version: UInt32
    /// The address-validation token of the server's latest NEW_TOKEN; empty before one came.
    public var token: [UInt8]

    public init(
        session: [UInt8]? = nil, sessionLifetime: UInt32 = 0, earlyData: QUICEarlyData? = nil, token: [UInt8] = [],
        version: UInt32 = QUICSettings.Version.v1
    ) {
        self.version = version
        self.session = session
        self.sessionLifetime = sessionLifetime
        self.earlyData = earlyData
        self.token = token
    }
}

extension QUICConnection {
    /// What the server has given for later connections since the last call; nil when nothing is new. Client only.
    public func takeResumption() -> QUICResumption? {
        guard hasNewResumption, phase == .established else { return nil }
        hasNewResumption = false
        let session = tls?.resumptionData()
        let allowsEarlyData = session != nil && ticket?.allowsEarlyData == true
        return QUICResumption(
            session: session, sessionLifetime: ticket?.lifetime ?? 0,
            earlyData: allowsEarlyData ? earlyDataForNextConnection : nil, token: receivedToken, version: version)
    }

    /// Early data was offered, and may be sent: the handshake is not complete. Client only.
    public var isSendingEarlyData: Bool { sendsEarlyData && phase == .handshaking }

    /// Chooses whose tickets the TLS session takes and gives, as soon as the client's parameters have told the version
    /// that the connection goes on with. A ticket that the client's hello brings is of the version that it began with,
    /// one that it gets is of the version in use (RFC 9369 section 5), and a session has one ticket key: a connection
    /// that resumes and changes its version takes the ticket, and gives none. Server only.
    func chooseTickets() {
        let first = unsafe VersionTranslation.translated(ngtcp2_conn_get_client_chosen_version(native))
        // Without tickets the client makes full handshakes, and that is all.
        try? tls?.useTickets(ofVersion: helloOffersSession ? first : version)
    }

    /// The TLS session's tickets are of the version in use.
    var givesTickets: Bool { tls?.ticketVersion == version }

    /// Sees the server's session tickets come (RFC 8446 section 4.6.1).
    static let ticketArrived:
        @convention(c) (gnutls_session_t?, UInt32, UInt32, UInt32, UnsafePointer<gnutls_datum_t>?) -> Int32 = {
            session, _, moment, _, message in
            guard let pointer = unsafe gnutls_session_get_ptr(session) else { return 0 }
            let reference = unsafe pointer.assumingMemoryBound(to: ngtcp2_crypto_conn_ref.self)
            let connection = unsafe QUICConnection.from(reference.pointee.user_data)
            // The message is there before GnuTLS has taken it in, and the session after.
            if moment == UInt32(GNUTLS_HOOK_POST) {
                connection.hasNewResumption = true
            } else if let message = unsafe message?.pointee {
                connection.ticket = unsafe SessionTicket(
                    UnsafeRawBufferPointer(start: message.data, count: Int(message.size)))
            }
            return 0
        }
}

/// What a NewSessionTicket message says about the ticket in it (RFC 8446 section 4.6.1).
struct SessionTicket: Equatable {
    /// Seconds.
    var lifetime: UInt32
    /// It allows early data over QUIC (RFC 9001 section 4.6.1).
    var allowsEarlyData = false

    /// Reads the message; nil when it is cut short.
    init?(_ message: UnsafeRawBufferPointer) {
        var offset = 0
        func number(_ size: Int) -> UInt32? {
            guard message.count - offset >= size else { return nil }
            var value: UInt32 = 0
            for index in offset..<offset + size { unsafe value = value << 8 | UInt32(message[index]) }
            offset += size
            return value
        }
        func skip(_ size: UInt32?) -> Bool {
            guard let size, message.count - offset >= Int(size) else { return false }
            offset += Int(size)
            return true
        }
        // Lifetime, age_add, nonce, ticket, extensions.
        guard let lifetime = number(4), number(4) != nil, skip(number(1)), skip(number(2)), number(2) != nil else {
            return nil
        }
        self.lifetime = lifetime
        while let type = number(2), let size = number(2) {
            let start = offset
            if type == Self.earlyDataExtension, size == 4 { allowsEarlyData = number(4) == .max }
            offset = start
            guard skip(size) else { return }
        }
    }

    private static let earlyDataExtension: UInt32 = 42
}
