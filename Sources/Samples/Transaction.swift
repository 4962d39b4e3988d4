public import Bytes
public import Connections
import Messages
public import Streams

/// What `set-log-level` decides about the line of an exchange.
public enum ExchangeLogLevel: Sendable, Equatable {
    /// As the frontend's settings have it.
    case standard
    /// This syslog level, 0 to 7.
    case level(Int)
    case silent
}

/// One exchange as rules, expressions and logs see it. `Proxying` derives its record of an exchange from it and tells
/// the facts; the state of rules (variables, captures, the unique identifier) is kept here.
open class Transaction {
    /// The client's connection.
    public final let session: Session
    /// The two messages.
    public final var exchange: Exchange!
    /// The facts; the derived class sets itself here.
    public final unowned(unsafe) var facts: (any TransactionFacts)?
    /// Variables of the scopes `txn`, `req` and `res`; nil until the first is set.
    public final var transactionVariables: VariableStore?
    public final var requestVariables: VariableStore?
    public final var responseVariables: VariableStore?
    /// Captured request fields and samples by slot (`capture request header`, `http-request capture`).
    public final var requestCaptures: [[UInt8]?] = []
    /// Captured response fields and samples by slot.
    public final var responseCaptures: [[UInt8]?] = []
    /// Most bytes of each capture slot: the frontend's, set when the exchange begins.
    public final var requestCaptureLengths: [Int] = []
    public final var responseCaptureLengths: [Int] = []
    /// The cookies that `capture cookie` found.
    public final var requestCookie: [UInt8]?
    public final var responseCookie: [UInt8]?
    /// The level of the line (`set-log-level`).
    public final var logLevel = ExchangeLogLevel.standard
    /// What rules have set for this exchange alone; nil until they set something.
    public private(set) final var overrides: ExchangeOverrides?
    /// The request's unique identifier, once it was made (`unique-id-format`).
    public final var uniqueID: [UInt8]?
    /// Method and target as the client sent them; nil as long as the head still says the same.
    public private(set) final var originalRequest: OriginalRequest?

    public init(session: Session) {
        self.session = session
        unsafe facts = nil
    }

    /// The overrides, made when there are none yet.
    public final func makeOverrides() -> ExchangeOverrides {
        if let overrides { return overrides }
        let made = ExchangeOverrides()
        overrides = made
        return made
    }

    /// The client's address as this exchange has it (`set-src`).
    public final var source: SocketAddress { overrides?.source ?? session.source }
    /// The address that the client connected to, as this exchange has it (`set-dst`).
    public final var destination: SocketAddress { overrides?.destination ?? session.destination }

    /// Takes over what rules have set and captured in an exchange that this one goes on from (`switch-mode`).
    public final func takeOver(_ earlier: Transaction) {
        transactionVariables = earlier.transactionVariables
        requestVariables = earlier.requestVariables
        requestCaptures = earlier.requestCaptures
        logLevel = earlier.logLevel
        overrides = earlier.overrides
    }

    /// Keeps the start line as the client sent it. Rules that change method or target call this first.
    public final func keepOriginalRequest() {
        guard originalRequest == nil, let head = exchange?.request.head else { return }
        originalRequest = OriginalRequest(head)
    }
}

/// The start line of a request as the client sent it, for `capture.req.*` after rules have changed it.
public final class OriginalRequest {
    public let method: ConstantText
    /// The path with its query; empty when the target has none.
    public let path: ConstantText

    init(_ head: MessageHead) {
        method = ConstantText(Array(copying: head.methodText))
        let hasPath = head.method != .connect && !head.path.isEmpty && head.path[0] == 0x2f
        path = ConstantText(hasPath ? Array(copying: head.path) : [])
    }
}
