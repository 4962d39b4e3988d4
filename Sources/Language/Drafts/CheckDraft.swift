import Configuration
import Rules
import Samples

/// The lines of a section about the steps of health checks.
struct CheckDraft: Sendable {
    /// What `option …-check`, or `type`, says; nil: nothing.
    var kind: CheckRuleset.Kind?
    /// The steps of a named check.
    var named: [CheckRule] = []
    /// The request that `option httpchk` describes, and whether it stands behind an explicit one.
    var request: CheckRequest?
    var requestIsLater = false
    /// `http-check` and `tcp-check` lines in their order.
    var httpRules: [CheckRule] = []
    var tcpRules: [CheckRule] = []
    /// Whether the lines are this section's own: the first one of a section replaces those of its defaults.
    var ownsHTTP = false
    var ownsTCP = false
    var disablesOn404 = false
    var sendsState = false
    /// `external-check`.
    var command: String?
    var searchPath: String?

    /// A section takes over what its defaults say, until it says something itself.
    mutating func inherit() {
        ownsHTTP = false
        ownsTCP = false
    }

    /// Begins the section's own `http-check` lines.
    mutating func ownHTTP() {
        guard !ownsHTTP else { return }
        ownsHTTP = true
        httpRules = []
        request = nil
        disablesOn404 = false
        sendsState = false
    }

    mutating func ownTCP() {
        guard !ownsTCP else { return }
        ownsTCP = true
        tcpRules = []
    }

    /// The whole sequence of steps; nil without one of these options.
    var ruleset: CheckRuleset? {
        guard let kind else { return nil }
        var rules: [CheckRule]
        if kind == .external {
            var program = CheckProgram(command: command ?? "")
            program.path = searchPath ?? ""
            return CheckRuleset(kind: kind, rules: [CheckRule(.program(program))])
        }
        switch kind {
        case .http: rules = httpSteps
        case .tcp: rules = tcpRules
        default: rules = named
        }
        if rules.first(where: \.isStep).map({ if case .connect = $0.action { false } else { true } }) ?? true {
            rules.insert(.implicitConnect, at: 0)
        }
        Self.passOnComments(&rules)
        if kind == .http { Self.findHosts(&rules) }
        return CheckRuleset(
            kind: kind, rules: rules, disablesOn404: disablesOn404, sendsState: sendsState)
    }

    /// The `http-check` lines with the request of the option, and what is left unsaid at the end.
    private var httpSteps: [CheckRule] {
        var rules = httpRules
        if let request {
            if let place = rules.firstIndex(where: {
                if case .request = $0.action { true } else { false }
            }), case .request(let explicit) = rules[place].action {
                rules[place].action = .request(
                    requestIsLater ? explicit.overridden(by: request) : request.overridden(by: explicit))
            } else {
                let connect = rules.firstIndex { if case .connect = $0.action { true } else { false } }
                let isFirst = connect != nil && connect == rules.firstIndex(where: \.isStep)
                let place = isFirst ? connect! + 1 : 0
                rules.insert(CheckRule(.request(request), index: isFirst ? rules[connect!].index + 1 : 0), at: place)
            }
        }
        if let last = rules.last(where: \.isStep), case .request = last.action {
            rules.append(CheckRule(.expect(CheckExpect(.statuses([200...399]))), index: last.index + 1))
        }
        return rules
    }

    /// A comment belongs to the steps of one kind that follow it.
    private static func passOnComments(_ rules: inout [CheckRule]) {
        var comment: String?
        var previous = -1
        var result: [CheckRule] = []
        for var rule in rules {
            let family = rule.family
            if family != previous, previous > 0 { comment = nil }
            previous = family
            if family == 0 {
                comment = rule.comment
                continue
            }
            if rule.isStep, rule.comment == nil { rule.comment = comment }
            if family == 1 || family == 4 { comment = nil }
            result.append(rule)
        }
        rules = result
    }

    /// A connect that nobody wrote takes its SNI from the host of the request behind it.
    private static func findHosts(_ rules: inout [CheckRule]) {
        for place in rules.indices {
            guard case .connect(var connect) = rules[place].action, connect.isImplicit else { continue }
            for rule in rules[(place + 1)...] {
                guard case .request(let request) = rule.action else { continue }
                connect.host = request.fields.last { $0.name == "host" }?.value
                break
            }
            rules[place].action = .connect(connect)
        }
    }
}

extension CheckRule {
    /// Which kind of step it is, for comments: 0 is a comment itself.
    fileprivate var family: Int {
        switch action {
        case .comment: 0
        case .connect, .program: 1
        case .send, .request: 2
        case .expect: 3
        case .run: 4
        }
    }
}

extension CheckRequest {
    /// This request with what the other one says.
    fileprivate func overridden(by other: CheckRequest) -> CheckRequest {
        var result = self
        if let method = other.method { result.method = method }
        if let uri = other.uri { result.uri = uri }
        if let version = other.version { result.version = version }
        if !other.fields.isEmpty { result.fields = other.fields }
        if let body = other.body { result.body = body }
        return result
    }
}

/// A `healthcheck` section.
struct HealthcheckDraft: Sendable {
    var name: String
    var mark: Mark
    var check = CheckDraft()
}
