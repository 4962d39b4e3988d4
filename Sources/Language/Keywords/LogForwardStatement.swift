import Configuration
import Words

/// A `log-forward` section as it is written.
struct LogForwardDraft: Sendable {
    var settings: LogForwardSettings
    var logs: [LogDraft] = []
    var surroundings: Surroundings
    var mark: Mark
}

/// The keywords of `log-forward` sections (configuration.txt section 12.6).
enum LogForwardStatement {
    static let keywords: [Keyword<LogForwardDraft>] = [
        Keyword("bind", in: .logForward) { (forward, statement) throws(Complaint) in
            forward.settings.streams += try addresses(&statement, forward, takesDatagrams: false)
        },
        Keyword("dgram-bind", in: .logForward) { (forward, statement) throws(Complaint) in
            forward.settings.datagrams += try addresses(&statement, forward, takesDatagrams: true)
        },
        Keyword("log", in: .logForward, takesModifiers: true) { (forward, statement) throws(Complaint) in
            try LogStatement.apply(to: &forward.logs, &statement, allowsGlobal: true)
        },
        Keyword("maxconn", in: .logForward) { (forward, statement) throws(Complaint) in
            forward.settings.maxconn = try statement.integer(in: 0...Int(Int32.max))
        },
        Keyword("backlog", in: .logForward) { (forward, statement) throws(Complaint) in
            forward.settings.backlog = try statement.integer(in: 0...Int(Int32.max))
        },
        Keyword("timeout client", in: .logForward) { (forward, statement) throws(Complaint) in
            let time = try statement.time()
            forward.settings.clientTimeout = time == 0 ? nil : time
        },
        Keyword("option dont-parse-log", in: .logForward, takesModifiers: true) { (forward, statement) in
            forward.settings.parsesLines = statement.modifier != .none
        },
        Keyword("option assume-rfc6587-ntf", in: .logForward, takesModifiers: true) { (forward, statement) in
            forward.settings.assumesLineFeeds = statement.modifier == .none
        },
        Keyword("option host", in: .logForward, takesModifiers: true) { (forward, statement) throws(Complaint) in
            let word = statement.next()
            guard let word, let policy = LogForwardSettings.HostPolicy(rawValue: word.text) else {
                throw Complaint("option 'host' expects {replace|fill|keep|append}.", at: word?.column)
            }
            forward.settings.hostPolicy = statement.modifier == .none ? policy : .fill
        },
    ]

    /// Reads addresses and the settings behind them. Those that mean something for connections of clients only are
    /// passed over, as in HAProxy; TLS is refused.
    private static func addresses(
        _ statement: inout Statement, _ forward: LogForwardDraft, takesDatagrams: Bool
    ) throws(Complaint) -> [BindAddress] {
        let word = try statement.argument("{<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments")
        let name = statement.name
        statement.name = "\(name) \(word.text)"
        var result: [BindAddress] = []
        for text in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            do throws(AddressError) {
                let (address, transport) = try BindStatement.address(
                    String(text), surroundings: forward.surroundings, takesDatagrams: takesDatagrams)
                if transport == .quic { throw AddressError("QUIC is not possible here in '\(text)'") }
                result.append(address)
            } catch {
                throw Complaint("'\(name)' : \(error.message)", at: word)
            }
        }
        var bind = BindDraft(text: word.text, mark: statement.mark(word), surroundings: forward.surroundings)
        try BindOptions.table.apply(to: &bind, &statement)
        if bind.usesTLS {
            throw Complaint("'\(statement.name)' : 'ssl' is not supported in log-forward sections", at: word)
        }
        return result
    }
}
