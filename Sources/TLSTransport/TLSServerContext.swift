// TLS settings of one TCP bind line, for one worker.

public import Bytes
import COpenSSL
import Glibc

/// The TLS of one TCP `bind` line on one worker: makes engines for the connections that clients open. Never leaves the
/// worker's thread.
@safe public final class TLSServerContext {
    /// Settings for some of the names that a bind line serves.
    public struct Variant: Sendable {
        public var settings: TLSSettings
        public var alpn: ALPNList
        public var verification: ClientVerification?

        public init(settings: TLSSettings, alpn: ALPNList, verification: ClientVerification?) {
            self.settings = settings
            self.alpn = alpn
            self.verification = verification
        }
    }

    public struct Options: Sendable {
        public var certificates: CertificateStore
        public var settings = TLSSettings()
        /// Most wanted first; the server's order decides. A client that shares none goes on without a protocol, and
        /// speaks HTTP/1. Empty: no ALPN.
        public var alpn: ALPNList = "h2,http/1.1"
        /// `strict-sni`: refuse clients that name no server, or one that no certificate covers.
        public var strictSNI = false
        /// `prefer-client-ciphers`: the client's order of ciphers decides.
        public var prefersClientCiphers = false
        /// Keys of session tickets, shared by all workers; nil turns resumption off (`no-tls-tickets`).
        public var ticketKeys: TicketKeyRing?
        /// Tickets that a full TLS 1.3 handshake sends. Each resumes one connection, which brings the next; each costs
        /// the full handshake 20 µs.
        public var ticketsPerHandshake = 1
        /// How long a ticket resumes a session, in seconds (`tune.ssl.lifetime`).
        public var sessionLifetime = 300
        /// Tells this bind line's sessions from those of others with the same ticket keys: a session is resumed only
        /// where it was made. The same on all workers, at most 32 bytes of it count.
        public var sessionContext = "portico"
        /// What clients' certificates are verified by; nil: clients are asked for none.
        public var verification: ClientVerification?
        /// Bytes of the client's hello to keep for fetches (`tune.ssl.capture-buffer-size`); 0: none.
        public var helloCapacity = 0

        /// Settings of lines of lists of certificates: see ``CertificateEntry/variant``.
        public var variants: [Variant] = []

        public init(certificates: CertificateStore, ticketKeys: TicketKeyRing?) {
            self.certificates = certificates
            self.ticketKeys = ticketKeys
        }
    }

    /// The settings of the bind line, and those of lines of its lists of certificates.
    private let base: Profile
    private let variants: [Profile]
    let ticketCrypter: TicketCrypter?
    let certificates: CertificateStore
    private let strictSNI: Bool
    let helloCapacity: Int
    let gathering = RecordBuffer()

    /// Settings as OpenSSL has them.
    private struct Profile {
        let context: SSLContext
        let alpn: ALPNList
        let verification: ClientVerification?
    }

    /// `clock` tells when ticket keys rotate. Throws `configuration`.
    public init(_ options: Options, clock: TurnClock) throws(TLSError) {
        base = Profile(
            context: try SSLContext(server: true, options.settings), alpn: options.alpn,
            verification: options.verification)
        var variants: [Profile] = []
        for variant in options.variants {
            variants.append(
                Profile(
                    context: try SSLContext(server: true, variant.settings), alpn: variant.alpn,
                    verification: variant.verification))
        }
        self.variants = variants
        certificates = options.certificates
        strictSNI = options.strictSNI
        helloCapacity = options.helloCapacity
        ticketCrypter =
            if let ring = options.ticketKeys {
                try TicketCrypter(ring: ring, clock: clock)
            } else {
                nil
            }
        for profile in [base] + variants { try configure(profile, options) }
        guard certificates.hasVariants else { return }
        let itself = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe SSL_CTX_set_client_hello_cb(base.context.pointer, chooseProfile, itself)
    }

    private func configure(_ profile: Profile, _ options: Options) throws(TLSError) {
        let context = profile.context
        let pointer = unsafe context.pointer
        // Most clients get the default certificates: they cost nothing per connection.
        for kind in KeyKind.allCases {
            if let certificate = certificates.defaultCertificates[kind] { try context.use(certificate) }
        }
        if !options.prefersClientCiphers { unsafe portico_ssl_ctx_prefer_server_ciphers(pointer) }
        let itself = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe SSL_CTX_set_ex_data(pointer, Self.index, itself)
        unsafe portico_ssl_ctx_set_server_name_callback(pointer, checkServerName, itself)
        unsafe SSL_CTX_set_cert_cb(pointer, chooseCertificate, itself)
        if !profile.alpn.wire.isEmpty { unsafe SSL_CTX_set_alpn_select_cb(pointer, negotiateProtocol, itself) }
        // Tickets carry the session: no cache on the server.
        unsafe portico_ssl_ctx_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
        if ticketCrypter == nil {
            unsafe portico_ssl_ctx_disable_tickets(pointer)
        } else {
            unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(pointer, handleTicket)
            unsafe SSL_CTX_set_num_tickets(pointer, max(0, options.ticketsPerHandshake))
        }
        unsafe SSL_CTX_set_timeout(pointer, max(1, options.sessionLifetime))
        if helloCapacity > 0 { unsafe SSL_CTX_set_msg_callback(pointer, captureHello) }
        if let verification = profile.verification { try context.verify(by: verification) }
        let name =
            profile.verification?.digest
            ?? Array(options.sessionContext.utf8.prefix(Int(SSL_MAX_SID_CTX_LENGTH)))
        try context.check(
            unsafe SSL_CTX_set_session_id_context(pointer, name, UInt32(name.count)), "session context")
    }

