import Configuration
import Words

/// The keywords of `defaults`, `frontend`, `backend` and `listen`.
enum ProxyKeywords {
    static let table = KeywordTable(
        [BindStatement.keyword, StatisticsPageStatement.keyword] + ServerStatement.keywords + both + front + back
            + ErrorFileStatement.proxyKeywords + BalanceStatement.keywords + CookieStatement.keywords + [
                SourceStatement.keyword
            ]
            + TimeoutKeywords.keywords + OptionKeywords.keywords + FormatKeywords.keywords
            + CaptureKeywords.keywords + RuleStatements.keywords + ServerRuleStatements.keywords
            + ForwardingKeywords.keywords + HintKeywords.proxy
            + CheckKeywords.proxy + others,
        refused: RefusedKeywords.proxy)

    private static let others: [Keyword<ProxyDraft>] =
        SocketKeywords.keywords + MessageOptionKeywords.keywords + IdentityKeywords.proxy + ObsoleteKeywords.proxy

    private static let both = [
        Keyword<ProxyDraft>("mode", in: .proxies) { (proxy, statement) throws(Complaint) in
            let word = try statement.argument("'tcp' or 'http'")
            if let mode = ProxyMode(rawValue: word.text) {
                proxy.mode = mode
                proxy.hasMode = true
                proxy.isLogBackend = false
            } else if word.text == "log" {
                proxy.mode = .tcp
                proxy.hasMode = true
                proxy.isLogBackend = true
            } else if ["spop", "haterm"].contains(word.text) {
                throw Complaint("'mode \(word.text)' is not supported by this version of Portico", at: word)
            } else {
                throw Complaint("unknown proxy mode '\(word.text)'", at: word)
            }
        },
        Keyword<ProxyDraft>("guid", in: [.frontend, .listen, .backend]) { (proxy, statement) throws(Complaint) in
            let word = try statement.argument("a unique identifier")
            if let message = GUID.complaint(about: word.text) {
                throw Complaint("'guid': \(message)", at: word)
            }
            proxy.guid = word.text
        },
        Keyword<ProxyDraft>("disabled", in: .proxies) { (proxy, _) in proxy.isDisabled = true },
        Keyword<ProxyDraft>("enabled", in: .proxies) { (proxy, _) in proxy.isDisabled = false },
        Keyword<ProxyDraft>("log", in: .proxies, takesModifiers: true) { (proxy, statement) throws(Complaint) in
            try LogStatement.apply(to: &proxy.logs, &statement, allowsGlobal: true)
        },
        Keyword<ProxyDraft>("log-tag", in: .proxies) { (proxy, statement) throws(Complaint) in
            proxy.logTag = try statement.argument("a tag for use in syslog").text
        },
    ]

    private static let front = [
        Keyword<ProxyDraft>("maxconn", in: .front) { (proxy, statement) throws(Complaint) in
            let count = try statement.integer()
            proxy.maxconn = count == 0 ? nil : count
        },
        Keyword<ProxyDraft>("backlog", in: .front) { (proxy, statement) throws(Complaint) in
            let count = try statement.integer()
            proxy.backlog = count == 0 ? nil : count
        },
        Keyword<ProxyDraft>("default_backend", in: .front) { (proxy, statement) throws(Complaint) in
            let word = try statement.argument("a backend name")
            proxy.defaultBackend = BackendReference(name: word.text, mark: statement.mark(word))
        },
    ]

    private static let back = [
        Keyword<ProxyDraft>("retries", in: .back) { (proxy, statement) throws(Complaint) in
            proxy.retries = try statement.integer()
        },
        Keyword<ProxyDraft>("retry-on", in: .back) { (proxy, statement) throws(Complaint) in
            proxy.retryOn = try RetryStatement.causes(&statement)
        },
        Keyword<ProxyDraft>("be-unpublished", in: [.listen, .backend]) { (proxy, _) in proxy.isUnpublished = true },
        Keyword<ProxyDraft>("http-reuse", in: .back) { (proxy, statement) throws(Complaint) in
            let word = try statement.argument("'never', 'safe', 'aggressive' or 'always'")
            guard let reuse = HTTPReuse(rawValue: word.text) else {
                throw Complaint(
                    "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always', got '\(word.text)'", at: word)
            }
            proxy.httpReuse = reuse
        },
    ]
}
