import Bytes
import Connections
import MuxHTTP1
import MuxHTTP2
import MuxHTTP3
import QUICTransport
import Runtime
import Streams
import TLSTransport

/// One connection with its streams. It is opened again when it ends, for as long as there are requests.
final class LoadConnection: LoopMember, ConnectionOwner, QUICConnectionOwner, TimerTarget {
    /// Milliseconds before another try, when a connection ended without a response.
    private static let pause = 100

    private unowned(unsafe) let worker: LoadWorker
    private(set) var streams: [LoadStream] = []
    /// Streams without a request.
    private var idle: [LoadStream] = []
    /// Streams whose request waits to be sent once more.
    private var unsent: [LoadStream] = []
    private var stream: StreamConnection?
    private var link: QUICLink?
    private var isReady = false
    private var openedAt = Instant.zero
    /// Requests sent on this connection.
    private var begun = 0
    /// Requests over on this connection.
    private var served = 0
    /// This connection has had its share of requests: it closes, and a new one follows.
    private var isSpent = false
    /// The connection has changed its keys, and its path.
    private var hasNewKeys = false
    private var hasMoved = false
    /// Why the connection was not taken when the transport was ready.
    private var refusal: String?
    private var timer: Timer!

    init(_ worker: LoadWorker) {
        unsafe self.worker = worker
        super.init()
        timer = Timer(on: worker.loop.timers, target: self)
        for _ in 0..<worker.plan.streams { streams.append(LoadStream(self, worker)) }
        idle = streams
    }

    private var availableStreams: Int { stream?.availableStreams ?? link?.availableStreams ?? 0 }

    /// Opens a stream for an exchange.
    func open(_ exchange: Exchange) -> Bool { stream?.open(exchange) ?? link?.open(exchange) ?? false }

    /// Starts requests that are due, or the connection.
    override func flush() {
        if stream == nil, link == nil { return connect() }
        changeTransport()
        pump()
    }

    /// Does to a QUIC connection what its number of responses asks for.
    private func changeTransport() {
        guard isReady, let link, !isSpent else { return }
        let worker = unsafe self.worker
        if let count = worker.plan.keyUpdateAfter, served >= count, !hasNewKeys,
            (try? link.connection.initiateKeyUpdate(now: worker.loop.clock.now)) != nil
        {
            hasNewKeys = true
            worker.counts.keyUpdates += 1
            worker.loop.schedule(link)
        }
        if let count = worker.plan.migrationAfter, served >= count, !hasMoved,
            (try? worker.connector?.migrate(link)) != nil
        {
            hasMoved = true
            worker.counts.migrations += 1
        }
    }

    /// Starts requests that are due, as far as streams are free.
    func pump() {
        guard isReady else { return }
        while availableStreams > 0, unsafe begun < worker.plan.perConnection ?? .max {
            if let stream = unsent.popLast() {
                begun += 1
                stream.send()
                continue
            }
            guard !idle.isEmpty, let due = unsafe worker.nextRequest(), let stream = idle.popLast() else { return }
            begun += 1
            stream.begin(due)
            stream.send()
        }
    }

    /// Closes a connection that has had its share of requests.
    private func replace() {
        isReady = false
        isSpent = true
        stream?.retire()
        link?.stop()
    }

    /// A request is over.
    func finished(_ stream: LoadStream) {
        served += 1
        idle.append(stream)
        if isReady, let limit = unsafe worker.plan.perConnection, served >= limit { return replace() }
        if unsafe worker.plan.keyUpdateAfter != nil || worker.plan.migrationAfter != nil {
            // That comes before the next request.
            return unsafe worker.loop.schedule(self)
        }
        pump()
        // Without a connection the next request needs one first.
        if !isReady { unsafe worker.loop.schedule(self) }
    }

    /// A request is to be sent again.
    func repeats(_ stream: LoadStream) {
        begun -= 1
        unsent.append(stream)
        unsafe worker.loop.schedule(self)
    }

    /// No connection: the requests that wait for it have failed, or else the next one that is due.
    func failWaiting() {
        let waiting = unsent
        unsent = []
        for stream in waiting { stream.fail(.connect) }
        guard waiting.isEmpty, !idle.isEmpty, unsafe worker.nextRequest() != nil else { return }
        unsafe worker.failed(.connect)
    }

    /// Ends requests that were due before `limit`.
    func timeOut(before limit: Instant) {
        for stream in streams where stream.isBusy && stream.dueAt < limit {
            unsent.removeAll { $0 === stream }
            stream.timeOut()
        }
    }

