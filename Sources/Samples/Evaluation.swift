public import Accounts
public import Bytes
public import Connections
public import Messages
public import Streams

/// What an expression is evaluated over: one per worker, set up anew before each rule set. Everything it points to
/// belongs to the worker. Not Sendable.
@safe public final class Evaluation {
    public let resources: WorkerResources
    public let scratch: ScratchArena
    /// The client's connection; nil in checks, logs of the process and the runtime API.
    public private(set) var session: Session?
    /// The exchange; nil before there is one.
    public private(set) var transaction: Transaction?
    /// The two messages; nil before there is an exchange.
    public private(set) var exchange: Exchange?
    /// The message that fetches for both directions read.
    public var direction = MessageDirection.request
    /// True when the data will not change any more: what is missing now is missing for good.
    public var isFinal = true
    /// True when a fetch with several values gives one after the other: see ``Sample/Flags/notLast``.
    public var iterates = false
    /// Variables of the scope `check`: set by health checks.
    public var checkVariables: VariableStore?
    /// Variables of the scope `proc`, which all workers share.
    public let processVariables: ProcessVariables
    /// Random numbers of this worker.
    public var random: RandomNumbers
    /// The process and the worker, which outlives this; nil while the configuration is read.
    public var process: (any ProcessFacts)? {
        get { unsafe holder }
        set { unsafe holder = newValue }
    }
    private unowned(unsafe) var holder: (any ProcessFacts)?
    /// What aliases show when there is no exchange to ask, or something else is to be shown; nil: the exchange's own.
    public var figures: LogFigures?
    /// Dates of log lines.
    public var dates = ItemDate()
    /// Checks users' credentials.
    public private(set) lazy var credentials = CredentialCheck()
    /// What variables may take.
    public let variableLimits: VariableLimits

    /// - Parameters:
    ///   - textLimit: most bytes of one text: `tune.bufsize`.
    ///   - processVariables: the variables of the scope `proc`.
    ///   - seed: starts the random numbers.
    public init(
        _ resources: WorkerResources, textLimit: Int = 16_384, processVariables: ProcessVariables = ProcessVariables(),
        variableLimits: VariableLimits = VariableLimits(), seed: UInt64
    ) {
        self.variableLimits = variableLimits
        self.resources = resources
        self.processVariables = processVariables
        scratch = ScratchArena(textLimit: textLimit)
        random = RandomNumbers(seed: seed)
        unsafe holder = nil
        unsafe checkFacts = nil
        unsafe heldRequest = nil
        unsafe heldResponse = nil
    }

    /// Turns to an exchange and a direction.
    public func begin(_ transaction: Transaction, _ direction: MessageDirection, isFinal: Bool = true) {
        self.transaction = transaction
        session = transaction.session
        exchange = transaction.exchange
        heldRequestHead = exchange?.request.head
        responseHead = exchange?.response.head
        self.direction = direction
        self.isFinal = isFinal
        iterates = false
        if figures != nil { figures = nil }
    }

    /// Turns to a health check: its exchange with a server, once there is one, and what it tells.
    public func begin(check exchange: Exchange?, _ variables: VariableStore, facts: (any TransactionFacts)?) {
        begin()
        self.exchange = exchange
        heldRequestHead = exchange?.request.head
        responseHead = exchange?.response.head
        direction = .response
        checkVariables = variables
        unsafe checkFacts = facts
    }

    /// What a health check tells; nil outside of checks.
    private unowned(unsafe) var checkFacts: (any TransactionFacts)?

    /// Turns to a connection that has no exchange yet.
    public func begin(_ session: Session) {
        unsafe checkFacts = nil
        transaction = nil
        exchange = nil
        heldRequestHead = nil
        responseHead = nil
        self.session = session
        direction = .request
        isFinal = true
        iterates = false
        if figures != nil { figures = nil }
    }

    /// Turns to nothing: only the process's own facts can be read.
    public func begin() {
        unsafe checkFacts = nil
        transaction = nil
        exchange = nil
        heldRequestHead = nil
        responseHead = nil
        session = nil
        direction = .request
        isFinal = true
        iterates = false
        if figures != nil { figures = nil }
    }

    /// The request's head; nil before it came. In TCP mode it is read from the bytes that the client sent, if these are a
    /// request.
    public var requestHead: MessageHead? {
        if let heldRequestHead { return heldRequestHead }
        guard case .head(let head) = rawRequest else { return nil }
        return head
    }
    private var heldRequestHead: MessageHead? {
        didSet { unsafe heldRequest = heldRequestHead.map { unsafe .passUnretained($0) } }
    }
    /// The two heads that are there, for fetches, which count no references. Good as long as this stands at the exchange.
    public private(set) var heldRequest: Unmanaged<MessageHead>?
    public private(set) var heldResponse: Unmanaged<MessageHead>?
    /// What the client's bytes are in TCP mode.
    public var rawRequest: RawRequest { unsafe transaction?.facts?.rawRequest ?? .none }
    /// The client's address: the exchange's own, or the session's.
    public var source: SocketAddress? { transaction?.source ?? session?.source }
    /// The address that the client connected to: the exchange's own, or the session's.
    public var destination: SocketAddress? { transaction?.destination ?? session?.destination }
    /// The response's head; nil before it came.
    public private(set) var responseHead: MessageHead? {
        didSet { unsafe heldResponse = responseHead.map { unsafe .passUnretained($0) } }
    }
    /// What the proxy tells of the exchange; nil without one.
    public var facts: (any TransactionFacts)? { unsafe transaction?.facts ?? checkFacts }
    /// The head of the current direction.
    public var head: MessageHead? { direction == .request ? requestHead : responseHead }

    /// The variables of a scope; made when `creating` and there is something to keep them. Process variables are not
    /// among them: see ``ProcessVariables``.
    public func variables(_ scope: VariableScope, creating: Bool = false) -> VariableStore? {
        switch scope {
        case .proc: return nil
        case .sess:
            guard let session else { return nil }
            if let store = session.ruleState { return store as? VariableStore }
            guard creating else { return nil }
            let store = newStore()
            session.ruleState = store
            return store
        case .txn:
            guard let transaction else { return nil }
            if creating, transaction.transactionVariables == nil { transaction.transactionVariables = newStore() }
            return transaction.transactionVariables
        case .req:
            guard let transaction else { return nil }
            if creating, transaction.requestVariables == nil { transaction.requestVariables = newStore() }
            return transaction.requestVariables
        case .res:
            guard let transaction else { return nil }
            if creating, transaction.responseVariables == nil { transaction.responseVariables = newStore() }
            return transaction.responseVariables
        case .check: return checkVariables
        // No exchange has a parent: those are of agents and clients within the process.
        case .parentSession, .parentTransaction, .parentRequest, .parentResponse: return nil
        }
    }

    private func newStore() -> VariableStore {
        VariableStore(counting: variableLimits.process > 0 ? processVariables.total : nil)
    }
}

/// A small generator of random numbers for fetches such as `rand`; not for secrets.
public struct RandomNumbers: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
