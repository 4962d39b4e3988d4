// TLS settings of QUIC endpoints: makes configured GnuTLS sessions.

import CGnuTLS
import COpenSSL
import Glibc

/// The TLS settings of one QUIC `bind` line or server, for one worker. Never leaves the worker's thread.
@safe public final class QUICTLSContext {
    /// Settings for some of the names that a bind line serves.
    public struct Variant: Sendable {
        public var cipherSuites: [QUICCipherSuite]
        public var groups: [KeyExchangeGroup]
        public var verification: ClientVerification?

        public init(
            cipherSuites: [QUICCipherSuite], groups: [KeyExchangeGroup], verification: ClientVerification?
        ) {
            self.cipherSuites = cipherSuites
            self.groups = groups
            self.verification = verification
        }
    }

    /// What a server needs.
    public struct ServerOptions: Sendable {
        public var certificates: CertificateStore
        public var ticketKeys: TicketKeyRing
        /// One of these must be negotiated; the first that the client offers wins (RFC 9001, section 8.1).
        public var alpn: ALPNList = "h3"
        /// `strict-sni`: refuse clients that name no server, or one that no certificate covers.
        public var strictSNI = false
        public var cipherSuites: [QUICCipherSuite] = [.aes128GCM, .aes256GCM, .chaCha20Poly1305]
        public var groups: [KeyExchangeGroup] = [.x25519, .p256, .p384, .p521]
        /// How long a ticket resumes a session, in seconds.
        public var sessionLifetime = 3600
        /// Admits early data (0-RTT), each hello once; nil refuses all of it. Shared by all workers that share the
        /// ticket keys.
        public var replayGuard: ReplayGuard?
        /// What clients' certificates are verified by; nil: clients are asked for none.
        public var verification: ClientVerification?
        /// Bytes of the client's hello to keep for fetches (`tune.ssl.capture-buffer-size`); 0: none.
        public var helloCapacity = 0
        /// Settings of lines of lists of certificates: see ``CertificateEntry/variant``.
        public var variants: [Variant] = []

        public init(certificates: CertificateStore, ticketKeys: TicketKeyRing) {
            self.certificates = certificates
            self.ticketKeys = ticketKeys
        }
    }

    /// What a client needs.
    public struct ClientOptions: Sendable {
        /// Whom to trust; nil is `verify none`.
        public var trust: TrustStore?
        public var alpn: ALPNList = "h3"
        /// Whether a resumed session offers early data (0-RTT).
        public var offersEarlyData = false
        /// The certificate to show to servers that ask for one.
        public var certificate: Certificate?
        public var cipherSuites: [QUICCipherSuite] = [.aes128GCM, .aes256GCM, .chaCha20Poly1305]
        public var groups: [KeyExchangeGroup] = [.x25519, .p256, .p384, .p521]

        public init(trust: TrustStore? = nil) {
            self.trust = trust
        }
    }

    /// What a client shows to servers that ask; nil in a server, and when there is none.
    let ownCertificate: QUICCertificate?
    /// Certificates and lookups of a server; nil in a client.
    let certificates: CertificateStore?
    let strictSNI: Bool
    /// Of a server: what its clients are verified by.
    private let verification: ClientVerification?
    private let variants: [QUICProfile]
    let helloCapacity: Int
    private let alpn: ALPNList
    private let verifiesPeer: Bool
    private let ticketKey: [UInt8]
    /// Of versions of QUIC beside the first.
    private let otherTicketKey: [UInt8]
    private let sessionLifetime: Int
    private let replayGuard: ReplayGuard?
    /// GnuTLS's side of `replayGuard`.
    private let antiReplay: gnutls_anti_replay_t?
    private let offersEarlyData: Bool
    private let credentials: gnutls_certificate_credentials_t
    private let priorities: gnutls_priority_t

