// The TLS half of one QUIC connection.

public import CGnuTLS

/// The TLS session of one QUIC connection. The QUIC transport joins `handle` to its connection, feeds it handshake
/// bytes, and keeps this object as long as the connection. Never leaves the worker's thread.
///
/// The session's own pointer (`gnutls_session_set_ptr`) and its handshake hook are the transport's to set; this object
/// uses the session's database pointer.
@safe public final class QUICTLSSession {
    /// The GnuTLS session; freed with this object.
    public let handle: gnutls_session_t
    private let context: QUICTLSContext
    /// Why this side refused the handshake by its own rules (SNI, ALPN); nil when it did not.
    private(set) public var refusal: TLSError?
    /// The file of the certificate that this server has chosen; nil before, and when a session was resumed.
    private(set) var certificateFile: String?
    /// The version of QUIC whose tickets this server takes and gives; nil before it is known, and at a client.
    private(set) public var ticketVersion: UInt32?
    /// Server: what the client's certificate is verified by.
    var demands: ClientVerification?
    /// The settings of a line of a list that the session has; nil: the bind line's own.
    private var variant: Int?
    /// What verifying the client's certificate has come to.
    private(set) var verdict = ClientVerdict()
    private(set) var verification = ClientVerification.Result()
    /// What the client said in its hello, when it was to be kept.
    private(set) public var hello: ClientHelloCapture?
    /// The C string that GnuTLS points to while it verifies the peer's name.
    private var verifiedName: UnsafeMutablePointer<CChar>?

    init(context: QUICTLSContext, flags: UInt32) throws(TLSError) {
        var handle: gnutls_session_t?
        try QUICTLSContext.check(unsafe gnutls_init(&handle, flags))
        guard let handle = unsafe handle else { throw TLSError(.internal, "no session") }
        unsafe self.handle = handle
        self.context = context
        unsafe self.verifiedName = nil
        unsafe gnutls_db_set_ptr(handle, Unmanaged.passUnretained(self).toOpaque())
        try unsafe context.configure(handle)
    }

    deinit {
        unsafe gnutls_deinit(handle)
        unsafe verifiedName?.deallocate()
    }

    /// The object of a handle that this module made.
    static func of(_ handle: gnutls_session_t) -> QUICTLSSession? {
        guard let pointer = unsafe gnutls_db_get_ptr(handle) else { return nil }
        return unsafe Unmanaged<QUICTLSSession>.fromOpaque(pointer).takeUnretainedValue()
    }

    // MARK: What was negotiated

    /// The agreed protocol; `none` before the handshake has come that far.
    public var applicationProtocol: ApplicationProtocol {
        var identifier = unsafe gnutls_datum_t()
        guard unsafe gnutls_alpn_get_selected_protocol(handle, &identifier) == 0 else { return .none }
        return unsafe ApplicationProtocol(
            UnsafeRawBufferPointer(start: identifier.data, count: Int(identifier.size)))
    }

