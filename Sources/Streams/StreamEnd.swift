/// A mux's end of an exchange: one HTTP/2 or HTTP/3 stream, the current message pair of an HTTP/1 connection, or a
/// whole TCP connection. The front end fills the request half and sends from the response half; the back end the other
/// way round.
///
/// These calls only mark what is to do and ask the connection for a flush: an end never calls the exchange back from
/// inside them. So no call chain runs in a circle.
public protocol StreamEnd: AnyObject {
    /// The half that this end sends from has something new: a head, bytes, trailers, its end, or an abort.
    func outgoingReady()

    /// The half that this end fills has room again after it was full.
    func incomingDrained()

    /// Whether this end sends from a ``Half/pipe`` too.
    var takesPipe: Bool { get }

    /// The exchange is over for this end: stop both directions and tell the peer in the words of its version. The end
    /// is detached from the exchange already. ``CloseReason/notNeeded`` means without blame.
    func reset(_ reason: CloseReason)
}

extension StreamEnd {
    public var takesPipe: Bool { false }
}
