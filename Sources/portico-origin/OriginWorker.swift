import Bytes
import Connections
import Messages
import MuxHTTP1
import MuxHTTP2
import MuxHTTP3
import QUICTransport
import Runtime
import Streams
import TLSTransport

/// One worker of the origin: its loop, listeners and connections. It answers every exchange by itself.
final class OriginWorker: ListenerOwner, ConnectionOwner, QUICListenerOwner, ExchangeHandler {
    let loop: EventLoop
    let resources: WorkerResources
    let bodies: OriginBodies
    private let connections: ConnectionManager
    private let quic: QUICConnectionManager
    private let http3: HTTP3Resources
    private let tls: TLSServerContext?
    private var listeners: [StreamListener] = []
    private let settings: ConnectionSettings

    init(_ plan: OriginPlan, index: Int) throws {
        loop = try EventLoop()
        resources = WorkerResources(clock: loop.clock)
        bodies = OriginBodies(resources.buffers)
        connections = ConnectionManager(loop: loop, resources: resources)
        quic = try QUICConnectionManager(loop: loop, resources: resources, service: plan.quicService, worker: index)
        http3 = HTTP3Resources(resources)
        var settings = ConnectionSettings(handshakeTimeout: 10_000, keepAliveTimeout: 600_000)
        settings.detectsHTTP2 = true
        self.settings = settings
        let clock = loop.clock
        tls = try plan.certificates.map { store in
            try TLSServerContext(
                TLSServerContext.Options(certificates: store, ticketKeys: plan.ticketKeys), clock: clock)
        }
        for (place, entry) in plan.entries[index].enumerated() {
            let context = ListenerContext(frontend: entry.kind == .tls ? 1 : 0, bind: place, name: entry.kind.rawValue)
            let descriptor = OwnedDescriptor(adopting: entry.descriptor)
            if entry.kind == .quic {
                try listen(descriptor, context, plan)
            } else {
                listeners.append(
                    try StreamListener(
                        descriptor: descriptor, context: context, loop: loop, owner: self, maxAccept: 64))
            }
        }
    }

    private func listen(_ descriptor: consuming OwnedDescriptor, _ context: ListenerContext, _ plan: OriginPlan) throws
    {
        guard let store = plan.certificates else { return }
        let context3 = try QUICTLSContext(
            server: QUICTLSContext.ServerOptions(certificates: store, ticketKeys: plan.ticketKeys))
        _ = try QUICListener(
            descriptor, context: context,
            settings: QUICListenerSettings(
                quic: QUICSettings(), connection: settings, handshakes: Admission(limit: 4096)),
            tls: context3, manager: quic, owner: self)
    }

    func run() throws(SystemError) { try loop.run() }

    // MARK: Connections

    func takePlace(for listener: StreamListener) -> Bool { true }
    func takePlace(for listener: QUICListener) -> Bool { true }
    func returnPlace(for listener: StreamListener) {}
    func returnPlace(for listener: QUICListener) {}
    func accepted(_ link: QUICLink, on listener: QUICListener) {}
    func acceptFailed(_ error: SystemError, on listener: StreamListener) {
        print("portico-origin: accept: \(error)")
    }

    func accepted(_ descriptor: Int32, peer: SocketAddress, on listener: StreamListener) {
        let session = Session(
            source: peer, destination: listener.localAddress, clock: loop.clock, isQUIC: false,
            listener: listener.context)
        let engine = listener.context.frontend == 1 ? try? tls?.makeEngine(descriptor: descriptor) : nil
        connections.accept(
            descriptor, session: session, owner: self, settings: settings, tls: engine)
    }

    func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? {
        alpn == .h2
            ? try? HTTP2Mux(side: .front, settings: HTTP2Settings(), host: connection) : HTTP1FrontMux(host: connection)
    }

    func makeMux(for link: QUICLink, _ alpn: ApplicationProtocol) -> (any QUICMux)? {
        try? HTTP3Mux(settings: HTTP3Settings(), connection: link.connection, host: link, resources: http3)
    }

    func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange? {
        let exchange = Exchange(front: end, handler: self, resources: resources)
        exchange.context = connection
        return exchange
    }

    func openExchange(on link: QUICLink, for end: any StreamEnd) -> Exchange? {
        let exchange = Exchange(front: end, handler: self, resources: resources)
        exchange.context = link
        return exchange
    }

    func connectionReady(_ connection: StreamConnection) {}
    func connectionReady(_ link: QUICLink) {}
    func streamsChanged(on connection: StreamConnection) {}
    func streamsChanged(on link: QUICLink) {}
    func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {}
    func connectionClosed(_ link: QUICLink, _ close: QUICClose) {}

    // MARK: Exchanges

    /// Ends the connection that the exchange came on, in order.
    func drainConnection(of exchange: Exchange) {
        (exchange.context as? StreamConnection)?.drain()
        (exchange.context as? QUICLink)?.drain()
    }

    func requestReceived(_ exchange: Exchange) {
        guard let head = exchange.request.head else { return exchange.kill(.internalError) }
        let answer = OriginAnswer(exchange, OriginRequest(head), self)
        exchange.attach(back: answer)
    }

    func requestRejected(_ exchange: Exchange, status: Int) {
        let head = resources.heads.obtain(.response)
        head.status = status
        head.bodyLength = .known(0)
        _ = try? head.append(.contentLength, Span("0"))
        exchange.response.put(head)
        exchange.response.end()
    }

    func responseReceived(_ exchange: Exchange) {}
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool) { exchange.kill(reason) }
    func exchangeEnded(_ exchange: Exchange) {}
}