    /// The agreed ALPN identifier, or nil.
    public var alpn: String? {
        var identifier = unsafe gnutls_datum_t()
        guard unsafe gnutls_alpn_get_selected_protocol(handle, &identifier) == 0 else { return nil }
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: identifier.data, count: Int(identifier.size)), as: UTF8.self)
    }

    /// The name that the client asked for (server side), as it was sent; nil when there was none.
    public var serverName: String? {
        unsafe withServerName { bytes in
            unsafe bytes.map { unsafe String(decoding: $0, as: UTF8.self) }
        }
    }

    /// The cipher suite's TLS name, or nil before it was agreed on.
    public var cipherSuite: String? {
        unsafe gnutls_ciphersuite_get(handle).map { unsafe String(cString: $0) }
    }

    /// True when the handshake resumed an earlier session.
    public var isResumed: Bool {
        unsafe gnutls_session_is_resumed(handle) != 0
    }

    /// True when the server has accepted early data (0-RTT). Known on the server once it has read the client hello, on
    /// the client once the handshake is done.
    public var isEarlyDataAccepted: Bool {
        unsafe gnutls_session_get_flags(handle) & UInt32(GNUTLS_SFLAGS_EARLY_DATA.rawValue) != 0
    }

    /// Client: why the server's certificate did not verify, or nil.
    public var verificationFailure: String? {
        let status = unsafe gnutls_session_get_verify_cert_status(handle)
        guard status != 0, status != UInt32.max else { return nil }
        var text = unsafe gnutls_datum_t()
        guard
            unsafe gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) == 0,
            let data = unsafe text.data
        else { return "status \(status)" }
        defer { unsafe portico_gnutls_free(data) }
        return unsafe String(decoding: UnsafeRawBufferPointer(start: data, count: Int(text.size)), as: UTF8.self)
    }

    // MARK: Resumption

    /// Server: says whose tickets are taken and given, since a ticket holds for one version of QUIC only (RFC 9369,
    /// section 5). It holds for the whole session; later calls change nothing. GnuTLS must not yet have read the
    /// client's hello: without a key it passes over all that has to do with tickets.
    public func useTickets(ofVersion version: UInt32) throws(TLSError) {
        guard ticketVersion == nil else { return }
        try unsafe context.enableTickets(ofVersion: version, on: handle)
        ticketVersion = version
    }

    /// Server: writes one session ticket into the handshake stream. Call once the handshake is complete.
    public func sendTicket() throws(TLSError) {
        try QUICTLSContext.check(unsafe gnutls_session_ticket_send(handle, 1, 0))
    }

    /// Client: the session to resume on a later connection, once a ticket has come; nil before.
    public func resumptionData() -> [UInt8]? {
        guard unsafe gnutls_session_get_flags(handle) & UInt32(GNUTLS_SFLAGS_SESSION_TICKET.rawValue) != 0 else {
            return nil
        }
        var data = unsafe gnutls_datum_t()
        guard unsafe gnutls_session_get_data2(handle, &data) == 0, let start = unsafe data.data else { return nil }
        defer { unsafe portico_gnutls_free(start) }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: Int(data.size)))
    }

    // MARK: For QUICTLSContext and its callbacks

    /// Client: sets the name to send, and to verify.
    func name(_ serverName: String, verified: Bool) throws(TLSError) {
        if !ServerName.isAddress(serverName) {
            var name = serverName
            let status = name.withUTF8 { bytes in
                unsafe gnutls_server_name_set(handle, GNUTLS_NAME_DNS, bytes.baseAddress, bytes.count)
            }
            try QUICTLSContext.check(status)
        }
        guard verified else { return }
        let utf8 = serverName.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: utf8.count)
        for index in utf8.indices { unsafe (copy + index).initialize(to: utf8[index]) }
        unsafe verifiedName = copy
        unsafe gnutls_session_set_verify_cert(handle, copy, 0)
    }

    func checkClientHello() -> Int32 {
        guard applicationProtocol != .none else {
            refusal = TLSError(
                .noApplicationProtocol, "the client offers no ALPN protocol", alert: .noApplicationProtocol)
            return GNUTLS_E_NO_APPLICATION_PROTOCOL
        }
        if context.strictSNI, matchingCertificates == nil {
            refusal = TLSError(
                .unrecognizedName, "no certificate for the server name '\(serverName ?? "")'",
                alert: .unrecognizedName)
            return GNUTLS_E_UNRECOGNIZED_NAME
        }
        return applyVariant()
    }

    /// Takes the settings of the line of a list that the client's name stands in: of an ECDSA certificate before others, as
    /// the client's signature algorithms are not known yet.
    private func applyVariant() -> Int32 {
        guard let store = context.certificates, store.hasVariants else { return 0 }
        let set = matchingCertificates ?? store.defaultCertificates
        guard let kind = KeyKind.allCases.first(where: { set[$0] != nil }), let chosen = set.variant(of: kind) else {
            return 0
        }
        variant = chosen
        return context.apply(chosen, to: self)
    }

    /// Keeps what the client said in its hello.
    @unsafe func keep(_ bytes: UnsafeRawBufferPointer) {
        hello = unsafe ClientHelloCapture(Span<UInt8>(_unsafeBytes: bytes), room: context.helloCapacity)
    }

    /// Whether the certificates that the client has shown are good enough.
    func verifyClient() -> Bool {
        guard let demands else { return true }
        let chain = peerChain
        // GnuTLS asks also about a client that has shown none.
        if chain.isEmpty { return !demands.isRequired }
        verification = demands.verify(chain, &verdict)
        if verification.isAccepted { return true }
        refusal = TLSError(
            verdict.refusal ?? .clientCertificate, verdict.reason,
            alert: ClientVerdict.alert(for: verdict.refusedError))
        return false
    }

    /// What verifying the certificate of a resumed session gives: tickets do not hold that.
    var resumedVerification: ClientVerification.Result {
        guard let demands else { return ClientVerification.Result() }
        let chain = peerChain
        guard !chain.isEmpty else { return ClientVerification.Result() }
        var unused = ClientVerdict()
        return demands.verify(chain, &unused)
    }

    /// The certificate for the client's server name whose key the client can verify, ECDSA before RSA.
    func chooseCertificate() -> QUICCertificate? {
        guard let store = context.certificates else { return context.ownCertificate }
        let candidates = matchingCertificates ?? store.defaultCertificates
        // Certificates with other settings than the session has are not for it.
        for kind in KeyKind.allCases where candidates.variant(of: kind) == variant {
            if case .success(let certificate) = candidates[kind]?.quic, clientVerifies(certificate) {
                certificateFile = candidates[kind]?.file
                return certificate
            }
        }
        refusal = TLSError(
            .handshake, "the client accepts no signature algorithm of the certificate", alert: .handshakeFailure)
        return nil
    }

    private var matchingCertificates: CertificateSet? {
        unsafe withServerName { bytes in
            unsafe bytes.flatMap { unsafe context.certificates?.certificates(for: $0) }
        }
    }

    private func withServerName<Result>(_ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        unsafe withUnsafeTemporaryAllocation(byteCount: ServerName.maximumLength + 1, alignment: 1) { buffer in
            var length = buffer.count
            var type: UInt32 = 0
            guard unsafe gnutls_server_name_get(handle, buffer.baseAddress, &length, &type, 0) == 0,
                type == GNUTLS_NAME_DNS.rawValue
            else { return body(nil) }
            return unsafe body(UnsafeRawBufferPointer(rebasing: buffer[..<length]))
        }
    }

    /// True when the client's signature_algorithms extension allows one that the certificate's key makes
    /// (RFC 8446, section 4.2.3).
    private func clientVerifies(_ certificate: QUICCertificate) -> Bool {
        var index = 0
        var algorithm = GNUTLS_SIGN_UNKNOWN
        while unsafe gnutls_sign_algorithm_get_requested(handle, index, &algorithm) == 0 {
            if certificate.signatureAlgorithms.contains(algorithm) { return true }
            index += 1
        }
        return false
    }
}
