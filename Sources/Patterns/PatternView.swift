/// One kind of use of a list: what `get map` and `get acl` answer a line for.
struct PatternView: Equatable, Sendable {
    let kind: IndexKind
    /// `-i`, also where the method does not look at it.
    let ignoresCase: Bool
    /// What a map's values are read as; nil for an ACL.
    let values: PatternValueKind?
}

/// What a list answers to a text under one of its uses, for people who ask (`get map`, `get acl`).
public struct PatternFinding: Sendable {
    /// The entry that matched.
    public struct Match: Sendable {
        /// The pattern's text; nil when no entry stands for the match (`bool`).
        public let key: String?
        /// The value's text and the name of its type; nil for an ACL and an entry without one.
        public let value: (text: String, type: String)?
        /// Whether HAProxy would find the pattern in a tree: how it names what it does with `idx=`.
        public let isInTree: Bool
    }

    public let method: MatchMethod
    public let ignoresCase: Bool
    /// Nil: nothing matched, or the text cannot be read as what the method compares.
    public let match: Match?
}

extension PatternReference {
    /// Looks a text up under each use of the list, as the runtime API does: it is turned into a number or an address
    /// where the method wants one. On the writer's thread.
    public func findings(for text: Span<UInt8>) -> [PatternFinding] {
        var findings: [PatternFinding] = []
        for view in views {
            let found = match(text, under: view.kind).map { match in
                let value = view.values == nil || !match.hasValue ? nil : (match.value.patternString, match.valueType)
                return PatternFinding.Match(
                    key: match.hasEntry ? match.key.patternString : nil, value: value,
                    isInTree: isInTree(match, view.kind))
            }
            findings.append(
                PatternFinding(method: view.kind.method, ignoresCase: view.ignoresCase, match: found))
        }
        return findings
    }

    private func match(_ text: Span<UInt8>, under kind: IndexKind) -> PatternMatch? {
        let lookup = unsafe PatternLookup(roots: roots, kind: kind)
        switch kind.method.input {
        case .number:
            guard !text.isEmpty, kind.method != .found else { return nil }
            return lookup.match(number: PatternValueKind.leadingNumber(text).value)
        case .address:
            if let address = AddressText.v4(text, 0..<text.count) { return lookup.match(ipv4: address) }
            guard let address = AddressText.v6(text, 0..<text.count) else { return nil }
            return lookup.match(ipv6: address.high, address.low)
        case .bytes, .text: return lookup.match(text)
        }
    }

    private func isInTree(_ match: PatternMatch, _ kind: IndexKind) -> Bool {
        switch kind.method {
        case .str, .beg: return !kind.ignoresCase
        case .ip:
            guard case .network4(_, let mask)? = try? PatternText.read(match.key, as: kind, resolve: nil) else {
                return true
            }
            return mask.prefixLength != nil
        case .found, .bool, .int, .bin, .len, .sub, .dir, .dom, .end, .reg, .regm, .version: return false
        }
    }
}

extension PatternMatch {
    /// HAProxy's name for what the value was read as.
    fileprivate var valueType: String {
        if number != nil { return "sint" }
        return switch address {
        case .v4: "ipv4"
        case .v6: "ipv6"
        case nil: "str"
        }
    }
}
