import Words

/// Keywords that ask for what Portico always does, or hint at means that it does not need. They are checked and then
/// change nothing, so that a configuration with them works as it is; a comment says why for each.
enum HintKeywords {
    static let global: [Keyword<GlobalDraft>] = [
        // Workers share nothing, so there is nothing that groups of threads could keep apart.
        number("thread-groups", in: 1...16),
        number("max-threads-per-group", in: 1...64),
        // Key exchange is over elliptic curves only: there is no prime whose size could be chosen.
        number("tune.ssl.default-dh-param", in: 1024...65536),
    ]

    static let proxy: [Keyword<ProxyDraft>] = [
        // Every write goes out at once: TCP_NODELAY is always set.
        option("http-no-delay", in: .proxies),
        // ACKs are not held back, and the first data goes with what the kernel sends.
        option("tcp-smart-accept", in: .front), option("tcp-smart-connect", in: .back),
        // Buffers are pieces of slabs, no larger than what they hold.
        Keyword("option use-small-buffers", in: .back, takesModifiers: true) { (_, statement) throws(Complaint) in
            while let word = statement.next() {
                guard ["queue", "l7-retries", "check"].contains(word.text) else {
                    throw Complaint(
                        "invalid parameter '\(word.text)'. option 'use-small-buffers' expects 'queue', 'l7-retries' or"
                            + " 'check' value.", at: word)
                }
            }
        },
        // A session's own connection is used while its server has a place; nobody waits for it.
        Keyword("max-keep-alive-queue", in: .back) { (_, statement) throws(Complaint) in
            _ = try statement.integer(in: -1...Int(Int32.max))
        },
        // Idle connections are the servers', and no session keeps any beside those that it alone may use.
        Keyword("max-session-srv-conns", in: .front) { (_, statement) throws(Complaint) in
            guard !statement.isAtEnd else {
                throw Complaint("'max-session-srv-conns' expects a number. Got no argument")
            }
            _ = try statement.integer(in: Int(Int32.min)...Int(Int32.max))
        },
    ]

    private static func number(_ name: String, in range: ClosedRange<Int>) -> Keyword<GlobalDraft> {
        Keyword(name, in: .global) { (_, statement) throws(Complaint) in _ = try statement.integer(in: range) }
    }

    private static func option(_ name: String, in sections: SectionKinds) -> Keyword<ProxyDraft> {
        Keyword("option \(name)", in: sections, takesModifiers: true) { _, _ in }
    }
}
