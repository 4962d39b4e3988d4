package import Connections
package import Streams

/// What expressions know of a proxy.
package protocol ProxyFacts: AnyObject {
    /// The section's name.
    var nameBytes: [UInt8] { get }
}

/// What `Proxying` tells of an exchange beyond its messages.
package protocol TransactionFacts: AnyObject {
    var frontendFacts: (any ProxyFacts)? { get }
    /// The backend once one is chosen.
    var backendFacts: (any ProxyFacts)? { get }
}

/// One exchange as rules, expressions and logs see it. `Proxying` derives its record of an exchange from it and tells
/// the facts; the state of rules (variables, captures, the unique identifier) is kept here.
open class Transaction {
    /// The client's connection.
    package final let session: Session
    /// The two messages.
    package final var exchange: Exchange!
    /// The facts; the derived class sets itself here.
    package final unowned(unsafe) var facts: (any TransactionFacts)?
    /// Variables of the scopes `txn`, `req` and `res`; nil until the first is set.
    package final var transactionVariables: VariableStore?
    package final var requestVariables: VariableStore?
    package final var responseVariables: VariableStore?
    /// Captured request fields and samples by slot (`capture request header`, `http-request capture`).
    package final var requestCaptures: [[UInt8]?] = []
    /// Captured response fields and samples by slot.
    package final var responseCaptures: [[UInt8]?] = []
    /// Most bytes of each capture slot: the frontend's, set when the exchange begins.
    package final var requestCaptureLengths: [Int] = []
    package final var responseCaptureLengths: [Int] = []
    /// The request's unique identifier, once it was made (`unique-id-format`).
    package final var uniqueID: [UInt8]?

    package init(session: Session) {
        self.session = session
        unsafe facts = nil
    }
}
