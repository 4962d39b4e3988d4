import Testing

/// Rules that are refused, and why.
@Suite struct ActionRefusalTests {
    @Test(arguments: [
        ("http-request set-header x", "expects exactly 2 arguments"),
        ("http-request set-header a:b c", "header name 'a:b' contains forbidden character ':'"),
        ("http-request del-header x -m dom", "-m with unsupported matching method 'dom'"),
        ("http-request del-headers-bin bin(00) -m reg", "-m with unsupported matching method 'reg'"),
        ("http-request del-header ( -m reg", "regex '(' is invalid"),
        ("http-request replace-header x [ y", "regex '[' is invalid"),
        ("http-request normalize-uri path-strip-dot", "'expose-experimental-directives'"),
        ("http-request set-status 200", "may be used in 'http-response', 'http-after-response' only"),
        ("http-response set-status 99", "expects an integer status code between 100 and 999"),
        ("http-request strict-mode maybe", "Only 'on' and 'off' are supported"),
        ("http-request deny status 199", "Unexpected status code '199'"),
        ("http-request deny deny_status 418", "status code '418' not handled by default"),
        ("http-request return string a", "a content type must be defined when non-empty payload is configured"),
        ("http-request return lf-string a", "a content type must be defined with a log-format payload"),
        ("http-request return status 204 content-type a/b string x", "No body expected for 204 responses"),
        ("http-request return string a file /b content-type c", "unexpected 'file' argument, 'string' already defined"),
        ("http-request return errorfile /nowhere/x", "error opening file '/nowhere/x'"),
        ("http-request return status 404 errorfiles none", "unknown http-errors section 'none'"),
        ("http-request redirect code 301", "redirection type expected"),
        ("http-request redirect location / code 304", "unsupported HTTP code '304'"),
        ("http-response redirect prefix /", "response only supports redirect type 'location'"),
        ("redirect location", "missing argument for 'location'"),
        (
            "http-request cache-use c",
            "'cache-use' is a keyword of HAProxy that this version of Portico does not support"
        ),
        (
            "tcp-request session attach-srv b/s",
            "'attach-srv' action is experimental, must be allowed via a global 'expose-experimental-directives'"
        ),
        ("http-request silent-drop rst-ttl", "missing rst-ttl value"),
        ("http-request silent-drop rst-ttl 256", "valid rst-ttl values are [1-255]"),
        ("http-request silent-drop rst-ttl x", "invalid character starting at 'x' (value 1-255 expected)"),
        ("http-request set-src", "a sample expression"),
        ("http-response set-src src", "action 'set-src' may be used in"),
        ("http-request set-fc-tos", "expects an argument"),
        ("http-request set-bc-mark 0xx", "unknown fetch"),
        ("http-request set-log-level loud", "expects exactly 1 argument (log level name or 'silent')"),
        ("http-request set-nice", "expects exactly 1 argument (integer value)"),
        ("http-request set-retries 3", "only available in backend or listen section"),
        ("http-request set-timeout server 3s", "'f' has no backend capability"),
        ("http-request set-timeout client 0", "null value is not valid for a 'set-timeout client' rule"),
        ("http-request set-timeout client", "expects exactly 2 arguments"),
        ("http-request set-timeout check 3s", "'set-timeout' rule supports"),
        ("http-request set-map(/nowhere/m) a", "expects exactly 2 arguments"),
        ("http-request del-map(/nowhere/m)", "expects exactly 1 arguments"),
        ("http-request add-acl a", "expects a file's name in parentheses"),
        ("http-request use-service none", "unknown service name"),
        ("tcp-request connection expect-proxy", "'layer4' is expected"),
        ("tcp-request content switch-mode", "expects a mode as argument."),
        ("tcp-request content switch-mode tcp", "expects a valid mode (got 'tcp')."),
        ("tcp-request content switch-mode http proto h9", "'proto' expects a valid MUX protocol"),
        ("quic-initial send-retry now", "only 'if' or 'unless' with a condition may follow"),
        ("quic-initial deny", "action 'deny' may be used in"),
        ("http-request pause", "expects a time or an expression"),
        ("http-request pause 5x", "invalid time '5x'"),
        ("http-request wait-for-body", "missing time argument"),
        ("http-request set-var(txn.a,ifmaybe) int(1)", "unknown condition \"ifmaybe\""),
        ("http-error content-type a/b", "expects at least a status code"),
        ("http-error status 418 string x content-type a/b", "status code '418' not handled"),
        ("errorloc 403", "expects <status_code> and <url> as arguments"),
        ("monitor fail", "expects a condition"),
    ])
    func refusals(rule: String, message: String) {
        let result = load("defaults\nmode http\ntimeout client 1s\nfrontend f\nbind :8080\n\(rule)\n")
        #expect(result.alerts.contains { $0.contains(message) }, "\(result.alerts)")
    }
}
