public import Bytes
public import Patterns

/// What actions can ask of the proxy that runs them.
public protocol RuleHost: AnyObject {
    /// A rewrite failed: it counts in the proxy's `wrew`.
    func rewriteFailed()
    /// The proxy's message for a status: its own error file or reply, or the built-in one.
    func errorMessage(_ status: Int) -> ReplyContent
    /// Whether the client speaks to a proxy that it knows of (`option http-use-proxy-header`).
    var isProxyRequest: Bool { get }
    /// How long `tarpit` keeps a client waiting, in milliseconds.
    var tarpitTime: Int { get }
    /// A rule has ended its set: the last one that did is what `last_rule_line` tells.
    func ruleEnded(_ rule: Rule)
    /// A rule waits: what `waiting_entity` tells when the exchange fails meanwhile. Nil: it waits no more.
    func ruleWaits(_ rule: Rule?)
    /// Changes a list of patterns. True: the rules are resumed once it is done. False: too many changes wait.
    func change(_ patterns: PatternChange) -> Bool
    /// Asks for the address of a name. True: the rules are resumed once the answer is there. False: nobody can be asked.
    func findAddress(_ question: AddressQuestion) -> Bool
    /// Whether the answer to ``findAddress(_:)`` is still to come.
    var awaitsAddress: Bool { get }
    /// What ``findAddress(_:)`` found last; nil: the name has no address.
    var foundAddress: SocketAddress? { get }
    /// Whether a change that ``change(_:)`` took is still to be done.
    var awaitsPatterns: Bool { get }
}

/// A name that rules want the address of (`do-resolve`).
public struct AddressQuestion: Sendable {
    public let name: String
    /// The `resolvers` section to ask.
    public let resolvers: String
    public let prefersIPv4: Bool

    public init(name: String, resolvers: String, prefersIPv4: Bool) {
        self.name = name
        self.resolvers = resolvers
        self.prefersIPv4 = prefersIPv4
    }
}

/// A change that rules ask for in a list of patterns (`set-map`, `del-map`, `add-acl`, `del-acl`).
public struct PatternChange: Sendable {
    public enum Kind: Sendable {
        /// An entry is added if there is none with the key.
        case add
        /// The entries with the key get the value; without any, one is added.
        case set(value: [UInt8])
        /// The entries with the key go.
        case delete
    }

    public let reference: PatternReference
    public let kind: Kind
    public let key: [UInt8]

    public init(_ reference: PatternReference, _ kind: Kind, key: [UInt8]) {
        self.reference = reference
        self.kind = kind
        self.key = key
    }

    /// Makes the change. On the thread that writes lists. What the list does not take (a value of another kind) is left
    /// out.
    public func apply() {
        do throws(PatternError) {
            switch kind {
            case .add:
                guard !reference.hasValues else { return }
                if !reference.value(of: key.span).isFound { try reference.add(key: key.span) }
            case .set(let value):
                guard reference.hasValues else { return }
                if reference.value(of: key.span).isFound {
                    try reference.set(key: key.span, value: value.span)
                } else {
                    try reference.add(key: key.span, value: value.span)
                }
            case .delete: while reference.delete(key: key.span) {}
            }
        } catch {}
    }
}

/// An answer that is the same every time.
public final class FixedReply: RuleReply {
    private let content: ReplyContent

    public init(_ content: ReplyContent) { self.content = content }

    public func make(_ run: RuleRun) -> ReplyContent? { content }
}
