import Bytes
import Messages
import Rules
import Samples
import Words

/// Actions that end a rule set, or the exchange with it (configuration.txt section 4.4).
enum FlowActions {
    private static let tcp: [RuleSetKind] = [
        .quicInitial, .tcpRequestConnection, .tcpRequestSession, .tcpRequestContent, .tcpResponseContent,
    ]
    private static let reply = """
        [ { status | deny_status } <code> ] [ content-type <type> ] [ { default-errorfiles | errorfile <file> |
        errorfiles <name> | file <file> | lf-file <file> | string <str> | lf-string <fmt> } ] [ hdr <name> <fmt> ]*
        """

    static let all: [ActionKeyword] = [
        ActionKeyword("accept", "Ends the set: the connection or message goes on.", in: tcp) { _ in Accept() },
        ActionKeyword(
            "allow", "Ends the set: the message goes on.", in: [.httpRequest, .httpResponse, .httpAfterResponse]
        ) { _ in Accept() },
        ActionKeyword(
            "auth", "Asks the client for a name and a password.", usage: "[realm <realm>]", in: [.httpRequest]
        ) { (reader) throws(Complaint) in
            var realm: String?
            if reader.skip("realm") { realm = try reader.argument("a realm").text }
            return Answer(Challenge(realm: realm ?? reader.context.proxyName), isDenial: false)
        },
        ActionKeyword("close", "Closes the connection to the server.", in: [.tcpResponseContent]) { _ in Reject() },
        ActionKeyword(
            "deny", "Answers that the request or response is refused.", usage: reply,
            in: [.httpRequest, .httpResponse]
        ) { (reader) throws(Complaint) in
            Answer(try denial(&reader, reader.kind == .httpRequest ? 403 : 502), isDenial: true)
        },
        ActionKeyword("dgram-drop", "Passes over a QUIC client's first packet in silence.", in: [.quicInitial]) {
            _ in Decide(.drop)
        },
        ActionKeyword("send-retry", "Makes a QUIC client prove its address first.", in: [.quicInitial]) {
            _ in Decide(.retry)
        },
        ActionKeyword(
            "use-service", "Lets a service of the process answer.", usage: "<service-name>",
            in: [.httpRequest, .tcpRequestContent]
        ) { (reader) throws(Complaint) in
            let name = try reader.argument("a service name")
            guard reader.kind == .httpRequest, ServiceNames.all.contains(name.text) else {
                throw Complaint("'\(reader.name)' unknown service name '\(name.text)'", at: name)
            }
            return Decide(.service(name: name.text))
        },
        ActionKeyword("reject", "Closes the connection, or the stream of the request.", in: tcp + [.httpRequest]) {
            _ in Reject()
        },
        ActionKeyword(
            "return", "Answers in the server's place.",
            usage: reply.replacing("{ status | deny_status }", with: "status"), in: [.httpRequest, .httpResponse]
        ) { (reader) throws(Complaint) in
            Answer(try HTTPReply.parse(&reader, defaultStatus: 200), isDenial: false)
        },
        ActionKeyword(
            "tarpit", "Keeps the client waiting for `timeout tarpit`, then answers that the request is refused.",
            usage: reply, in: [.httpRequest]
        ) { (reader) throws(Complaint) in Tarpit(try denial(&reader, 500)) },
    ]

    /// The answer of `deny` and `tarpit`: without arguments but a status the proxy's message for it.
    private static func denial(_ reader: inout ActionReader, _ status: Int) throws(Complaint) -> any RuleReply {
        guard let word = reader.peek else { return HTTPReply(message: status) }
        guard word.text == "deny_status" else { return try HTTPReply.parse(&reader, defaultStatus: status) }
        var ahead = reader
        _ = ahead.next()
        guard let code = ahead.next() else {
            throw Complaint("'deny_status' expects <status_code> as argument", at: word)
        }
        guard ahead.peek == nil else { return try HTTPReply.parse(&reader, defaultStatus: status) }
        guard let status = Scalars.integer(code.text), (200...599).contains(status) else {
            throw Complaint("Unexpected status code '\(code.text)'", at: code)
        }
        guard BuiltInErrors.statuses.contains(status) else {
            throw Complaint(
                "status code '\(status)' not handled by default with 'default-errorfiles' argument.", at: code)
        }
        reader = ahead
        return HTTPReply(message: status)
    }
}

private final class Accept: RuleAction {
    func run(_ run: RuleRun) -> RuleOutcome { .accept }
}

/// What a set of rules ends with, whatever the exchange.
final class Decide: RuleAction {
    private let verdict: Verdict

    init(_ verdict: Verdict) { self.verdict = verdict }

    var needsControl: Bool { if case .service = verdict { true } else { false } }

    func run(_ run: RuleRun) -> RuleOutcome { .finish(verdict) }
}

private final class Reject: RuleAction {
    func run(_ run: RuleRun) -> RuleOutcome { .finish(.reject) }
}

/// `return` and `deny`.
private final class Answer: RuleAction {
    private let reply: any RuleReply
    private let isDenial: Bool

    init(_ reply: any RuleReply, isDenial: Bool) {
        self.reply = reply
        self.isDenial = isDenial
    }

    func run(_ run: RuleRun) -> RuleOutcome { .finish(.answer(reply, isDenial: isDenial)) }
}

/// `tarpit`.
private final class Tarpit: RuleAction {
    private let reply: any RuleReply

    init(_ reply: any RuleReply) { self.reply = reply }

    func run(_ run: RuleRun) -> RuleOutcome {
        let end = run.ruleStartedAt.advanced(milliseconds: run.host?.tarpitTime ?? 0)
        return run.now < end ? .wait(until: end) : .finish(.tarpit(reply))
    }
}

/// `auth`: the proxy's 401, or 407 when the request is one to a proxy, with a challenge (RFC 7617).
private final class Challenge: RuleReply {
    private let challenge: [UInt8]

    init(realm: String) { challenge = Array("Basic realm=\"\(realm)\"".utf8) }

    func make(_ run: RuleRun) -> ReplyContent? {
        let isProxy = run.host?.isProxyRequest == true
        guard var content = run.host?.errorMessage(isProxy ? 407 : 401) else { return nil }
        let name: FieldName = isProxy ? .proxyAuthenticate : .wwwAuthenticate
        content.loggedStatus = isProxy ? 407 : 401
        content.remove(name)
        content.add(name, challenge)
        return content
    }
}
