import Bytes
import Configuration
import Messages
import Runtime
import Samples
import Servers
import Streams

// The persistence cookie in responses: it is inserted, rewritten, prefixed or taken out (configuration.txt, "cookie").
extension ProxyExchange {
    /// Works on the head of a server's response.
    func writePersistenceCookie() throws(MessageError) {
        guard let backend, let settings = backend.settings.cookie, let head = exchange.response.head,
            let dispatch, let server = dispatch.server?.shared, head.status >= 200 || head.status == 101
        else { return }
        let isIgnored = dispatch.request.ignoresPersistence
        if !isIgnored { try changeServerCookies(head, settings, server, isDirect: dispatch.isPersistent) }
        guard settings.mode == .insert, !isIgnored, isInsertionDue(settings, isDirect: dispatch.isPersistent) else {
            return
        }
        try insertCookie(head, settings, server, isDirect: dispatch.isPersistent)
    }

    // MARK: The server's own

    private func changeServerCookies(
        _ head: MessageHead, _ settings: CookieSettings, _ server: SharedServer, isDirect: Bool
    ) throws(MessageError) {
        let name = Array(settings.name.utf8)
        var field = 0
        while field < head.fieldCount {
            guard head.name(at: field) == .setCookie else {
                field += 1
                continue
            }
            let text = Array(copying: head.value(at: field))
            var scanner = CookieText(text, separatesAtCommas: false)
            guard let cookie = scanner.next(), cookie.hasValue else {
                field += 1
                continue
            }
            // Spaces around the equal sign go, as in HAProxy.
            if cookie.value.lowerBound != cookie.name.upperBound + 1 {
                let plain = text[..<cookie.name.upperBound] + [UInt8(ascii: "=")] + text[cookie.value.lowerBound...]
                try head.replaceValue(at: field, Array(plain).span)
            }
            guard text[cookie.name] == name[...] else {
                field += 1
                continue
            }
            persistence.response = .passive
            if !settings.preservesServerCookie {
                if settings.mode == .insert || isDirect && settings.isIndirect {
                    head.remove(at: field)
                    persistence.response = .deleted
                    continue
                }
                if let value = server.cookie, settings.mode == .rewrite || settings.mode == .prefix {
                    let prefix = settings.mode == .prefix ? value + [UInt8(ascii: "~")] : value
                    let rest = settings.mode == .prefix ? cookie.value.lowerBound : cookie.value.upperBound
                    let changed = text[cookie.name] + [UInt8(ascii: "=")] + prefix + text[rest...]
                    try head.replaceValue(at: field, Array(changed).span)
                    persistence.response = .rewritten
                }
            }
            field += 1
        }
    }

    // MARK: Ours

    private func isInsertionDue(_ settings: CookieSettings, isDirect: Bool) -> Bool {
        if persistence.response == .passive, settings.preservesServerCookie { return false }
        if settings.isPostOnly, exchange.request.head?.method != .post { return false }
        if !isDirect { return true }
        let now = Int(exchange.resources.clock.wall / 1_000_000_000)
        if settings.maxIdle != nil || persistence.lastDate != nil {
            if persistence.lastDate.map({ $0 < now }) ?? true { return true }
        }
        // The first date is to be set, or is not wanted any more.
        return (settings.maxLife != nil) != (persistence.firstDate != nil)
    }

    private func insertCookie(
        _ head: MessageHead, _ settings: CookieSettings, _ server: SharedServer, isDirect: Bool
    ) throws(MessageError) {
        let value = server.cookie
        var text = Array("\(settings.name)=".utf8)
        if let value {
            text += value
            let now = Int(exchange.resources.clock.wall / 1_000_000_000)
            if settings.maxIdle != nil || settings.maxLife != nil {
                text += [UInt8(ascii: "|")] + CookieDate.text((now + 3) >> 2)
            }
            if settings.maxLife != nil {
                text += [UInt8(ascii: "|")] + CookieDate.text((persistence.firstDate ?? now + 3) >> 2)
            }
            text += Array("; path=/".utf8)
        } else {
            // A server without a cookie takes that of another one back.
            text += Array("; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/".utf8)
        }
        for domain in settings.domains { text += Array("; domain=\(domain)".utf8) }
        if settings.isHTTPOnly { text += Array("; HttpOnly".utf8) }
        if settings.isSecure { text += Array("; Secure".utf8) }
        for attribute in settings.attributes { text += Array("; \(attribute)".utf8) }
        try head.append(.setCookie, text.span)
        persistence.response = value != nil && isDirect ? .updated : .inserted
        // Caches of HTTP/1.0 keep cookies as well.
        if settings.forbidsCaching, isCacheable(head) { try head.append(.cacheControl, "private".utf8Span.span) }
    }

    // MARK: Caches

    /// Whether a shared cache may store the response with a cookie that it sets (`option checkcache`).
    var hasCacheableCookie: Bool {
        guard let head = exchange.response.head, head.first(.setCookie) != nil, isCacheable(head) else { return false }
        var allowsCookie = true
        for field in 0..<head.fieldCount where head.name(at: field) == .cacheControl {
            for part in Array(copying: head.value(at: field)).split(separator: UInt8(ascii: ",")) {
                switch Array(part).lowercased.trimmed {
                case "public": allowsCookie = true
                case "no-cache=\"set-cookie\"": allowsCookie = false
                default: break
                }
            }
        }
        return allowsCookie
    }

    /// Whether a shared cache may store the response (RFC 9111 section 3), as HAProxy sees it.
    private func isCacheable(_ head: MessageHead) -> Bool {
        var result = Self.isStoredMethod(exchange.request.head?.method) && Self.isStoredStatus(head.status)
        var hasNullAge = false
        var hasFreshness = false
        for field in 0..<head.fieldCount {
            if head.nameText(at: field).equals("pragma".utf8Span.span),
                Array(copying: head.value(at: field)).lowercased == "no-cache"
            {
                return false
            }
        }
        for field in 0..<head.fieldCount where head.name(at: field) == .cacheControl {
            for part in Array(copying: head.value(at: field)).split(separator: UInt8(ascii: ",")) {
                let directive = Array(part).lowercased.trimmed
                if directive == "public" { result = true }
                if directive == "max-age=0" {
                    hasNullAge = true
                } else if ["private", "no-cache", "no-store"].contains(where: {
                    directive == $0 || directive.hasPrefix("\($0)=")
                }) {
                    if directive != "no-cache=\"set-cookie\"" { result = false }
                } else if directive == "s-maxage=0" {
                    result = false
                } else if directive.hasPrefix("s-maxage") {
                    hasFreshness = true
                    hasNullAge = false
                } else if directive.hasPrefix("max-age") {
                    hasFreshness = true
                }
            }
        }
        if hasNullAge { result = false }
        let hasValidator = head.first(.etag) != nil || head.first(.lastModified) != nil
        return result && (hasFreshness || head.first(.expires) != nil || hasValidator)
    }

    private static func isStoredMethod(_ method: Method?) -> Bool {
        switch method {
        case .get, .head, .options, .trace: true
        default: false
        }
    }

    private static func isStoredStatus(_ status: Int) -> Bool {
        [200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501].contains(status)
    }
}

extension [UInt8] {
    /// As text, in lower case.
    fileprivate var lowercased: String { String(decoding: map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }, as: UTF8.self) }
}

extension String {
    fileprivate var trimmed: String {
        var text = Substring(self)
        while text.first == " " || text.first == "\t" { text = text.dropFirst() }
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return String(text)
    }
}
