import CNghttp2
import Streams

// The table of streams, and the list of those that have something to do.
extension HTTP2Mux {
    /// Stream objects that an idle connection keeps.
    private static var keptStreams: Int { 32 }

    /// Streams in use, those included that have left their exchange and wait for RST_STREAM to go out.
    var liveStreams: Int { slots.count - freeSlots.count }

    /// A stream object for a new stream.
    func obtainStream() -> HTTP2Stream {
        let stream: HTTP2Stream
        if let slot = freeSlots.popLast() {
            stream = slots[slot]
        } else {
            stream = HTTP2Stream(mux: self, slot: slots.count)
            slots.append(stream)
        }
        stream.reuse()
        return stream
    }

    /// Takes a stream object back. One that is listed as ready, or worked on, is taken back after that.
    func recycle(_ stream: HTTP2Stream) {
        grownBytes -= stream.windowGrowth
        stream.windowGrowth = 0
        stream.isLive = false
        if !stream.isReady, !stream.isBusy { release(stream) }
    }

    private func release(_ stream: HTTP2Stream) {
        freeSlots.append(stream.slot)
        // What a burst of streams took is given back when the connection is idle. Nothing points to free objects.
        if freeSlots.count == slots.count, slots.count > Self.keptStreams, unsafe firstReady == nil {
            slots.removeLast(slots.count - Self.keptStreams)
            freeSlots.removeAll { $0 >= Self.keptStreams }
        }
    }

    /// The stream object that nghttp2 keeps for a stream; nil for one that never got any.
    func stream(_ id: Int32) -> HTTP2Stream? {
        guard let pointer = unsafe nghttp2_session_get_stream_user_data(session, id) else { return nil }
        return unsafe Unmanaged<HTTP2Stream>.fromOpaque(pointer).takeUnretainedValue()
    }

    // MARK: The list

    /// Lists a stream for the next ``produce(into:limit:)`` and asks for one.
    func markReady(_ stream: HTTP2Stream) {
        guard !stream.isReady, stream.isLive, !isDead else { return }
        stream.isReady = true
        unsafe stream.nextReady = nil
        if let last = unsafe lastReady {
            unsafe last.nextReady = stream
        } else {
            unsafe firstReady = stream
        }
        unsafe lastReady = stream
        unsafe host.muxNeedsFlush()
    }

    /// Takes the first stream off the list; closed ones are skipped.
    func takeReady() -> HTTP2Stream? {
        while let stream = unsafe firstReady {
            unsafe firstReady = stream.nextReady
            if unsafe firstReady == nil { unsafe lastReady = nil }
            unsafe stream.nextReady = nil
            stream.isReady = false
            if stream.isLive { return stream }
            if !stream.isBusy { release(stream) }
        }
        return nil
    }

    /// Does `work` on a stream whose object is not used again meanwhile.
    func withBusy(_ stream: HTTP2Stream, _ work: () -> Void) {
        stream.isBusy = true
        work()
        stream.isBusy = false
        if !stream.isLive, !stream.isReady { release(stream) }
    }

    // MARK: Exchanges

    /// Joins a stream to an exchange.
    func attach(_ stream: HTTP2Stream, _ exchange: Exchange) {
        let request = exchange.request
        let response = exchange.response
        switch side {
        case .front: stream.attach(exchange, incoming: request, outgoing: response)
        case .back: stream.attach(exchange, incoming: response, outgoing: request)
        }
        stream.window = settings.windowSize
        openExchanges += 1
        statistics.streamsOpened += 1
    }

    /// Makes a stream leave its exchange. Every caller then tells the exchange why.
    func detach(_ stream: HTTP2Stream) -> Exchange? {
        guard let exchange = stream.detach() else { return nil }
        openExchanges -= 1
        streamsChanged = true
        return exchange
    }

    /// Ends the open exchanges from the peer's side.
    func abortExchanges(_ reason: CloseReason) {
        for slot in slots.indices where slot < slots.count {
            let stream = slots[slot]
            guard stream.isLive, let exchange = detach(stream) else { continue }
            let isUnsent = stream.id == 0
            if isUnsent { recycle(stream) }
            abort(exchange, reason, isUnsent: isUnsent)
        }
    }

    func abort(_ exchange: Exchange, _ reason: CloseReason, isUnsent: Bool = false) {
        switch side {
        case .front: exchange.frontAborted(reason)
        case .back: exchange.backAborted(reason, isUnsent: isUnsent)
        }
    }
}
