package import Bytes
package import Connections

/// What rules have set for one exchange in place of what the configuration has for its proxies; nil: as it is there.
package final class ExchangeOverrides {
    /// Timeouts in milliseconds (`set-timeout`).
    package var clientTimeout: Int?
    package var connectTimeout: Int?
    package var queueTimeout: Int?
    package var serverTimeout: Int?
    package var tarpitTimeout: Int?
    package var tunnelTimeout: Int?
    /// The most retries (`set-retries`).
    package var retries: Int?
    /// Only connections that fail are tried again (`disable-l7-retry`).
    package var onlyRetriesConnections = false
    /// The place among exchanges that wait for a server: lower classes first (`set-priority-class`), then by time with an
    /// offset in milliseconds (`set-priority-offset`).
    package var priorityClass = 0
    package var priorityOffset = 0
    /// The addresses that the exchange is to seem to come from and go to (`set-src`, `set-dst`).
    package var source: SocketAddress?
    package var destination: SocketAddress?
    /// What packets to the server carry (`set-bc-mark`, `set-bc-tos`).
    package var serverMarks = PacketMarks()
    /// How late the exchange's output goes out in a turn, -1024 to 1024 (`set-nice`).
    package var nice = 0

    package init() {}

    /// Forgets what was set for a backend that the exchange does not go to after all.
    package func forgetBackend() {
        (connectTimeout, queueTimeout, serverTimeout, tunnelTimeout) = (nil, nil, nil, nil)
        retries = nil
    }
}
