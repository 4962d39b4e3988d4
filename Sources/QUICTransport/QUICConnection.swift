public import Bytes
internal import CGnuTLS
internal import CNgtcp2
public import TLSTransport

/// One QUIC connection, as server or client: datagrams in, datagrams and stream events out. It owns no socket and reads
/// no clock, and lives on one worker's thread.
///
/// In each turn of the loop, after any call that may have changed something (`receive`, `handleExpiry`, opening or
/// shutting a stream, returning credit, `close`), call `writeDatagrams` once; then arm a timer for `deadline`.
/// When `phase` is `.closed`, drop the connection.
///
/// It keeps its connection IDs in the endpoint's table until it is closed, and frees the library's state as soon as the
/// connection carries nothing any more, so that one in its closing period costs little.
@safe
public final class QUICConnection {
    /// Which end of the connection we are.
    public enum Role: Sendable {
        case client
        case server
    }

    /// How far the connection is in its life (RFC 9000 sections 7 and 10).
    public enum Phase: Sendable {
        /// The TLS handshake is not complete.
        case handshaking
        case established
        /// We sent CONNECTION_CLOSE and answer what still comes with the same packet, ever more rarely.
        case closing
        /// The peer closed or reset the connection: nothing is sent any more.
        case draining
        /// Over: the connection IDs are free, the object can go.
        case closed
    }

    public let role: Role
    /// Takes the events and gives the data. Not owned; set it before the first call of `receive` or `writeDatagrams`.
    public unowned(unsafe) var application: (any QUICApplication)?
    /// Who lives with the connection on a socket: found again from what `QUICEndpoint.route` gives. Not owned.
    public unowned(unsafe) var holder: AnyObject?
    public internal(set) var phase = Phase.handshaking
    /// When `handleExpiry` wants to be called, as of the last `writeDatagrams`; `.distantFuture` when never.
    public internal(set) var deadline = Instant.distantFuture
    /// Why the connection ended; nil while it lives.
    public internal(set) var closeReason: QUICClose?
    /// Datagram and byte counts of this connection.
    public internal(set) var counters = Counters()
    /// Whether a peer's stream that closes lets it open another one. Turn off to let the connection run dry.
    public var renewsStreamLimits = true
    /// What the peer may open, of both kinds.
    var bidirectionalLimit: StreamLimit
    var unidirectionalLimit: StreamLimit
    /// The versions that the server offered, when `closeReason` says version negotiation. Client only.
    public internal(set) var offeredVersions: [UInt32] = []

    /// The last address-validation token that the server gave for a later connection (NEW_TOKEN, RFC 9000 section
    /// 8.1.3); empty if there was none. Client only.
    public internal(set) var receivedToken: [UInt8] = []
    /// What the server's latest session ticket allows. Client only.
    var ticket: SessionTicket?
    /// The library has the peer's transport parameters.
    var hasPeerParameters = false
    /// The client's hello offers to resume a session. Server only.
    var helloOffersSession = false
    /// A ticket or a token has come that ``takeResumption()`` has not given yet.
    var hasNewResumption = false
    /// Longer tokens are cut off, and so useless.
    static let maxTokenCount = 512

    /// What the connection moved.
    public struct Counters: Sendable {
        public var datagramsReceived: UInt64 = 0
        public var bytesReceived: UInt64 = 0
        public var datagramsSent: UInt64 = 0
        public var bytesSent: UInt64 = 0
        /// Packets with data of streams that are closed now, that were lost: once for each of the streams.
        public var streamPacketsLost: UInt64 = 0
        /// Changes of the peer's address, and of ours, that were validated.
        public var migrations: UInt64 = 0
        /// Datagrams that were dropped since the peer changed its address too often.
        public var datagramsFromRefusedPaths: UInt64 = 0
    }

