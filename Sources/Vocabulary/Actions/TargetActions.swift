import Messages
import Rules
import Samples
import Words

/// Actions that edit the request line (configuration.txt section 4.4). What would not be a method or a target any more
/// (a blank, a control character) is never written: the rewrite counts as failed.
enum TargetActions {
    private static let pattern = "<match-regex> <replace-fmt>"

    static let all: [ActionKeyword] = [
        ActionKeyword(
            "set-method", "Replaces the request's method.", usage: "<fmt>", in: [.httpRequest]
        ) { (reader) throws(Complaint) in try SetTarget(&reader, .method) },
        ActionKeyword(
            "set-path", "Replaces the path; the query stays.", usage: "<fmt>", in: [.httpRequest]
        ) { (reader) throws(Complaint) in try SetTarget(&reader, .path) },
        ActionKeyword(
            "set-pathq", "Replaces the path and the query.", usage: "<fmt>", in: [.httpRequest]
        ) { (reader) throws(Complaint) in try SetTarget(&reader, .pathWithQuery) },
        ActionKeyword(
            "set-query", "Replaces the query.", usage: "<fmt>", in: [.httpRequest]
        ) { (reader) throws(Complaint) in try SetTarget(&reader, .query) },
        ActionKeyword(
            "set-uri", "Replaces the request's URI.", usage: "<fmt>", in: [.httpRequest]
        ) { (reader) throws(Complaint) in try SetTarget(&reader, .uri) },
        ActionKeyword(
            "replace-path", "Replaces a path that a regular expression matches.", usage: pattern, in: [.httpRequest]
        ) { (reader) throws(Complaint) in try ReplaceTarget(&reader, .path) },
        ActionKeyword(
            "replace-pathq", "Replaces a path with its query that a regular expression matches.", usage: pattern,
            in: [.httpRequest]
        ) { (reader) throws(Complaint) in try ReplaceTarget(&reader, .pathWithQuery) },
        ActionKeyword(
            "replace-uri", "Replaces a URI that a regular expression matches.", usage: pattern, in: [.httpRequest]
        ) { (reader) throws(Complaint) in try ReplaceTarget(&reader, .uri) },
        ActionKeyword(
            "normalize-uri", "Writes the URI in one of its normal forms.", usage: "<normalizer>", in: [.httpRequest]
        ) { (reader) throws(Complaint) in try NormalizeURI(&reader) },
    ]
}

/// A part of the request line that actions replace.
enum TargetPart: Sendable { case method, path, pathWithQuery, query, uri }

extension MessageHead {
    /// The path without its query.
    var pathWithoutQuery: Span<UInt8> {
        @_lifetime(borrow self) get {
            let path = self.path
            return path.extracting(0..<URINormalizer.end(of: path, at: UInt8(ascii: "?")))
        }
    }

    /// Whether the request has a path: the authority form and `*` have none.
    var hasPath: Bool { !path.isEmpty && path[0] == 0x2f }

    /// Writes the request's URI: with scheme and authority when it came so, or by HTTP/2 or HTTP/3.
    func writeURI(into text: inout ScratchText) {
        if method == .connect { return text.append(sentAuthority) }
        if !scheme.isEmpty, !sentAuthority.isEmpty {
            text.append(scheme)
            text.append("://")
            text.append(sentAuthority)
        }
        text.append(path)
    }

    /// Replaces a part of the request line. False when `value` cannot stand there, or there is no room.
    func replace(_ part: TargetPart, with value: Span<UInt8>, _ scratch: ScratchArena) -> Bool {
        do throws(MessageError) {
            switch part {
            case .method:
                guard value.isToken else { return false }
                try setMethod(value)
            case .pathWithQuery: return try setTarget(value)
            case .path:
                var text = scratch.text()
                text.append(value)
                let old = path
                text.append(old.extracting(URINormalizer.end(of: old, at: UInt8(ascii: "?"))..<old.count))
                if text.isFull { return false }
                return try setTarget(text.bytes)
            case .query:
                var text = scratch.text()
                let old = path
                let end = URINormalizer.end(of: old, at: UInt8(ascii: "?"))
                text.append(old.extracting(0..<end))
                // Without a query, an empty one adds no question mark.
                if end < old.count || !value.isEmpty { text.append(UInt8(ascii: "?")) }
                text.append(value)
                if text.isFull { return false }
                return try setTarget(text.bytes)
            case .uri: return try setURI(value)
            }
            return true
        } catch {
            return false
        }
    }

    private func setTarget(_ value: Span<UInt8>) throws(MessageError) -> Bool {
        guard hasPath, value.isOriginTarget else { return false }
        try setPath(value)
        return true
    }

