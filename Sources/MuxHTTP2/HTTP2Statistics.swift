/// What happened on one HTTP/2 connection so far.
public struct HTTP2Statistics: Sendable, Equatable {
    /// Streams that carried an exchange.
    public var streamsOpened = 0
    /// HEADERS, DATA, SETTINGS (acknowledgements too) and GOAWAY frames received.
    public var headersReceived = 0
    public var dataFramesReceived = 0
    public var settingsReceived = 0
    public var goAwaysReceived = 0
    /// GOAWAY frames sent.
    public var goAwaysSent = 0
    /// RST_STREAM frames received.
    public var resetsReceived = 0
    /// RST_STREAM frames sent.
    public var resetsSent = 0
    /// Messages that broke the rules and were refused without an exchange, or ended one.
    public var malformedMessages = 0
    /// Protocol oddities, these among them.
    public var glitches = 0
    /// Code of the last GOAWAY sent: why we closed the connection.
    public var goAwaySent: HTTP2ErrorCode?
    /// Code of the last GOAWAY received.
    public var goAwayReceived: HTTP2ErrorCode?
    /// Body bytes received.
    public var bodyBytesReceived: UInt64 = 0
    /// Body bytes sent.
    public var bodyBytesSent: UInt64 = 0

    public init() {}
}