    /// Settings of a QUIC listener. Throws `configuration`, also when GnuTLS refuses one of the certificates.
    public init(server options: ServerOptions) throws(TLSError) {
        for certificate in options.certificates.certificates {
            if case .failure(let error) = certificate.quic {
                throw TLSError(.configuration, "'\(certificate.file)' is not usable for QUIC: \(error.reason)")
            }
        }
        guard !options.alpn.identifiers.isEmpty else {
            throw TLSError(.configuration, "QUIC needs at least one ALPN protocol")
        }
        if let guardian = options.replayGuard {
            guard guardian.lifetime >= options.sessionLifetime else {
                throw TLSError(.configuration, "tickets outlive the memory of the replay guard")
            }
            // Early data of a session belongs to its protocol (RFC 8446, section 4.2.10), which tickets do not hold.
            guard options.alpn.identifiers.count == 1 else {
                throw TLSError(.configuration, "early data needs exactly one ALPN protocol")
            }
        }
        unsafe priorities = try Self.priorities(options.cipherSuites, options.groups, server: true)
        do throws(TLSError) {
            unsafe credentials = try Self.makeCredentials()
        } catch {
            unsafe gnutls_priority_deinit(priorities)
            throw error
        }
        do throws(TLSError) {
            unsafe antiReplay = try options.replayGuard.map(Self.makeAntiReplay)
        } catch {
            unsafe gnutls_priority_deinit(priorities)
            unsafe gnutls_certificate_free_credentials(credentials)
            throw error
        }
        ownCertificate = nil
        replayGuard = options.replayGuard
        offersEarlyData = false
        unsafe gnutls_certificate_set_retrieve_function3(credentials, retrieveCertificate)
        certificates = options.certificates
        strictSNI = options.strictSNI
        alpn = options.alpn
        verifiesPeer = false
        verification = options.verification
        helloCapacity = options.helloCapacity
        ticketKey = Self.ticketKey(options.ticketKeys, options.verification)
        otherTicketKey = Self.otherTicketKey(ticketKey)
        sessionLifetime = options.sessionLifetime
        var variants: [QUICProfile] = []
        for variant in options.variants { variants.append(try QUICProfile(variant, options.ticketKeys)) }
        self.variants = variants
        if let verification { try unsafe Self.demand(verification, in: credentials) }
    }

    /// Settings for connections to QUIC servers. Throws when GnuTLS refuses a trusted certificate.
    public init(client options: ClientOptions) throws(TLSError) {
        guard !options.alpn.identifiers.isEmpty else {
            throw TLSError(.configuration, "QUIC needs at least one ALPN protocol")
        }
        switch options.certificate?.quic {
        case .success(let certificate): ownCertificate = certificate
        case .failure(let error):
            throw TLSError(
                .configuration, "'\(options.certificate?.file ?? "")' is not usable for QUIC: \(error.reason)")
        case nil: ownCertificate = nil
        }
        unsafe priorities = try Self.priorities(options.cipherSuites, options.groups, server: false)
        do throws(TLSError) {
            unsafe credentials = try Self.makeCredentials()
        } catch {
            unsafe gnutls_priority_deinit(priorities)
            throw error
        }
        certificates = nil
        replayGuard = nil
        unsafe antiReplay = nil
        offersEarlyData = options.offersEarlyData
        strictSNI = false
        verification = nil
        variants = []
        helloCapacity = 0
        alpn = options.alpn
        verifiesPeer = options.trust != nil
        ticketKey = []
        otherTicketKey = []
        sessionLifetime = 0
        if ownCertificate != nil {
            unsafe gnutls_certificate_set_retrieve_function3(credentials, retrieveCertificate)
        }
        if let trust = options.trust {
            try unsafe Self.load(trust, into: credentials)
        }
    }

    deinit {
        unsafe gnutls_priority_deinit(priorities)
        unsafe gnutls_certificate_free_credentials(credentials)
        if let antiReplay = unsafe antiReplay { unsafe gnutls_anti_replay_deinit(antiReplay) }
    }

    /// A session for a connection that a client opened.
    ///
    /// - Parameter ticketVersion: The version of QUIC whose tickets it takes and gives; nil when that shows only in the
    ///   handshake, and `QUICTLSSession.useTickets` says it then.
    public func makeServerSession(ticketVersion: UInt32? = 1) throws(TLSError) -> QUICTLSSession {
        precondition(certificates != nil, "a client context makes no server sessions")
        var flags = GNUTLS_SERVER.rawValue | GNUTLS_NO_AUTO_SEND_TICKET.rawValue
        if unsafe antiReplay != nil { flags |= Self.earlyDataFlags }
        let session = try QUICTLSSession(context: self, flags: flags)
        if let antiReplay = unsafe antiReplay {
            unsafe gnutls_anti_replay_enable(session.handle, antiReplay)
            // The one value that QUIC allows (RFC 9001, section 4.6.1): flow control limits early data.
            unsafe gnutls_record_set_max_early_data_size(session.handle, Int(UInt32.max))
        }
        if let ticketVersion { try session.useTickets(ofVersion: ticketVersion) }
        unsafe gnutls_db_set_cache_expiration(session.handle, Int32(clamping: sessionLifetime))
        unsafe gnutls_handshake_set_post_client_hello_function(session.handle, checkClientHello)
        if helloCapacity > 0 {
            unsafe gnutls_handshake_set_hook_function(
                session.handle, UInt32(GNUTLS_HANDSHAKE_CLIENT_HELLO.rawValue), Int32(GNUTLS_HOOK_PRE), captureHello)
        }
        if let verification {
            session.demands = verification
            unsafe Self.ask(session.handle, verification)
        }
        return session
    }

