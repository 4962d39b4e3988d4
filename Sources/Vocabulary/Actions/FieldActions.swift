import Messages
import Patterns
import Rules
import Samples
import Words

/// Actions that edit fields of the head (configuration.txt section 4.4). A value with a line break or another control
/// character is never written: the rewrite counts as failed.
enum FieldActions {
    static let sets: [RuleSetKind] = [.httpRequest, .httpResponse, .httpAfterResponse]
    private static let expected = "exactly 2 arguments: a header field's name and a format"

    static let all: [ActionKeyword] = [
        ActionKeyword(
            "add-header", "Adds a field with the value that a format makes.", usage: "<name> <fmt>", in: sets
        ) { (reader) throws(Complaint) in try WriteField(&reader, replaces: false, expected) },
        ActionKeyword(
            "set-header", "Removes all fields of the name, then adds one with the value that a format makes.",
            usage: "<name> <fmt>", in: sets
        ) { (reader) throws(Complaint) in try WriteField(&reader, replaces: true, expected) },
        ActionKeyword(
            "del-header", "Removes all fields whose names match.", usage: "<name> [ -m <meth> ]", in: sets
        ) { (reader) throws(Complaint) in try DeleteField(&reader) },
        ActionKeyword(
            "replace-header", "Replaces the values of fields that a regular expression matches.",
            usage: "<name> <match-regex> <replace-fmt>", in: sets
        ) { (reader) throws(Complaint) in try ReplaceField(&reader, isWhole: true) },
        ActionKeyword(
            "replace-value", "Replaces the comma-separated values that a regular expression matches.",
            usage: "<name> <match-regex> <replace-fmt>", in: sets
        ) { (reader) throws(Complaint) in try ReplaceField(&reader, isWhole: false) },
    ]

    /// Reads a field's name: in lower case, as heads have them.
    static func name(_ word: Word, _ context: CompilationContext) throws(Complaint) -> [UInt8] {
        guard !word.text.isEmpty else { throw Complaint("the header field's name is empty", at: word) }
        for (index, byte) in word.text.utf8.enumerated() where !byte.isTokenCharacter {
            if index == 0, byte == UInt8(ascii: ":") { continue }
            throw Complaint(
                "header name '\(word.text)' contains forbidden character '\(Character(Unicode.Scalar(byte)))'", at: word
            )
        }
        return word.text.utf8.map(\.asciiLowercased)
    }
}

extension RuleRun {
    /// The head that the set's actions edit; nil before it is here.
    var editedHead: MessageHead? {
        kind.direction == .request ? evaluation.requestHead : evaluation.responseHead
    }
}

extension MessageHead {
    /// Adds a field that a rule has made; false when its value is malformed or there is no room. `name` is in lower
    /// case.
    func write(_ name: Span<UInt8>, _ token: FieldName, _ value: Span<UInt8>) -> Bool {
        // Blanks at the ends stay, as in HAProxy; HTTP/2 and HTTP/3 send none.
        guard value.firstInvalidValueByte == nil else { return false }
        do throws(MessageError) {
            if token == .host, kind == .request, first(.host) == nil {
                // The one field that carries the authority.
                try setAuthorityAndHost(value)
            } else {
                try append(lowercased: name, token: token, value)
            }
            return true
        } catch {
            return false
        }
    }
}

/// `add-header` and `set-header`.
private final class WriteField: RuleAction {
    private let token: FieldName
    private let name: ConstantText
    private let format: Format
    private let replaces: Bool

    init(_ reader: inout ActionReader, replaces: Bool, _ expected: String) throws(Complaint) {
        let name = try FieldActions.name(reader.argument(expected), reader.context)
        self.name = ConstantText(name)
        token = FieldName(name.span)
        format = try reader.format(expected)
        self.replaces = replaces
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        let evaluation = run.evaluation
        guard let held = unsafe run.kind.direction == .request ? evaluation.heldRequest : evaluation.heldResponse else {
            // In TCP mode a request is read when it is asked for.
            guard let head = run.editedHead else { return .next }
            return run.rewritten(write(to: head, evaluation))
        }
        return run.rewritten(unsafe held._withUnsafeGuaranteedRef { write(to: $0, evaluation) })
    }

