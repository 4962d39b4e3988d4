import Words

/// `tune.quic.…` for what the QUIC library decides by itself, or for means that Portico's transport does without.
/// Arguments are checked as in HAProxy; where one asks for what does not come, a warning says so.
enum QUICHintKeywords {
    static let global: [Keyword<GlobalDraft>] =
        congestion("fe") + congestion("be") + [
            // Each connection's datagrams come to its worker by the listener's own socket, which the kernel steers.
            GlobalKeywords.keyword("tune.quic.fe.sock-per-conn") { (_, statement) throws(Complaint) in
                let expected = "'\(statement.name)' expects either 'default-on' or 'force-off' but got"
                guard let word = statement.next() else { throw Complaint("\(expected) ''") }
                guard ["default-on", "force-off"].contains(word.text) else {
                    throw Complaint("\(expected) '\(word.text)'", at: word)
                }
            },
            GlobalKeywords.keyword("tune.quic.mem.tx-max") { (_, statement) throws(Complaint) in
                _ = try statement.size(in: 1...Int.max)
                statement.warn(
                    "'\(statement.name)' has no effect: what QUIC connections hold is bounded by tune.bufsize for each "
                        + "stream, and by maxconn")
            },
            // Bodies are sent from where they were received, in the way that costs least.
            GlobalKeywords.keyword("tune.quic.zero-copy-fwd-send") { (_, statement) throws(Complaint) in
                _ = try statement.onOff()
            },
        ]

    /// `tune.quic.SIDE.cc.…`. ngtcp2 lets nobody set more of its congestion control than the algorithm.
    private static func congestion(_ side: String) -> [Keyword<GlobalDraft>] {
        [
            number("tune.quic.\(side).cc.cubic-min-losses", usual: 1, "each loss counts"),
            GlobalKeywords.keyword("tune.quic.\(side).cc.hystart") { (_, statement) throws(Complaint) in
                guard try !statement.onOff() else { return }
                statement.warn("'\(statement.name) off' has no effect: cubic always begins with HyStart++")
            },
            number("tune.quic.\(side).cc.max-frame-loss", usual: 10, "a frame may be lost any number of times"),
            GlobalKeywords.keyword("tune.quic.\(side).cc.max-win-size") { (_, statement) throws(Complaint) in
                _ = try statement.size(in: 10 << 10...4 << 30)
                statement.warn("'\(statement.name)' has no effect: the congestion window has no limit of its own")
            },
            number("tune.quic.\(side).cc.reorder-ratio", usual: 50, "packets count as lost as RFC 9002 has it"),
        ]
    }

    /// A positive number; `usual` is HAProxy's default, which is close to what is done.
    private static func number(_ name: String, usual: Int, _ instead: String) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(name) { (_, statement) throws(Complaint) in
            guard try statement.integer(in: 1...Int(Int32.max)) != usual else { return }
            statement.warn("'\(statement.name)' has no effect: \(instead)")
        }
    }
}
