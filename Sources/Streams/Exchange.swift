public import Bytes
import Messages

/// Who decides about exchanges: the proxy's rules and routing, the origin's answers, the load generator's counts.
/// Calls come from the muxes, on the worker's thread.
public protocol ExchangeHandler: AnyObject {
    /// The request's head is here (in TCP mode: the connection is). The handler attaches a back end now or later, or
    /// answers by itself.
    func requestReceived(_ exchange: Exchange)

    /// The front end refuses what the client sent; `status` is 400, 408, 413, 414, 431, 501 or 505. Either no request
    /// came of it, or (after ``requestReceived(_:)``) its body breaks the rules and the response has not begun: the back
    /// end is dropped already. The handler answers with an error message.
    func requestRejected(_ exchange: Exchange, status: Int)

    /// The final response's head is here; the handler may change it before the front end sends it.
    func responseReceived(_ exchange: Exchange)

    /// The back end gave up before the response's head. `isUnsent` tells that no byte of the request was sent, or that
    /// the server said it did not process it: the request may go to another connection. The handler attaches another
    /// back end or answers with an error message.
    func backFailed(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool)

    /// One of the two messages is complete as received; in a tunnel: that direction has ended.
    func messageEnded(_ exchange: Exchange)

    /// Body bytes came for which there is no consumer yet, or whose head is held: rules may wait for them.
    func bodyWaits(_ exchange: Exchange, _ half: Half)

    /// The exchange is over: both ends are gone. The handler logs it. Its heads are good until this returns.
    func exchangeEnded(_ exchange: Exchange)
}

extension ExchangeHandler {
    public func messageEnded(_ exchange: Exchange) {}
    public func bodyWaits(_ exchange: Exchange, _ half: Half) {}
}

/// How far an exchange came with the back end that is, or was last, attached: what a retry depends on.
public struct BackAttempt: Equatable, Sendable {
    /// The connection served other exchanges before, so that its end may have crossed the request.
    public var connectionReused = false
    /// A byte of the request was given to the transport.
    public var requestStarted = false
    /// A byte of the response came.
    public var responseStarted = false
    /// The request went before the connection's handshake was complete (0-RTT).
    public var isEarlyData = false

    public init(connectionReused: Bool = false) { self.connectionReused = connectionReused }
}

/// One exchange: a request and its response between a front end and a back end, or a TCP connection pair. It joins the
/// two halves, keeps the first reason for an early end, and tells the handler what happened. It belongs to one worker.
public final class Exchange {
    /// From the client to the server.
    public let request: Half
    /// From the server to the client.
    public let response: Half
    /// The client's end; nil once it is gone.
    public private(set) var front: (any StreamEnd)?
    /// The server's end; nil before one is attached and after it is gone.
    public private(set) var back: (any StreamEnd)?
    /// The handler's own record of the exchange.
    public var context: AnyObject?
    /// The first reason for an early end.
    public private(set) var failure: CloseReason?
    /// The request came in early data: it may be a replay (RFC 8470).
    public var isEarlyData = false
    /// Whether a client that ends its side while it waits for the response is gone (`option abortonclose` of the backend
    /// that was chosen); nil: what its mux is told.
    public var abortsOnClose: Bool?
    /// The message that a mux refused last, for operators.
    public var malformed: MalformedMessage?
    /// What the connections say of its streams.
    public var trace = StreamTrace()
    /// Bytes sent to the client, heads and framing included.
    public var bytesToClient: UInt64 = 0
    /// Bytes received from the client, heads and framing included.
    public var bytesFromClient: UInt64 = 0
    /// When the front end opened the exchange: the first byte of the request.
    public let openedAt: Instant
    /// When the request's head was complete; zero before.
    public private(set) var requestHeadAt = Instant.zero
    /// When the back end was attached; zero before.
    public private(set) var attachedAt = Instant.zero
    /// When the response's head was complete; zero before.
    public private(set) var responseHeadAt = Instant.zero
    /// What the last back end did with the request; the back end keeps it.
    public var attempt = BackAttempt()
    /// True once ``ExchangeHandler/exchangeEnded(_:)`` was called.
    public private(set) var isOver = false

    public let resources: WorkerResources
    private let handler: any ExchangeHandler

    /// - Parameters:
    ///   - front: the client's end.
    ///   - halfLimit: bytes that may wait in each half: `tune.bufsize`.
    public init(
        front: any StreamEnd, handler: any ExchangeHandler, resources: WorkerResources, halfLimit: Int = 65_536
    ) {
        self.front = front
        self.handler = handler
        self.resources = resources
        openedAt = resources.clock.now
        request = Half(.request, limit: halfLimit, clock: resources.clock)
        response = Half(.response, limit: halfLimit, clock: resources.clock)
        request.join(self)
        response.join(self)
        request.producer = front
        response.consumer = front
    }

