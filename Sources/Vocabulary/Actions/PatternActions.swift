import Bytes
import Messages
import Patterns
import Rules
import Samples
import Words

/// Actions that change maps and ACL files (configuration.txt section 4.4). The lists have one writer, on a thread of its
/// own: the change is sent there, and the exchange, and nothing else, waits until it is done.
enum PatternActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "add-acl", "Adds an entry to an ACL file's list.", usage: "(<file-name>) <key fmt>",
            in: [.httpRequest, .httpResponse]
        ) { (reader) throws(Complaint) in try ChangePatterns(&reader, .add) },
        ActionKeyword(
            "del-acl", "Removes an entry of an ACL file's list.", usage: "(<file-name>) <key fmt>",
            in: [.httpRequest, .httpResponse, .httpAfterResponse]
        ) { (reader) throws(Complaint) in try ChangePatterns(&reader, .delete) },
        ActionKeyword(
            "set-map", "Gives an entry of a map a value, or adds one.", usage: "(<map-name>) <key fmt> <value fmt>",
            in: [.httpRequest, .httpResponse, .httpAfterResponse]
        ) { (reader) throws(Complaint) in try ChangePatterns(&reader, .set) },
        ActionKeyword(
            "del-map", "Removes an entry of a map.", usage: "(<map-name>) <key fmt>",
            in: [.httpRequest, .httpResponse, .httpAfterResponse]
        ) { (reader) throws(Complaint) in try ChangePatterns(&reader, .delete) },
    ]
}

private final class ChangePatterns: RuleAction {
    enum Kind: Sendable { case add, set, delete }

    private let kind: Kind
    /// Resolved when the rule first runs: the list may be declared by a later line of the configuration.
    private let list: PendingPatterns
    private let key: Format
    private let value: Format?

    /// How long an exchange waits for its change, milliseconds; it goes on without it then.
    private static let patience = 1000

    init(_ reader: inout ActionReader, _ kind: Kind) throws(Complaint) {
        self.kind = kind
        guard let parameter = reader.parameter, !parameter.text.isEmpty else {
            throw Complaint(
                "expects a file's name in parentheses: '\(reader.name)(/etc/haproxy/the.lst)'", at: reader.keyword)
        }
        list = PendingPatterns(parameter.text, reader.context.patterns)
        let count = kind == .set ? 2 : 1
        guard reader.peek != nil else { throw Complaint("expects exactly \(count) arguments", at: reader.keyword) }
        key = try reader.format("a key")
        if kind == .set, reader.peek == nil { throw Complaint("expects exactly 2 arguments", at: reader.keyword) }
        value = kind == .set ? try reader.format("a value") : nil
    }

    var needsControl: Bool { true }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let host = run.host else { return .next }
        if run.isResumed {
            let isWaiting = host.awaitsPatterns && run.now < run.waitedUntil
            return isWaiting ? .wait(until: run.waitedUntil) : .next
        }
        guard let reference = list.reference else { return .next }
        let key = text(key, run)
        let change: PatternChange
        switch kind {
        case .add: change = PatternChange(reference, .add, key: key)
        case .delete: change = PatternChange(reference, .delete, key: key)
        case .set:
            let value = value.map { text($0, run) } ?? []
            change = PatternChange(reference, .set(value: value), key: key)
        }
        guard host.change(change) else { return .next }
        return .wait(until: run.now.advanced(milliseconds: Self.patience))
    }

    private func text(_ format: Format, _ run: RuleRun) -> [UInt8] {
        var sample = Sample()
        format.text(run.evaluation, &sample)
        return Array(copying: sample.bytes)
    }
}

/// A list by its name. It is looked up once the configuration is read whole.
private final class PendingPatterns: Sendable {
    private let name: String
    private let registry: PatternRegistry

    init(_ name: String, _ registry: PatternRegistry) {
        self.name = name
        self.registry = registry
    }

    /// Nil when nothing else uses the file: then nobody sees the change.
    var reference: PatternReference? { registry.find(name) }
}
