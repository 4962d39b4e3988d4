public import Bytes
public import Streams

/// A TCP connection passed through (`mode tcp`): the whole connection is one exchange, without heads. Each direction
/// ends by itself (half-close), a reset goes on as a reset, and a slow reader pauses its sender. The same mux serves
/// both sides.
public final class PassThroughMux: ByteStreamMux, ServerMux, StreamEnd {
    /// Which side of the proxy the connection is on.
    public enum Role: Sendable { case front, back }

    private unowned let host: any MuxHost
    private let role: Role
    /// Whether bytes may stay in the kernel, as this side has it; the other one may want it too.
    private let splicing: (request: Splicing, response: Splicing)
    private var exchange: Exchange?
    /// True once the connection had its exchange: it gets no second one.
    private var isUsed = false
    /// The peer has ended its direction.
    private var peerEnded = false
    /// The end of the peer's direction is passed on.
    private var incomingOver = false
    /// All that goes to the peer is written, the end included.
    private var outgoingOver = false
    private var streamsChanged = false
    public private(set) var closeIntent = CloseIntent.open

    /// - Parameters:
    ///   - host: the connection; it owns the mux.
    ///   - splicing: whether the request's bytes and the response's may stay in the kernel.
    public init(
        role: Role, host: any MuxHost, splicing: (request: Splicing, response: Splicing) = (.never, .never)
    ) {
        self.role = role
        self.host = host
        self.splicing = splicing
    }

    // MARK: Exchanges

    /// Front role: opens the exchange. The connection calls it once the transport stands; servers may speak first.
    public func start() {
        guard role == .front, !isUsed else { return }
        isUsed = true
        guard let exchange = host.openExchange(for: self) else { return close(.close) }
        self.exchange = exchange
        allowSplicing(exchange)
        exchange.request.putTunnel()
    }

    public var availableStreams: Int { role == .back && !isUsed && closeIntent == .open ? 1 : 0 }

    public func open(_ exchange: Exchange) -> Bool {
        guard availableStreams > 0, !exchange.isOver else { return false }
        isUsed = true
        self.exchange = exchange
        allowSplicing(exchange)
        exchange.attach(back: self)
        return true
    }

    private var incoming: Half? { role == .front ? exchange?.request : exchange?.response }
    private var outgoing: Half? { role == .front ? exchange?.response : exchange?.request }

    // MARK: The connection's view

    public var wantsInput: Bool {
        guard closeIntent < .close else { return false }
        // Before its exchange a server's connection reads only to see the end.
        guard let incoming else { return role == .back && !isUsed }
        guard !incomingOver else { return false }
        return incoming.pipe == nil ? incoming.room > 0 : incoming.hasPipeRoom
    }

    public var activity: MuxActivity { exchange != nil ? .busy : isUsed ? .idle : .fresh }

    public func receive(_ input: inout InputBuffer) {
        begin()
        guard let incoming else {
            // A server that spoke to nobody can not be used: what it said would be lost.
            if !input.isEmpty { close(.close) }
            input.consume(input.count)
            return
        }
        while !input.isEmpty {
            let count = incoming.room(for: input)
            guard count > 0 else { return }
            if role == .front { exchange?.bytesFromClient += UInt64(count) }
            incoming.put(input.take(count))
        }
        guard peerEnded, !incomingOver else { return }
        incomingOver = true
        incoming.end()
        finishIfOver()
    }

    public func receiveEnd(_ input: inout InputBuffer) {
        peerEnded = true
        receive(&input)
        if exchange == nil { close(.close) }
    }

    public func produce(into output: inout OutputQueue, limit: Int) {
        if streamsChanged {
            streamsChanged = false
            host.muxStreamsChanged()
        }
        begin()
        guard let outgoing, !outgoingOver else { return }
        let before = output.count
        while output.count < limit, let chunk = outgoing.take(upTo: limit - output.count) { output.append(chunk) }
        if role == .front { exchange?.bytesToClient += UInt64(output.count - before) }
        if outgoing.isDrained {
            outgoingOver = true
            outgoing.delivered()
            if closeIntent < .shutdownWrite { closeIntent = .shutdownWrite }
            finishIfOver()
        } else if outgoing.isBroken {
            passOnReset(outgoing.failure ?? .internalError)
        }
    }

    // MARK: Bytes that stay in the kernel

    public var takesPipe: Bool { host.hasPlainSocket }

    public func inputPipe(isBulk: Bool) -> KernelPipe? {
        incomingOver || peerEnded ? nil : incoming?.pipeToFill(isBulk: isBulk)
    }

    public func inputPipeFilled(_ count: Int) {
        if role == .front { exchange?.bytesFromClient += UInt64(count) }
        incoming?.pipeFilled(count)
    }

    public func inputPipeRefused() {
        incoming?.splicing = .never
        incoming?.pipeFilled(0)
    }

    public var outputPipe: KernelPipe? { outgoingOver ? nil : outgoing?.pipeToDrain }

    public func outputPipeDrained(_ count: Int) {
        if role == .front { exchange?.bytesToClient += UInt64(count) }
        outgoing?.pipeDrained(count)
    }

    private func allowSplicing(_ exchange: Exchange) {
        exchange.request.splicing = max(exchange.request.splicing, splicing.request)
        exchange.response.splicing = max(exchange.response.splicing, splicing.response)
    }

    public func transportFailed(_ failure: TransportFailure) {
        closeIntent = .abort
        guard let open = exchange else { return }
        exchange = nil
        switch role {
        case .front: open.frontAborted(failure.clientReason)
        case .back:
            let isUnsent = !open.attempt.requestStarted
            open.backAborted(failure.serverReason(isUnsent: isUnsent), isUnsent: isUnsent)
        }
    }

    /// TCP has no graceful end: what is open goes on.
    public func drain() {
        if exchange == nil { close(.close) }
    }

    public func idleTimeout() {
        if exchange == nil { close(.close) }
    }

    // MARK: The exchange's view

    public func outgoingReady() { host.muxNeedsFlush() }

    public func incomingDrained() { host.muxNeedsFlush() }

    public func reset(_ reason: CloseReason) {
        exchange = nil
        switch reason {
        case .clientAborted, .serverAborted, .clientTimeout, .serverTimeout, .serverDown, .serverUp, .killed:
            close(.abort)
        default: close(.close)
        }
    }

    // MARK: Steps

    /// A server's connection that stands and serves an exchange has begun its answer: from here on a failure is a
    /// broken connection and not a server that could not be reached.
    private func begin() {
        guard role == .back, let exchange, exchange.response.phase == .idle else { return }
        exchange.attempt.requestStarted = true
        exchange.response.putTunnel()
    }

    private func close(_ intent: CloseIntent) {
        if closeIntent < intent { closeIntent = intent }
        streamsChanged = role == .back
        host.muxNeedsFlush()
    }

    /// Both directions have ended in order.
    private func finishIfOver() {
        guard let open = exchange, incomingOver, outgoingOver else { return }
        exchange = nil
        close(.close)
        switch role {
        case .front: open.frontFinished()
        case .back: open.backFinished()
        }
    }

    /// The other side broke: so does this one.
    private func passOnReset(_ reason: CloseReason) {
        guard let open = exchange else { return }
        exchange = nil
        close(.abort)
        switch role {
        case .front: open.frontAborted(reason)
        case .back: open.backAborted(reason)
        }
    }
}
