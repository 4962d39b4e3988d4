package import Bytes
import Connections

/// Where in an exchange's life a line of the log is written (`%OG`, `log-steps`, `on` of a log profile).
package enum LogOrigin: UInt8, Sendable, CaseIterable {
    case accept, request, connect, response, close
    /// The connection failed before its first request, or ended during its handshake.
    case sessionError, sessionKilled
    /// The action `do-log` in a rule set.
    case quicInitial, tcpRequestConnection, tcpRequestSession, tcpRequestContent, tcpResponseContent
    case httpRequest, httpResponse, httpAfterResponse
    /// Not in a log.
    case none

    /// As `%OG` writes it.
    package var name: StaticString {
        switch self {
        case .accept: "txn_accept"
        case .request: "txn_request"
        case .connect: "txn_connect"
        case .response: "txn_response"
        case .close: "txn_close"
        case .sessionError: "sess_error"
        case .sessionKilled: "sess_killed"
        case .none: "unspec"
        default: step
        }
    }

    /// As `log-steps` and log profiles write it.
    package var step: StaticString {
        switch self {
        case .accept: "accept"
        case .request: "request"
        case .connect: "connect"
        case .response: "response"
        case .close: "close"
        case .sessionError, .sessionKilled: "error"
        case .quicInitial: "quic-init"
        case .tcpRequestConnection: "tcp-req-conn"
        case .tcpRequestSession: "tcp-req-sess"
        case .tcpRequestContent: "tcp-req-cont"
        case .tcpResponseContent: "tcp-res-cont"
        case .httpRequest: "http-req"
        case .httpResponse: "http-res"
        case .httpAfterResponse: "http-after-res"
        case .none: ""
        }
    }
}

/// What aliases show of an exchange, or of a connection that had none: names, times, counts (configuration.txt sections
/// 8.2 and 8.4). Times are in milliseconds; -1 for what was not reached.
package struct LogFigures {
    package var origin = LogOrigin.none
    package var frontend: [UInt8] = []
    package var backend: [UInt8] = []
    /// Nil: no server was chosen.
    package var server: String?
    /// Whether the listener speaks TLS.
    package var isSecure = false
    /// The number that stands for a port when the client came over a Unix socket.
    package var listenerNumber = 0
    package var isHTTPBackend = false
    /// Wall clock of the accept and of the request's first byte: nanoseconds since 1970-01-01 UTC.
    package var acceptedWall: UInt64 = 0
    package var requestWall: UInt64 = 0

    /// `%Th`, `%Ti`, `%TR`, `%Tw`, `%Tc`, `%Tr`, `%Td`.
    package var handshakeTime = 0
    package var idleTime = -1
    package var requestTime = -1
    package var queueTime = -1
    package var connectTime = -1
    package var responseTime = -1
    package var dataTime = -1
    /// `%Ta`, `%Tt`, `%Tu`.
    package var activeTime = 0
    package var totalTime = 0
    package var userTime = 0

    package var status = 0
    package var bytesToClient: UInt64 = 0
    package var bytesFromClient: UInt64 = 0
    /// Whether the line is written before the end (`option logasap`): sums are marked with `+`.
    package var isEarly = false
    /// The two letters of the termination state (section 8.5).
    package var cause: UInt8 = 0x2d
    package var stage: UInt8 = 0x2d
    /// What became of the client's and of the server's persistence cookie; `-` without one.
    package var clientCookie: UInt8 = 0x2d
    package var serverCookie: UInt8 = 0x2d

    package var processConnections = 0
    package var frontendConnections = 0
    package var backendConnections = 0
    package var serverConnections = 0
    package var retries = 0
    package var isRedispatched = false
    package var serverQueue = 0
    package var backendQueue = 0

    /// Our address towards the server, and the server's.
    package var serverSource: SocketAddress?
    package var serverAddress: SocketAddress?
    /// The number of the exchange in the process; it wraps around.
    package var number: UInt32 = 0
    /// Lines that the frontend has logged before this one.
    package var line: UInt32 = 0
    /// The request line as the client sent it; nil: as the head has it.
    package var requestLine: [UInt8]?
    /// Most bytes of the request line: one less than `tune.http.logurilen`.
    package var requestLineLimit = 1023
    /// Slots of `capture request` and `capture response` that the frontend declares.
    package var requestSlots = 0
    package var responseSlots = 0
    package var hostname: [UInt8] = []

    package init() {}
}
