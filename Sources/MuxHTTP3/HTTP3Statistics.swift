/// What happened on one HTTP/3 connection so far.
package struct HTTP3Statistics: Sendable, Equatable {
    /// Request streams that the peer or we opened.
    package var streamsOpened = 0
    /// Requests that were refused without an exchange.
    package var streamsRefused = 0
    /// RESET_STREAM received on request streams.
    package var resetsReceived = 0
    /// STOP_SENDING received on request streams.
    package var stopsReceived = 0
    /// Request streams that we reset.
    package var resetsSent = 0
    /// Messages that broke the rules.
    package var malformedMessages = 0
    /// Protocol oddities, these among them.
    package var glitches = 0
    /// HEADERS frames received and sent.
    package var headersReceived = 0
    package var headersSent = 0
    /// DATA frames received and sent.
    package var dataFramesReceived = 0
    package var dataFramesSent = 0
    /// Body bytes received and sent.
    package var bodyBytesReceived: UInt64 = 0
    package var bodyBytesSent: UInt64 = 0
    /// Field sections that had to wait for the peer's QPACK encoder stream.
    package var blockedSections = 0
    /// Entries that the peer has put into our dynamic table.
    package var tableInserts: UInt64 = 0

    package init() {}
}