    /// Closes for good.
    func close() {
        timer.disarm()
        stream?.retire()
        link?.stop()
    }

    // MARK: Opening

    private func connect() {
        let worker = unsafe self.worker
        guard !timer.isArmed, worker.isRunning, worker.wantsConnections || !unsent.isEmpty else { return }
        openedAt = worker.loop.clock.now
        refusal = nil
        begun = 0
        served = 0
        hasNewKeys = false
        hasMoved = false
        do throws(ConnectionFailure) {
            if let connector = worker.connector {
                link = try connector.connect(
                    to: worker.address, serverName: worker.serverName, sendsEarlyData: worker.plan.sendsEarlyData,
                    owner: self)
            } else {
                stream = try worker.connections.connect(
                    to: .ip(worker.address), owner: self, settings: worker.settings, ownerContext: nil
                ) { descriptor throws(TLSError) in
                    try worker.tls?.makeEngine(descriptor: descriptor, serverName: worker.plan.target.host)
                }
            }
        } catch {
            ended(error.description)
        }
    }

    private func ready() {
        isReady = true
        unsafe worker.connected(since: openedAt)
        unsafe worker.loop.schedule(self)
    }

    private func ended(_ why: String) {
        let worker = unsafe self.worker
        let isLost = isReady
        let wasReady = isReady || isSpent
        isReady = false
        isSpent = false
        stream = nil
        link = nil
        guard worker.isRunning else { return }
        if isLost { worker.counts.connectionsLost += 1 }
        if wasReady ? served == 0 : worker.connectFailed(self, refusal ?? why) {
            timer.arm(at: worker.loop.clock.now.advanced(milliseconds: Self.pause))
        }
        worker.loop.schedule(self)
    }

    func timerFired(_ timer: Timer) { unsafe worker.loop.schedule(self) }

    // MARK: What TCP connections say

    func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? {
        let worker = unsafe self.worker
        if worker.plan.version == .http1 { return HTTP1BackMux(host: connection, seed: worker.random.next()) }
        guard alpn == .h2 || !worker.plan.target.isSecure else {
            refusal = "the server does not speak HTTP/2 here (ALPN)"
            return nil
        }
        return try? HTTP2Mux(side: .back, settings: worker.http2, host: connection)
    }

    func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange? { nil }

    func connectionReady(_ connection: StreamConnection) { ready() }

    func streamsChanged(on connection: StreamConnection) { moreStreams() }

    func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) {
        ended(failure?.description ?? "closed")
    }

    /// The connection takes more or fewer streams than before.
    private func moreStreams() {
        if !idle.isEmpty || !unsent.isEmpty { unsafe worker.loop.schedule(self) }
    }

    // MARK: What QUIC connections say

    func makeMux(for link: QUICLink, _ alpn: ApplicationProtocol) -> (any QUICMux)? {
        let worker = unsafe self.worker
        return try? HTTP3Mux(
            settings: worker.http3, connection: link.connection, host: link, resources: worker.http3Resources)
    }

    func openExchange(on link: QUICLink, for end: any StreamEnd) -> Exchange? { nil }

    /// Starts requests before the handshake is complete.
    func earlyDataPossible(_ link: QUICLink) {
        while unsafe begun < worker.plan.perConnection ?? .max, !idle.isEmpty, let due = unsafe worker.nextRequest(),
            let stream = idle.popLast()
        {
            begun += 1
            stream.begin(due)
            stream.send()
        }
    }

    func connectionReady(_ link: QUICLink) { ready() }

    func streamsChanged(on link: QUICLink) { moreStreams() }

    func connectionClosed(_ link: QUICLink, _ close: QUICClose) {
        ended(link.socketError?.description ?? close.summary)
    }
}

extension QUICClose {
    /// In words, for error messages.
    fileprivate var summary: String {
        let words =
            switch reason {
            case .application: "closed with HTTP/3 code \(code)"
            case .transport: "closed with QUIC code \(code)"
            case .tlsAlert: "TLS alert \(alert ?? 0)"
            case .idleTimeout, .handshakeTimeout: "no answer in time"
            case .statelessReset: "the server has lost the connection"
            case .versionNegotiation: "the server speaks no QUIC version of ours"
            case .dropped, .retryRequired: "given up"
            }
        return text.isEmpty ? words : "\(words): \(text)"
    }
}
