import Bytes
public import Configuration
public import Runtime

/// What a server's check, or its agent, has come to: what state changes read and write of it, and what operators see.
/// The machinery of checks keeps the rest.
public struct CheckHealth: Sendable, Equatable {
    /// The line has `check` or `agent-check`.
    public var isConfigured = false
    /// Checks are on: `enable health`, `disable agent`.
    public var isEnabled = false
    /// Maintenance has stopped them.
    public var isPaused = false
    /// A check is under way.
    public var isRunning = false
    /// The next check comes as if the server were on its way down (`on-error fastinter`).
    public var isHastened = false
    /// 0 to `rise + fall - 1`; from `rise` on the server is up.
    public var health = 0
    public var rise = 2
    public var fall = 3
    public var status = CheckStatus.initial
    public var result = CheckResult.unknown
    /// What the server answered with, by its protocol: a status of HTTP, a number of SMTP, …
    public var code = 0
    /// Milliseconds that the last check took; nil: it was none.
    public var duration: Int? = 0
    /// What was seen, in words.
    public var words = ""
    /// Where checks connect to; nil: where traffic goes.
    public var address: Socket.Target?
    /// The port of checks; 0: that of the address.
    public var port = 0
    /// What an agent is sent first.
    public var text: [UInt8] = []
    /// Between two checks, in milliseconds.
    public var interval = 2000
    public var fastInterval: Int?
    public var downInterval: Int?

    public init() {}

    init(_ settings: CheckSettings) {
        isConfigured = settings.isEnabled
        isEnabled = settings.isEnabled
        rise = settings.rise
        fall = settings.fall
        interval = settings.interval
        fastInterval = settings.fastInterval
        downInterval = settings.downInterval
        address = settings.address.flatMap { Socket.Target($0) }
        port = Int(settings.port ?? 0)
        if port == 0, case .host(_, .fixed(let own)) = settings.address { port = Int(own) }
        if !isConfigured, settings.isInherited { health = rise }
    }

    /// An agent is asked where health checks go when nothing else is said.
    init(_ settings: AgentSettings, _ check: CheckSettings) {
        isConfigured = settings.isEnabled
        isEnabled = settings.isEnabled
        rise = 1
        fall = 1
        interval = settings.interval ?? check.interval
        address = (settings.address ?? check.address).flatMap { Socket.Target($0) }
        port = Int(settings.port)
        text = settings.text
        if isConfigured { health = rise }
    }

    /// Takes the health that a server starts with; false when it starts down.
    mutating func start(_ state: InitialServerState) -> Bool {
        if isConfigured {
            switch state {
            case .fullyUp: health = rise + fall - 1
            case .none, .up: health = rise
            case .down: health = rise - 1
            case .fullyDown: health = 0
            }
        }
        return state != .down && state != .fullyDown
    }

    /// Whether checks are done now.
    public var isActive: Bool { isEnabled && !isPaused }

    /// `srv_check_state` (4 bits), and `srv_agent_state` with its fifth.
    public func flags(isAgent: Bool) -> Int {
        (isRunning ? 1 : 0) | (isConfigured ? 2 : 0) | (isEnabled ? 4 : 0) | (isPaused ? 8 : 0) | (isAgent ? 16 : 0)
    }

    /// Milliseconds to the next check.
    func delay(isStopped: Bool) -> Int {
        if isConfigured, !isHastened, health == rise + fall - 1 { return interval }
        if isStopped, health == 0 { return downInterval ?? interval }
        return fastInterval ?? interval
    }

    /// How far the server is, as logs show it: `2/3 UP`.
    func progress(isDraining: Bool) -> String {
        health >= rise
            ? "\(health - rise + 1)/\(fall) \(isDraining ? "DRAIN" : "UP")" : "\(health)/\(rise) DOWN"
    }

    /// What a log line says of the check behind the change that it made.
    var reason: String {
        var text = "reason: \(status.description)"
        if status.bearsCode { text += ", code: \(code)" }
        if !words.isEmpty { text += ", info: \"\(Self.escaped(words))\"" }
        if let duration { text += ", check duration: \(duration)ms" }
        return text
    }

    /// Bytes that are no plain text, quotes and angle brackets as `<22>`.
    private static func escaped(_ text: String) -> String {
        var result: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            if byte < 0x20 || byte > 0x7e || byte == 0x22 || byte == 0x3c || byte == 0x3e {
                result += [0x3c, digits[Int(byte >> 4)], digits[Int(byte & 15)], 0x3e]
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension Socket.Target {
    /// A configured address that needs no look-up, with port 0 where it says none.
    public init?(_ address: ServerAddress) {
        switch address {
        case .unix(let path): self = .unix(path: path)
        case .abstract(let name, let isPadded): self = .abstract(name: name, isPadded: isPadded)
        case .host(.ip(let ip), let port):
            var number: UInt16 = 0
            if case .fixed(let fixed) = port { number = fixed }
            var octets = InlineArray<16, UInt8>(repeating: 0)
            for (index, byte) in ip.bytes.enumerated() { octets[index] = byte }
            self = .ip(SocketAddress(family: ip.isV4 ? .ipv4 : .ipv6, octets: octets, port: number))
        case .host(.name, _), .reversed: return nil
        }
    }
}
