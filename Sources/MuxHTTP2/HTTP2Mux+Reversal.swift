import CNghttp2
public import Streams

// Connections whose peer opened them and takes requests, and such of ours to others (reverse HTTP). The session has the
// role that it keeps: only the preface comes from the other side.
extension HTTP2Mux {
    /// The peer's first SETTINGS have come: a reversed connection may be used from then on.
    public var isEstablished: Bool { hasPeerSettings }

    /// Takes the preface out of what the session sends: our peer has sent its own.
    func dropPreface() {
        var data: UnsafePointer<UInt8>?
        // nghttp2 gives the preface alone, before any frame.
        unsafe _ = nghttp2_session_mem_send(session, &data)
    }

    /// Whether nothing holds the session to this connection object: no stream, no section, no work.
    public var isMovable: Bool {
        unsafe !isDead && !isFailed && !isDraining && !hasPeerGoAway && liveStreams == 0 && openExchanges == 0
            && assembler == nil && firstReady == nil && waitingHeads == 0
    }

    /// Lives on another connection from now on, maybe on another worker. Good only while it ``isMovable``.
    public func move(to host: any MuxHost) {
        slots = []
        freeSlots = []
        unsafe self.host = host
        resources = host.resources
    }
}