    // MARK: Certificates of clients, and lines of lists

    /// The key of tickets. GnuTLS resumes whatever it opens: other demands, another key.
    static func ticketKey(_ keys: TicketKeyRing, _ verification: ClientVerification?) -> [UInt8] {
        let masterKey = keys.quicMasterKey
        return verification.map { derive(from: masterKey, $0.digest) } ?? masterKey
    }

    /// The key for other versions of QUIC than the first.
    static func otherTicketKey(_ key: [UInt8]) -> [UInt8] {
        derive(from: key, Array("QUIC version 2 tickets".utf8))
    }

    private static func enableTickets(_ handle: gnutls_session_t, _ key: [UInt8]) -> Int32 {
        var key = key
        return unsafe key.withUnsafeMutableBytes { bytes in
            var datum = unsafe gnutls_datum_t(
                data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), size: UInt32(bytes.count))
            return unsafe gnutls_session_ticket_enable_server(handle, &datum)
        }
    }

    /// Has GnuTLS ask us about clients' certificates, and tell clients the authorities' names.
    static func demand(
        _ verification: ClientVerification, in credentials: gnutls_certificate_credentials_t
    ) throws(TLSError) {
        unsafe gnutls_certificate_set_verify_function(credentials, verifyClient)
        if let named = verification.named { try unsafe load(named, into: credentials) }
    }

    /// Asks the client of a session for its certificate, or not.
    private static func ask(_ handle: gnutls_session_t, _ verification: ClientVerification?) {
        guard let verification else {
            return unsafe gnutls_certificate_server_set_request(handle, GNUTLS_CERT_IGNORE)
        }
        unsafe gnutls_certificate_server_set_request(
            handle, verification.isRequired ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST)
        // The function's argument says whether to leave the names out.
        unsafe gnutls_certificate_send_x509_rdn_sequence(handle, verification.named == nil ? 1 : 0)
    }

    /// Gives a session the settings of the line of a list that the client's name stands in; GnuTLS's status.
    func apply(_ variant: Int, to session: QUICTLSSession) -> Int32 {
        guard variants.indices.contains(variant) else { return 0 }
        let profile = variants[variant]
        let handle = unsafe session.handle
        session.demands = profile.verification
        unsafe Self.ask(handle, profile.verification)
        var status = unsafe gnutls_credentials_set(
            handle, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(profile.credentials))
        if status >= 0 { status = unsafe gnutls_priority_set(handle, profile.priorities) }
        // The key can be changed as long as no ticket was opened with it, and that comes after the names.
        if status >= 0, let version = session.ticketVersion {
            status = unsafe Self.enableTickets(handle, version == 1 ? profile.ticketKey : profile.otherTicketKey)
        }
        return status
    }

    /// A session for a connection that this proxy opens.
    ///
    /// - serverName: sent as SNI, and checked against the certificate where the context verifies.
    /// - resuming: what `QUICTLSSession.resumptionData()` gave on an earlier connection to the same server.
    /// - offersEarlyData: whether this session offers early data, where the context does.
    public func makeClientSession(
        serverName: String?, resuming: [UInt8]? = nil, offersEarlyData: Bool = true
    ) throws(TLSError) -> QUICTLSSession {
        precondition(certificates == nil, "a server context makes no client sessions")
        let flags = GNUTLS_CLIENT.rawValue | (offersEarlyData && self.offersEarlyData ? Self.earlyDataFlags : 0)
        let session = try QUICTLSSession(context: self, flags: flags)
        if let serverName {
            try session.name(serverName, verified: verifiesPeer)
        } else if verifiesPeer {
            unsafe gnutls_session_set_verify_cert(session.handle, nil, 0)
        }
        if let resuming {
            try Self.check(
                unsafe resuming.withUnsafeBytes { bytes in
                    unsafe gnutls_session_set_data(session.handle, bytes.baseAddress, bytes.count)
                })
        }
        return session
    }

    /// Gives a server session the key of one version's tickets. GnuTLS takes one in a session's life.
    func enableTickets(ofVersion version: UInt32, on handle: gnutls_session_t) throws(TLSError) {
        try Self.check(unsafe Self.enableTickets(handle, version == 1 ? ticketKey : otherTicketKey))
    }

    /// What server and client sessions share.
    func configure(_ handle: gnutls_session_t) throws(TLSError) {
        try Self.check(unsafe gnutls_priority_set(handle, priorities))
        try Self.check(
            unsafe gnutls_credentials_set(handle, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials)))
        var wire = alpn.wire
        let status = unsafe wire.withUnsafeMutableBytes { bytes in
            unsafe withUnsafeTemporaryAllocation(of: gnutls_datum_t.self, capacity: ALPNList.maximumCount) { list in
                var offset = 0
                for (index, identifier) in alpn.identifiers.enumerated() {
                    let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    unsafe list.initializeElement(
                        at: index,
                        to: gnutls_datum_t(data: start.map { unsafe $0 + offset + 1 }, size: UInt32(identifier.count)))
                    offset += 1 + identifier.count
                }
                let flags = GNUTLS_ALPN_MANDATORY.rawValue | GNUTLS_ALPN_SERVER_PRECEDENCE.rawValue
                return unsafe gnutls_alpn_set_protocols(
                    handle, list.baseAddress, UInt32(alpn.identifiers.count), flags)
            }
        }
        try Self.check(status)
    }

    /// QUIC has no EndOfEarlyData message (RFC 9001, section 8.3).
    private static let earlyDataFlags =
        GNUTLS_ENABLE_EARLY_DATA.rawValue | GNUTLS_NO_END_OF_EARLY_DATA.rawValue

    /// GnuTLS's own recording forgets all tickets older than its last window. With a window without end it never
    /// rolls over, and each hello comes to the guard.
    private static func makeAntiReplay(_ replayGuard: ReplayGuard) throws(TLSError) -> gnutls_anti_replay_t {
        var antiReplay: gnutls_anti_replay_t?
        try check(unsafe gnutls_anti_replay_init(&antiReplay))
        guard let antiReplay = unsafe antiReplay else { throw TLSError(.internal, "no replay recording") }
        unsafe gnutls_anti_replay_set_window(antiReplay, UInt32.max)
        unsafe gnutls_anti_replay_set_add_function(antiReplay, recordHello)
        unsafe gnutls_anti_replay_set_ptr(antiReplay, Unmanaged.passUnretained(replayGuard).toOpaque())
        return unsafe antiReplay
    }

    /// Another ticket key, of the same size: HMAC-SHA512, so that all who share the first share this one too.
    private static func derive(from key: [UInt8], _ purpose: [UInt8]) -> [UInt8] {
        return unsafe [UInt8](unsafeUninitializedCapacity: 64) { output, count in
            let result = unsafe gnutls_hmac_fast(
                GNUTLS_MAC_SHA512, key, key.count, purpose, purpose.count, output.baseAddress)
            // The algorithm is always there: only a want of memory can fail here.
            precondition(result == 0, "HMAC-SHA512 can not be set up")
            count = 64
        }
    }

    static func check(_ status: Int32) throws(TLSError) {
        guard status < 0 else { return }
        throw TLSError(.internal, GnuTLSErrors.reason(status))
    }

    static func makeCredentials() throws(TLSError) -> gnutls_certificate_credentials_t {
        var credentials: gnutls_certificate_credentials_t?
        try check(unsafe gnutls_certificate_allocate_credentials(&credentials))
        guard let credentials = unsafe credentials else { throw TLSError(.internal, "no credentials") }
        return unsafe credentials
    }

    private static func load(
        _ trust: TrustStore, into credentials: gnutls_certificate_credentials_t
    ) throws(TLSError) {
        for certificate in trust.certificates {
            let count = unsafe certificate.withDER { der in
                unsafe gnutls_certificate_set_x509_trust_mem(credentials, &der, GNUTLS_X509_FMT_DER)
            }
            try check(count)
        }
        guard !trust.revocations.isEmpty else { return }
        var revocations = trust.revocations
        let status = unsafe revocations.withUnsafeMutableBytes { bytes in
            var pem = unsafe gnutls_datum_t(
                data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), size: UInt32(bytes.count))
            return unsafe gnutls_certificate_set_x509_crl_mem(credentials, &pem, GNUTLS_X509_FMT_PEM)
        }
        try check(status)
    }

    /// TLS 1.3 only, no middlebox compatibility (RFC 9001, section 8.4); suites and groups in the given order.
    static func priorities(
        _ suites: [QUICCipherSuite], _ groups: [KeyExchangeGroup], server: Bool
    ) throws(TLSError) -> gnutls_priority_t {
        var text = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL"
        for suite in suites { text += ":+" + suite.gnutlsName }
        text += ":-GROUP-ALL"
        for group in groups { text += ":+" + group.gnutlsName }
        text += ":%DISABLE_TLS13_COMPAT_MODE"
        if server { text += ":%SERVER_PRECEDENCE" }
        var priorities: gnutls_priority_t?
        let status = unsafe gnutls_priority_init(&priorities, text, nil)
        guard status >= 0, let priorities = unsafe priorities else {
            throw TLSError(.configuration, "cipher suites or curves for QUIC: \(GnuTLSErrors.reason(status))")
        }
        return unsafe priorities
    }
}

