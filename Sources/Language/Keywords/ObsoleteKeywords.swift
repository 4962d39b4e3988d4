import Words

/// Words of older versions of HAProxy: each is refused with what it says of them itself.
enum ObsoleteKeywords {
    static let global: [Keyword<GlobalDraft>] = [
        process(
            "nbproc",
            "nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on multi-processor"
                + " machines if available."),
        process(
            "tune.chksize", "option 'tune.chksize' is not supported any more (tune.bufsize is used instead)."),
    ]

    static let proxy: [Keyword<ProxyDraft>] = words + rewriters

    private static let words: [Keyword<ProxyDraft>] = [
        directive("clitimeout", " Use 'timeout client'.", isNamed: false),
        directive("contimeout", " Use 'timeout connect'.", isNamed: false),
        directive("srvtimeout", " Use 'timeout server'.", isNamed: false),
        directive("timeout clitimeout", " Use 'timeout client'.", isNamed: false),
        directive("timeout contimeout", " Use 'timeout connect'.", isNamed: false),
        directive("timeout srvtimeout", " Use 'timeout server'.", isNamed: false),
        directive("block", " Use 'http-request deny' which uses the exact same syntax."),
        refuse("redispatch", redispatch("redispatch")), refuse("redisp", redispatch("redisp")),
        refuse("appsession", "'appsession' is not supported anymore since HAProxy 1.6."),
        refuse("bind-process", "'bind-process' is not supported anymore."),
        refuse("grace", "the 'grace' keyword is not supported any more since HAProxy version 2.5."),
        removed("dispatch") { address in
            "support for 'dispatch' was removed in version 3.5. The modern way to do the same is to create a server"
                + " with the same address, and possibly to assign any extra server a weight of zero if any:\n"
                + "    server dispatch \(address)\n"
        },
        removed("transparent") { _ in
            "support for 'transparent' was removed in version 3.5. The modern way to do the same is to create a"
                + " server with address 0.0.0.0."
        },
        removed("monitor-net") { network in
            "'monitor-net' doesn't exist anymore. Please use 'http-request return status 200 if { src \(network) }'"
                + " instead."
        },
        option("transparent", "support for option 'transparent' was removed in version 3.5."),
        option(
            "forceclose",
            "option 'forceclose' is not supported any more since HAProxy 2.0, please just remove it, or use 'option"
                + " httpclose' if absolutely needed."),
        option(
            "http-tunnel",
            "option 'http-tunnel' is not supported any more since HAProxy 2.1, please just remove it, it shouldn't"
                + " be needed."),
        option(
            "http_proxy",
            "option 'http_proxy' is not supported any more since HAProxy 2.5. This option stopped working in HAProxy"
                + " 1.9 and usually had nasty side effects. It can be more reliably implemented with combinations"
                + " of 'http-request set-dst' and 'http-request set-uri', and even 'http-request do-resolve' if DNS"
                + " resolution is desired."),
        refuse(
            "reqdeny", "The 'reqdeny' not supported anymore since HAProxy 2.1. Use 'http-request deny' instead."),
        refuse("reqpass", "The 'reqpass' not supported anymore since HAProxy 2.1."),
        directive("reqipass", ""),
        directive("rspdel", " Use 'http-response del-header' ."),
    ]

    private static let rewriters: [Keyword<ProxyDraft>] = rewriting.flatMap { action, names in
        names.map { directive($0, " Use \(action) instead.") }
    }

    /// What took the place of the words that rewrote and filtered by regular expressions.
    private static let rewriting: [(String, [String])] = [
        (
            "'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header'",
            ["cliexp", "reqrep"]
        ),
        ("'http-request replace-header'", ["reqirep"]),
        ("'http-request del-header'", ["reqdel", "reqidel"]),
        ("'http-request deny'", ["reqideny"]),
        ("'http-request allow'", ["reqallow", "reqiallow"]),
        ("'http-request tarpit'", ["reqtarpit", "reqitarpit"]),
        ("'http-request add-header'", ["reqadd"]),
        ("'http-response replace-header'", ["srvexp", "rsprep", "rspirep"]),
        ("'http-response del-header'", ["rspidel"]),
        ("'http-response deny'", ["rspdeny", "rspideny"]),
        ("'http-response add-header'", ["rspadd"]),
    ]

    private static func redispatch(_ name: String) -> String {
        "keyword '\(name)' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'."
    }

    private static func directive(_ name: String, _ instead: String, isNamed: Bool = true) -> Keyword<ProxyDraft> {
        let last = name.split(separator: " ").last.map(String.init) ?? name
        return refuse(
            name, "\(isNamed ? "The" : "the") '\(last)' directive is not supported anymore since HAProxy 2.1.\(instead)"
        )
    }

    private static func option(_ name: String, _ message: String) -> Keyword<ProxyDraft> {
        Keyword("option \(name)", in: .proxies, takesModifiers: true) { (_, _) throws(Complaint) in
            throw Complaint(message)
        }
    }

    /// A word whose message repeats its argument.
    private static func removed(_ name: String, _ message: @escaping @Sendable (String) -> String) -> Keyword<
        ProxyDraft
    > {
        Keyword(name, in: .proxies) { (_, statement) throws(Complaint) in
            throw Complaint(message(statement.next()?.text ?? ""))
        }
    }

    private static func refuse(_ name: String, _ message: String) -> Keyword<ProxyDraft> {
        Keyword(name, in: .proxies) { (_, _) throws(Complaint) in throw Complaint(message) }
    }

    private static func process(_ name: String, _ message: String) -> Keyword<GlobalDraft> {
        Keyword(name, in: .global) { (_, _) throws(Complaint) in throw Complaint(message) }
    }
}
