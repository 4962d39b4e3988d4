public import Bytes
internal import CNgtcp2
public import TLSTransport

/// What all QUIC connections of one worker share: the connection-ID table, keys, random bytes. It decides for each
/// datagram what it belongs to, and answers those that belong to nothing. It owns no socket.
@safe
public final class QUICEndpoint {
    /// Who this endpoint is and what it may do.
    public struct Configuration: Sendable {
        /// This worker and process, written into our connection IDs.
        public var route: ConnectionIDCodec.Route
        /// How many workers the process has: datagrams for others of them are `.elsewhere`.
        public var workers: Int
        /// Generations of other processes of this service that still run: datagrams for them are `.elsewhere` too.
        public var otherGenerations: ProcessGenerations?
        /// What connection IDs are made and read with, when that is not the service key.
        public var steeringKey: QUICServiceKey?
        /// Whether new connections are taken.
        public var acceptsConnections = true
        /// Versions we speak, most preferred first.
        public var versions: [UInt32] = QUICSettings.Version.all
        /// A server goes on with the version that it prefers among those that a client can change to without a new
        /// beginning (RFC 9368 section 2.3); otherwise with the one that the client prefers.
        public var prefersOwnVersions = false
        /// Version Negotiation and stateless reset packets that one second may see.
        public var statelessRepliesPerSecond = 1000
        /// How long the token of a Retry packet holds, nanoseconds.
        public var retryTokenLifetime: UInt64 = 10_000_000_000
        /// How long a token for later connections holds, nanoseconds.
        public var tokenLifetime: UInt64 = 86_400_000_000_000

        public init(route: ConnectionIDCodec.Route = .init(worker: 0, generation: 0), workers: Int = 1) {
            self.route = route
            self.workers = workers
        }
    }

    /// What a datagram belongs to.
    public enum Route {
        /// Give it to this connection.
        case connection(QUICConnection)
        /// It starts a connection: accept it, answer with Retry, or drop it.
        case initial(QUICInitial)
        /// It belongs to another worker of this process, or to another process generation: hand it over.
        case elsewhere(ConnectionIDCodec.Route)
        /// The answer stands in the batch; nothing else is to be done.
        case answered
        case dropped(DropReason)
    }

    /// Why a datagram was dropped.
    public enum DropReason: Int, CaseIterable, Sendable {
        /// No QUIC header could be read.
        case malformed
        /// A connection ID that leads to nothing, and no stateless reset may be sent for it.
        case unknownConnection
        /// An Initial packet that no connection may start with: too small a datagram, too short an ID.
        case unacceptableInitial
        /// 0-RTT data before its Initial packet.
        case earlyData
        /// No connections are taken here.
        case notAccepting
        /// An answer was due, but `statelessRepliesPerSecond` or the batch is used up.
        case limited
    }

    let configuration: Configuration
    /// The versions of the configuration that we know.
    let versions: [UInt32]
    /// Takes version 2 to the library.
    let translator = DatagramTranslator()
    let table: ConnectionIDTable
    let random: QUICRandom
    let resetKey: StatelessResetKey
    let tokenSecret: [UInt8]
    let version2TokenSecret: [UInt8]
    /// Room for what an application offers to send; used by one connection at a time.
    let vectors: UnsafeMutableBufferPointer<QUICVector>
    private let codec: ConnectionIDCodec
    private var replies: TokenBucket
    private var drops: [UInt64]
    /// Where the library's state of the server's connections stands from now on; nil: with everything else.
    public var arenas: ArenaPool?
    /// Stateless reset packets written so far.
    public private(set) var statelessResets: UInt64 = 0

    /// Most pieces that one call of `nextStreamToSend` can give.
    private static let maxVectors = 16

    /// - Parameter table: shared with the other endpoints of the worker that have the same key.
    public init(
        configuration: Configuration, key: QUICServiceKey, random: QUICRandom,
        table: ConnectionIDTable = ConnectionIDTable()
    ) {
        self.table = table
        self.configuration = configuration
        versions = configuration.versions.filter(QUICSettings.Version.all.contains)
        self.random = random
        codec = ConnectionIDCodec(key: configuration.steeringKey ?? key)
        resetKey = StatelessResetKey(key: key)
        tokenSecret = key.key(for: "address validation token")
        version2TokenSecret = key.key(for: "address validation token, QUIC version 2")
        replies = TokenBucket(perSecond: configuration.statelessRepliesPerSecond)
        drops = [UInt64](repeating: 0, count: DropReason.allCases.count)
        unsafe vectors = .allocate(capacity: Self.maxVectors)
        unsafe vectors.initialize(repeating: QUICVector(base: nil, count: 0))
    }

    deinit {
        unsafe vectors.deallocate()
    }

    /// Datagrams dropped for that reason so far.
    public func dropCount(_ reason: DropReason) -> UInt64 { drops[reason.rawValue] }

