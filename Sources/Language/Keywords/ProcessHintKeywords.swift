import Samples
import Words

/// Keywords of `global` about means that Portico does without: HAProxy's pollers, its groups of threads, its memory. Their
/// arguments are checked as in HAProxy, and then they change nothing.
enum ProcessHintKeywords {
    static let keywords: [Keyword<GlobalDraft>] = words.map(flag) + settings + CPUHintKeywords.keywords + clientOfHTTP

    /// Those that stand alone.
    private static let words: [String] = [
        // There is one poller, and what the system lacks is found out at start.
        "noepoll", "noevports", "nokqueue", "nopoll", "noktls", "prealloc-fd",
        // Every worker has sockets of its own; names are resolved by the system at start.
        "noreuseport", "nogetaddrinfo",
        // Memory goes back to the system by itself, and an end frees nothing that the system would not.
        "no-memory-trimming", "quick-exit",
        // Checks tell of no client: a PROXY header in front of one says LOCAL.
        "pp2-never-send-local", "insecure-setuid-wanted",
    ]

    private static let settings: [Keyword<GlobalDraft>] =
        [
            modifiable("busy-polling"), modifiable("numa-cpu-mapping"),
            GlobalKeywords.keyword("close-spread-time") { (_, statement) throws(Complaint) in
                guard !statement.isAtEnd else { throw Complaint("'close-spread-time' expects <time> as argument.") }
                if !statement.skip("infinite") { _ = try statement.time() }
                statement.warn(
                    "'close-spread-time' has no effect: a soft stop ends idle connections at once")
            },
            // The key stands in for names in what is shown when a session asks for that.
            GlobalKeywords.keyword("anonkey") { (_, statement) throws(Complaint) in
                guard let word = statement.next() else { throw Complaint("a key is expected after 'anonkey'.") }
                guard UInt32(word.text) != nil else {
                    throw Complaint(
                        "'anonkey' value must be within range 0-4294967295 (was '\(word.text)').", at: word)
                }
            },
            GlobalKeywords.keyword("stress-level") { (_, statement) throws(Complaint) in
                guard let word = statement.next() else {
                    throw Complaint("'stress-level' expects a level as an argument.")
                }
                guard let level = Int(word.text), (0...9).contains(level) else {
                    throw Complaint("'stress-level' level must be between 0 and 9 inclusive.", at: word)
                }
            },
            GlobalKeywords.keyword("force-cfg-parser-pause") { (_, statement) throws(Complaint) in
                try statement.requireExperiments()
                _ = try statement.time()
            },
            GlobalKeywords.keyword("warn-blocked-traffic-after") { (_, statement) throws(Complaint) in
                guard let word = statement.peek else {
                    throw Complaint("'warn-blocked-traffic-after' expects <time> as argument between 1 and 1000 ms.")
                }
                guard try (1...1000).contains(statement.time()) else {
                    throw Complaint(
                        "timer out of range in argument '\(word.text)' to 'warn-blocked-traffic-after' (value must be"
                            + " between 1 and 1000 ms)", at: word)
                }
            },
            GlobalKeywords.keyword("profiling.memory") { (_, statement) throws(Complaint) in _ = try statement.onOff()
            },
            // Which statuses count as errors of clients or of servers is something that only stick tables ask for.
            statusCodes("http-err-codes"), statusCodes("http-fail-codes"),
        ]

    /// HAProxy's own client of HTTP, which nothing here uses.
    private static let clientOfHTTP: [Keyword<GlobalDraft>] = [
        GlobalKeywords.keyword("httpclient.resolvers.disabled") { (_, statement) throws(Complaint) in
            _ = try statement.onOff()
        },
        GlobalKeywords.keyword("httpclient.resolvers.id") { (_, statement) throws(Complaint) in
            _ = try statement.argument("a string argument.")
        },
        choice("httpclient.resolvers.prefer", ["ipv4", "ipv6"], "'ipv4' or 'ipv6' as argument."),
        GlobalKeywords.keyword("httpclient.retries") { (_, statement) throws(Complaint) in _ = try statement.integer()
        },
        GlobalKeywords.keyword("httpclient.ssl.ca-file") { (_, statement) throws(Complaint) in
            _ = try statement.argument("a file")
        },
        choice("httpclient.ssl.verify", ["none", "required"], "'none' or 'required' as argument."),
        GlobalKeywords.keyword("httpclient.timeout.connect") { (_, statement) throws(Complaint) in
            _ = try statement.time()
        },
    ]

    /// A word alone.
    static func flag(_ name: String) -> Keyword<GlobalDraft> { GlobalKeywords.keyword(name) { (_, _) in } }

    private static func modifiable(_ name: String) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(name, takesModifiers: true) { (_, _) in }
    }

    /// One of some words.
    static func choice(_ name: String, _ words: [String], _ expected: String) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(name) { (_, statement) throws(Complaint) in
            let found = statement.next()
            guard let word = found, words.contains(word.text) else {
                throw Complaint("'\(statement.name)' expects \(expected)", at: found?.column)
            }
        }
    }

    /// Ranges of status codes: `400-499,+500 -404`.
    private static func statusCodes(_ name: String) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(name) { (_, statement) throws(Complaint) in
            guard !statement.isAtEnd else { throw Complaint("Missing status codes range for '\(name)'.") }
            while let word = statement.next() {
                // A sign is for the whole word.
                let hasSign = word.text.first.map { "+-".contains($0) } ?? false
                let ranges = hasSign ? word.text.dropFirst() : word.text[...]
                for part in ranges.split(separator: ",", omittingEmptySubsequences: false) {
                    let bounds = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                    let numbers = bounds.compactMap { $0.utf8.allSatisfy(Byte.isDigit) ? Int($0) : nil }
                    guard numbers.count == bounds.count, let low = numbers.first, let high = numbers.last else {
                        throw Complaint(
                            "Invalid status codes range '\(word.text)' in '\(name)'. Ranges must be in the form"
                                + " [+-]{low[-{high}]}[,...].", at: word)
                    }
                    guard (100...599).contains(low), (100...599).contains(high), low <= high else {
                        throw Complaint("Invalid status codes range '\(word.text)' in '\(name)'.", at: word)
                    }
                }
            }
        }
    }
}

extension Statement {
    /// Complains unless `expose-experimental-directives` stands before.
    func requireExperiments() throws(Complaint) {
        guard !context.allowsExperiments else { return }
        throw Complaint(
            "'\(name)' directive is experimental, must be allowed via a global 'expose-experimental-directives'")
    }
}
