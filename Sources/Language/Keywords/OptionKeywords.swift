import Configuration
import Words

/// `option …`.
enum OptionKeywords {
    static let keywords =
        [
            Keyword<ProxyDraft>("option dontlognull", in: .front, takesModifiers: true) { (proxy, statement) in
                proxy.dontLogNull = statement.modifier == .none
            },
            Keyword<ProxyDraft>("option abortonclose", in: .proxies, takesModifiers: true) { (proxy, statement) in
                proxy.abortOnClose =
                    switch statement.modifier {
                    case .none: true
                    case .no: false
                    case .default: nil
                    }
            },
            splice("auto", \.isAutomatic), splice("request", \.splicesRequests),
            splice("response", \.splicesResponses),
            Keyword<ProxyDraft>("option redispatch", in: .back, takesModifiers: true) {
                (proxy, statement) throws(Complaint) in
                guard statement.modifier == .none else {
                    proxy.redispatchInterval = 0
                    return
                }
                let range = -Int(Int32.max)...Int(Int32.max)
                proxy.redispatchInterval = statement.isAtEnd ? -1 : try statement.integer(in: range)
            },
            Keyword<ProxyDraft>("option allbackups", in: .back, takesModifiers: true) { (proxy, statement) in
                proxy.usesAllBackups = statement.modifier == .none
            },
            Keyword<ProxyDraft>("option persist", in: .back, takesModifiers: true) { (proxy, statement) in
                proxy.persistsWhenDown = statement.modifier == .none
            },
            Keyword<ProxyDraft>("option prefer-last-server", in: .back, takesModifiers: true) { (proxy, statement) in
                proxy.prefersLastServer = statement.modifier == .none
            },
            Keyword<ProxyDraft>("option http-buffer-request", in: .proxies, takesModifiers: true) {
                (proxy, statement) in
                proxy.buffersRequest = statement.modifier == .none
            },
            Keyword<ProxyDraft>("option http-use-proxy-header", in: .front, takesModifiers: true) {
                (proxy, statement) in
                proxy.usesProxyHeader = statement.modifier == .none
            },
            Keyword<ProxyDraft>("option socket-stats", in: .front, takesModifiers: true) { (proxy, statement) in
                proxy.countsListeners = statement.modifier == .none
            },
            Keyword<ProxyDraft>("option forwardfor", in: .proxies, forwardFor),
        ]
        + violations("request", in: .front, \.acceptsRequestViolations)
        + violations("response", in: .back, \.acceptsResponseViolations)
        + [
            connectionMode("http-keep-alive", .keepAlive), connectionMode("http-server-close", .serverClose),
            connectionMode("httpclose", .close),
        ]

    /// What lets messages break some rules, and its older name.
    private static func violations(
        _ message: String, in sections: SectionKinds, _ field: any WritableKeyPath<ProxyDraft, Bool> & Sendable
    ) -> [Keyword<ProxyDraft>] {
        let name = "accept-unsafe-violations-in-http-\(message)"
        let older = "accept-invalid-http-\(message)"
        return [
            Keyword("option \(name)", in: sections, takesModifiers: true) { (proxy, statement) in
                proxy[keyPath: field] = statement.modifier == .none
            },
            Keyword("option \(older)", in: sections, takesModifiers: true) { (proxy, statement) in
                proxy[keyPath: field] = statement.modifier == .none
                statement.warn(
                    "option '\(older)' is deprecated. please use 'option \(name)' if absolutely needed.")
            },
        ]
    }

    /// Each of the three replaces the others; `no` takes back only itself.
    private static func connectionMode(_ name: String, _ mode: HTTPConnectionMode) -> Keyword<ProxyDraft> {
        Keyword("option \(name)", in: .proxies, takesModifiers: true) { (proxy, statement) in
            if statement.modifier == .none {
                proxy.connectionMode = mode
            } else if proxy.connectionMode == mode {
                proxy.connectionMode = .keepAlive
            }
        }
    }

    private static let forwardFor: Keyword<ProxyDraft>.Handler = { (proxy, statement) throws(Complaint) in
        var option = ForwardForOption()
        while let word = statement.next() {
            switch word.text {
            case "except":
                let network = try statement.argument("<address>[/mask] after 'except'")
                option.except = try OptionKeywords.network(network, of: statement)
            case "header":
                let name = try statement.argument("a header name after 'header'")
                guard !name.text.isEmpty, name.text.utf8.allSatisfy(Byte.isToken) else {
                    throw Complaint("'\(statement.name)' : '\(name.text)' is not a header name", at: name)
                }
                option.headerName = name.text
            case "if-none":
                option.onlyIfNone = true
            default:
                throw Complaint(
                    "'\(statement.name)' only supports optional values: 'except', 'header' and 'if-none'", at: word)
            }
        }
        proxy.forwardFor = option
    }

    private static func splice(
        _ name: String, _ option: any WritableKeyPath<SplicingOptions, Bool> & Sendable
    ) -> Keyword<ProxyDraft> {
        Keyword("option splice-\(name)", in: .proxies, takesModifiers: true) { (proxy, statement) in
            proxy.splicing[keyPath: option] = statement.modifier == .none
        }
    }

    static func network(_ word: Word, of statement: Statement) throws(Complaint) -> IPNetwork {
        let parts = word.text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(text: first) else {
            throw Complaint("'\(statement.name)' : '\(word.text)' is not a network address", at: word)
        }
        let longest = address.isV4 ? 32 : 128
        guard parts.count == 2 else { return IPNetwork(address, prefixLength: longest) }
        guard let length = prefixLength(parts[1], for: address), length <= longest else {
            throw Complaint("'\(statement.name)' : '\(parts[1])' is not a network mask", at: word)
        }
        return IPNetwork(address, prefixLength: length)
    }

    /// A number of bits, or for IPv4 a dotted mask without gaps.
    private static func prefixLength(_ text: Substring, for address: IPAddress) -> Int? {
        if !text.isEmpty, text.utf8.allSatisfy(Byte.isDigit) { return Int(text) }
        guard address.isV4, case .v4(let mask)? = IPAddress(text: text) else { return nil }
        let length = (~mask).leadingZeroBitCount
        return length + mask.trailingZeroBitCount == 32 ? length : nil
    }
}
