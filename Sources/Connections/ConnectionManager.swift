public import Bytes
import Glibc
public import Runtime
public import Streams
public import TLSTransport

/// A worker's connection manager: knows every connection, opens those to servers, and drains or stops them all.
public final class ConnectionManager {
    public let loop: EventLoop
    public let resources: WorkerResources
    /// True once ``drain()`` was called.
    public private(set) var isDraining = false
    /// Called when the last client connection is gone.
    public var ranDry: (() -> Void)?

    private var connections: [StreamConnection] = []
    private let idleRound: IdleRound

    public init(loop: EventLoop, resources: WorkerResources) {
        self.loop = loop
        self.resources = resources
        idleRound = IdleRound(on: loop)
        idleRound.rest = { [unowned self] index in index < connections.count ? connections[index].rest() : nil }
    }

    /// Client connections that are open on this worker.
    public private(set) var clientCount = 0

    /// Calls `body` with each connection of this worker. It must not end any.
    public func forEachConnection(_ body: (StreamConnection) -> Void) {
        for connection in connections { body(connection) }
    }

    /// Connections that are open on this worker.
    public var count: Int { connections.count }

    /// Takes over an accepted socket. The session tells of headers to expect, and of marks for its packets.
    public func accept(
        _ descriptor: Int32, session: Session, owner: any ConnectionOwner, settings: ConnectionSettings,
        tls: TLSEngine?
    ) {
        Socket.setNoDelay(descriptor)
        session.marks.apply(to: descriptor)
        Self.sizeBuffers(descriptor, settings)
        if let traits = settings.traits, session.source.isIP { traits.apply(to: descriptor) }
        let connection = StreamConnection(
            role: .client, descriptor: descriptor, phase: session.expectedHeader == nil ? .connecting : .header,
            manager: self, owner: owner, settings: settings,
            session: session, tls: tls)
        do throws(SystemError) {
            try connection.start()
        } catch {
            connection.close(.transport(.failed))
        }
    }

    /// Starts a connection to a server. The owner hears of its end by
    /// ``ConnectionOwner/connectionReady(_:)`` or ``ConnectionOwner/connectionClosed(_:_:)``, never from inside this.
    ///
    /// - Parameters:
    ///   - route: where the connection comes from; nil: as the kernel chooses.
    ///   - preamble: sent before anything else, TLS too: a PROXY header.
    public func connect(
        to target: Socket.Target, from route: ConnectionRoute? = nil, preamble: [UInt8] = [],
        owner: any ConnectionOwner, settings: ConnectionSettings,
        ownerContext: AnyObject?, makeTLS: (Int32) throws(TLSError) -> TLSEngine?
    ) throws(ConnectionFailure) -> StreamConnection {
        var socks: SOCKSRequest?
        if route?.socks != nil {
            guard let request = SOCKSRequest(for: target) else {
                throw .connect(SystemError("socks4", EAFNOSUPPORT))
            }
            socks = request
        }
        let socket = try Self.startConnecting(
            to: route?.socks.map { Socket.Target.ip($0) } ?? target, from: route, settings)
        let tls: TLSEngine?
        do throws(TLSError) { tls = try makeTLS(socket.number) } catch { throw .handshake(error) }
        let connection = StreamConnection(
            role: .server, descriptor: socket.release(), phase: .connecting, manager: self, owner: owner,
            settings: settings, session: nil, tls: tls)
        connection.ownerContext = ownerContext
        connection.preamble = preamble[...]
        connection.socks = socks
        do throws(SystemError) {
            try connection.start()
        } catch {
            connection.owner = nil
            connection.close(nil)
            throw .connect(error)
        }
        return connection
    }

    private static func startConnecting(
        to target: Socket.Target, from route: ConnectionRoute?, _ settings: ConnectionSettings
    ) throws(ConnectionFailure) -> OwnedDescriptor {
        do throws(SystemError) {
            let socket = try Socket.stream(for: target)
            if case .ip = target, let route { try route.apply(to: socket.number) }
            if case .ip = target { Socket.setNoDelay(socket.number) }
            // Before the connect, so that the window that the SYN offers fits.
            sizeBuffers(socket.number, settings)
            if case .ip = target { settings.traits?.apply(to: socket.number) }
            _ = try Socket.connect(socket.number, to: target)
            return socket
        } catch { throw .connect(error) }
    }

    private static func sizeBuffers(_ descriptor: Int32, _ settings: ConnectionSettings) {
        if let size = settings.receiveBuffer {
            Socket.set(descriptor, level: SOL_SOCKET, option: SO_RCVBUF, Int32(clamping: size))
        }
        if let size = settings.sendBuffer {
            Socket.set(descriptor, level: SOL_SOCKET, option: SO_SNDBUF, Int32(clamping: size))
        }
    }

    func insert(_ connection: StreamConnection) {
        connection.tableIndex = connections.count
        connections.append(connection)
        if connection.role == .client { clientCount += 1 }
        idleRound.noteNewcomer()
    }

    func remove(_ connection: StreamConnection) {
        let index = connection.tableIndex
        guard index >= 0, index < connections.count, connections[index] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            connections[index] = last
            last.tableIndex = index
        }
        connection.tableIndex = -1
        if connection.role == .client {
            clientCount -= 1
            if clientCount == 0 { ranDry?() }
        }
    }

    /// A connection goes over to the other side of the proxy.
    func change(_ connection: StreamConnection, to role: StreamConnection.Role) {
        guard connection.role != role else { return }
        connection.role = role
        if role == .client {
            clientCount += 1
        } else {
            clientCount -= 1
            if clientCount == 0 { ranDry?() }
        }
    }

    /// Ends every client connection gracefully.
    public func drain() {
        isDraining = true
        for connection in connections where connection.role == .client { connection.drain() }
    }

    /// Ends every connection at once.
    public func stop() {
        while let connection = connections.last { connection.stop() }
    }
}

/// Where connections to a server come from.
public struct ConnectionRoute: Sendable {
    /// The local address; its port 0 leaves the port to the kernel. Nil: the kernel's choice.
    public var source: SocketAddress?
    /// The network interface; nil: the kernel's choice.
    public var interface: String?
    /// What its packets carry.
    public var marks = PacketMarks()
    /// ``source`` need not be an address of this machine (IP_TRANSPARENT).
    public var isForeign = false
    /// The SOCKS4 proxy that it goes through; nil: none.
    public var socks: SocketAddress?

    public init(source: SocketAddress?, interface: String?) {
        self.source = source
        self.interface = interface
    }

    func apply(to descriptor: Int32) throws(SystemError) {
        marks.apply(to: descriptor)
        if let interface { try Socket.bind(descriptor, toInterface: interface) }
        guard let source else { return }
        if isForeign { try Socket.setTransparent(descriptor, isIPv6: source.family == .ipv6) }
        // A port is found when the peer is known: many connections may share it then.
        Socket.set(descriptor, level: Int32(IPPROTO_IP), option: 24, 1)
        Socket.setReusable(descriptor, address: true, port: false)
        try Socket.bind(descriptor, to: .ip(source))
    }
}
