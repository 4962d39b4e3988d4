import Patterns

/// Criteria of ACLs that are more than a fetch (configuration.txt section 7.3, the lists "ACL derivatives"): a fetch with
/// a match method.
enum ACLKeyword {
    /// The fetch and method of a criterion; nil for a name that stands for itself.
    static func meaning(of name: String) -> (fetch: String, method: MatchMethod)? {
        if let exact = exact[name] { return exact }
        guard let split = name.lastIndex(of: "_") else { return nil }
        let base = String(name[..<split])
        guard let method = suffixes[String(name[name.index(after: split)...])], let fetch = derived[base] else {
            return nil
        }
        return (fetch, method)
    }

    /// All names, for suggestions.
    static var names: [String] {
        exact.keys + derived.keys.flatMap { base in suffixes.keys.map { "\(base)_\($0)" } }
    }

    private static let suffixes: [String: MatchMethod] = [
        "beg": .beg, "dir": .dir, "dom": .dom, "end": .end, "len": .len, "reg": .reg, "sub": .sub,
    ]

    /// Fetches with a derivative for each method.
    private static let derived: [String: String] = [
        "base": "base", "cook": "req.cook", "hdr": "req.hdr", "path": "path", "scook": "res.cook", "shdr": "res.hdr",
        "url": "url", "urlp": "urlp",
    ]

    private static let exact: [String: (String, MatchMethod)] = [
        "base": ("base", .str), "cook": ("req.cook", .str), "hdr": ("req.hdr", .str), "path": ("path", .str),
        "req_ver": ("req.ver", .str), "resp_ver": ("res.ver", .str), "scook": ("res.cook", .str),
        "shdr": ("res.hdr", .str), "url": ("url", .str), "urlp": ("urlp", .str), "method": ("method", .str),
        "http_auth_group": ("http_auth_group", .str), "payload": ("req.payload", .bin),
        "payload_lv": ("req.payload_lv", .bin), "req_rdp_cookie": ("req.rdp_cookie", .str),
        "req_rdp_cookie_cnt": ("req.rdp_cookie_cnt", .int), "req_ssl_sni": ("req.ssl_sni", .str),
        "req_ssl_ver": ("req.ssl_ver", .version), "req.ssl_ver": ("req.ssl_ver", .version),
        "ssl_fc_sni_end": ("ssl_fc_sni", .end), "ssl_fc_sni_reg": ("ssl_fc_sni", .reg),
    ]
}

/// ACLs that every proxy has (configuration.txt section 7.4).
enum PredefinedACL {
    /// The words of a predefined ACL's test.
    static func words(of name: String) -> [String]? {
        switch name {
        case "TRUE": ["always_true"]
        case "FALSE": ["always_false"]
        case "LOCALHOST": ["src", "127.0.0.1/8", "::1"]
        case "HTTP": ["req.proto_http"]
        case "HTTP_1.0": ["req.ver", "1.0"]
        case "HTTP_1.1": ["req.ver", "1.1"]
        case "HTTP_2.0": ["req.ver", "2.0"]
        case "HTTP_3.0": ["req.ver", "3.0"]
        case "METH_CONNECT": ["method", "CONNECT"]
        case "METH_DELETE": ["method", "DELETE"]
        case "METH_GET": ["method", "GET", "HEAD"]
        case "METH_HEAD": ["method", "HEAD"]
        case "METH_OPTIONS": ["method", "OPTIONS"]
        case "METH_POST": ["method", "POST"]
        case "METH_PUT": ["method", "PUT"]
        case "METH_TRACE": ["method", "TRACE"]
        case "HTTP_URL_ABS": ["url_reg", "^[^/:]*://"]
        case "HTTP_URL_SLASH": ["url_beg", "/"]
        case "HTTP_URL_STAR": ["url", "*"]
        case "HTTP_CONTENT": ["req.hdr_val(content-length)", "gt", "0"]
        case "RDP_COOKIE": ["req.rdp_cookie_cnt", "gt", "0"]
        case "REQ_CONTENT": ["req.len", "gt", "0"]
        case "WAIT_END": ["wait_end"]
        default: nil
        }
    }
}
