public import Bytes

/// What a mux tells its connection about closing. It may only move forward.
public enum CloseIntent: UInt8, Sendable, Comparable {
    /// Keep both directions open.
    case open
    /// When all output is sent, end the sending direction (FIN, close_notify) and go on reading.
    case shutdownWrite
    /// When all output is sent, close.
    case close
    /// Close at once, with a TCP reset; drop all output.
    case abort

    public static func < (left: CloseIntent, right: CloseIntent) -> Bool { left.rawValue < right.rawValue }
}

/// What a mux is doing, for the connection's idle timers.
public enum MuxActivity: UInt8, Sendable {
    /// Nothing has been received yet: `timeout http-request` (or `client`) runs.
    case fresh
    /// Between messages: `timeout http-keep-alive` runs at the front, idle purge at the back.
    case idle
    /// Part of a request head is here: `timeout http-request` runs.
    case receivingHead
    /// At least one exchange is open: the exchange's own timers run.
    case busy
}

/// Why a transport failed under a mux.
public enum TransportFailure: UInt8, Error, Sendable {
    /// The peer reset the connection.
    case reset
    /// The peer ended its sending direction in the middle of a TLS record stream, without close_notify.
    case truncated
    /// Any other read or write error.
    case failed
    /// A timer of the connection ran out.
    case timeout
    /// The proxy stops and does not wait.
    case stopping
}

extension TransportFailure {
    /// The reason that a broken connection to a client gives its exchanges.
    public var clientReason: CloseReason {
        switch self {
        case .reset, .truncated, .failed: .clientAborted
        case .timeout: .clientTimeout
        case .stopping: .killed
        }
    }

    /// The reason that a broken connection to a server gives its exchanges. Without a byte sent it counts as a
    /// connection that never stood.
    public func serverReason(isUnsent: Bool) -> CloseReason {
        switch self {
        case .reset, .truncated, .failed: isUnsent ? .connectFailed : .serverAborted
        case .timeout: isUnsent ? .connectTimeout : .serverTimeout
        case .stopping: .killed
        }
    }
}

/// A mux on an ordered byte stream: HTTP/1, HTTP/2, or TCP passed through. It is a machine: bytes in, bytes out; it
/// owns no socket and reads no clock. The connection calls it; it calls ``MuxHost``.
public protocol ByteStreamMux: AnyObject {
    /// Consumes what it can of the input. Called when bytes have come and when ``wantsInput`` has turned true again.
    func receive(_ input: inout InputBuffer)

    /// The peer has ended its sending direction; all its bytes were given to ``receive(_:)``.
    func receiveEnd(_ input: inout InputBuffer)

    /// The transport is gone. Open exchanges are aborted; nothing can be sent any more.
    func transportFailed(_ failure: TransportFailure)

    /// Appends bytes to send, until `output` holds at least `limit` bytes or there is nothing more. Called at a flush,
    /// after the earlier output is sent.
    func produce(into output: inout OutputQueue, limit: Int)

    /// True while the mux can use more input: false pauses reading (backpressure).
    var wantsInput: Bool { get }

    /// How the connection shall end, once the output is sent.
    var closeIntent: CloseIntent { get }

    var activity: MuxActivity { get }

    /// Whether the mux asks for a flush (``MuxHost/muxNeedsFlush()``) whenever it has something to send or to change, so
    /// that a connection that has only read for it needs none.
    var announcesOutput: Bool { get }

    /// Where the connection is to put what the peer sends next, unseen by the mux; nil: ``receive(_:)`` it is. Asked for
    /// before each read while no input waits, and followed by ``inputPipeFilled(_:)``.
    ///
    /// - Parameter isBulk: the peer brings more than it is asked for.
    func inputPipe(isBulk: Bool) -> KernelPipe?

    /// So many bytes have come into the pipe, 0 when there were none.
    func inputPipeFilled(_ count: Int)

    /// The socket can not do that: no pipe from now on.
    func inputPipeRefused()

    /// What is to be sent once all output is sent; nil: nothing.
    var outputPipe: KernelPipe? { get }

    /// So many bytes of ``outputPipe`` are sent.
    func outputPipeDrained(_ count: Int)

    /// Graceful end: no new exchanges (GOAWAY, `Connection: close`), open ones finish, then close.
    func drain()

    /// The connection's idle timer ran out in ``activity``: answer 408 or send GOAWAY as the version has it, then close.
    func idleTimeout()

    /// The connection has been idle for a while: keep as little memory as possible until something happens. True when
    /// that took work.
    func rest() -> Bool
}

extension ByteStreamMux {
    public func rest() -> Bool { false }
    public var announcesOutput: Bool { false }
    public func inputPipe(isBulk: Bool) -> KernelPipe? { nil }
    public func inputPipeFilled(_ count: Int) {}
    public func inputPipeRefused() {}
    public var outputPipe: KernelPipe? { nil }
    public func outputPipeDrained(_ count: Int) {}
}

/// A mux in the client role, to a server: exchanges are attached to it.
public protocol ServerMux: AnyObject {
    /// How many more exchanges it takes now: 0 or 1 for HTTP/1 and TCP, up to the stream limit for HTTP/2 and HTTP/3.
    var availableStreams: Int { get }

    var activity: MuxActivity { get }

    /// Opens a stream for the exchange and attaches it as the back end. False when it can not take it after all.
    func open(_ exchange: Exchange) -> Bool
}

/// What a mux needs of the connection it lives on.
public protocol MuxHost: AnyObject {
    var resources: WorkerResources { get }

    /// Whether the connection's bytes are those on its socket, so that they may go through a pipe.
    var hasPlainSocket: Bool { get }

    /// Something is to be done at the end of this turn: output to produce, or input to take up again. Cheap; may be
    /// called many times.
    func muxNeedsFlush()

    /// Front role: opens an exchange for a new request (or a TCP connection). Nil when the proxy takes no more.
    func openExchange(for end: any StreamEnd) -> Exchange?

    /// Server role: the number of ``ServerMux/availableStreams`` has changed, or the last exchange is over, so that the
    /// connection may go to a pool or be closed.
    func muxStreamsChanged()
}

extension MuxHost {
    public var hasPlainSocket: Bool { false }
}
