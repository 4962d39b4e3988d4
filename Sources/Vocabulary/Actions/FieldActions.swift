import Messages
import Rules
import Samples
import Words

/// Actions that edit fields of the head (configuration.txt section 4.4).
enum FieldActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "add-header", "Adds a field with the value that a format makes.", usage: "<name> <fmt>",
            in: [.httpRequest, .httpResponse, .httpAfterResponse]
        ) { (reader) throws(Complaint) in try WriteField(&reader, replaces: false) },
        ActionKeyword(
            "set-header", "Removes all fields of the name, then adds one with the value that a format makes.",
            usage: "<name> <fmt>", in: [.httpRequest, .httpResponse, .httpAfterResponse]
        ) { (reader) throws(Complaint) in try WriteField(&reader, replaces: true) },
    ]
}

/// `add-header` and `set-header`.
private final class WriteField: RuleAction {
    private let token: FieldName
    private let name: ConstantText
    private let format: Format
    private let replaces: Bool

    init(_ reader: inout ActionReader, replaces: Bool) throws(Complaint) {
        let word = try reader.argument("a header field's name and a format")
        let lowercased = word.text.utf8.map(\.asciiLowercased)
        name = ConstantText(lowercased)
        token = FieldName(lowercased.span)
        format = try reader.format("a header field's name and a format")
        self.replaces = replaces
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        let head = run.kind.direction == .request ? run.evaluation.requestHead : run.evaluation.responseHead
        guard let head else { return .next }
        let name = self.name
        var value = Sample()
        format.text(run.evaluation, &value)
        if replaces { head.removeAll(named: name.bytes) }
        do throws(MessageError) {
            try head.append(lowercased: name.bytes, token: token, value.bytes)
            return .next
        } catch {
            return run.rewritten(false)
        }
    }
}