    /// An engine for a connection that was accepted on `descriptor`, which stays the caller's.
    public func makeEngine(descriptor: Int32) throws(TLSError) -> TLSEngine {
        try TLSEngine(context: base.context, owner: self, gathering: gathering, descriptor: descriptor, isServer: true)
    }

    /// Where the context's own object is kept among OpenSSL's extra data: the application's slot.
    static let index: Int32 = 0

    static func of(_ ssl: OpaquePointer?) -> TLSServerContext? {
        guard let ssl = unsafe ssl, let pointer = unsafe SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index) else {
            return nil
        }
        return unsafe Unmanaged<TLSServerContext>.fromOpaque(pointer).takeUnretainedValue()
    }

    // MARK: What the callbacks decide

    /// What the certificate of a connection's client is verified by.
    @unsafe func verification(of ssl: OpaquePointer) -> ClientVerification? {
        unsafe profile(of: ssl).verification
    }

    /// The settings that a connection has.
    private func profile(of ssl: OpaquePointer) -> Profile {
        if variants.isEmpty { return base }
        let pointer = unsafe SSL_get_SSL_CTX(ssl)
        return variants.first { unsafe $0.context.pointer == pointer } ?? base
    }

    /// Gives a connection the settings of the line of a list that its name stands in. Runs on the client's hello.
    fileprivate func takeProfile(for ssl: OpaquePointer) -> Bool {
        var start: UnsafePointer<UInt8>?
        var count = 0
        var found: CertificateSet?
        // RFC 6066 section 3: a list with one name: its length, the type 0, the name's length, the name.
        if unsafe SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_server_name), &start, &count) == 1, count > 5,
            let bytes = unsafe start, unsafe bytes[2] == 0
        {
            let length = unsafe Int(bytes[3]) << 8 | Int(bytes[4])
            if length <= count - 5 {
                found = unsafe certificates.certificates(for: UnsafeRawBufferPointer(start: bytes + 5, count: length))
            }
        }
        if found == nil, strictSNI { return true }
        let set = found ?? certificates.defaultCertificates
        let kinds = KeyKind.allCases.filter { set[$0] != nil }
        guard var kind = kinds.first else { return true }
        if kinds.contains(where: { set.variant(of: $0) != set.variant(of: kind) }) {
            kind = kinds.first { unsafe Self.offers($0, ssl) } ?? kind
        }
        guard let variant = set.variant(of: kind), variants.indices.contains(variant) else { return true }
        let context = variants[variant].context
        guard unsafe portico_ssl_switch_context(ssl, context.pointer) == 1 else { return false }
        return context.curves.map { unsafe portico_ssl_set_groups(ssl, $0) == 1 } ?? true
    }

    /// Whether the client's hello has signature algorithms of a kind of key (RFC 8446, section 4.2.3).
    private static func offers(_ kind: KeyKind, _ ssl: OpaquePointer) -> Bool {
        var start: UnsafePointer<UInt8>?
        var count = 0
        guard
            unsafe SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_signature_algorithms), &start, &count) == 1,
            let bytes = unsafe start
        else { return kind == .rsa }
        var index = 2
        while index + 1 < count {
            let number = unsafe UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
            let isOffered =
                switch kind {
                case .ecdsa: [0x0203, 0x0403, 0x0503, 0x0603].contains(number)
                case .rsa: [0x0201, 0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806].contains(number)
                case .ed25519: number == 0x0807
                }
            if isOffered { return true }
            index += 2
        }
        return false
    }

    private func matchingCertificates(_ ssl: OpaquePointer) -> CertificateSet? {
        guard let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return nil }
        return unsafe certificates.certificates(for: UnsafeRawBufferPointer(start: name, count: strlen(name)))
    }

    /// Runs on every client hello, also when a session is resumed.
    fileprivate func acceptsServerName(_ ssl: OpaquePointer) -> Bool {
        unsafe !strictSNI || matchingCertificates(ssl) != nil
    }

    /// Puts the certificates for the client's server name into the connection; OpenSSL takes the one whose key the
    /// client's signature algorithms and ciphers allow.
    fileprivate func useCertificates(_ ssl: OpaquePointer) -> Bool {
        var found = unsafe matchingCertificates(ssl)
        var variant: Int?
        if certificates.hasVariants {
            found = found ?? certificates.defaultCertificates
            let pointer = unsafe SSL_get_SSL_CTX(ssl)
            variant = variants.firstIndex { unsafe $0.context.pointer == pointer }
        } else if found?.isSame(as: certificates.defaultCertificates) == true {
            return true
        }
        guard let set = found else { return true }
        unsafe SSL_certs_clear(ssl)
        // Certificates with other settings than the connection has are not for it.
        for kind in KeyKind.allCases where set.variant(of: kind) == variant {
            guard let certificate = set[kind] else { continue }
            let status = unsafe SSL_use_cert_and_key(
                ssl, certificate.leaf.pointer, certificate.key.pointer, certificate.chain, 1)
            if status != 1 { return false }
        }
        return true
    }

    /// The first of our protocols that the client offers too, as a range of `alpn.wire`.
    private func firstShared(_ offered: UnsafeRawBufferPointer, _ alpn: ALPNList) -> Range<Int>? {
        var start = 0
        for identifier in alpn.identifiers {
            let range = start + 1..<start + 1 + identifier.count
            if unsafe Self.list(offered, contains: identifier) { return range }
            start = range.upperBound
        }
        return nil
    }

    private static func list(_ list: UnsafeRawBufferPointer, contains identifier: [UInt8]) -> Bool {
        var offset = 0
        while offset < list.count {
            let end = unsafe offset + 1 + Int(list[offset])
            guard end <= list.count else { return false }
            if unsafe list[offset + 1..<end].elementsEqual(identifier) { return true }
            offset = end
        }
        return false
    }

    fileprivate func selectProtocol(
        _ ssl: OpaquePointer, _ offered: UnsafeRawBufferPointer,
        _ selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>,
        _ length: UnsafeMutablePointer<UInt8>
    ) -> Int32 {
        let alpn = unsafe profile(of: ssl).alpn
        guard let range = unsafe firstShared(offered, alpn) else { return SSL_TLSEXT_ERR_NOACK }
        // OpenSSL copies at once what is selected here; the list lives as long as this object.
        unsafe alpn.wire.withUnsafeBufferPointer { wire in
            unsafe selected.pointee = unsafe wire.baseAddress.map { unsafe $0 + range.lowerBound }
        }
        unsafe length.pointee = UInt8(range.count)
        return SSL_TLSEXT_ERR_OK
    }
}

