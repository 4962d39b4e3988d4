import Configuration
import Words

/// What proxies say of the TCP sockets of their connections, of their times and counts, and how fast new ones may come.
enum SocketKeywords {
    static let keywords: [Keyword<ProxyDraft>] =
        [
            option("tcpka", in: .proxies) { proxy, isOn in
                proxy.clientProbes.isOn = isOn
                proxy.serverProbes.isOn = isOn
            },
            option("clitcpka", in: .front) { $0.clientProbes.isOn = $1 },
            option("srvtcpka", in: .back) { $0.serverProbes.isOn = $1 },
            option("independent-streams", in: .proxies) { $0.separatesTimes = $1 },
            option("contstats", in: .front) { $0.countsContinuously = $1 },
            option("nolinger", in: .proxies) { $0.resetsOnClose = $1 },
            Keyword("rate-limit", in: .front) { (proxy, statement) throws(Complaint) in
                let word = statement.next()
                guard word?.text == "sessions" else {
                    throw Complaint(
                        "'rate-limit' only supports 'sessions' (got '\(word?.text ?? "")')", at: word?.column)
                }
                guard !statement.isAtEnd else {
                    throw Complaint("'rate-limit sessions' expects an integer value (in sessions/second)")
                }
                let rate = try statement.integer()
                proxy.sessionRateLimit = rate == 0 ? nil : rate
            },
        ] + probes("clitcpka", in: .front, \.clientProbes) + probes("srvtcpka", in: .back, \.serverProbes)

    private static func probes(
        _ name: String, in sections: SectionKinds, _ path: any WritableKeyPath<ProxyDraft, KeepAliveProbes> & Sendable
    ) -> [Keyword<ProxyDraft>] {
        [
            Keyword("\(name)-cnt", in: sections) { (proxy, statement) throws(Complaint) in
                let count = try statement.integer()
                proxy[keyPath: path].count = count == 0 ? nil : count
            },
            Keyword("\(name)-idle", in: sections) { (proxy, statement) throws(Complaint) in
                let time = try statement.time(in: .seconds)
                proxy[keyPath: path].idle = time == 0 ? nil : time
            },
            Keyword("\(name)-intvl", in: sections) { (proxy, statement) throws(Complaint) in
                let time = try statement.time(in: .seconds)
                proxy[keyPath: path].interval = time == 0 ? nil : time
            },
        ]
    }

    /// An option that is on or off; `no` and `default` turn it off.
    static func option(
        _ name: String, in sections: SectionKinds, _ set: @escaping @Sendable (inout ProxyDraft, Bool) -> Void
    ) -> Keyword<ProxyDraft> {
        Keyword("option \(name)", in: sections, takesModifiers: name != "tcpka") { (proxy, statement) in
            set(&proxy, statement.modifier == .none)
        }
    }
}
