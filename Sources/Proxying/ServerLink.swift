import Bytes
import Configuration
import Connections
import MuxHTTP2
import Runtime
import Servers
import Streams

/// A connection to a server, as the pool sees it, whatever transport carries it.
final class ServerLink: PooledConnection, TimerTarget {
    let server: PoolServer
    /// The dispatch that waits for the connection.
    var dispatch: Dispatch?
    /// TCP or Unix; nil once it is closed.
    var stream: StreamConnection?
    /// QUIC; nil once it is closed.
    var quic: QUICLink?
    /// The connection is for one WebSocket exchange.
    let isWebSocket: Bool
    let key: UInt64
    var place = PoolPlace.none {
        didSet { if isPinged, place.isIdle != oldValue.isIdle { watchIdle() } }
    }
    var poolIndex = -1
    var privateTo: AnyObject?
    var uses = 0
    /// When a QUIC connection that has not come about is left behind for one over TCP.
    private var timer: Timer?
    private var giveUp: (() -> Void)?
    private var pingTimer: Timer?
    /// Whether it is asked for signs of life while it is idle.
    private let isPinged: Bool
    /// Datagrams that had come when an idle connection was looked at, and whether it should have been asked since.
    private var datagramsSeen: UInt64 = 0
    private var isProbed = false

    init(_ server: PoolServer, _ dispatch: Dispatch?, key: UInt64, isWebSocket: Bool = false) {
        self.server = server
        self.dispatch = dispatch
        self.key = key
        self.isWebSocket = isWebSocket
        isPinged = (server.context as? ServerSide)?.settings.idlePing != nil
    }

    var load: (free: Int, isBusy: Bool) {
        if let stream { return stream.load }
        return quic.map { ($0.availableStreams, $0.isBusy) } ?? (0, false)
    }
    var hasHeadOfLineRisk: Bool { stream?.mux is HTTP2Mux }
    var isSafeAtOnce: Bool { quic != nil || stream?.mux is HTTP2Mux }
    func open(_ exchange: Exchange) -> Bool { stream?.open(exchange) ?? quic?.open(exchange) ?? false }
    func checkAlive() -> Bool { stream?.checkAlive() ?? (quic?.isOpen ?? false) }

    func retire() {
        stream?.retire()
        quic?.drain()
    }

    func closeIdle() {
        stream?.closeIdle()
        quic?.closeIdle()
    }

    /// Ends an attempt that nobody waits for any more.
    func stop() {
        disarm()
        stream?.stop()
        quic?.stop()
    }

    /// Calls `action` when the connection is not there at `deadline`.
    func otherwise(at deadline: Instant, on timers: TimerWheel, _ action: @escaping () -> Void) {
        giveUp = action
        timer = Timer(on: timers, target: self)
        timer?.arm(at: deadline)
    }

    func disarm() {
        timer?.disarm()
        giveUp = nil
    }

    // MARK: Idle connections (`idle-ping`)

    /// An idle connection is asked whether it lives: HTTP/2 and HTTP/3 can be.
    private func watchIdle() {
        guard let side = server.context as? ServerSide, let interval = side.settings.idlePing else { return }
        guard place.isIdle, quic != nil || stream?.mux is HTTP2Mux else {
            pingTimer?.disarm()
            return
        }
        datagramsSeen = quic?.datagramsReceived ?? 0
        isProbed = false
        if pingTimer == nil { pingTimer = Timer(on: side.timers, target: self) }
        pingTimer?.arm(at: side.clock.now.advanced(milliseconds: interval))
    }

    /// Closes a connection that has not answered since the last time; else asks again. QUIC asks by itself.
    private func probe() {
        guard place.isIdle, let side = server.context as? ServerSide, let interval = side.settings.idlePing else {
            return
        }
        if let mux = stream?.mux as? HTTP2Mux {
            guard mux.ping() else { return stop() }
        } else if let quic {
            if isProbed, quic.datagramsReceived == datagramsSeen { return stop() }
            datagramsSeen = quic.datagramsReceived
            isProbed = true
        } else {
            return
        }
        pingTimer?.arm(at: side.clock.now.advanced(milliseconds: interval))
    }

    func timerFired(_ timer: Timer) {
        if timer === pingTimer { return probe() }
        let action = giveUp
        giveUp = nil
        action?()
    }
}