    private func setURI(_ value: Span<UInt8>) throws(MessageError) -> Bool {
        if value.isOriginTarget {
            try setPath(value)
            return true
        }
        if value.equals("*") {
            try setPath(value)
            return true
        }
        let schemeEnd = URINormalizer.end(of: value, at: UInt8(ascii: ":"))
        let start = schemeEnd + 3
        guard value.extracting(0..<schemeEnd).isScheme, start < value.count, value[schemeEnd + 1] == 0x2f,
            value[schemeEnd + 2] == 0x2f
        else { return false }
        let rest = value.extracting(start..<value.count)
        let end = URINormalizer.end(of: rest, at: UInt8(ascii: "/"))
        let authority = rest.extracting(0..<end)
        let path = rest.extracting(end..<rest.count)
        guard authority.authorityParts != nil, path.isEmpty || path.isOriginTarget else { return false }
        try setScheme(value.extracting(0..<schemeEnd))
        try setAuthorityAndHost(authority)
        if path.isEmpty { try setPath(Span("/")) } else { try setPath(path) }
        return true
    }
}

/// `set-method`, `set-path`, `set-pathq`, `set-query`, `set-uri`.
private final class SetTarget: RuleAction {
    private let part: TargetPart
    private let format: Format

    init(_ reader: inout ActionReader, _ part: TargetPart) throws(Complaint) {
        self.part = part
        format = try reader.format("exactly 1 argument <format>")
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let head = run.evaluation.requestHead else { return .next }
        var value = Sample()
        format.text(run.evaluation, &value)
        return run.rewritten(head.replace(part, with: value.bytes, run.evaluation.scratch))
    }
}

/// `replace-path`, `replace-pathq`, `replace-uri`.
private final class ReplaceTarget: RuleAction {
    private let part: TargetPart
    private let substitution: RegexSubstitution

    init(_ reader: inout ActionReader, _ part: TargetPart) throws(Complaint) {
        self.part = part
        substitution = try RegexSubstitution(&reader, "exactly 2 arguments: a regular expression and a format")
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        let evaluation = run.evaluation
        guard let head = evaluation.requestHead else { return .next }
        var result = Sample()
        let outcome: RegexSubstitution.Result
        if part == .uri {
            var text = evaluation.scratch.text()
            head.writeURI(into: &text)
            outcome = substitution.apply(to: text.bytes, evaluation, &result)
        } else {
            guard head.hasPath else { return .next }
            outcome = substitution.apply(
                to: part == .path ? head.pathWithoutQuery : head.path, evaluation, &result)
        }
        switch outcome {
        case .noMatch: return .next
        case .failed: return run.rewritten(false)
        case .done: return run.rewritten(head.replace(part, with: result.bytes, evaluation.scratch))
        }
    }
}

/// `normalize-uri`.
private final class NormalizeURI: RuleAction {
    private let normalizer: URINormalizer

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard reader.context.allowsExperiments else {
            throw Complaint(
                "is experimental, must be allowed via a global 'expose-experimental-directives'", at: reader.keyword)
        }
        guard let word = reader.next() else { throw Complaint("missing argument <normalizer>", at: reader.keyword) }
        switch word.text {
        case "fragment-encode": normalizer = .fragmentEncode
        case "fragment-strip": normalizer = .fragmentStrip
        case "path-merge-slashes": normalizer = .pathMergeSlashes
        case "path-strip-dot": normalizer = .pathStripDot
        case "path-strip-dotdot": normalizer = .pathStripDotDot(isFull: try Self.option("full", &reader))
        case "percent-decode-unreserved":
            normalizer = .percentDecodeUnreserved(isStrict: try Self.option("strict", &reader))
        case "percent-to-uppercase": normalizer = .percentToUppercase(isStrict: try Self.option("strict", &reader))
        case "query-sort-by-name": normalizer = .querySortByName
        default: throw Complaint("unknown normalizer '\(word.text)'", at: word)
        }
    }

    private static func option(_ name: String, _ reader: inout ActionReader) throws(Complaint) -> Bool {
        if reader.skip(name) { return true }
        guard let word = reader.peek else { return false }
        throw Complaint("unknown argument '\(word.text)': expects '\(name)', 'if' or 'unless'", at: word)
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let head = run.evaluation.requestHead, head.hasPath else { return .next }
        var text = run.evaluation.scratch.text()
        guard normalizer.write(head.path, into: &text) else { return .finish(.badMessage) }
        guard !text.isFull else { return run.rewritten(false) }
        return run.rewritten(head.replace(.pathWithQuery, with: text.bytes, run.evaluation.scratch))
    }
}
