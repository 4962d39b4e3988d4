import Words

/// The kinds of sections whose statements are read.
struct SectionKinds: OptionSet, Sendable {
    let rawValue: Int

    static let global = SectionKinds(rawValue: 1)
    static let defaults = SectionKinds(rawValue: 2)
    static let frontend = SectionKinds(rawValue: 4)
    static let listen = SectionKinds(rawValue: 8)
    static let backend = SectionKinds(rawValue: 16)
    static let httpErrors = SectionKinds(rawValue: 32)
    static let logProfile = SectionKinds(rawValue: 64)
    static let resolvers = SectionKinds(rawValue: 128)
    static let healthcheck = SectionKinds(rawValue: 1024)
    static let userList = SectionKinds(rawValue: 1 << 16)
    static let ring = SectionKinds(rawValue: 1 << 17)
    static let logForward = SectionKinds(rawValue: 1 << 18)

    /// Sections with a front half, and `defaults` for them.
    static let front: SectionKinds = [.defaults, .frontend, .listen]
    /// Sections with a back half, and `defaults` for them.
    static let back: SectionKinds = [.defaults, .listen, .backend]
    /// All proxies, and `defaults`.
    static let proxies: SectionKinds = [.defaults, .frontend, .listen, .backend]
}

/// A keyword that is understood, what it takes, and what it does to the thing being configured.
struct Keyword<Target>: Sendable {
    typealias Handler = @Sendable (inout Target, inout Statement) throws(Complaint) -> Void

    /// One word, or two with a space between: `timeout client`.
    let name: String
    /// Where it may stand.
    let sections: SectionKinds
    /// Whether `no` and `default` may stand before it.
    let takesModifiers: Bool
    let apply: Handler

    init(
        _ name: String, in sections: SectionKinds, takesModifiers: Bool = false, _ apply: @escaping Handler
    ) {
        self.name = name
        self.sections = sections
        self.takesModifiers = takesModifiers
        self.apply = apply
    }
}

/// The keywords of one family of sections.
struct KeywordTable<Target>: Sendable {
    private let keywords: [String: Keyword<Target>]
    /// Keywords of HAProxy that Portico does not act on, and so refuses by name.
    private let refused: Set<String>
    /// First words of keywords of two words.
    private let leads: Set<String>

    /// A table of `keywords`. A name that stands in both lists is understood.
    init(_ keywords: [Keyword<Target>], refused: [String]) {
        self.keywords = Dictionary(keywords.map { ($0.name, $0) }) { first, _ in first }
        self.refused = Set(refused)
        leads = Set(
            (keywords.map(\.name) + refused).compactMap { name in
                name.firstIndex(of: " ").map { String(name[..<$0]) }
            })
    }

    /// What the table says of a statement's first words.
    enum Entry {
        /// A keyword, and of how many words.
        case known(Keyword<Target>, length: Int)
        /// A keyword of HAProxy that is not acted on.
        case refused(name: String)
        /// The first word of a keyword of two words, and nothing behind it.
        case incomplete(name: String)
        /// No keyword. `index` is that of the word to mark, `name` the one to speak of.
        case unknown(name: String, index: Int)
    }

    /// Looks up the keyword that starts at `words[start]`.
    func entry(for words: [Word], at start: Int) -> Entry {
        let first = words[start].text
        if leads.contains(first), start + 1 < words.count {
            let both = first + " " + words[start + 1].text
            if let keyword = keywords[both] { return .known(keyword, length: 2) }
            if refused.contains(both) { return .refused(name: both) }
            if keywords[first] == nil, !refused.contains(first) { return .unknown(name: both, index: start + 1) }
        }
        if let keyword = keywords[first] { return .known(keyword, length: 1) }
        if leads.contains(first) { return .incomplete(name: first) }
        if refused.contains(first) { return .refused(name: first) }
        return .unknown(name: first, index: start)
    }

    /// The keyword nearest to `name` of those that may stand in `section`. The refused ones count too: a user who
    /// meant one of them is told so next.
    func suggestion(for name: String, in section: SectionKinds) -> String? {
        let understood = keywords.values.lazy.filter { $0.sections.contains(section) }.map(\.name)
        return Nearest.word(to: name, among: understood) ?? Nearest.word(to: name, among: refused)
    }

    /// The names that are understood.
    var names: [String] { keywords.keys.sorted() }
}

/// A setting on a `bind` or `server` line.
struct LineOption<Target>: Sendable {
    let name: String
    let apply: @Sendable (inout Target, inout Statement, Word) throws(Complaint) -> Void

    init(
        _ name: String, _ apply: @escaping @Sendable (inout Target, inout Statement, Word) throws(Complaint) -> Void
    ) {
        self.name = name
        self.apply = apply
    }
}

/// The settings that a `bind` or `server` line may have.
struct LineOptionTable<Target>: Sendable {
    private let options: [String: LineOption<Target>]
    private let refused: Set<String>

    init(_ options: [LineOption<Target>], refused: [String]) {
        self.options = Dictionary(options.map { ($0.name, $0) }) { first, _ in first }
        self.refused = Set(refused)
    }

    /// Reads settings to the end of the statement.
    func apply(to target: inout Target, _ statement: inout Statement) throws(Complaint) {
        while let word = statement.next() {
            if let option = options[word.text] ?? options[String(word.text.prefix { $0 != "(" }) + "("] {
                try option.apply(&target, &statement, word)
            } else if refused.contains(word.text) {
                throw Complaint("'\(statement.name)' : \(refusal(of: word.text))", at: word)
            } else {
                let suggestion =
                    Nearest.word(to: word.text, among: options.keys)
                    ?? Nearest.word(to: word.text, among: refused)
                let hint = suggestion.map { "; did you mean '\($0)' maybe ?" } ?? ""
                throw Complaint("'\(statement.name)' : unknown keyword '\(word.text)'\(hint)", at: word)
            }
        }
    }

    /// The names that are understood.
    var names: [String] { options.keys.sorted() }
}

/// What is said of a keyword of HAProxy that Portico does not act on.
func refusal(of name: String) -> String {
    "'\(name)' is a keyword of HAProxy that this version of Portico does not support"
}
