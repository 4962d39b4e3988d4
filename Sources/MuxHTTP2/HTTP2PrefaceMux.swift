public import Bytes
public import Streams

/// Reads the preface of HTTP/2 (RFC 9113 section 3.4) on a connection that is to be reversed: its sender opened the
/// connection, and waits for our requests. What comes behind the preface is for a session in the client's role, which
/// knows of no preface from its peer.
public final class HTTP2PrefaceMux: ByteStreamMux {
    /// What the side that opens the connection sends first.
    public static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    private unowned(unsafe) let host: any MuxHost
    private var matched = 0
    private var isOver = false

    /// Tells the host by ``MuxHost/muxStreamsChanged()`` when the preface is complete.
    ///
    /// - Parameter host: the connection, which outlives the mux.
    public init(host: any MuxHost) { unsafe self.host = host }

    /// The whole preface has come; the bytes behind it are left to the next mux.
    public var isComplete: Bool { matched == Self.preface.utf8CodeUnitCount }

    public func receive(_ input: inout InputBuffer) {
        guard !isOver, !isComplete else { return }
        var used = 0
        while used < input.count, !isComplete {
            let byte = input.bytes[used]
            guard unsafe byte == Self.preface.utf8Start[matched] else {
                isOver = true
                break
            }
            used += 1
            matched += 1
        }
        input.consume(used)
        if isComplete { unsafe host.muxStreamsChanged() }
        unsafe host.muxNeedsFlush()
    }

    public func receiveEnd(_ input: inout InputBuffer) { isOver = true }
    public func transportFailed(_ failure: TransportFailure) { isOver = true }
    public func produce(into output: inout OutputQueue, limit: Int) {}
    public var wantsInput: Bool { !isOver && !isComplete }
    public var closeIntent: CloseIntent { isOver ? .close : .open }
    public var activity: MuxActivity { .fresh }

    public func drain() {
        isOver = true
        unsafe host.muxNeedsFlush()
    }

    public func idleTimeout() { isOver = true }
}
