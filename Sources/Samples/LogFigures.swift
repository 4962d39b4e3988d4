public import Bytes
import Connections

/// Where in an exchange's life a line of the log is written (`%OG`, `log-steps`, `on` of a log profile).
public enum LogOrigin: UInt8, Sendable, CaseIterable {
    case accept, request, connect, response, close
    /// The connection failed before its first request, or ended during its handshake.
    case sessionError, sessionKilled
    /// The action `do-log` in a rule set.
    case quicInitial, tcpRequestConnection, tcpRequestSession, tcpRequestContent, tcpResponseContent
    case httpRequest, httpResponse, httpAfterResponse
    /// Not in a log.
    case none

    /// As `%OG` writes it.
    public var name: StaticString {
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
    public var step: StaticString {
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
public struct LogFigures {
    public var origin = LogOrigin.none
    public var frontend: [UInt8] = []
    public var backend: [UInt8] = []
    /// Nil: no server was chosen.
    public var server: String?
    /// Whether the listener speaks TLS.
    public var isSecure = false
    /// The number that stands for a port when the client came over a Unix socket.
    public var listenerNumber = 0
    public var isHTTPBackend = false
    /// Wall clock of the accept and of the request's first byte: nanoseconds since 1970-01-01 UTC.
    public var acceptedWall: UInt64 = 0
    public var requestWall: UInt64 = 0

    /// `%Th`, `%Ti`, `%TR`, `%Tw`, `%Tc`, `%Tr`, `%Td`.
    public var handshakeTime = 0
    public var idleTime = -1
    public var requestTime = -1
    public var queueTime = -1
    public var connectTime = -1
    public var responseTime = -1
    public var dataTime = -1
    /// `%Ta`, `%Tt`, `%Tu`.
    public var activeTime = 0
    public var totalTime = 0
    public var userTime = 0

    public var status = 0
    public var bytesToClient: UInt64 = 0
    public var bytesFromClient: UInt64 = 0
    /// Whether the line is written before the end (`option logasap`): sums are marked with `+`.
    public var isEarly = false
    /// The two letters of the termination state (section 8.5).
    public var cause: UInt8 = 0x2d
    public var stage: UInt8 = 0x2d
    /// What became of the client's and of the server's persistence cookie; `-` without one.
    public var clientCookie: UInt8 = 0x2d
    public var serverCookie: UInt8 = 0x2d

    public var processConnections = 0
    public var frontendConnections = 0
    public var backendConnections = 0
    public var serverConnections = 0
    public var retries = 0
    public var isRedispatched = false
    public var serverQueue = 0
    public var backendQueue = 0

    /// Our address towards the server, and the server's.
    public var serverSource: SocketAddress?
    public var serverAddress: SocketAddress?
    /// The number of the exchange in the process; it wraps around.
    public var number: UInt32 = 0
    /// Lines that the frontend has logged before this one.
    public var line: UInt32 = 0
    /// The request line as the client sent it; nil: as the head has it.
    public var requestLine: [UInt8]?
    /// Most bytes of the request line: one less than `tune.http.logurilen`.
    public var requestLineLimit = 1023
    /// Slots of `capture request` and `capture response` that the frontend declares.
    public var requestSlots = 0
    public var responseSlots = 0
    public var hostname: [UInt8] = []

    public init() {}
}