    private func write(to head: MessageHead, _ evaluation: Evaluation) -> Bool {
        let name = self.name
        var value = evaluation.scratch.text()
        format.append(evaluation, to: &value)
        if replaces { head.removeAll(token, named: name.bytes) }
        return head.write(name.bytes, token, value.bytes)
    }
}

/// `del-header`.
private final class DeleteField: RuleAction {
    private let name: ConstantText
    private let method: NameMethod
    private let expression: PCRE2Expression?

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard let word = reader.next() else { throw Complaint("expects at least 1 argument", at: reader.keyword) }
        name = ConstantText(word.text.utf8.map(\.asciiLowercased))
        method = try NameMethod.read(&reader, allowsRegex: true)
        expression = method == .reg ? try RegexSubstitution.expression(word, ignoringCase: true) : nil
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let head = run.editedHead else { return .next }
        let name = self.name
        if let expression { head.removeFields(matching: expression) } else { head.removeFields(method, name.bytes) }
        return .next
    }
}

/// `replace-header` and `replace-value`.
private final class ReplaceField: RuleAction {
    private let name: ConstantText
    private let substitution: RegexSubstitution
    /// The whole value is matched and replaced; otherwise each member of a list.
    private let isWhole: Bool

    init(_ reader: inout ActionReader, isWhole: Bool) throws(Complaint) {
        let expected = "exactly 3 arguments: a header field's name, a regular expression and a format"
        name = ConstantText(try FieldActions.name(reader.argument(expected), reader.context))
        substitution = try RegexSubstitution(&reader, expected)
        self.isWhole = isWhole
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let head = run.editedHead else { return .next }
        let name = self.name
        var index = 0
        while index < head.fieldCount {
            if NameMethod.str.matches(head.nameText(at: index), name.bytes) {
                let isDone = isWhole ? replaceWhole(head, index, run) : replaceMembers(head, index, run)
                if !isDone { return run.rewritten(false) }
            }
            index += 1
        }
        return .next
    }

    private func replaceWhole(_ head: MessageHead, _ index: Int, _ run: RuleRun) -> Bool {
        var result = Sample()
        switch substitution.apply(to: head.value(at: index).trimmed, run.evaluation, &result) {
        case .noMatch: return true
        case .failed: return false
        case .done: return Self.set(head, index, result.bytes)
        }
    }

    /// Members keep the commas between them, and the blanks before them.
    private func replaceMembers(_ head: MessageHead, _ index: Int, _ run: RuleRun) -> Bool {
        var text = run.evaluation.scratch.text()
        var hasChanged = false
        let value = head.value(at: index)
        var start = 0
        while start < value.count {
            var end = start
            var isQuoted = false
            while end < value.count, isQuoted || value[end] != UInt8(ascii: ",") {
                if value[end] == UInt8(ascii: "\"") { isQuoted.toggle() }
                if isQuoted, value[end] == UInt8(ascii: "\\"), end + 1 < value.count { end += 1 }
                end += 1
            }
            let member = value.extracting(start..<end)
            var result = Sample()
            switch substitution.apply(to: member.trimmed, run.evaluation, &result) {
            case .noMatch: text.append(member)
            case .failed: return false
            case .done:
                hasChanged = true
                let lead = member.leadingBlanks
                text.append(member.extracting(0..<lead))
                text.append(result.bytes)
            }
            if end < value.count { text.append(UInt8(ascii: ",")) }
            start = end + 1
        }
        guard hasChanged else { return true }
        return !text.isFull && Self.set(head, index, text.bytes)
    }

    private static func set(_ head: MessageHead, _ index: Int, _ value: Span<UInt8>) -> Bool {
        guard value.trimmed.isFieldValue else { return false }
        do throws(MessageError) {
            try head.replaceValue(at: index, value.trimmed)
            return true
        } catch {
            return false
        }
    }
}

extension Span<UInt8> {
    /// Blanks and tabs at the start.
    fileprivate var leadingBlanks: Int {
        var length = 0
        while length < count, self[length] == 0x20 || self[length] == 0x09 { length += 1 }
        return length
    }
}
