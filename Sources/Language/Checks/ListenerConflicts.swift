import Configuration

/// Finds addresses that two `bind` lines share. The system would split connections between them by chance.
enum ListenerConflicts {
    private struct Key: Hashable {
        let transport: BindTransport
        /// The address without its ports.
        let address: BindAddress
    }

    private struct Claim {
        let ports: ClosedRange<UInt16>
        let bind: BindSettings
        let owner: String
        /// Its place among all listeners.
        let order: Int
    }

    /// An alert for each line that wants what an earlier one has. `drafts` has the lines' texts.
    static func find(in frontends: [FrontendSettings], drafts: [ProxyDraft]) -> [Diagnostic] {
        var claims: [Key: [Claim]] = [:]
        var order = 0
        for frontend in frontends {
            for bind in frontend.binds {
                // Several lines may connect to one server.
                if case .reversed = bind.address { continue }
                let (key, ports) = split(bind)
                claims[key, default: []].append(Claim(ports: ports, bind: bind, owner: frontend.name, order: order))
                order += 1
            }
        }
        var conflicts: [(Claim, Claim)] = []
        for claims in claims.values where claims.count > 1 {
            let sorted = claims.sorted { $0.ports.lowerBound < $1.ports.lowerBound }
            var widest = sorted[0]
            for claim in sorted.dropFirst() {
                if claim.ports.lowerBound <= widest.ports.upperBound { conflicts.append((claim, widest)) }
                if claim.ports.upperBound > widest.ports.upperBound { widest = claim }
            }
        }
        if conflicts.isEmpty { return [] }
        let marks = Dictionary(drafts.flatMap(\.binds).map { ($0.mark.location, $0.mark) }) { first, _ in first }
        return
            conflicts
            .map { $0.0.order > $0.1.order ? (later: $0.0, earlier: $0.1) : (later: $0.1, earlier: $0.0) }
            .sorted { $0.later.order < $1.later.order }
            .map { message($0.later, $0.earlier, marks) }
    }

    private static func message(
        _ later: Claim, _ earlier: Claim, _ marks: [SourceLocation: Mark]
    ) -> Diagnostic {
        Diagnostic(
            .alert,
            "'bind' of '\(later.owner)' : \(later.bind.address) is taken by '\(earlier.owner)' at"
                + " \(earlier.bind.location)",
            at: later.bind.location, excerpt: marks[later.bind.location]?.excerpt)
    }

    private static func split(_ bind: BindSettings) -> (Key, ClosedRange<UInt16>) {
        switch bind.address {
        case .ip(let address, let ports):
            (Key(transport: bind.transport, address: .ip(address, ports: 0...0)), ports)
        case .unix, .abstract, .inherited, .reversed:
            (Key(transport: bind.transport, address: bind.address), 0...0)
        }
    }
}
