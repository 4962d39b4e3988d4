import Messages
import Streams

/// One HTTP/2 stream as an end of an exchange. Stream objects belong to their mux, which uses them again after the
/// stream is closed; nghttp2 keeps a plain pointer to them as the stream's user data.
final class HTTP2Stream: StreamEnd {
    unowned(unsafe) let mux: HTTP2Mux
    /// Where the object stands in the mux's table.
    let slot: Int

    /// The stream identifier; 0 for a request that has not been sent yet.
    var id: Int32 = 0
    /// The exchange; nil before it is open and after this end has left it.
    private(set) var exchange: Exchange?
    /// The half that this end fills from its peer's messages. Good while there is an exchange.
    private(set) unowned(unsafe) var incoming: Half?
    /// The half that this end sends to its peer. Good while there is an exchange.
    private(set) unowned(unsafe) var outgoing: Half?

    /// The final head came from the peer: what follows is a body, then trailers.
    var hasIncomingHead = false
    /// The peer has ended its direction.
    var hasIncomingEnd = false
    /// The final head went to the peer.
    var hasOutgoingHead = false
    /// The end of our direction went to the peer.
    var hasOutgoingEnd = false
    /// nghttp2 asked for body bytes and got none: it is told when there are some.
    var isDeferred = false
    /// The peer has sent RST_STREAM.
    var isResetByPeer = false
    /// We have sent RST_STREAM for a reason of our own.
    var isResetByUs = false
    /// The peer's message broke the rules.
    var isMalformed = false
    /// The client asked with HEAD, whatever rules have made of the method: the response goes without its body.
    var isHead = false
    /// Watches that a request's body is as long as its head says; a response's is watched by nghttp2.
    var bodyLength = ContentLengthGuard(.unknown)
    /// The response is complete and the rest of the request is dropped: how many bytes of it are still let in.
    var lingerLimit: Int?
    /// The stream is in use.
    var isLive = false

    /// Bytes of the peer's window that were given back or never taken: see ``HTTP2Mux/giveCredit(_:)``.
    var credited: UInt64 = 0
    /// The stream's receive window.
    var window = 0
    /// How much of it came from the connection's shared budget.
    var windowGrowth = 0

    /// The stream waits in the mux's list of streams with something to do.
    var isReady = false
    /// The mux works on the stream now: it is not used again before that is over.
    var isBusy = false
    unowned(unsafe) var nextReady: HTTP2Stream?

    init(mux: HTTP2Mux, slot: Int) {
        unsafe self.mux = mux
        self.slot = slot
        unsafe incoming = nil
        unsafe outgoing = nil
        unsafe nextReady = nil
    }

    /// Joins the end to an exchange.
    func attach(_ exchange: Exchange, incoming: Half, outgoing: Half) {
        self.exchange = exchange
        unsafe self.incoming = incoming
        unsafe self.outgoing = outgoing
    }

    /// Leaves the exchange and returns it.
    func detach() -> Exchange? {
        guard let exchange else { return nil }
        self.exchange = nil
        unsafe incoming = nil
        unsafe outgoing = nil
        return exchange
    }

    /// Makes the object ready for another stream.
    func reuse() {
        id = 0
        hasIncomingHead = false
        hasIncomingEnd = false
        hasOutgoingHead = false
        hasOutgoingEnd = false
        isDeferred = false
        isResetByPeer = false
        isResetByUs = false
        isMalformed = false
        isHead = false
        bodyLength = ContentLengthGuard(.unknown)
        lingerLimit = nil
        credited = 0
        window = 0
        windowGrowth = 0
        isLive = true
    }

    // MARK: What the exchange says

    func outgoingReady() { unsafe mux.markReady(self) }

    func incomingDrained() { unsafe mux.markReady(self) }

    func reset(_ reason: CloseReason) { unsafe mux.reset(self, reason) }
}