    /// Connection IDs in use, at all endpoints that share the table.
    public var connectionIDCount: Int { table.count }

    /// A new connection ID that leads here and is not in use.
    func makeConnectionID() -> ConnectionID {
        while true {
            let id = codec.connectionID(to: configuration.route, random: random.next())
            if !table.contains(id) { return id }
        }
    }

    // MARK: Connections

    /// Makes the server's side of a connection. Give the connection its application, then the datagram itself by
    /// `QUICConnection.receive`.
    ///
    /// - Parameter tls: A server session of its own, from `QUICTLSContext.makeServerSession`.
    public func accept(
        _ initial: QUICInitial, path: QUICPath, tls: QUICTLSSession, settings: QUICSettings,
        qlog: (any QUICLogSink)? = nil, now: Instant
    ) throws(QUICError) -> QUICConnection {
        try QUICConnection(
            .accepting(initial), source: makeConnectionID(), path: path, tls: tls, settings: settings,
            endpoint: self, qlog: qlog, now: now)
    }

    /// Makes the client's side of a connection. Its first datagram comes with the first `writeDatagrams`.
    ///
    /// - Parameters:
    ///   - tls: A client session of its own, from `QUICTLSContext.makeClientSession`.
    ///   - version: The version to begin with.
    ///   - token: A token that the server gave in an earlier connection, or nothing.
    ///   - originalVersion: The version of the first attempt, when this one follows a Version Negotiation packet.
    public func connect(
        path: QUICPath, tls: QUICTLSSession, settings: QUICSettings, version: UInt32 = QUICSettings.Version.v1,
        token: [UInt8] = [], originalVersion: UInt32 = 0, qlog: (any QUICLogSink)? = nil, now: Instant
    ) throws(QUICError) -> QUICConnection {
        // A reserved version asks the server for Version Negotiation (RFC 9000 section 15).
        guard versions.contains(version) || ngtcp2_is_reserved_version(version) != 0 else {
            throw QUICError(.invalidArgument, place: "connect with version")
        }
        let start = QUICConnection.Start.connecting(
            destination: ConnectionID(word: random.next()), version: version, token: token,
            originalVersion: originalVersion)
        return try QUICConnection(
            start, source: makeConnectionID(), path: path, tls: tls, settings: settings, endpoint: self,
            qlog: qlog, now: now)
    }

    // MARK: Demultiplexing

    /// Finds what a datagram belongs to; writes an answer into `batch` when it deserves one and belongs to nothing.
    ///
    /// - Parameter wall: Wall-clock time in nanoseconds, by which tokens are judged.
    public func route(
        _ datagram: UnsafeRawBufferPointer, path: QUICPath, into batch: inout DatagramBatch, now: Instant, wall: UInt64
    ) -> Route {
        let datagram = unsafe translator.inside(datagram)
        guard let start = unsafe datagram.baseAddress?.assumingMemoryBound(to: UInt8.self), datagram.count > 0 else {
            return drop(.malformed)
        }
        var ids = unsafe ngtcp2_version_cid()
        let result = unsafe ngtcp2_pkt_decode_version_cid(&ids, start, datagram.count, ConnectionIDCodec.count)
        guard result == 0 || result == NGTCP2_ERR_VERSION_NEGOTIATION else { return drop(.malformed) }
        let isLong = unsafe start.pointee & 0x80 != 0
        if let id = unsafe ConnectionID(UnsafeRawBufferPointer(start: ids.dcid, count: ids.dcidlen)) {
            if let connection = table.connection(for: id) { return .connection(connection) }
            guard isLong else { return unsafe routeShort(datagram, id: id, path: path, into: &batch, now: now) }
            if unsafe ids.version != 0, result == 0,
                unsafe versions.contains(VersionTranslation.translated(ids.version))
            {
                return unsafe routeLong(datagram, id: id, path: path, wall: wall)
            }
        }
        // A long header of a version that we do not speak, perhaps with a longer ID than ours may be.
        guard isLong, unsafe ids.version != 0, datagram.count >= QUICSettings.minDatagramSize else {
            return drop(.malformed)
        }
        guard configuration.acceptsConnections else { return drop(.notAccepting) }
        return unsafe negotiateVersion(ids, path: path, into: &batch, now: now)
    }

    private func drop(_ reason: DropReason) -> Route {
        drops[reason.rawValue] &+= 1
        return .dropped(reason)
    }

    /// Whether that connection ID was made for another worker or process.
    private func elsewhere(_ id: ConnectionID) -> ConnectionIDCodec.Route? {
        guard let route = codec.route(of: id), route != configuration.route else { return nil }
        let exists =
            if route.generation == configuration.route.generation {
                route.worker < configuration.workers
            } else {
                configuration.otherGenerations?.contains(route.generation) ?? false
            }
        return exists ? route : nil
    }

