/// What an exchange's two connections say of its streams, for logs and rules. It outlives the streams.
public struct StreamTrace: Equatable, Sendable {
    /// The number of the stream at the client, as HTTP/2 and HTTP/3 have them; zero for others.
    public var front: UInt64 = 0
    /// The same at the server; in HTTP/1 how many exchanges its connection has served before.
    public var back: UInt64 = 0
    /// The code with which the client or the server reset the stream (RST_STREAM in HTTP/2, RESET_STREAM in HTTP/3);
    /// nil when it did not.
    public var frontReset: UInt64?
    public var backReset: UInt64?

    public init() {}
}
