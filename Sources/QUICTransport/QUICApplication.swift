// The seam between a QUIC connection and what runs on it (HTTP/3, or a test's own protocol).
//
// Order of events for one connection:
//   readyToSend → (streams, datagrams, limits) … → connectionClosed
// `handshakeCompleted` comes between the first two on a client, and after `readyToSend` on a server
// (a server may send before the client has proved its address; RFC 9001 section 4.1).
//
// Every method is called on the worker's own thread, from inside `QUICConnection.receive`,
// `handleExpiry` or `writeDatagrams`. During such a call the application may open streams, shut
// streams down, return credit and call `close`; it must not call `receive`, `handleExpiry` or
// `writeDatagrams` again. While packets are built, between `prepareToSend` and `sendingEnded`, it may
// only call `close`: a packet may be half built, and the library would lose what is asked of it.

/// A QUIC stream identifier (RFC 9000 section 2.1): 62 bits. Bit 0 tells the initiator (0 client, 1 server),
/// bit 1 the direction (0 bidirectional, 1 unidirectional).
public typealias QUICStreamID = Int64

/// One piece of stream data waiting to be sent: base address and byte count.
///
/// Its layout is that of `ngtcp2_vec` and `nghttp3_vec`, so a mux can hand the array to nghttp3 by rebinding it.
@unsafe
public struct QUICVector {
    /// First byte. The bytes stay in place and unchanged until `streamDataAcknowledged` covers them,
    /// or the stream is closed, or the connection is gone.
    public var base: UnsafeMutablePointer<UInt8>?
    /// Number of bytes at `base`.
    public var count: Int

    public init(base: UnsafeMutablePointer<UInt8>?, count: Int) {
        unsafe self.base = unsafe base
        unsafe self.count = count
    }
}

/// What the application wants to send next, as `QUICApplication.nextStreamToSend` answers.
public struct QUICStreamToSend {
    /// The stream that the vectors belong to.
    public var id: QUICStreamID
    /// How many vectors were filled. Zero is allowed with `fin`.
    public var vectorCount: Int
    /// Whether the stream ends after these bytes.
    public var fin: Bool
    /// Whether nothing waits behind these bytes, on no stream: a packet that takes them all is complete.
    public var isLast: Bool

    public init(id: QUICStreamID, vectorCount: Int, fin: Bool, isLast: Bool = false) {
        self.id = id
        self.vectorCount = vectorCount
        self.fin = fin
        self.isLast = isLast
    }
}

/// What runs on a QUIC connection: takes its events, and is asked for stream data when packets are built.
///
/// The connection does not own its application: whoever owns both keeps the application alive until
/// `connectionClosed`, or sets `QUICConnection.application` to nil first.
public protocol QUICApplication: AnyObject {
    /// Keys for sending 1-RTT packets are installed, or those of 0-RTT packets on a client that offers early data:
    /// streams may be opened and data sent from now on. Called once.
    /// `alpn` is the protocol that TLS negotiated, for example the two bytes of `h3`; empty if none was.
    func readyToSend(alpn: [UInt8])

    /// The TLS handshake is complete (RFC 9001 section 4.1.1). Data received from now on can not be a replay.
    func handshakeCompleted()

    /// The peer opened a stream and its first frame has arrived.
    func streamOpened(_ id: QUICStreamID)

    /// Stream bytes arrived, in order and without gaps. `bytes` is valid during the call only.
    ///
    /// - Parameters:
    ///   - offset: Position of the first byte in the stream.
    ///   - fin: The stream's last bytes; `bytes` may then be empty.
    ///   - isEarlyData: The bytes came in 0-RTT and the handshake is not complete: they may be a replay.
    ///
    /// Flow control: nothing is credited by itself. The application returns what it has passed on with
    /// `QUICConnection.extendStreamCredit` and `extendConnectionCredit`.
    func streamDataReceived(
        _ id: QUICStreamID, offset: UInt64, bytes: UnsafeRawBufferPointer, fin: Bool, isEarlyData: Bool)

    /// The peer has acknowledged the next `count` bytes of what was sent on the stream, in order:
    /// their memory may be released. Zero when only the end of the stream was acknowledged.
    func streamDataAcknowledged(_ id: QUICStreamID, count: UInt64)

    /// Both directions of the stream are finished and QUIC has forgotten it. Nothing sent on it is needed any more.
    /// `applicationError` is the first error code that either side gave, nil after a clean end.
    /// A peer that sent all it had and then STOP_SENDING (a cancelled download) is seen here, one round trip later.
    /// Not called for streams that are still open when the connection closes.
    func streamClosed(_ id: QUICStreamID, applicationError: UInt64?)

    /// RESET_STREAM arrived: the peer gave up sending (RFC 9000 section 19.4).
    func streamReset(_ id: QUICStreamID, applicationError: UInt64, finalSize: UInt64)

    /// The peer allows more bytes on this stream; it was blocked before.
    func streamUnblocked(_ id: QUICStreamID)

    /// The peer raised how many bidirectional streams we may open; `total` counts from the connection's start.
    func bidirectionalStreamLimitRaised(to total: UInt64)

    /// The peer raised how many unidirectional streams we may open; `total` counts from the connection's start.
    func unidirectionalStreamLimitRaised(to total: UInt64)

    /// A DATAGRAM frame arrived (RFC 9221). `bytes` is valid during the call only.
    func datagramReceived(_ bytes: UnsafeRawBufferPointer, isEarlyData: Bool)

    /// Our 0-RTT data was refused by the server: every stream opened so far is gone, without `streamClosed`, and stream
    /// numbers and credit start over. What is still wanted must be opened and sent again. Client only.
    func earlyDataRejected()

    /// The connection carries nothing any more, whoever closed it. Called once, and nothing follows it.
    func connectionClosed(_ close: QUICClose)

    /// Called once at the start of each `writeDatagrams`: the application does what it has put off until now, such as
    /// returning credit.
    func prepareToSend()

    /// Whether ``nextStreamToSend(into:)`` would name a stream now. After ``prepareToSend()``.
    var hasDataToSend: Bool { get }

    /// Called once towards the end of each `writeDatagrams`, when no packet is being built any more: the application
    /// does what it could not do during `didSend` and the like. What that gives to send waits for another flush.
    func sendingEnded()

    /// Names the stream to send from next and fills `vectors` from its start; nil when nothing waits.
    ///
    /// Called in a loop while packets are built, so it must not allocate. Each answer is followed by exactly one of
    /// `didSend`, `streamBlocked`, `streamShutWrite`, or by nothing when no more packet can leave now.
    func nextStreamToSend(into vectors: UnsafeMutableBufferPointer<QUICVector>) -> QUICStreamToSend?

    /// `count` bytes from the start of what `nextStreamToSend` gave are in packets. When that is all of them and
    /// `fin` was asked for, the end of the stream is sent too.
    func didSend(_ id: QUICStreamID, count: Int)

    /// The stream's own flow-control limit is reached: do not offer it before `streamUnblocked`.
    func streamBlocked(_ id: QUICStreamID)

    /// Nothing can be sent on this stream any more: the peer sent STOP_SENDING (RFC 9000 section 19.5; answered with
    /// RESET_STREAM already), or we have reset it, or it is gone. Drop what waits for it.
    /// The peer's STOP_SENDING has no event of its own: the library shows it at the next attempt to send.
    func streamShutWrite(_ id: QUICStreamID)
}

extension QUICApplication {
    public func prepareToSend() {}
    public var hasDataToSend: Bool { true }
    public func sendingEnded() {}
}
