/// What happened on one HTTP/3 connection so far.
public struct HTTP3Statistics: Sendable, Equatable {
    /// Request streams that the peer or we opened.
    public var streamsOpened = 0
    /// Requests that were refused without an exchange.
    public var streamsRefused = 0
    /// RESET_STREAM received on request streams.
    public var resetsReceived = 0
    /// STOP_SENDING received on request streams.
    public var stopsReceived = 0
    /// Request streams that we reset.
    public var resetsSent = 0
    /// Messages that broke the rules.
    public var malformedMessages = 0
    /// Protocol oddities, these among them.
    public var glitches = 0
    /// HEADERS frames received and sent.
    public var headersReceived = 0
    public var headersSent = 0
    /// DATA frames received and sent.
    public var dataFramesReceived = 0
    public var dataFramesSent = 0
    /// SETTINGS and GOAWAY frames received.
    public var settingsReceived = 0
    public var goAwaysReceived = 0
    /// Why we closed the connection, when the peer broke the protocol or a limit.
    public var connectionError: HTTP3ErrorCode?
    /// Body bytes received and sent.
    public var bodyBytesReceived: UInt64 = 0
    public var bodyBytesSent: UInt64 = 0
    /// Field sections that had to wait for the peer's QPACK encoder stream.
    public var blockedSections = 0
    /// Entries that the peer has put into our dynamic table.
    public var tableInserts: UInt64 = 0

    public init() {}
}
