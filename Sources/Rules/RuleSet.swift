public import Samples

/// The rule sets of a proxy (configuration.txt section 4.3), in the order in which an exchange meets them.
public enum RuleSetKind: String, Sendable, CaseIterable {
    case quicInitial = "quic-initial"
    case tcpRequestConnection = "tcp-request connection"
    case tcpRequestSession = "tcp-request session"
    case tcpRequestContent = "tcp-request content"
    case tcpResponseContent = "tcp-response content"
    case httpRequest = "http-request"
    case httpResponse = "http-response"
    case httpAfterResponse = "http-after-response"

    /// Where the set's expressions are evaluated.
    ///
    /// - Parameter isBackend: the set belongs to a back half. A `listen` and `defaults` have both.
    public func places(isFrontend: Bool, isBackend: Bool) -> RulePlace {
        var places: RulePlace = []
        switch self {
        case .quicInitial, .tcpRequestConnection: places = .connectionAccept
        case .tcpRequestSession: places = .sessionAccept
        case .tcpRequestContent:
            if isFrontend { places.formUnion(.frontendRequestContent) }
            if isBackend { places.formUnion(.backendRequestContent) }
        case .tcpResponseContent:
            if isFrontend { places.formUnion(.frontendResponseContent) }
            if isBackend { places.formUnion(.backendResponseContent) }
        case .httpRequest:
            if isFrontend { places.formUnion(.frontendRequestHead) }
            if isBackend { places.formUnion(.backendRequestHead) }
        case .httpResponse, .httpAfterResponse:
            if isFrontend { places.formUnion(.frontendResponseHead) }
            if isBackend { places.formUnion(.backendResponseHead) }
        }
        return places
    }

    /// The direction of the message that the set looks at.
    public var direction: MessageDirection {
        switch self {
        case .tcpResponseContent, .httpResponse, .httpAfterResponse: .response
        default: .request
        }
    }
}

/// One rule: an action and the condition under which it is done. Immutable and shared by all workers.
public final class Rule: Sendable {
    /// Nil: always.
    public let condition: Condition?
    public let action: any RuleAction
    /// `file:line` of the statement.
    public let location: String

    public init(_ action: any RuleAction, if condition: Condition?, location: String) {
        self.action = action
        self.condition = condition
        self.location = location
    }
}

extension Rule: Equatable {
    /// Rules are the same when they are the same objects: they are read once.
    public static func == (left: Rule, right: Rule) -> Bool { left === right }
}

/// The rules of one proxy by set, each in the order of the file: what the configuration holds.
public struct ProxyRules: Sendable, Equatable {
    private var sets: [RuleSetKind: [Rule]] = [:]
    /// `redirect` statements, which are done after the rules of `http-request`.
    public var redirects: [Rule] = []
    /// When one of them holds, monitors are told that the site is down (`monitor fail`).
    public var monitorFailures: [Condition] = []

    public init() {}

    public var isEmpty: Bool { sets.isEmpty && redirects.isEmpty }

    /// Whether some rule changes lists of patterns.
    public var needsControl: Bool { sets.values.contains { $0.contains { $0.action.needsControl } } }

    public subscript(kind: RuleSetKind) -> [Rule] {
        get { sets[kind] ?? [] }
        set { sets[kind] = newValue.isEmpty ? nil : newValue }
    }

    /// Rules are the same when they are the same objects: they are read once.
    public static func == (left: ProxyRules, right: ProxyRules) -> Bool {
        left.sets.count == right.sets.count && left.redirects.count == right.redirects.count
            && zip(left.redirects, right.redirects).allSatisfy { $0 === $1 }
            && left.monitorFailures.elementsEqual(right.monitorFailures) { $0 === $1 }
            && left.sets.allSatisfy { kind, rules in
                let others = right[kind]
                return rules.count == others.count && zip(rules, others).allSatisfy { $0 === $1 }
            }
    }
}