    let endpoint: QUICEndpoint
    let settings: QUICSettings
    let qlog: (any QUICLogSink)?
    /// The library's connection; nil before it is made and after it is freed. Asking for it ends the connection's rest.
    var native: OpaquePointer? {
        get {
            if isResting { wake() }
            return unsafe library
        }
        set { unsafe library = newValue }
    }
    private var library: OpaquePointer?
    /// What the library's state stands in; nil: with everything else.
    private var arena: ConnectionArena?
    /// The functions by which the library takes memory there.
    private let memory: UnsafeMutablePointer<ngtcp2_mem>
    private var isResting = false
    /// When the last datagram came before ``rest(now:quiet:)`` was vain; `.distantFuture` otherwise.
    private var vainSince = Instant.distantFuture
    /// The TLS half: what was negotiated, certificates, resumption. Nil once the connection carries nothing.
    public private(set) var tls: QUICTLSSession?
    /// The TLS half of a client's connection whose handshake did not complete, once the connection carries nothing.
    private var failedTLS: QUICTLSSession?
    /// How the TLS session finds its connection; its address is the session's pointer.
    private let reference: UnsafeMutablePointer<ngtcp2_crypto_conn_ref>
    private var receivePath = PathStorage()
    /// The path that was validated last, at first the handshake's.
    var knownPath: QUICPath

    /// What the peer may still do to paths and connection IDs.
    var permits = PeerPermits()
    /// When the last datagram came.
    var receivedAt = Instant.zero
    /// What is put off of acknowledgements; from the first request or response on, when the handshake is done.
    var acknowledgementDelay = AcknowledgementDelay()
    var hasSentStreamData = false

    /// What is to be closed with at the next `writeDatagrams`.
    var pendingClose: QUICClose?
    /// The peer's stateless reset arrived during the present call.
    var sawStatelessReset = false
    /// The last flush sent something, so the library's pacing timer runs.
    var pacingArmed = false
    /// The library may have something to send, frames of its own or lost ones; each call that may give it any sets this.
    var isWriteDue = true
    /// Credit that the peer was given since the last write, bytes.
    var creditSinceWrite: UInt64 = 0
    /// DATAGRAM frames that wait to be sent.
    var queuedDatagrams: [[UInt8]] = []
    /// The protocol of the early data that this client offers; nil without.
    var earlyProtocol: [UInt8]?
    /// The server took none of the early data that was offered.
    public internal(set) var wasEarlyDataRejected = false
    /// The application was told to begin before the handshake.
    var sendsEarlyData = false
    /// The server has said that the handshake is confirmed (RFC 9001 section 4.1.2). Client only.
    var isConfirmed = false
    /// The application knows that it may send.
    var toldReadyToSend = false
    /// What the client calls us by until it knows our own connection ID; it leads here too. Nil at a client. Kept here,
    /// since the library does not learn it from a first packet that it can not read.
    let firstDestination: ConnectionID?
    /// The peer's stateless reset tokens that lead here.
    var resetTokens: [StatelessResetToken] = []
    /// State of the closing and draining periods.
    var ending = Ending()
    /// The statistics as of the end, once `native` is gone.
    var lastStatistics = Statistics()

    /// Which packet starts the connection, and how the library is to be set up.
    enum Start {
        case accepting(QUICInitial)
        case connecting(destination: ConnectionID, version: UInt32, token: [UInt8], originalVersion: UInt32)
    }

