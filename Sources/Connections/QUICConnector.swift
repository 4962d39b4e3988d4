public import Bytes
import Glibc
public import QUICTransport
public import Runtime
import Streams
public import TLSTransport

/// Opens QUIC connections to servers that share TLS settings, transport settings and times. Each connection has a
/// socket of its own, connected to its server: the server's workers see unrelated clients, and a closed port is told
/// at once.
public final class QUICConnector {
    public let quic: QUICSettings
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
    ///   - resuming: a session of an earlier connection, from `QUICTLSSession.resumptionData`.
    ///   - token: an address-validation token of an earlier connection, from `QUICConnection.receivedToken`.
    public func connect(
        to server: SocketAddress, from source: SocketAddress? = nil, serverName: String?, resuming: [UInt8]? = nil,
        token: [UInt8] = [], owner: any QUICConnectionOwner, ownerContext: AnyObject? = nil
    ) throws(ConnectionFailure) -> QUICLink {
        let session: QUICTLSSession
        do throws(TLSError) {
            session = try tls.makeClientSession(serverName: serverName, resuming: resuming)
        } catch { throw .handshake(error) }
        let socket: QUICClientSocket
        do throws(SystemError) {
            socket = try QUICClientSocket(
                DatagramSocket.connect(to: server, from: source), options: socketOptions,
                endpoint: manager.clientEndpoint, manager: manager)
        } catch { throw .connect(error) }
        let connection: QUICConnection
        do throws(QUICError) {
            connection = try manager.clientEndpoint.connect(
                path: QUICPath(local: socket.localAddress, remote: server), tls: session, settings: quic, token: token,
                now: manager.loop.clock.now)
        } catch {
            socket.closeSocket()
            throw .transport(.failed)
        }
        let link = QUICLink(
            role: .server, connection: connection, socket: socket, manager: manager, owner: owner, settings: settings,
            session: nil)
        link.ownerContext = ownerContext
        socket.link = link
        manager.loop.schedule(link)
        return link
    }
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
