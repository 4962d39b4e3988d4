import Patterns
import Samples
import Words

/// Reads the flags and patterns of an ACL's test (configuration.txt section 7.1).
struct PatternWordReader {
    private let context: CompilationContext
    private let words: [Word]
    private var index: Int
    private let expression: Expression
    private var method: MatchMethod?
    /// The method that the criterion brings with it.
    var original: MatchMethod?

    init(
        _ context: CompilationContext, _ words: [Word], _ index: Int, _ expression: Expression, _ method: MatchMethod?
    ) {
        self.context = context
        self.words = words
        self.index = index
        self.expression = expression
        self.method = method
    }

    /// The patterns that stand in the line.
    private(set) var inlineWords: [Word] = []
    private var indexes: [PatternIndex] = []
    private var ignoresCase = false
    private var resolvesNames = true
    private var isMap = false
    private var isForced = false
    private var identifier: Int?

    private mutating func argument(of flag: Word, _ what: String) throws(Complaint) -> Word {
        guard index < words.count else { throw Complaint("'\(flag.text)' expects \(what)", at: flag) }
        defer { index += 1 }
        return words[index]
    }

    mutating func read(_ criterion: Word) throws(Complaint) -> ACLTest {
        if method != nil, expression.type != .bool, index >= words.count {
            context.warnings.append(
                Complaint(
                    "acl keyword '\(criterion.text)': no pattern to match against was provided, so this ACL will never"
                        + " match; if that is intended, add '--'; to match for existence use '-m found', to take an"
                        + " integer as a boolean use '-m bool'", at: criterion))
        }
        while index < words.count, words[index].text.hasPrefix("-") {
            let flag = words[index]
            index += 1
            if flag.text == "--" { break }
            try read(flag: flag)
        }
        guard let method else { throw needsMethod(criterion) }
        if let original, Self.isStrict(original), original != method {
            context.warnings.append(
                Complaint(
                    "original matching method '\(criterion.text)' was overwritten and will not be applied as expected",
                    at: criterion))
        }
        try readPatterns(method, criterion)
        return ACLTest(expression, method, indexes)
    }

    private static func isStrict(_ method: MatchMethod) -> Bool {
        switch method {
        case .beg, .dir, .dom, .end, .len, .reg, .sub: true
        default: false
        }
    }

    private func needsMethod(_ word: Word) -> Complaint {
        Complaint(
            "matching method must be specified first (using '-m') when using a sample fetch of this type"
                + " ('\(expression.fetchName)')", at: word)
    }

    private mutating func read(flag: Word) throws(Complaint) {
        switch flag.text {
        case "-i": ignoresCase = true
        case "-n": resolvesNames = false
        case "-M": isMap = true
        case "-u":
            let word = try argument(of: flag, "an integer")
            guard let number = Int(word.text) else {
                throw Complaint("the argument of -u must be an integer", at: word)
            }
            identifier = number
        case "-m":
            let word = try argument(of: flag, "a matching method")
            guard indexes.isEmpty else {
                throw Complaint(
                    "'-m' must only be specified before patterns and files in parsing ACL expression", at: flag)
            }
            guard !isForced else {
                throw Complaint(
                    "only one explicit matching method can be defined with '-m' parameter. if migrating from an old"
                        + " version, just keep the last one", at: flag)
            }
            guard let forced = MatchMethod(name: word.text) else {
                let hint = Nearest.word(to: word.text, among: MatchMethod.allCases.map(\.name))
                throw Complaint(
                    "unknown matching method '\(word.text)' when parsing ACL expression"
                        + (hint.map { "; did you mean '\($0)' maybe ?" } ?? ""), at: word)
            }
            guard forced == .found || Cast.isPossible(expression.type, forced.sampleType) else {
                throw Complaint(
                    "matching method '\(word.text)' cannot be used with fetch keyword '\(expression.fetchName)'",
                    at: word
                )
            }
            method = forced
            isForced = true
        case "-f":
            let word = try argument(of: flag, "a file name")
            guard let method else { throw needsMethod(flag) }
            let reference = try context.patternReference(
                word, hasValues: isMap, uses: isMap ? [.acl, .map] : .acl)
            try add(reference, method, word)
        default:
            throw Complaint(
                "'\(flag.text)' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'",
                at: flag)
        }
    }

    private mutating func add(_ reference: PatternReference, _ method: MatchMethod, _ word: Word) throws(Complaint) {
        if method == .ip, resolvesNames { reference.resolveName = context.resolveName }
        do throws(PatternError) {
            indexes.append(try PatternIndex(reference, method: method, ignoringCase: ignoresCase))
        } catch {
            throw Complaint("\(error)", at: word)
        }
    }

    /// Reads the patterns in the line. Also without any the ACL has a list of its own, which the runtime API can fill.
    private mutating func readPatterns(_ method: MatchMethod, _ criterion: Word) throws(Complaint) {
        let reference: PatternReference
        do throws(PatternError) {
            reference = try context.patterns.inlineReference(
                id: identifier, keyword: String(criterion.text.prefix { $0 != "(" }), file: context.file,
                line: context.line)
        } catch {
            throw Complaint("\(error)", at: criterion)
        }
        try add(reference, method, criterion)
        inlineWords = Array(words[min(index, words.count)...])
        var comparison = NumberOperator.eq
        while index < words.count {
            let word = words[index]
            index += 1
            let takesOperator = method == .int || method == .len || method == .version
            if takesOperator, let new = NumberOperator(rawValue: word.text) {
                comparison = new
                continue
            }
            do throws(PatternError) {
                if takesOperator {
                    try reference.add(comparison.pattern(for: word.text, method: method))
                } else {
                    let key = word.bytes
                    try reference.add(key: key.span)
                }
            } catch {
                throw Complaint("\(error)", at: word)
            }
        }
    }
}
