import Words

/// `tune.…` of means that Portico does without, or that it tunes by itself. Arguments are checked as in HAProxy, and then
/// they change nothing.
enum TuneHintKeywords {
    static let keywords: [Keyword<GlobalDraft>] = forwarding + scheduling + memory + connections + tls + limits

    /// Bytes move between sockets in the way that costs least.
    private static let forwarding: [Keyword<GlobalDraft>] =
        switches + [
            ProcessHintKeywords.flag("tune.disable-fast-forward"),
            ProcessHintKeywords.flag("tune.disable-zero-copy-forwarding"), size("tune.recv_enough"),
        ]

    private static let switches: [Keyword<GlobalDraft>] = [
        "tune.applet.zero-copy-forwarding", "tune.h1.zero-copy-fwd-recv", "tune.h1.zero-copy-fwd-send",
        "tune.h2.zero-copy-fwd-send", "tune.pt.zero-copy-forwarding",
    ].map { ProcessHintKeywords.choice($0, ["on", "off"], "'on' or 'off'.") }

    /// Each worker finishes what it has in a turn of its loop.
    private static let scheduling: [Keyword<GlobalDraft>] = [
        number("tune.runqueue-depth"), number("tune.events.max-events-at-once", in: 1...10_000),
        number("tune.max-rules-at-once"),
        number("tune.peers.max-updates-at-once", in: 1...Int(Int32.max)), number("tune.ring.queues", in: 0...16),
        number("tune.h2.be.max-frames-at-once", isOptional: true),
        number("tune.h2.fe.max-frames-at-once", isOptional: true),
        // Rapid resets have a limit of their own, which is always there.
        number("tune.h2.fe.max-rst-at-once", isOptional: true),
        GlobalKeywords.keyword("tune.sched.low-latency") { (_, statement) throws(Complaint) in _ = try statement.onOff()
        },
        GlobalKeywords.keyword("tune.fd.edge-triggered") { (_, statement) throws(Complaint) in
            try statement.requireExperiments()
            _ = try statement.onOff()
        },
        GlobalKeywords.keyword("tune.epoll.mask-events") { (_, statement) throws(Complaint) in
            let word = try statement.argument("a comma-delimited list of 'err', 'hup' and 'rdhup'")
            for event in word.text.split(separator: ",") where !["err", "hup", "rdhup"].contains(event) {
                throw Complaint(
                    "'tune.epoll.mask-events' expects a comma-delimited list of 'err', 'hup' and 'rdhup' but got"
                        + " '\(event)'.", at: word)
            }
        },
        GlobalKeywords.keyword("tune.idletimer") { (_, statement) throws(Complaint) in
            let range = "'tune.idletimer' expects a timer value between 0 and 65535 ms."
            guard let word = statement.peek else { throw Complaint(range) }
            guard try statement.time() <= 65_535 else { throw Complaint(range, at: word) }
        },
    ]

    /// Buffers are pieces of slabs that workers keep.
    private static let memory: [Keyword<GlobalDraft>] = [
        number("tune.buffers.limit", isOptional: true), number("tune.buffers.reserve", isOptional: true),
        size("tune.bufsize.large"), size("tune.bufsize.small"),
        GlobalKeywords.keyword("tune.memory.hot-size") { (_, statement) throws(Complaint) in
            let expected = "'tune.memory.hot-size' expects a strictly positive value."
            guard let word = statement.peek else { throw Complaint(expected) }
            guard try statement.size(in: 0...Int.max) > 0 else { throw Complaint(expected, at: word) }
        },
        number("tune.fail-alloc"), number("tune.pattern.cache-size"),
    ]

    /// Every worker has sockets and idle connections of its own.
    private static let connections: [Keyword<GlobalDraft>] = [
        among("tune.listener.default-shards", ["by-process", "by-group", "by-thread"]),
        among("tune.listener.multi-queue", ["on", "fair", "off"]),
        percent("tune.pool-high-fd-ratio"), percent("tune.pool-low-fd-ratio"),
        GlobalKeywords.keyword("tune.takeover-other-tg-connections") { (_, statement) throws(Complaint) in
            statement.warn(
                "'tune.takeover-other-tg-connections' is deprecated and will be removed in version 3.7. Please use"
                    + " 'tune.idle-pool.shared'")
            let found = statement.next()
            guard let word = found, ["none", "restricted", "full"].contains(word.text) else {
                throw Complaint(
                    "'tune.takeover-other-tg-connections' expects 'none', 'restricted', or 'full', got"
                        + " '\(found?.text ?? "")'", at: found?.column)
            }
        },
        GlobalKeywords.keyword("tune.streams-elasticity") { (_, statement) throws(Complaint) in
            let found = statement.next()
            guard let word = found, let value = Int(word.text), value == 0 || value >= 100 else {
                throw Complaint(
                    "'tune.streams-elasticity' expects 0 or a positive percentage value of 100 or above",
                    at: found?.column)
            }
        },
    ]

    /// Clients keep their sessions in tickets, so there is no cache of them; nor of certificates that are made on the way.
    private static let tls: [Keyword<GlobalDraft>] = [
        number("tune.ssl.cachesize"), number("tune.ssl.ssl-ctx-cache-size"),
        ProcessHintKeywords.flag("tune.ssl.force-private-cache"),
    ]

    private static let limits: [Keyword<GlobalDraft>] = [
        // Malformed messages of HTTP/1 end their connection, so there is nothing that could add up.
        number("tune.h1.be.glitches-threshold", isOptional: true),
        number("tune.h1.fe.glitches-threshold", isOptional: true),
        percent("tune.glitches.kill.cpu-usage"),
        // A captured cookie is as long as its capture says.
        number("tune.http.cookielen"),
        ProcessHintKeywords.choice(
            "tune.h2.log-errors", ["none", "connection", "stream"], "'none', 'connection', or 'stream'"),
        // There are no stick tables whose counters could be tracked.
        GlobalKeywords.keyword("tune.stick-counters") { (_, statement) throws(Complaint) in
            guard let word = statement.next() else { return }
            guard let count = Int(word.text), (1...100).contains(count) else {
                throw Complaint(
                    "tune.stick-counters: the number of stick-counters must be between 1 and 100 (was \(word.text))",
                    at: word)
            }
        },
    ]

    /// - Parameter isOptional: HAProxy takes the word alone for 0.
    private static func number(
        _ name: String, in range: ClosedRange<Int> = 0...Int(Int32.max), isOptional: Bool = false
    ) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(name) { (_, statement) throws(Complaint) in
            if isOptional, statement.isAtEnd { return }
            _ = try statement.integer(in: range)
        }
    }

    private static func percent(_ name: String) -> Keyword<GlobalDraft> { number(name, in: 0...100) }

    private static func size(_ name: String) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(name) { (_, statement) throws(Complaint) in _ = try statement.size(in: 0...Int.max) }
    }

    private static func among(_ name: String, _ words: [String]) -> Keyword<GlobalDraft> {
        let list = words.dropLast().map { "'\($0)'" }.joined(separator: ", ") + ", or '\(words.last ?? "")'"
        return GlobalKeywords.keyword(name) { (_, statement) throws(Complaint) in
            let found = statement.next()
            guard let word = found, words.contains(word.text) else {
                throw Complaint("'\(name)' expects either \(list) but got '\(found?.text ?? "")'.", at: found?.column)
            }
        }
    }
}