// MARK: - OpenSSL callbacks

private func chooseProfile(
    ssl: OpaquePointer?, alert: UnsafeMutablePointer<Int32>?, argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let ssl = unsafe ssl, let argument = unsafe argument else { return SSL_CLIENT_HELLO_ERROR }
    let context = unsafe Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
    return unsafe context.takeProfile(for: ssl) ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR
}

private func checkServerName(
    ssl: OpaquePointer?, alert: UnsafeMutablePointer<Int32>?, argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let ssl = unsafe ssl, let argument = unsafe argument else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let context = unsafe Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
    if unsafe context.acceptsServerName(ssl) { return SSL_TLSEXT_ERR_OK }
    unsafe alert?.pointee = Int32(TLSAlert.unrecognizedName.rawValue)
    unsafe DescriptorBIO.state(of: ssl)?.pointee.refusesName = true
    return SSL_TLSEXT_ERR_ALERT_FATAL
}

/// OpenSSL shows a handshake message: the client's hello is kept. A second one takes the place of the first.
private func captureHello(
    isWritten: Int32, version: Int32, type: Int32, bytes: UnsafeRawPointer?, count: Int, ssl: OpaquePointer?,
    argument: UnsafeMutableRawPointer?
) {
    guard isWritten == 0, type == SSL3_RT_HANDSHAKE, count > 4, let bytes = unsafe bytes,
        unsafe bytes.load(as: UInt8.self) == 1, let state = unsafe DescriptorBIO.state(of: ssl),
        let context = unsafe TLSServerContext.of(ssl)
    else { return }
    let hello = unsafe UnsafeRawBufferPointer(start: bytes + 4, count: count - 4)
    unsafe state.pointee.hello = ClientHelloCapture(Span<UInt8>(_unsafeBytes: hello), room: context.helloCapacity)
}

private func chooseCertificate(ssl: OpaquePointer?, argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let ssl = unsafe ssl, let argument = unsafe argument else { return 0 }
    let context = unsafe Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
    return unsafe context.useCertificates(ssl) ? 1 : 0
}

private func negotiateProtocol(
    ssl: OpaquePointer?, selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    length: UnsafeMutablePointer<UInt8>?, offered: UnsafePointer<UInt8>?, offeredLength: UInt32,
    argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let ssl = unsafe ssl, let argument = unsafe argument, let selected = unsafe selected,
        let length = unsafe length
    else { return SSL_TLSEXT_ERR_NOACK }
    let context = unsafe Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
    return unsafe context.selectProtocol(
        ssl, UnsafeRawBufferPointer(start: offered, count: Int(offeredLength)), selected, length)
}
