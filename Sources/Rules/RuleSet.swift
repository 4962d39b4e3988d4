package import Samples

/// The rule sets of a proxy (configuration.txt section 4.3), in the order in which an exchange meets them.
package enum RuleSetKind: String, Sendable, CaseIterable {
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
    package func places(isFrontend: Bool, isBackend: Bool) -> RulePlace {
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
    package var direction: MessageDirection {
        switch self {
        case .tcpResponseContent, .httpResponse, .httpAfterResponse: .response
        default: .request
        }
    }
}

/// One rule: an action and the condition under which it is done. Immutable and shared by all workers.
package final class Rule: Sendable {
    /// Nil: always.
    package let condition: Condition?
    package let action: any RuleAction
    /// `file:line` of the statement.
    package let location: String

    package init(_ action: any RuleAction, if condition: Condition?, location: String) {
        self.action = action
        self.condition = condition
        self.location = location
    }
}

extension Rule: Equatable {
    /// Rules are the same when they are the same objects: they are read once.
    package static func == (left: Rule, right: Rule) -> Bool { left === right }
}

/// The rules of one proxy by set, each in the order of the file: what the configuration holds.
package struct ProxyRules: Sendable, Equatable {
    private var sets: [RuleSetKind: [Rule]] = [:]
    /// `redirect` statements, which are done after the rules of `http-request`.
    package var redirects: [Rule] = []
    /// When one of them holds, monitors are told that the site is down (`monitor fail`).
    package var monitorFailures: [Condition] = []

    package init() {}

    package var isEmpty: Bool { sets.isEmpty && redirects.isEmpty }

    /// Whether some rule changes lists of patterns.
    package var needsControl: Bool { sets.values.contains { $0.contains { $0.action.needsControl } } }

    package subscript(kind: RuleSetKind) -> [Rule] {
        get { sets[kind] ?? [] }
        set { sets[kind] = newValue.isEmpty ? nil : newValue }
    }

    /// Rules are the same when they are the same objects: they are read once.
    package static func == (left: ProxyRules, right: ProxyRules) -> Bool {
        left.sets.count == right.sets.count && left.redirects.count == right.redirects.count
            && zip(left.redirects, right.redirects).allSatisfy { $0 === $1 }
            && left.monitorFailures.elementsEqual(right.monitorFailures) { $0 === $1 }
            && left.sets.allSatisfy { kind, rules in
                let others = right[kind]
                return rules.count == others.count && zip(rules, others).allSatisfy { $0 === $1 }
            }
    }
}
