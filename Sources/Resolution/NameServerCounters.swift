/// What is counted of one name server: the columns of `show resolvers`, by HAProxy's names.
package struct NameServerCounters: Sendable, Equatable {
    package var sent = 0
    package var sendErrors = 0
    package var valid = 0
    package var updates = 0
    package var aliases = 0
    package var brokenAliases = 0
    package var empty = 0
    package var noSuchName = 0
    package var timeouts = 0
    package var refused = 0
    package var other = 0
    package var invalid = 0
    package var tooBig = 0
    package var truncated = 0
    package var outdated = 0

    package init() {}

    /// Name in statistics, name in `show resolvers`, what it counts.
    package static let columns: [Column] = [
        Column("sent", "sent", "Questions sent", \.sent),
        Column("send_error", "snd_error", "Questions that could not be sent", \.sendErrors),
        Column("valid", "valid", "Good answers", \.valid),
        Column("update", "update", "Answers that changed a server's address", \.updates),
        Column("cname", "cname", "Answers with aliases", \.aliases),
        Column("cname_error", "cname_error", "Aliases that lead nowhere", \.brokenAliases),
        Column("any_err", "any_err", "Answers without records", \.empty),
        Column("nx", "nx", "Names that do not exist", \.noSuchName),
        Column("timeout", "timeout", "Questions without an answer", \.timeouts),
        Column("refused", "refused", "Refused questions", \.refused),
        Column("other", "other", "Other failures of the name server", \.other),
        Column("invalid", "invalid", "Malformed answers", \.invalid),
        Column("too_big", "too_big", "Answers above the accepted size", \.tooBig),
        Column("truncated", "truncated", "Cut answers, asked for again over TCP", \.truncated),
        Column("outdated", "outdated", "Answers that came too late", \.outdated),
    ]

    package struct Column: Sendable {
        /// In `show stat domain resolvers`, and of metrics.
        package let name: String
        /// In `show resolvers`.
        package let label: String
        package let description: String
        package let value: @Sendable (NameServerCounters) -> Int

        init(
            _ name: String, _ label: String, _ description: String,
            _ path: any KeyPath<NameServerCounters, Int> & Sendable
        ) {
            self.name = name
            self.label = label
            self.description = description
            value = { $0[keyPath: path] }
        }
    }

    /// Counts an answer that gives nothing.
    mutating func count(_ failure: AnswerFailure) {
        switch failure {
        case .invalid: invalid += 1
        case .noSuchName: noSuchName += 1
        case .refused: refused += 1
        case .serverFailure: other += 1
        case .empty: empty += 1
        case .brokenAlias: brokenAliases += 1
        case .truncated: truncated += 1
        }
    }
}
