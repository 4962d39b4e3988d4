import CNghttp2
import Streams

// Flow control (RFC 9113 section 5.2).
//
// A stream's window opens only as the exchange's other side takes what came: that is the backpressure, and what bounds
// memory. A stream never holds more than its window; a new stream has the initial window; a stream whose receiver keeps
// up grows its window out of a budget that the connection's streams share. So a connection holds at most
//
//     maxConcurrentStreams × initialWindowSize + receiveBuffer
//
// bytes of bodies, and a slow receiver never gets more than one initial window for nothing.
//
// The connection's own window is given back as soon as bytes come. Were it tied to the receivers too, one stream that
// nobody reads could hold all of it and stop the others; the bound above does not need it.
extension HTTP2Mux {
    /// Called after bytes were put into `half`: asks to be told when there is credit to give back.
    func watchWindow(_ stream: HTTP2Stream, _ half: Half) {
        // Half a window is what nghttp2 sends WINDOW_UPDATE for.
        if half.bytesIn &- stream.credited >= UInt64(stream.window / 2) { half.tellWhenDrained() }
    }

    /// Opens the stream's window by what its receiver has taken.
    func giveCredit(_ stream: HTTP2Stream) {
        guard let half = unsafe stream.incoming, !stream.hasIncomingEnd else { return }
        let held = UInt64(half.count)
        let owed = half.bytesIn &- held &- stream.credited
        let threshold = UInt64(max(1, stream.window / 2))
        guard owed >= threshold else { return watchWindow(stream, half) }
        stream.credited &+= owed
        unsafe nghttp2_session_consume_stream(session, stream.id, Int(clamping: owed))
        if held <= UInt64(stream.window / 8) { grow(stream, half) }
        // What a client sent before it had our SETTINGS may be more than the window: it sends nothing more, which would
        // ask for the next look, before the rest is given back too.
        watchWindow(stream, half)
    }

    /// The receiver keeps up, so the window is what limits the peer: it doubles while the budget lasts.
    private func grow(_ stream: HTTP2Stream, _ half: Half) {
        let growth = min(stream.window, settings.receiveBuffer - grownBytes, HTTP2Settings.maxWindow - stream.window)
        // Small steps are not worth a frame.
        guard growth >= max(1, stream.window / 4) else { return }
        grownBytes += growth
        stream.windowGrowth += growth
        stream.window += growth
        half.limit = max(half.limit, stream.window)
        // Until the peer has acknowledged our SETTINGS nghttp2 counts from the default of 65,535 bytes, and takes the
        // difference off then: set to an absolute size before that, the window would be that much too small for good.
        let present = Int(unsafe nghttp2_session_get_stream_effective_local_window_size(session, stream.id))
        unsafe nghttp2_session_set_local_window_size(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, Int32(clamping: present + growth))
    }
}