    init(
        _ start: Start, source: ConnectionID, path: QUICPath, tls: QUICTLSSession, settings: QUICSettings,
        endpoint: QUICEndpoint, qlog: (any QUICLogSink)?, now: Instant
    ) throws(QUICError) {
        knownPath = path
        self.endpoint = endpoint
        self.settings = settings
        bidirectionalLimit = StreamLimit(settings.bidirectionalStreams)
        unidirectionalLimit = StreamLimit(settings.unidirectionalStreams)
        self.qlog = qlog
        self.tls = tls
        let session = unsafe tls.handle
        unsafe reference = .allocate(capacity: 1)
        unsafe memory = .allocate(capacity: 1)
        switch start {
        case .accepting(let initial):
            role = .server
            firstDestination = initial.destination
            arena = endpoint.arenas?.obtain()
        case .connecting:
            role = .client
            firstDestination = nil
        }
        unsafe reference.initialize(
            to: ngtcp2_crypto_conn_ref(
                get_conn: { reference in
                    guard let reference = unsafe reference else { return nil }
                    return unsafe QUICConnection.from(reference.pointee.user_data).native
                }, user_data: Unmanaged.passUnretained(self).toOpaque()))
        unsafe memory.initialize(
            to: ngtcp2_mem(
                user_data: arena?.context, malloc: ConnectionArena.allocate, free: ConnectionArena.release,
                calloc: ConnectionArena.allocateZeroed, realloc: ConnectionArena.reallocate))
        guard receivePath.set(path) else { throw QUICError(.invalidArgument, place: "start connection") }
        unsafe gnutls_session_set_ptr(session, UnsafeMutableRawPointer(reference))
        guard unsafe HandshakeSeam.join(session, role: role) else {
            throw QUICError(.cryptography, place: "set up TLS session")
        }
        if role == .client {
            unsafe gnutls_handshake_set_hook_function(
                session, UInt32(GNUTLS_HANDSHAKE_NEW_SESSION_TICKET.rawValue), Int32(GNUTLS_HOOK_BOTH),
                Self.ticketArrived)
        }
        try unsafe create(start, source: source, path: receivePath.path, now: now)
        unsafe ngtcp2_conn_set_tls_native_handle(native, UnsafeMutableRawPointer(session))
        if settings.keepAlive > 0 { unsafe ngtcp2_conn_set_keep_alive_timeout(native, settings.keepAlive) }
        endpoint.table.insert(source, for: self)
        if let firstDestination { endpoint.table.insert(firstDestination, for: self) }
    }

    deinit {
        for id in ownConnectionIDs() + ending.connectionIDs { endpoint.table.remove(id, of: self) }
        forgetResetTokens()
        freeNative()
        unsafe reference.deallocate()
        unsafe memory.deallocate()
    }

    private func create(
        _ start: Start, source: ConnectionID, path: UnsafePointer<ngtcp2_path>, now: Instant
    ) throws(QUICError) {
        var scid = source.ngtcp2
        var created: OpaquePointer?
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        var result: Int32 = NGTCP2_ERR_INTERNAL
        var parameters = unsafe settings.transportParameters(role: role)
        unsafe settings.withNative(now: now, endpoint: endpoint, role: role, logs: qlog != nil) { native in
            switch start {
            case .accepting(let initial):
                unsafe parameters.setOriginalDestination(of: initial, resetToken: endpoint.resetKey.token(for: source))
                var dcid = initial.source.ngtcp2
                unsafe initial.withToken { token in
                    unsafe native.token = token
                    unsafe native.qlog.odcid = initial.originalDestination.ngtcp2
                    unsafe result = ngtcp2_conn_server_new_versioned(
                        &created, &dcid, &scid, path, VersionTranslation.translated(initial.version),
                        NGTCP2_CALLBACKS_VERSION, NativeCallbacks.server, NGTCP2_SETTINGS_VERSION, &native,
                        NGTCP2_TRANSPORT_PARAMS_VERSION, &parameters,
                        arena == nil ? nil : memory, context)
                }
            case .connecting(let destination, let version, let token, let originalVersion):
                var dcid = destination.ngtcp2
                var token = token
                unsafe native.original_version = VersionTranslation.translated(originalVersion)
                unsafe token.withUnsafeMutableBufferPointer { buffer in
                    unsafe native.token = ngtcp2_vec(base: buffer.baseAddress, len: buffer.count)
                    unsafe result = ngtcp2_conn_client_new_versioned(
                        &created, &dcid, &scid, path, VersionTranslation.translated(version),
                        NGTCP2_CALLBACKS_VERSION, NativeCallbacks.client, NGTCP2_SETTINGS_VERSION, &native,
                        NGTCP2_TRANSPORT_PARAMS_VERSION, &parameters, nil, context)
                }
            }
        }
        guard result == 0, let created = unsafe created else {
            throw QUICError(ngtcp2: result, place: "create connection")
        }
        unsafe native = unsafe created
    }

    /// The connection behind the library's user pointer.
    static func from(_ context: UnsafeMutableRawPointer?) -> QUICConnection {
        guard let context = unsafe context else { preconditionFailure("a callback without a connection") }
        return unsafe Unmanaged<QUICConnection>.fromOpaque(context).takeUnretainedValue()
    }

