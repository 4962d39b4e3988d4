import Words

/// Words about which CPUs HAProxy's thread groups use. Workers share nothing, so that groups would keep nothing apart:
/// these are checked, and change nothing. `cpu-map` does what it says.
enum CPUHintKeywords {
    static let keywords: [Keyword<GlobalDraft>] = [
        GlobalKeywords.keyword("cpu-affinity") { (_, statement) throws(Complaint) in
            let found = statement.next()
            guard let word = found, let more = affinities[word.text] else {
                throw Complaint(
                    "'cpu-affinity' parsed an unknown directive '\(found?.text ?? "")'. Known values are : per-core"
                        + " per-group per-thread per-ccx auto", at: found?.column)
            }
            guard let option = statement.next() else { return }
            guard more.contains(option.text) else {
                throw Complaint("'\(word.text)' provided with unknown optional argument '\(option.text)'.", at: option)
            }
        },
        GlobalKeywords.keyword("cpu-policy") { (_, statement) throws(Complaint) in
            let found = statement.next()
            guard let word = found, policies.contains(word.text) else {
                throw Complaint(
                    "'cpu-policy' passed an unknown CPU policy '\(found?.text ?? "")'. Supported values are: "
                        + policies.joined(separator: ", ") + ".", at: found?.column)
            }
            guard let option = statement.next() else { return }
            guard option.text == "threads-per-core" else {
                throw Complaint(
                    "'cpu-policy' passed an unknown keyword '\(option.text)', the only known values are"
                        + " threads-per-core", at: option)
            }
            let given = statement.next()
            guard let value = given, ["1", "auto"].contains(value.text) else {
                throw Complaint(
                    "'cpu-policy' passed an unknown value '\(given?.text ?? "")' to keyword 'threads-per-core', known"
                        + " values are 1 or auto", at: given?.column)
            }
        },
        GlobalKeywords.keyword("cpu-set") { (_, statement) throws(Complaint) in
            let known = "only 'reset', " + sets.map { "'\($0)'" }.joined(separator: ", ") + " supported"
            guard !statement.isAtEnd else {
                throw Complaint("'cpu-set' requires a directive and an optional value (\(known)).")
            }
            while let word = statement.next() {
                if word.text == "reset" { continue }
                guard sets.contains(word.text) else {
                    throw Complaint("'cpu-set' passed an unknown directive '\(word.text)' (\(known)).", at: word)
                }
                let given = statement.next()
                guard let range = given, isRange(range.text) else {
                    throw Complaint("'cpu-set \(word.text)': '\(given?.text ?? "")' is not a CPU range.", at: word)
                }
            }
        },
        GlobalKeywords.keyword("thread-group") { (_, statement) throws(Complaint) in
            let found = statement.next()
            guard let word = found, let group = Int(word.text), group > 0 else {
                throw Complaint(
                    "'thread-group' passed a missing or unparsable integer value in '\(found?.text ?? "")'",
                    at: found?.column)
            }
            while let threads = statement.next() {
                let bounds = threads.text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                guard bounds.allSatisfy({ bound in Int(bound).map { (1...1024).contains($0) } ?? false }) else {
                    throw Complaint(
                        "'thread-group \(group)' passed an unparsable or invalid thread number '\(threads.text)' (valid"
                            + " range is 1 to 1024)", at: threads)
                }
            }
        },
    ]

    /// What may follow each word of `cpu-affinity`.
    private static let affinities: [String: [String]] = [
        "auto": [], "per-core": [], "per-group": ["auto", "loose"], "per-thread": [], "per-ccx": [],
    ]

    private static let policies: [String] =
        ["none", "efficiency", "first-usable-node", "performance", "resource", "group-by-ccx", "group-by-cluster"]
        + (2...4).flatMap { ["group-by-\($0)-ccx", "group-by-\($0)-clusters"] }

    private static let sets: [String] = ["cpu", "node", "cluster", "core", "thread"].flatMap {
        ["only-\($0)", "drop-\($0)"]
    }

    /// Numbers and ranges of numbers, with commas between.
    private static func isRange(_ text: String) -> Bool {
        text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { part in
            part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).allSatisfy { UInt16($0) != nil }
        }
    }
}
