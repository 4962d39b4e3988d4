import Configuration
import Words

/// `timeout …`.
enum TimeoutKeywords {
    static let keywords = [
        keyword("client", .front, \.client),
        keyword("client-hs", .front, \.clientHandshake),
        keyword("client-fin", .front, \.clientFin),
        keyword("server", .back, \.server),
        keyword("server-fin", .back, \.serverFin),
        keyword("connect", .back, \.connect),
        keyword("queue", .back, \.queue),
        keyword("http-request", .proxies, \.httpRequest),
        keyword("http-keep-alive", .proxies, \.httpKeepAlive),
        keyword("tarpit", .proxies, \.tarpit),
        keyword("tunnel", .back, \.tunnel),
        keyword("check", .back, \.check),
    ]

    /// A plain number below this is taken for one in seconds by mistake.
    private static let suspiciousMilliseconds = 100

    private static func keyword(
        _ name: String, _ sections: SectionKinds, _ path: any WritableKeyPath<Timeouts, Int?> & Sendable
    ) -> Keyword<ProxyDraft> {
        Keyword("timeout \(name)", in: sections) { (proxy, statement) throws(Complaint) in
            let word = statement.peek
            let time = try statement.time()
            if let word, time > 0, time < suspiciousMilliseconds, word.text.utf8.allSatisfy(Byte.isDigit) {
                statement.warn(
                    "'timeout \(name) \(time)' in \(proxy.kind.rawValue) '\(proxy.name)' is suspiciously small for a"
                        + " value in milliseconds. Please use an explicit unit ('\(time)ms') if that was the intent.",
                    at: word)
            }
            let value = time == 0 ? nil : time
            if !proxy.ownTimeouts.insert(name).inserted, proxy.timeouts[keyPath: path] != value {
                statement.warn("overwriting 'timeout \(name)' which was already specified")
            }
            proxy.timeouts[keyPath: path] = value
        }
    }
}
