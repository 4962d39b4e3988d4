import Configuration
import Rules
import Samples
import Words

/// The formats that options stand for (configuration.txt section 8.2).
enum StandardFormat {
    static let http =
        "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
    static let https =
        http
        + " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc"
    static let httpCommon =
        "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc"
        + " %sq %bq %CC %CS %hrl %hsl"
    static let tcp = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"
    static let tcpCommon =
        "%{+Q}o %{-Q}ci - - [%T] \"TCP \" 000 %B \"\" \"\" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc"
        + " %rc %sq %bq \"\" \"\" "
}

/// `log-format` and its like, and the options that stand for formats.
enum FormatKeywords {
    static let keywords: [Keyword<ProxyDraft>] = [
        Keyword("log-format", in: .front) { (proxy, statement) throws(Complaint) in
            proxy.lines.format = try format(&statement, proxy, .logLine)
            proxy.standardFormat = nil
        },
        Keyword("log-format-sd", in: .front) { (proxy, statement) throws(Complaint) in
            proxy.lines.structuredData = try format(&statement, proxy, .logLine)
        },
        Keyword("error-log-format", in: .front) { (proxy, statement) throws(Complaint) in
            proxy.lines.errorFormat = try format(&statement, proxy, .logLine)
        },
        Keyword("unique-id-format", in: .proxies) { (proxy, statement) throws(Complaint) in
            // That of a backend is for its servers' checks.
            let place: RulePlace = proxy.kind == .backend ? .check : .frontendRequestHead
            proxy.uniqueID.format = try format(&statement, proxy, .uniqueID, at: place)
        },
        Keyword("unique-id-header", in: .front) { (proxy, statement) throws(Complaint) in
            let word = try statement.argument("a header name")
            guard !word.text.isEmpty, word.text.utf8.allSatisfy(Byte.isToken) else {
                throw Complaint("'\(statement.name)' : '\(word.text)' is not a header name", at: word)
            }
            proxy.uniqueID.header = Array(word.text.lowercased().utf8)
        },
        Keyword("log-steps", in: .front) { (proxy, statement) throws(Complaint) in
            let word = try statement.argument("'all' or log steps separated by commas")
            if word.text == "all" {
                proxy.lines.steps = Set(LogOrigin.allCases)
                return
            }
            for name in word.text.split(separator: ",") {
                guard let step = LogOrigin.steps.first(where: { "\($0.step)" == name }), step != .sessionError else {
                    let names = LogOrigin.steps.filter { $0 != .sessionError }.map { "\($0.step)" }
                    throw Complaint(
                        "invalid log step name (\(name)). Expected values are: \(names.joined(separator: ", "))",
                        at: word)
                }
                proxy.lines.steps = (proxy.lines.steps ?? []).union([step])
            }
        },
        Keyword("option httplog", in: .front) { (proxy, statement) throws(Complaint) in
            let isCommon = statement.skip("clf")
            let text = isCommon ? StandardFormat.httpCommon : StandardFormat.http
            try set(text, isCommon ? .httpCommon : .http, of: &proxy, statement)
        },
        Keyword("option httpslog", in: .front) { (proxy, statement) throws(Complaint) in
            try set(StandardFormat.https, .https, of: &proxy, statement)
        },
        Keyword("option tcplog", in: .front) { (proxy, statement) throws(Complaint) in
            try set(statement.skip("clf") ? StandardFormat.tcpCommon : StandardFormat.tcp, .tcp, of: &proxy, statement)
        },
        flag("logasap") { $0.isEarly = $1 },
        flag("log-separate-errors") { $0.separatesErrors = $1 },
        flag("dontlog-normal") { $0.omitsNormal = $1 },
    ]

    private static func flag(
        _ name: String, _ set: @escaping @Sendable (inout LineSettings, Bool) -> Void
    ) -> Keyword<ProxyDraft> {
        Keyword("option \(name)", in: .front, takesModifiers: true) { (proxy, statement) in
            set(&proxy.lines, statement.modifier == .none)
        }
    }

    private static func set(
        _ text: String, _ kind: ProxyDraft.StandardFormatKind, of proxy: inout ProxyDraft, _ statement: Statement
    ) throws(Complaint) {
        statement.context.place = .log
        statement.context.proxyName = proxy.name
        do throws(Complaint) {
            proxy.lines.format = try Format.parse(
                Word(text: text, column: 0), statement.context, options: .logLine)
        } catch {
            throw Complaint("'\(statement.name)' : \(error.message)")
        }
        proxy.standardFormat = kind
        proxy.logFormatMark = statement.mark()
    }

    /// Reads a format, which takes one word. An empty one is none.
    static func format(
        _ statement: inout Statement, _ proxy: ProxyDraft, _ options: FormatOptions, at place: RulePlace = .log
    ) throws(Complaint) -> Format? {
        statement.context.place = place
        statement.context.proxyName = proxy.name
        statement.context.expressionPlace =
            options == .uniqueID
            ? "in unique-id-format string in"
            : statement.name == "log-format-sd" ? "in log-format-sd string in" : "in log-format string in"
        return try format(&statement, options)
    }

    static func format(_ statement: inout Statement, _ options: FormatOptions) throws(Complaint) -> Format? {
        guard !statement.isAtEnd else {
            throw Complaint("'\(statement.name)' expects an argument: a log-format string")
        }
        let word = try statement.argument("a log-format string")
        if let extra = statement.peek {
            throw Complaint(
                "'\(statement.name)' expects only one argument; '\(extra.text)' is one more. Spaces are to be escaped"
                    + " with a backslash, or the whole format to be quoted", at: extra)
        }
        if word.text.isEmpty { return nil }
        do throws(Complaint) {
            return try Format.parse(word, statement.context, options: options)
        } catch {
            throw Complaint("'\(statement.name)' : \(error.message)", at: error.column ?? word.column)
        }
    }
}

extension LogOrigin {
    /// Those that `log-steps` and log profiles may name.
    static let steps = allCases.filter { $0 != .none && $0 != .sessionKilled }
}