    private func routeLong(_ datagram: UnsafeRawBufferPointer, id: ConnectionID, path: QUICPath, wall: UInt64) -> Route
    {
        var header = unsafe ngtcp2_pkt_hd()
        let start = unsafe datagram.baseAddress?.assumingMemoryBound(to: UInt8.self)
        switch unsafe ngtcp2_accept(&header, start, datagram.count) {
        case 0:
            guard configuration.acceptsConnections else { return drop(.notAccepting) }
            let initial = unsafe initial(header, path: path, wall: wall)
            if initial.addressValidation == .invalid, unsafe !Version2Keys.isAuthentic(datagram, initial) {
                return drop(.unacceptableInitial)
            }
            return .initial(initial)
        case NGTCP2_ERR_RETRY:
            return drop(.earlyData)
        default:
            let isInitial =
                unsafe ngtcp2_pkt_decode_hd_long(&header, start, datagram.count) >= 0
                && header.type == UInt8(NGTCP2_PKT_INITIAL.rawValue)
            if isInitial { return drop(.unacceptableInitial) }
            if let route = elsewhere(id) { return .elsewhere(route) }
            return drop(.unknownConnection)
        }
    }

    private func routeShort(
        _ datagram: UnsafeRawBufferPointer, id: ConnectionID, path: QUICPath, into batch: inout DatagramBatch,
        now: Instant
    ) -> Route {
        if let token = unsafe StatelessResetToken(endOf: datagram), let connection = table.connection(for: token) {
            return .connection(connection)
        }
        if let route = elsewhere(id) { return .elsewhere(route) }
        return writeStatelessReset(for: id, datagramCount: datagram.count, path: path, into: &batch, now: now)
            ? .answered : drop(.unknownConnection)
    }

    private func negotiateVersion(
        _ ids: ngtcp2_version_cid, path: QUICPath, into batch: inout DatagramBatch, now: Instant
    ) -> Route {
        guard replies.take(now: now) else { return drop(.limited) }
        var packet = InlineArray<600, UInt8>(repeating: 0)
        let first = UInt8(truncatingIfNeeded: random.next())
        // A reserved number among the versions keeps clients honest (RFC 9000 section 15).
        let list = versions + [0x0a0a_0a0a | UInt32(truncatingIfNeeded: random.next()) & 0xf0f0_f0f0]
        var span = packet.mutableSpan
        let sent = unsafe span.withUnsafeMutableBytes { buffer in
            let count = unsafe ngtcp2_pkt_write_version_negotiation(
                buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count, first, ids.scid, ids.scidlen,
                ids.dcid, ids.dcidlen, list, list.count)
            guard count > 0 else { return false }
            return unsafe batch.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), path: path)
        }
        return sent ? .answered : drop(.limited)
    }

    /// Writes a stateless reset for a connection ID of ours that leads to nothing (RFC 9000 section 10.3), smaller than
    /// the datagram that asked for it, so that two such endpoints can not keep each other busy. Also for a datagram
    /// that was handed over from another worker or process, and is unknown here too.
    ///
    /// - Returns: False when none may be sent: the datagram is too small, or the replies of this second are used up.
    public func writeStatelessReset(
        for id: ConnectionID, datagramCount: Int, path: QUICPath, into batch: inout DatagramBatch, now: Instant
    ) -> Bool {
        let count = min(datagramCount - 1, StatelessResetKey.maxPacketCount)
        guard count >= StatelessResetKey.minPacketCount, replies.take(now: now) else { return false }
        var packet = InlineArray<43, UInt8>(repeating: 0)
        let token = resetKey.token(for: id)
        var span = packet.mutableSpan
        return unsafe span.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return false }
            unsafe random.fill(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
            // Looks like a packet with a short header: form bit clear, fixed bit set.
            unsafe buffer[0] = buffer[0] & 0x3f | 0x40
            unsafe token.write(to: base + (count - StatelessResetToken.count))
            guard unsafe batch.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), path: path) else {
                return false
            }
            statelessResets &+= 1
            return true
        }
    }
}

/// Lets `perSecond` things pass each second, and no more than `capacity` at once.
struct TokenBucket {
    private let capacity: UInt64
    private let interval: UInt64
    private var tokens: UInt64
    private var last = Instant.zero

    init(perSecond: Int) {
        self.init(capacity: perSecond, perSecond: perSecond)
    }

    init(capacity: Int, perSecond: Int) {
        self.capacity = UInt64(max(capacity, 0))
        interval = perSecond <= 0 ? .max : max(1, 1_000_000_000 / UInt64(perSecond))
        tokens = self.capacity
    }

    /// Takes one if there is one.
    mutating func take(now: Instant) -> Bool {
        let earned = now.nanoseconds(since: last) / interval
        if earned > 0 {
            tokens = min(capacity, tokens &+ min(earned, capacity))
            last = last.advanced(nanoseconds: earned.multipliedReportingOverflow(by: interval).partialValue)
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
