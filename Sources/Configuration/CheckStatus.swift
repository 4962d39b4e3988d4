/// What a check came to. The numbers are HAProxy's, as `show servers state` and server-state files have them; statuses
/// from ``l7ok`` on come with a code.
public enum CheckStatus: Int, Sendable {
    case unknown = 0
    /// No check has ended yet.
    case initial = 1
    case started = 2
    /// It said nothing about the server's health.
    case checked = 3
    /// Observing traffic found too many errors.
    case observed = 4
    case socketError = 5
    case l4ok = 6
    case l4timeout = 7
    case l4connection = 8
    case l6ok = 9
    case l6timeout = 10
    case l6response = 11
    case l7timeout = 12
    case l7response = 13
    /// Only a border: what follows has a code.
    case hasCode = 14
    case l7ok = 15
    /// Passed, but the server asks for no new clients.
    case l7okConditional = 16
    case l7status = 17
    case processError = 18
    case processTimeout = 19
    case processOK = 20

    /// Whether a code belongs to it.
    public var bearsCode: Bool { rawValue >= CheckStatus.hasCode.rawValue }

    /// As `check_status` of the statistics shows it.
    public var code: String {
        switch self {
        case .unknown, .started, .hasCode: "UNK"
        case .initial: "INI"
        case .checked: "CHECKED"
        case .observed: "HANA"
        case .socketError: "SOCKERR"
        case .l4ok: "L4OK"
        case .l4timeout: "L4TOUT"
        case .l4connection: "L4CON"
        case .l6ok: "L6OK"
        case .l6timeout: "L6TOUT"
        case .l6response: "L6RSP"
        case .l7timeout: "L7TOUT"
        case .l7response: "L7RSP"
        case .l7ok: "L7OK"
        case .l7okConditional: "L7OKC"
        case .l7status: "L7STS"
        case .processError: "PROCERR"
        case .processTimeout: "PROCTOUT"
        case .processOK: "PROCOK"
        }
    }

    /// As logs and `check_desc` of the statistics show it.
    public var description: String {
        switch self {
        case .unknown, .started, .hasCode: "Unknown"
        case .initial: "Initializing"
        case .checked: "No status change"
        case .observed: "Health analyze"
        case .socketError: "Socket error"
        case .l4ok: "Layer4 check passed"
        case .l4timeout: "Layer4 timeout"
        case .l4connection: "Layer4 connection problem"
        case .l6ok: "Layer6 check passed"
        case .l6timeout: "Layer6 timeout"
        case .l6response: "Layer6 invalid response"
        case .l7timeout: "Layer7 timeout"
        case .l7response: "Layer7 invalid response"
        case .l7ok: "Layer7 check passed"
        case .l7okConditional: "Layer7 check conditionally passed"
        case .l7status: "Layer7 wrong status"
        case .processError: "External check error"
        case .processTimeout: "External check timeout"
        case .processOK: "External check passed"
        }
    }

    /// What it means for the server.
    public var result: CheckResult {
        switch self {
        case .unknown, .initial, .started, .hasCode: .unknown
        case .checked: .neutral
        case .l4ok, .l6ok, .l7ok, .processOK: .passed
        case .l7okConditional: .conditionallyPassed
        case .observed, .socketError, .l4timeout, .l4connection, .l6timeout, .l6response, .l7timeout, .l7response,
            .l7status, .processError, .processTimeout:
            .failed
        }
    }
}

/// What a check's status means; the numbers are HAProxy's.
public enum CheckResult: Int, Sendable {
    case unknown = 0
    case neutral = 1
    case failed = 2
    case passed = 3
    case conditionallyPassed = 4
}
