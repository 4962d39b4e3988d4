/// What a scrape asks for, in the query of its request: HAProxy's parameters.
struct PrometheusQuery: Equatable {
    /// A part of the metrics (`scope`).
    enum Scope: String, CaseIterable {
        case process = "global"
        case frontend, backend, listener, server, sticktable, resolver
    }

    var scopes = Set(Scope.allCases)
    /// What modules count too (`extra-counters`).
    var hasExtraCounters = false
    /// Servers in maintenance are left out (`no-maint`).
    var hidesMaintenance = false
    /// Names of metrics to give; empty: all.
    private var included: Set<Substring> = []
    /// Names of metrics to leave out.
    private var excluded: Set<Substring> = []

    /// - Parameter target: the request's path with its query. Nil when a parameter makes no sense.
    init?(target: String) {
        guard let mark = target.firstIndex(of: "?") else { return }
        var namesScopes = false
        for pair in target[target.index(after: mark)...].prefix(while: { $0 != "#" }).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? FormText.decoded(Array(parts[1].utf8)[...]) : ""
            switch FormText.decoded(Array(parts[0].utf8)[...]) {
            case "scope":
                guard parts.count > 1 else { return nil }
                if !namesScopes { scopes = [] }
                namesScopes = true
                switch value {
                case "": scopes = []
                case "*": scopes = Set(Scope.allCases)
                default:
                    guard let scope = Scope(rawValue: value) else { return nil }
                    scopes.insert(scope)
                }
            case "extra-counters": hasExtraCounters = true
            case "no-maint": hidesMaintenance = true
            case "metrics":
                guard parts.count > 1 else { return nil }
                for name in value.split(separator: ",") {
                    if name.hasPrefix("-") { excluded.insert(name.dropFirst()) } else { included.insert(name) }
                }
            default: break
            }
        }
    }

    /// Whether the metric of that whole name is wanted.
    func wants(_ name: String) -> Bool {
        let name = Substring(name)
        return included.isEmpty ? !excluded.contains(name) : included.contains(name)
    }
}