    func forgetResetTokens() {
        for token in resetTokens { endpoint.table.remove(token, of: self) }
        resetTokens = []
    }

    /// Frees the library's state and the TLS session.
    func freeNative() {
        if let native = unsafe native {
            if role == .server, unsafe ngtcp2_conn_get_handshake_completed(native) == 0 { failedTLS = tls }
            unsafe ngtcp2_conn_del(native)
            unsafe self.native = nil
            arena = nil
        }
        tls = nil
    }

    /// Keeps as little memory as possible until something happens, when nothing has come for `quiet` nanoseconds and
    /// nothing is to be done for as long. Not inside a callback. True when that took work.
    public func rest(now: Instant, quiet: UInt64 = 1_000_000_000) -> Bool {
        guard !isResting, let arena, phase == .established, pendingClose == nil, vainSince != receivedAt,
            now >= receivedAt.advanced(nanoseconds: quiet),
            deadline >= now.advanced(nanoseconds: quiet)
        else { return false }
        isResting = arena.pack()
        vainSince = isResting ? .distantFuture : receivedAt
        return true
    }

    /// Bytes that the library's state takes while the connection rests; 0 otherwise.
    public var restingSize: Int { arena?.packedSize ?? 0 }

    private func wake() {
        isResting = false
        arena?.unpack()
    }

    /// Gives away what is left of the TLS of a client whose handshake did not complete; nil without any.
    public func takeFailedTLS() -> QUICTLSSession? {
        defer { failedTLS = nil }
        return failedTLS
    }

    // MARK: Events in

    /// Takes one UDP datagram.
    ///
    /// - Parameters:
    ///   - path: Where it came from and to which of our addresses.
    ///   - ecn: The two ECN bits of its IP header.
    public func receive(_ datagram: UnsafeRawBufferPointer, path: QUICPath, ecn: UInt8, now: Instant) {
        counters.datagramsReceived &+= 1
        counters.bytesReceived &+= UInt64(datagram.count)
        acknowledgementDelay.received(datagram.count)
        receivedAt = now
        if path != knownPath {
            // Addresses of ours are not the peer's to change, and a client's own migration is not a flood.
            if role == .server, !permits.admits(path, now: now) {
                counters.datagramsFromRefusedPaths &+= 1
                return
            }
            // A new path is to be validated without delay.
            acknowledgementDelay.hurry()
        }
        guard let native = unsafe native else {
            if phase == .closing { ending.datagramReceived() }
            return
        }
        guard pendingClose == nil, datagram.count > 0, receivePath.set(path) else { return }
        isWriteDue = true
        var info = ngtcp2_pkt_info(ecn: UInt32(ecn & 3))
        let translated = unsafe endpoint.translator.inside(datagram)
        let result = unsafe ngtcp2_conn_read_pkt_versioned(
            native, receivePath.path, NGTCP2_PKT_INFO_VERSION, &info,
            translated.baseAddress?.assumingMemoryBound(to: UInt8.self), translated.count, now.nanoseconds)
        if result != 0 { fail(with: result, now: now) }
    }

    /// Takes the time: call when `deadline` has come. Earlier calls are harmless.
    public func handleExpiry(now: Instant) {
        switch phase {
        case .closing, .draining:
            if now >= ending.deadline { finish() }
        case .closed:
            return
        case .handshaking, .established:
            guard let native = unsafe native, pendingClose == nil else { return }
            pacingArmed = false
            isWriteDue = true
            let result = unsafe ngtcp2_conn_handle_expiry(native, now.nanoseconds)
            if result != 0 { fail(with: result, now: now) }
        }
    }
}

/// Takes a connection's qlog events (draft-ietf-quic-qlog-main-schema), as the library writes them.
public protocol QUICLogSink: AnyObject {
    /// The next piece of the log. `isLast` comes once, when the connection is freed; `bytes` may then be empty.
    func write(_ bytes: UnsafeRawBufferPointer, isLast: Bool)
}
