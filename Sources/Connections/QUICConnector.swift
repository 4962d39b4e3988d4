public import Bytes
import Glibc
public import QUICTransport
public import Runtime
import Streams
public import TLSTransport

/// Opens QUIC connections to servers that share TLS settings, transport settings and times. Each connection has a
/// socket of its own, connected to its server: the server's workers see unrelated clients, and a closed port is told
/// at once. It remembers what servers give for later connections, and offers it on the next one.
public final class QUICConnector {
    public let quic: QUICSettings
    /// Whether sessions are resumed and tokens offered.
    public var resumes = true
    /// What became of the connections so far.
    public internal(set) var counters = Counters()
    private let sessions = QUICSessionCache()

    /// Connections that were made, by how.
    public struct Counters: Equatable, Sendable {
        /// Handshakes completed.
        public var handshakes: UInt64 = 0
        /// Those of them that resumed a session.
        public var resumed: UInt64 = 0
        /// Connections that offered early data, and those of them whose server took none of it.
        public var earlyOffered: UInt64 = 0
        public var earlyRejected: UInt64 = 0
        /// Connections that began with a token of an earlier one.
        public var tokensOffered: UInt64 = 0
    }
    public let settings: ConnectionSettings
    private let tls: QUICTLSContext
    private let socketOptions: DatagramSocket.Options
    private unowned let manager: QUICConnectionManager

    /// - Parameter tls: a client's context; it is this worker's own.
    public init(
        tls: QUICTLSContext, quic: QUICSettings, settings: ConnectionSettings, manager: QUICConnectionManager,
        socket: DatagramSocket.Options = DatagramSocket.Options()
    ) {
        self.tls = tls
        self.quic = quic
        self.settings = settings
        self.manager = manager
        socketOptions = socket
    }

    /// Starts a connection to a server. The owner hears of its end by ``QUICConnectionOwner/connectionReady(_:)`` or
    /// ``QUICConnectionOwner/connectionClosed(_:_:)``, never from inside this.
    ///
    /// - Parameters:
    ///   - source: the address to connect from; nil lets the kernel choose.
    ///   - serverName: sent as SNI, and checked where the context verifies.
    ///   - sendsEarlyData: whether the owner has something to send before the handshake is complete
    ///     (``QUICConnectionOwner/earlyDataPossible(_:)``), should the server allow it.
    public func connect(
        to server: SocketAddress, from source: SocketAddress? = nil, serverName: String?, sendsEarlyData: Bool = false,
        owner: any QUICConnectionOwner, ownerContext: AnyObject? = nil
    ) throws(ConnectionFailure) -> QUICLink {
        let key = QUICSessionCache.Key(server: server, name: serverName)
        let known = resumes ? sessions.resumption(for: key, now: manager.loop.clock.now) : nil
        let earlyData = sendsEarlyData ? known?.earlyData : nil
        let session: QUICTLSSession
        do throws(TLSError) {
            session = try tls.makeClientSession(
                serverName: serverName, resuming: known?.session, offersEarlyData: earlyData != nil)
        } catch {
            sessions.forget(key)
            throw .handshake(error)
        }
        let socket: QUICClientSocket
        do throws(SystemError) {
            socket = try QUICClientSocket(
                DatagramSocket.connect(to: server, from: source), options: socketOptions,
                endpoint: manager.clientEndpoint, manager: manager)
        } catch { throw .connect(error) }
        let log = manager.service.logs.sink(
            frontend: nil, remote: server, name: "\(String(manager.random.next(), radix: 16))_client")
        let connection: QUICConnection
        do throws(QUICError) {
            connection = try manager.clientEndpoint.connect(
                path: QUICPath(local: socket.localAddress, remote: server), tls: session, settings: quic,
                version: known?.version ?? QUICSettings.Version.v1, token: known?.token ?? [], qlog: log,
                now: manager.loop.clock.now)
        } catch {
            socket.closeSocket()
            throw .transport(.failed)
        }
        let link = QUICLink(
            role: .server, connection: connection, socket: socket, manager: manager, owner: owner, settings: settings,
            session: nil)
        if let earlyData {
            connection.offer(earlyData)
            counters.earlyOffered &+= 1
        }
        if known?.token.isEmpty == false { counters.tokensOffered &+= 1 }
        link.origin = QUICLinkOrigin(connector: self, key: key)
        link.ownerContext = ownerContext
        socket.link = link
        manager.loop.schedule(link)
        return link
    }

    // MARK: What a connection has come to

    func handshakeCompleted(_ link: QUICLink, _ key: QUICSessionCache.Key) {
        counters.handshakes &+= 1
        if link.connection.tls?.isResumed == true { counters.resumed &+= 1 }
        guard link.connection.wasEarlyDataRejected else { return }
        counters.earlyRejected &+= 1
        sessions.forgetEarlyData(for: key)
    }

    /// The connection ended without a handshake: what an earlier one left may be the reason.
    func handshakeFailed(_ key: QUICSessionCache.Key) { sessions.forget(key) }

    /// Remembers what the server gave.
    func keep(_ resumption: QUICResumption, for key: QUICSessionCache.Key) {
        if resumes { sessions.keep(resumption, for: key, now: manager.loop.clock.now) }
    }

    /// Moves a connection to another port of this machine, on a socket of its own; throws when there is none, or the
    /// connection may not move (RFC 9000 section 9).
    public func migrate(_ link: QUICLink) throws(SystemError) {
        guard let server = link.origin?.key.server, link.isOpen else { throw SystemError("migrate", EINVAL) }
        let socket = try QUICClientSocket(
            DatagramSocket.connect(to: server), options: socketOptions, endpoint: manager.clientEndpoint,
            manager: manager)
        do throws(QUICError) {
            try link.connection.migrate(
                to: QUICPath(local: socket.localAddress, remote: server), now: manager.loop.clock.now)
        } catch {
            socket.closeSocket()
            throw SystemError("migrate", EINVAL)
        }
        socket.link = link
        link.move(to: socket)
    }
}

/// Where a connection to a server comes from: what it learns is of use to the next one.
struct QUICLinkOrigin {
    /// Kept: a server whose address changes gets another connector while the old one's connections live on.
    let connector: QUICConnector
    let key: QUICSessionCache.Key
}

/// The socket of one connection to a server.
final class QUICClientSocket: QUICSocket {
    /// The connection, until it is gone.
    var link: QUICLink?

    override func failed(_ code: Int32) {
        switch code {
        case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH: link?.unreachable(SystemError("recvmmsg", code))
        default: break
        }
    }

    override func remove(_ link: QUICLink) {
        super.remove(link)
        self.link = nil
        closeSocket()
    }
}