// MARK: - GnuTLS callbacks

/// After the client hello: ALPN must have been offered and agreed on (RFC 9001, section 8.1), and `strict-sni` wants a
/// certificate for the name. Runs on resumption too.
private func checkClientHello(handle: gnutls_session_t?) -> Int32 {
    guard let handle = unsafe handle, let session = unsafe QUICTLSSession.of(handle) else {
        return GNUTLS_E_INTERNAL_ERROR
    }
    return session.checkClientHello()
}

/// Chooses the certificate by server name and by what the client can verify.
func retrieveCertificate(
    handle: gnutls_session_t?, information: UnsafePointer<gnutls_cert_retr_st>?,
    certificates: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?,
    count: UnsafeMutablePointer<UInt32>?, ocsp: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_ocsp_data_st>?>?,
    ocspCount: UnsafeMutablePointer<UInt32>?, privateKey: UnsafeMutablePointer<gnutls_privkey_t?>?,
    flags: UnsafeMutablePointer<UInt32>?
) -> Int32 {
    guard let handle = unsafe handle, let session = unsafe QUICTLSSession.of(handle) else { return -1 }
    guard let certificate = session.chooseCertificate() else {
        // No certificate is an answer too: GnuTLS sends handshake_failure.
        unsafe count?.pointee = 0
        return 0
    }
    unsafe certificates?.pointee = certificate.chain
    unsafe count?.pointee = certificate.chainCount
    unsafe ocspCount?.pointee = 0
    unsafe privateKey?.pointee = certificate.privateKey
    // Nothing for GnuTLS to free: the store outlives the session.
    unsafe flags?.pointee = 0
    return 0
}