    /// Joins the server's end. The end finds the request's head in ``request`` and is told that it is ready.
    public func attach(back end: any StreamEnd) {
        guard !isOver else {
            end.reset(.notNeeded)
            return
        }
        back = end
        attempt = BackAttempt()
        attachedAt = resources.clock.now
        request.consumer = end
        response.producer = end
        end.outgoingReady()
    }

    // MARK: What the front end says

    /// The client's message breaks the rules, or does not come in time: the handler answers with `status`. Only before
    /// the response has begun.
    public func rejectRequest(status: Int, reason: CloseReason = .clientProtocolError) {
        note(reason)
        request.abort(reason)
        dropBack(reason)
        handler.requestRejected(self, status: status)
    }

    /// The front end has sent the whole response and needs nothing more of the exchange. The exchange is over, but for
    /// a tunnel whose client said its last words before: the back end still sends them.
    public func frontFinished() {
        front = nil
        response.delivered()
        if back != nil, isTunnel, request.phase == .ended, !request.isDelivered {
            request.producer = nil
            response.consumer = nil
            return
        }
        dropBack(.notNeeded)
        finish()
    }

    /// True once both directions go on by themselves: TCP, CONNECT, an accepted upgrade.
    public var isTunnel: Bool {
        guard let head = response.head else { return response.phase > .idle }
        return head.bodyLength == .tunnel
    }

    /// The client is gone, or broke the rules, before the response was sent.
    public func frontAborted(_ reason: CloseReason) {
        note(reason)
        front = nil
        request.abort(reason)
        dropBack(reason)
        finish()
    }

    // MARK: What the back end says

    /// The back end has delivered its whole response and sent, or no longer needs, the request: it is free for other
    /// work. The response may still wait for the client.
    public func backFinished() {
        back = nil
        request.consumer = nil
        response.producer = nil
        if request.phase < .ended || request.count > 0 {
            // An early response: the rest of the request has nowhere to go.
            request.discard()
        }
        if front == nil { finish() }
    }

    /// The back end failed. Before the response's head the handler decides; after it the client sees a broken message.
    public func backAborted(_ reason: CloseReason, isUnsent: Bool = false) {
        back = nil
        request.consumer = nil
        response.producer = nil
        if front == nil {
            note(reason)
            finish()
        } else if response.phase == .idle {
            handler.backFailed(self, reason, isUnsent: isUnsent)
        } else {
            note(reason)
            response.abort(reason)
        }
    }

    // MARK: What the handler says

    /// Ends the exchange from the proxy's side: a timeout, a kill. Both ends are reset with `reason`.
    public func kill(_ reason: CloseReason) {
        note(reason)
        dropBack(reason)
        if let end = front {
            front = nil
            end.reset(reason)
        }
        finish()
    }

    /// Detaches and resets the back end, so that another can be attached or the proxy can answer by itself.
    public func dropBack(_ reason: CloseReason) {
        guard let end = back else { return }
        back = nil
        request.consumer = nil
        response.producer = nil
        end.reset(reason)
    }

    /// Drops the server and its response, of which the client has seen nothing: the handler answers by itself. False
    /// when the client has seen its head already.
    public func dropResponse(_ reason: CloseReason) -> Bool {
        guard !response.headTaken else { return false }
        dropBack(reason)
        response.restart(resources.heads)
        return true
    }

    /// Tells a client that waits with its body to send it (RFC 9110 section 10.1.1): the proxy wants it before a server
    /// is asked.
    public func expectBody() {
        guard let head = request.head, head.version != .http10, let index = head.first(.expect),
            head.value(at: index).equalsIgnoringCase("100-continue"), request.bytesIn == 0, request.phase == .body
        else { return }
        head.removeAll(.expect)
        let interim = resources.heads.obtain(.response)
        interim.status = 100
        response.putInterim(interim)
    }

    /// Keeps `reason` when it is the exchange's first.
    public func note(_ reason: CloseReason) {
        if failure == nil { failure = reason }
    }

    // MARK: What the halves say

    func headArrived(_ half: Half) {
        switch half.direction {
        case .request:
            requestHeadAt = resources.clock.now
            handler.requestReceived(self)
        case .response:
            responseHeadAt = resources.clock.now
            handler.responseReceived(self)
            front?.outgoingReady()
        }
    }

    func bodyWaits(_ half: Half) { handler.bodyWaits(self, half) }

    func messageEnded(_ half: Half) { handler.messageEnded(self) }

    private func finish() {
        guard !isOver else { return }
        isOver = true
        handler.exchangeEnded(self)
        request.recycle(resources.heads)
        response.recycle(resources.heads)
        context = nil
    }
}
