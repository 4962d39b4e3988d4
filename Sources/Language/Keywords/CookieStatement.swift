import Configuration
import Words

/// `cookie`: persistence by a cookie; `dynamic-cookie-key`; and `appsession`, which is no more.
enum CookieStatement {
    static let keywords = [
        Keyword<ProxyDraft>("cookie", in: .back) { (proxy, statement) throws(Complaint) in
            proxy.cookie = try settings(&statement)
        },
        Keyword<ProxyDraft>("dynamic-cookie-key", in: .back) { (proxy, statement) throws(Complaint) in
            proxy.dynamicCookieKey = try statement.argument("<secret_key> as argument.").text
        },
        Keyword<ProxyDraft>("appsession", in: .proxies) { (_, statement) throws(Complaint) in
            throw Complaint("'\(statement.name)' is not supported anymore since HAProxy 1.6.")
        },
    ]

    /// The words of the line, as far as they are read.
    private struct Words {
        var modes: Set<String> = []
        var cookie: CookieSettings
    }

    private static func settings(_ statement: inout Statement) throws(Complaint) -> CookieSettings {
        let name = try statement.argument("<cookie_name> as argument.")
        var words = Words(cookie: CookieSettings(name: name.text))
        while let word = statement.next() { try apply(word, &words, &statement) }
        var cookie = words.cookie
        if words.modes.contains("rewrite"), cookie.isIndirect {
            throw Complaint("cookie 'rewrite' and 'indirect' modes are incompatible.")
        }
        guard words.modes.count <= 1 else {
            throw Complaint("cookie 'rewrite', 'insert' and 'prefix' modes are incompatible.")
        }
        switch words.modes.first {
        case "rewrite": cookie.mode = .rewrite
        case "insert": cookie.mode = .insert
        case "prefix": cookie.mode = .prefix
        default: cookie.mode = .passive
        }
        if cookie.preservesServerCookie, cookie.mode != .insert, !cookie.isIndirect {
            throw Complaint("cookie 'preserve' requires at least 'insert' or 'indirect'.")
        }
        return cookie
    }

    private static func apply(
        _ word: Word, _ words: inout Words, _ statement: inout Statement
    ) throws(Complaint) {
        switch word.text {
        case "rewrite", "insert", "prefix": words.modes.insert(word.text)
        case "indirect": words.cookie.isIndirect = true
        case "nocache": words.cookie.forbidsCaching = true
        case "postonly": words.cookie.isPostOnly = true
        case "preserve": words.cookie.preservesServerCookie = true
        case "httponly": words.cookie.isHTTPOnly = true
        case "secure": words.cookie.isSecure = true
        case "dynamic": words.cookie.isDynamic = true
        case "domain":
            let domain = try value(of: word, "<domain>", &statement)
            if !domain.text.contains(".") {
                statement.warn(
                    "domain '\(domain.text)' contains no embedded dot, this configuration may not work properly (see"
                        + " RFC6265#5.2.3).", at: domain)
            }
            try checkName(domain, of: "domain")
            words.cookie.domains.append(domain.text)
        case "maxidle": words.cookie.maxIdle = try seconds(word, "<idletime> in seconds", &statement)
        case "maxlife": words.cookie.maxLife = try seconds(word, "<lifetime> in seconds", &statement)
        case "attr":
            let attribute = try value(of: word, "<value>", &statement)
            if let wrong = attribute.text.utf8.first(where: { $0 < 0x20 || $0 == 0x7f || $0 == 0x3b }) {
                let code = String(wrong, radix: 16, uppercase: true)
                throw Complaint(
                    "character '%x\(code.count == 1 ? "0" : "")\(code)' is not permitted in attribute value.",
                    at: attribute)
            }
            words.cookie.attributes.append(attribute.text)
        default:
            throw Complaint(
                "'\(statement.name)' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly',"
                    + " 'domain', 'maxidle', 'dynamic', 'maxlife' and 'attr' options.", at: word)
        }
    }

    private static func value(
        of option: Word, _ what: String, _ statement: inout Statement
    ) throws(Complaint) -> Word {
        guard let word = statement.next() else {
            throw Complaint("'\(option.text)' expects \(what) as argument.", at: option)
        }
        return word
    }

    /// Zero is the same as no limit.
    private static func seconds(
        _ option: Word, _ what: String, _ statement: inout Statement
    ) throws(Complaint) -> Int? {
        guard statement.peek != nil else {
            throw Complaint("'\(option.text)' expects \(what) as argument.", at: option)
        }
        let time = try statement.time(in: .seconds)
        return time == 0 ? nil : time
    }
}
