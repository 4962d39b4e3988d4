import Connections
import Synchronization

/// What variables may take (`tune.vars.*`), in bytes; 0: no limit. A scope's limit counts the scopes within it too:
/// those of `req` and `res` are in `txn`, that is in `sess`, and all are in the process.
public struct VariableLimits: Sendable, Equatable {
    /// `tune.vars.global-max-size` and `tune.vars.proc-max-size`, of which the smaller counts: all variables of the
    /// process.
    public var process = 0
    /// `tune.vars.sess-max-size`.
    public var session = 0
    /// `tune.vars.txn-max-size`.
    public var transaction = 0
    /// `tune.vars.reqres-max-size`.
    public var message = 0
    /// `tune.vars.check-max-size`.
    public var check = 0

    public init() {}

    /// Whether there is one.
    public var isEmpty: Bool { self == VariableLimits() }
}

/// Bytes that the variables of a process take together, over all workers.
public final class VariableTotal: Sendable {
    private let count = Atomic<Int>(0)

    public init() {}

    public var bytes: Int { count.load(ordering: .relaxed) }
    public func add(_ bytes: Int) { count.wrappingAdd(bytes, ordering: .relaxed) }
}

extension Evaluation {
    /// Whether a scope may grow by so many bytes, with all that it is within.
    func mayGrow(_ scope: VariableScope, by growth: Int) -> Bool {
        guard !variableLimits.isEmpty, growth > 0 else { return true }
        let limits = variableLimits
        func fits(_ limit: Int, _ stores: VariableStore?...) -> Bool {
            limit == 0 || stores.reduce(growth) { $0 + ($1?.byteCount ?? 0) } <= limit
        }
        let request = transaction?.requestVariables
        let response = transaction?.responseVariables
        let whole = transaction?.transactionVariables
        let client = session?.ruleState as? VariableStore
        switch scope {
        case .proc: return true
        case .check: if !fits(limits.check, checkVariables) { return false }
        case .req, .res:
            guard fits(limits.message, request, response), fits(limits.transaction, whole, request, response),
                fits(limits.session, client, whole, request, response)
            else { return false }
        case .txn:
            guard fits(limits.transaction, whole, request, response),
                fits(limits.session, client, whole, request, response)
            else { return false }
        case .sess: if !fits(limits.session, client, whole, request, response) { return false }
        case .parentSession, .parentTransaction, .parentRequest, .parentResponse: return false
        }
        return limits.process == 0 || processVariables.total.bytes + growth <= limits.process
    }
}
