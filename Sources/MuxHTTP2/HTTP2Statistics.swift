/// What happened on one HTTP/2 connection so far.
package struct HTTP2Statistics: Sendable, Equatable {
    /// Streams that carried an exchange.
    package var streamsOpened = 0
    /// RST_STREAM frames received.
    package var resetsReceived = 0
    /// RST_STREAM frames sent.
    package var resetsSent = 0
    /// Messages that broke the rules and were refused without an exchange, or ended one.
    package var malformedMessages = 0
    /// Protocol oddities, these among them.
    package var glitches = 0
    /// Code of the last GOAWAY sent: why we closed the connection.
    package var goAwaySent: HTTP2ErrorCode?
    /// Code of the last GOAWAY received.
    package var goAwayReceived: HTTP2ErrorCode?
    /// Body bytes received.
    package var bodyBytesReceived: UInt64 = 0
    /// Body bytes sent.
    package var bodyBytesSent: UInt64 = 0

    package init() {}
}
