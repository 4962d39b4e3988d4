// TLS towards one server, for one worker.

import COpenSSL

/// The TLS of one `server` line on one worker: makes engines for the connections that this proxy opens. Never leaves
/// the worker's thread.
@safe public final class TLSClientContext {
    public struct Options: Sendable {
        public var settings = TLSSettings()
        /// Whom to trust (`verify required`); nil is `verify none`.
        public var trust: TrustStore?
        /// The name that the certificate must carry when no server name is sent (`verifyhost`).
        public var verifiedHost: String?
        /// Offered, most wanted first. Empty: no ALPN.
        public var alpn: ALPNList = ""
        /// The certificate to show to servers that ask for one (`crt`).
        public var certificate: Certificate?
        /// Whether a later connection resumes the session of an earlier one (`no-ssl-reuse` turns it off).
        public var reusesSessions = true

        public init() {}
    }

    let context: SSLContext
    private let options: Options
    let gathering = RecordBuffer()
    /// The newest session and the server name it belongs to.
    private var session: OpaquePointer?
    private var sessionName: String?

    /// Throws `configuration`.
    public init(_ options: Options) throws(TLSError) {
        context = try SSLContext(server: false, options.settings)
        self.options = options
        unsafe session = nil
        let pointer = unsafe context.pointer
        if let trust = options.trust {
            unsafe SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
            try context.check(unsafe portico_ssl_ctx_set_store(pointer, trust.store), "trusted certificates")
        } else {
            unsafe SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
        }
        if let certificate = options.certificate { try context.use(certificate) }
        if !options.alpn.wire.isEmpty {
            // Unlike the rest of the library, this one answers 0 on success.
            let status = unsafe SSL_CTX_set_alpn_protos(
                pointer, options.alpn.wire, UInt32(options.alpn.wire.count))
            try context.check(status == 0 ? 1 : 0, "alpn")
        }
        if options.reusesSessions {
            unsafe SSL_CTX_set_ex_data(pointer, TLSServerContext.index, Unmanaged.passUnretained(self).toOpaque())
            unsafe portico_ssl_ctx_set_session_cache_mode(
                pointer, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
            unsafe SSL_CTX_sess_set_new_cb(pointer, keepSession)
        } else {
            unsafe portico_ssl_ctx_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
            unsafe portico_ssl_ctx_disable_tickets(pointer)
        }
    }

    deinit {
        unsafe SSL_SESSION_free(session)
    }

    /// An engine for a connection to the server on `descriptor`, which stays the caller's.
    ///
    /// - serverName: sent as SNI, and checked against the certificate where the context verifies. An IP address is
    ///   checked but not sent (RFC 6066, section 3).
    public func makeEngine(descriptor: Int32, serverName: String? = nil) throws(TLSError) -> TLSEngine {
        let engine = try TLSEngine(
            context: context, owner: self, gathering: gathering, descriptor: descriptor, isServer: false)
        let ssl = unsafe engine.ssl
        if let serverName, !ServerName.isAddress(serverName) {
            try context.check(unsafe portico_ssl_set_server_name(ssl, serverName), "server name '\(serverName)'")
        }
        if options.trust != nil, let host = serverName ?? options.verifiedHost {
            let status =
                if ServerName.isAddress(host) {
                    unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
                } else {
                    unsafe SSL_set1_host(ssl, host)
                }
            try context.check(status, "host to verify '\(host)'")
        }
        if let session = unsafe session, sessionName == serverName, unsafe SSL_SESSION_is_resumable(session) == 1 {
            unsafe SSL_set_session(ssl, session)
        }
        return engine
    }

    /// Takes over one reference to a session that a server has just issued.
    fileprivate func keep(_ session: OpaquePointer, serverName: String?) {
        unsafe SSL_SESSION_free(self.session)
        unsafe self.session = session
        sessionName = serverName
    }
}

/// OpenSSL hands over a new session: 1 keeps the reference.
private func keepSession(ssl: OpaquePointer?, session: OpaquePointer?) -> Int32 {
    guard let ssl = unsafe ssl, let session = unsafe session,
        let pointer = unsafe SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), TLSServerContext.index)
    else { return 0 }
    let context = unsafe Unmanaged<TLSClientContext>.fromOpaque(pointer).takeUnretainedValue()
    let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
    unsafe context.keep(session, serverName: name.map { unsafe String(cString: $0) })
    return 1
}
