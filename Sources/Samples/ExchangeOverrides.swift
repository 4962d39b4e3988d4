public import Bytes
public import Connections

/// What rules have set for one exchange in place of what the configuration has for its proxies; nil: as it is there.
public final class ExchangeOverrides {
    /// Timeouts in milliseconds (`set-timeout`).
    public var clientTimeout: Int?
    public var connectTimeout: Int?
    public var queueTimeout: Int?
    public var serverTimeout: Int?
    public var tarpitTimeout: Int?
    public var tunnelTimeout: Int?
    /// The most retries (`set-retries`).
    public var retries: Int?
    /// Only connections that fail are tried again (`disable-l7-retry`).
    public var onlyRetriesConnections = false
    /// The place among exchanges that wait for a server: lower classes first (`set-priority-class`), then by time with an
    /// offset in milliseconds (`set-priority-offset`).
    public var priorityClass = 0
    public var priorityOffset = 0
    /// The addresses that the exchange is to seem to come from and go to (`set-src`, `set-dst`).
    public var source: SocketAddress?
    public var destination: SocketAddress?
    /// What packets to the server carry (`set-bc-mark`, `set-bc-tos`).
    public var serverMarks = PacketMarks()
    /// How late the exchange's output goes out in a turn, -1024 to 1024 (`set-nice`).
    public var nice = 0

    public init() {}

    /// Forgets what was set for a backend that the exchange does not go to after all.
    public func forgetBackend() {
        (connectTimeout, queueTimeout, serverTimeout, tunnelTimeout) = (nil, nil, nil, nil)
        retries = nil
    }
}
