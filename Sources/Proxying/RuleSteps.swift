import Configuration
import Rules

/// The rule sets of an exchange, and what is decided between them, in their order.
enum RuleStep: UInt8 {
    case frontendRequestContent, frontendBody, frontendRequest, earlyData, frontendRedirect, setBackend
    case backendRequestContent, backendBody
    case backendRequest, backendRedirect, dispatch
    case backendResponseContent, backendResponse, frontendResponse, backendAfterResponse, frontendAfterResponse
    case done
}

/// The steps at which a proxy has something to do: an exchange passes over the others.
struct RuleSteps: OptionSet {
    let rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }

    init(_ steps: RuleStep...) { self.init(steps) }

    private init(_ steps: [RuleStep]) {
        rawValue = steps.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
    }

    /// Every exchange has these.
    static let always = RuleSteps(.setBackend, .dispatch, .done)
    /// Those of an exchange that is not HTTP.
    static let ofTCP = RuleSteps(
        .frontendRequestContent, .setBackend, .backendRequestContent, .dispatch, .backendResponseContent, .done)

    /// The first of them that is not before `step`; all have the last one.
    @inline(__always)
    func first(from step: RuleStep) -> RuleStep {
        let rest = rawValue >> UInt32(step.rawValue)
        return RuleStep(rawValue: step.rawValue + UInt8(truncatingIfNeeded: rest.trailingZeroBitCount)) ?? .done
    }

    private mutating func insert(_ step: RuleStep, if isWanted: Bool) {
        if isWanted { formUnion(RuleSteps(step)) }
    }

    /// What a frontend has to do.
    init(_ settings: FrontendSettings, _ rules: RuleTable) {
        self = .always
        insert(.frontendRequestContent, if: rules[.tcpRequestContent] != nil)
        insert(.frontendBody, if: settings.options.buffersRequest)
        insert(.frontendRequest, if: rules[.httpRequest] != nil || settings.options.fieldNames != .preserve)
        insert(.earlyData, if: settings.binds.contains { $0.quic.takesEarlyData })
        insert(.frontendRedirect, if: rules.redirects != nil || settings.statisticsPage != nil)
        insert(.frontendResponse, if: rules[.httpResponse] != nil)
        insert(.frontendAfterResponse, if: rules[.httpAfterResponse] != nil)
    }

    /// What a backend has to do.
    init(_ settings: BackendSettings, _ rules: RuleTable) {
        self = .always
        var readsBody = settings.options.buffersRequest
        if case .urlParameter(_, checksBody: true) = settings.balance { readsBody = true }
        insert(.backendRequestContent, if: rules[.tcpRequestContent] != nil)
        insert(.backendBody, if: readsBody)
        insert(.backendRequest, if: rules[.httpRequest] != nil || settings.options.fieldNames != .preserve)
        insert(.backendRedirect, if: rules.redirects != nil || settings.statisticsPage != nil)
        insert(.backendResponseContent, if: rules[.tcpResponseContent] != nil)
        insert(.backendResponse, if: rules[.httpResponse] != nil)
        // The cookie is put in when the response leaves the backend.
        insert(.frontendResponse, if: settings.cookie != nil || settings.options.checksCaching)
        insert(.backendAfterResponse, if: rules[.httpAfterResponse] != nil)
    }
}
