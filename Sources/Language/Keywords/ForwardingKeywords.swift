import Configuration
import Rules
import Samples
import Vocabulary
import Words

/// What servers are told of clients and of themselves, and what requests may not have: `option forwarded`,
/// `option originalto`, `http-send-name-header`, `option http-restrict-req-hdr-names`, `option http-ignore-probes`.
enum ForwardingKeywords {
    static let keywords: [Keyword<ProxyDraft>] = [
        Keyword("option forwarded", in: .back, takesModifiers: true) { (proxy, statement) throws(Complaint) in
            guard statement.modifier == .none else {
                proxy.forwarded = nil
                return
            }
            let parameters = try parameters(&statement)
            proxy.forwarded = Rule(
                ForwardedField(parameters), if: nil, location: statement.location.description)
        },
        Keyword("option originalto", in: .proxies) { (proxy, statement) throws(Complaint) in
            proxy.originalTo = try originalTo(&statement)
        },
        Keyword("option http-ignore-probes", in: .front, takesModifiers: true) { (proxy, statement) in
            proxy.ignoresProbes = statement.modifier == .none
        },
        Keyword("option http-restrict-req-hdr-names", in: .proxies) { (proxy, statement) throws(Complaint) in
            let expected = "option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option."
            guard let word = statement.next() else { throw Complaint("missing parameter. \(expected)") }
            guard let policy = FieldNamePolicy(rawValue: word.text) else {
                throw Complaint("invalid parameter '\(word.text)'. \(expected)", at: word)
            }
            proxy.fieldNames = policy
        },
        Keyword("http-send-name-header", in: .back) { (proxy, statement) throws(Complaint) in
            guard let word = statement.next() else {
                throw Complaint("'http-send-name-header' requires a header string.")
            }
            let name = word.text.lowercased()
            guard !["host", "content-length", "transfer-encoding", "connection"].contains(name) else {
                throw Complaint(
                    "'\(word.text)' cannot be used as header name for 'http-send-name-header' directive.", at: word)
            }
            guard !name.isEmpty, name.utf8.allSatisfy(Byte.isToken) else {
                throw Complaint("'http-send-name-header' : '\(word.text)' is not a header name", at: word)
            }
            proxy.serverNameField = Array(name.utf8)
        },
        Keyword("monitor-net", in: .proxies) { (_, statement) throws(Complaint) in
            let network = statement.next()?.text ?? ""
            throw Complaint(
                "'monitor-net' doesn't exist anymore. Please use 'http-request return status 200 if { src \(network) }'"
                    + " instead.")
        },
    ]

    private static func originalTo(_ statement: inout Statement) throws(Complaint) -> OriginalToOption {
        var option = OriginalToOption()
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
            default:
                throw Complaint(
                    "'\(statement.name)' only supports optional values: 'except' and 'header'.", at: word)
            }
        }
        return option
    }

    // MARK: RFC 7239

    private static func parameters(
        _ statement: inout Statement
    ) throws(Complaint) -> ForwardedField.Parameters {
        var parameters = ForwardedField.Parameters()
        guard !statement.isAtEnd else {
            parameters.hasProto = true
            parameters.for.name = .original
            return parameters
        }
        while let word = statement.next() {
            switch word.text {
            case "proto": parameters.hasProto = true
            case "host": parameters.host = .original
            case "host-expr": parameters.host = try expression(after: word, &statement)
            case "by": parameters.by.name = .original
            case "by-expr": parameters.by.name = try expression(after: word, &statement)
            case "by_port": parameters.by.port = .original
            case "by_port-expr": parameters.by.port = try expression(after: word, &statement)
            case "for": parameters.for.name = .original
            case "for-expr": parameters.for.name = try expression(after: word, &statement)
            case "for_port": parameters.for.port = .original
            case "for_port-expr": parameters.for.port = try expression(after: word, &statement)
            default:
                throw Complaint(
                    "'option forwarded' only supports optional values: 'proto', 'host', 'host-expr', 'by', 'by-expr',"
                        + " 'by_port', 'by_port-expr', 'for', 'for-expr', 'for_port' and 'for_port-expr'.", at: word)
            }
        }
        check(&parameters.by, "by", &statement)
        check(&parameters.for, "for", &statement)
        return parameters
    }

    /// A port without a name is left out. HAProxy names the form with an expression in any case.
    private static func check(_ node: inout ForwardedField.Node, _ name: String, _ statement: inout Statement) {
        guard node.port != nil, node.name == nil else { return }
        node.port = nil
        statement.warn(
            "'option forwarded' : '\(name)_port-expr' will be ignored because both '\(name)' and '\(name)-expr' are"
                + " unset")
    }

    private static func expression(
        after option: Word, _ statement: inout Statement
    ) throws(Complaint) -> ForwardedField.Source {
        guard let word = statement.next() else {
            throw Complaint("'\(option.text)' expects <expr> as argument.", at: option)
        }
        let context = statement.context
        context.place = .all
        context.expressionPlace = "in option directive in"
        let expression: Expression
        do throws(Complaint) {
            expression = try ExpressionParser(context).parse(word)
        } catch {
            throw Complaint(
                "failed to parse 'option forwarded' expression '\(word.text)' in : \(error.message).",
                at: error.column ?? word.column)
        }
        if expression.sources.places.isDisjoint(with: .backendRequestHead) {
            statement.warn(
                "in 'option forwarded' sample expression '\(word.text)' : some args extract information from"
                    + " '\(expression.sources.names)', none of which is available here.", at: word)
        }
        return .expression(expression)
    }
}
