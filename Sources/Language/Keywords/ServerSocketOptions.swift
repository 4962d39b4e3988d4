import Configuration
import Words

/// What `server` lines say of the sockets of their connections, and words about means that servers do without.
enum ServerSocketOptions {
    static let all = kernel + hints

    private static let kernel: [LineOption<ServerDraft>] = [
        LineOption("tcp-ut") { (server, statement, option) throws(Complaint) in
            server.connection.userTimeout = try statement.userTimeout(of: option)
        },
        LineOption("cc") { (server, statement, option) throws(Complaint) in
            server.connection.congestionControl =
                try statement.word(of: option, "missing TCP congestion control algorithm.").text
        },
        LineOption("tfo") { (server, _, _) in server.connection.usesFastOpen = true },
        LineOption("no-tfo") { (server, _, _) in server.connection.usesFastOpen = false },
        LineOption("quic-cc-algo") { (server, statement, option) throws(Complaint) in
            let word = try statement.word(of: option, "missing control congestion algorithm.")
            server.connection.quicCongestionControl = try CongestionArgument.read(word, &statement)
        },
    ]

    /// Words that are checked, and change nothing.
    private static let hints: [LineOption<ServerDraft>] = [
        // There are no stick tables whose entries could name a server, and no peers to share them with.
        LineOption("stick") { (_, _, _) in },
        LineOption("non-stick") { (_, _, _) in },
        LineOption("shard") { (_, statement, _) in _ = statement.next() },
        // ALPN has taken its place.
        LineOption("npn") { (_, statement, option) throws(Complaint) in
            _ = try statement.word(of: option, "missing the comma-delimited NPN protocol suite.")
        },
        // TLS 1.3 knows no renegotiation, and no server asks for one that was not told to.
        LineOption("no-renegotiate") { (_, _, _) in },
        LineOption("renegotiate") { (_, _, _) in },
        // Lines wait in the ring.
        LineOption("log-bufsize") { (_, statement, option) throws(Complaint) in
            guard let word = statement.next() else {
                throw Complaint("'\(statement.name)' : 'log-bufsize' expects an integer argument.", at: option)
            }
            guard let size = Int(word.text), size > 0 else {
                throw Complaint("'\(statement.name)' : log-bufsize has to be > 0.", at: word)
            }
        },
        LineOption("usesrc") { (_, statement, option) throws(Complaint) in
            throw Complaint("'\(statement.name)' : 'usesrc' only allowed after a 'source' statement.", at: option)
        },
    ]
}

/// The value of `quic-cc-algo`: an algorithm, and in parentheses the largest window that it may come to.
enum CongestionArgument {
    static func read(_ word: Word, _ statement: inout Statement) throws(Complaint) -> CongestionControl {
        let title = "'\(statement.name)' : 'quic-cc-algo'"
        let parts = word.text.split(separator: "(", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.first.map(String.init) ?? ""
        guard let algorithm = CongestionControl(rawValue: name) else {
            throw Complaint("'\(statement.name)' : '\(name)' : unknown control congestion algorithm", at: word)
        }
        guard parts.count == 2 else { return algorithm }
        guard parts[1].hasSuffix(")") else {
            throw Complaint("\(title) : cannot parse max-window argument for '\(name)' algorithm", at: word)
        }
        let window = parts[1].dropLast()
        guard !window.isEmpty else { return algorithm }
        guard !window.contains(",") else {
            throw Complaint("\(title) : too many argument for '\(name)' algorithm", at: word)
        }
        guard let size = try? Scalars.size(String(window)) else {
            throw Complaint("\(title) : could not parse congestion window value", at: word)
        }
        guard (10 << 10...4 << 30).contains(size) else {
            throw Complaint("\(title) : should be between 10k and 4g", at: word)
        }
        statement.warn("\(title) : the limit of the congestion window has no effect: it has none of its own", at: word)
        return algorithm
    }
}