/// GnuTLS shows the client's hello, without type and length: it is kept.
private func captureHello(
    handle: gnutls_session_t?, type: UInt32, when: UInt32, isIncoming: UInt32, message: UnsafePointer<gnutls_datum_t>?
) -> Int32 {
    guard isIncoming != 0, let handle = unsafe handle, let session = unsafe QUICTLSSession.of(handle),
        let message = unsafe message
    else { return 0 }
    let hello = unsafe UnsafeRawBufferPointer(start: message.pointee.data, count: Int(message.pointee.size))
    unsafe session.keep(hello)
    return 0
}

/// The client has shown certificates, and signed with the key of the first.
private func verifyClient(handle: gnutls_session_t?) -> Int32 {
    guard let handle = unsafe handle, let session = unsafe QUICTLSSession.of(handle) else {
        return GNUTLS_E_INTERNAL_ERROR
    }
    return session.verifyClient() ? 0 : GNUTLS_E_CERTIFICATE_ERROR
}

/// Asks the replay guard about a hello. The key is GnuTLS's window start (12 bytes, which differ between workers), then
/// the binder.
private func recordHello(
    guardian: UnsafeMutableRawPointer?, expiry: time_t, key: UnsafePointer<gnutls_datum_t>?,
    data: UnsafePointer<gnutls_datum_t>?
) -> Int32 {
    let prefix = 12
    guard let guardian = unsafe guardian, let key = unsafe key, unsafe Int(key.pointee.size) > prefix else {
        return GNUTLS_E_DB_ERROR
    }
    let replayGuard = unsafe Unmanaged<ReplayGuard>.fromOpaque(guardian).takeUnretainedValue()
    let whole = unsafe UnsafeRawBufferPointer(start: key.pointee.data, count: Int(key.pointee.size))
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    let isNew = unsafe replayGuard.admit(binder: UnsafeRawBufferPointer(rebasing: whole[prefix...]), now: now.tv_sec)
    return isNew ? 0 : GNUTLS_E_DB_ENTRY_EXISTS
}
