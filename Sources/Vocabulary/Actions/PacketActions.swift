import Connections
import Rules
import Samples
import Words

/// Actions on the packets of connections (configuration.txt section 4.4): marks, types of service, and none at all.
enum PacketActions {
    private static let client: [RuleSetKind] = [
        .tcpRequestConnection, .tcpRequestSession, .tcpRequestContent, .tcpResponseContent, .httpRequest, .httpResponse,
    ]
    private static let server: [RuleSetKind] = [.tcpRequestContent, .httpRequest]

    static let all: [ActionKeyword] = [
        ActionKeyword(
            "set-fc-mark", "Sets the firewall mark of packets to the client.", usage: "{ <mark> | <expr> }", in: client
        ) { (reader) throws(Complaint) in SetMarks(try number(&reader), .client, .mark) },
        ActionKeyword(
            "set-mark", "The same as `set-fc-mark` (deprecated).", usage: "{ <mark> | <expr> }", in: client
        ) { (reader) throws(Complaint) in SetMarks(try number(&reader), .client, .mark) },
        ActionKeyword(
            "set-bc-mark", "Sets the firewall mark of packets to the server.", usage: "{ <mark> | <expr> }", in: server
        ) { (reader) throws(Complaint) in SetMarks(try number(&reader), .server, .mark) },
        ActionKeyword(
            "set-fc-tos", "Sets the type of service of packets to the client.", usage: "{ <tos> | <expr> }", in: client
        ) { (reader) throws(Complaint) in SetMarks(try number(&reader), .client, .typeOfService) },
        ActionKeyword(
            "set-tos", "The same as `set-fc-tos` (deprecated).", usage: "{ <tos> | <expr> }", in: client
        ) { (reader) throws(Complaint) in SetMarks(try number(&reader), .client, .typeOfService) },
        ActionKeyword(
            "set-bc-tos", "Sets the type of service of packets to the server.", usage: "{ <tos> | <expr> }", in: server
        ) { (reader) throws(Complaint) in SetMarks(try number(&reader), .server, .typeOfService) },
        ActionKeyword(
            "silent-drop", "Makes the client's connection disappear without telling the client.",
            usage: "[ rst-ttl <ttl> ]", in: client
        ) { (reader) throws(Complaint) in
            guard reader.skip("rst-ttl") else { return Decide(.vanish(hops: nil)) }
            guard let word = reader.next() else { throw Complaint("missing rst-ttl value", at: reader.keyword) }
            guard let ttl = ActionNumber.read(word.text) else {
                throw Complaint("invalid character starting at '\(word.text)' (value 1-255 expected)", at: word)
            }
            guard let hops = UInt8(exactly: ttl), hops > 0 else {
                throw Complaint("valid rst-ttl values are [1-255]", at: word)
            }
            return Decide(.vanish(hops: hops))
        },
    ]

    private static func number(_ reader: inout ActionReader) throws(Complaint) -> ActionNumber {
        try ActionNumber(&reader, "an argument")
    }
}

/// `set-fc-mark`, `set-bc-mark`, `set-fc-tos`, `set-bc-tos`.
private final class SetMarks: RuleAction {
    enum Side: Sendable { case client, server }
    enum What: Sendable { case mark, typeOfService }

    private let number: ActionNumber
    private let side: Side
    private let what: What

    init(_ number: ActionNumber, _ side: Side, _ what: What) {
        self.number = number
        self.side = side
        self.what = what
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let value = number.value(run) else { return .next }
        switch side {
        case .client:
            guard let session = run.evaluation.session else { return .next }
            change(&session.marks, value)
        case .server:
            guard let overrides = run.evaluation.transaction?.makeOverrides() else { return .next }
            change(&overrides.serverMarks, value)
        }
        return .next
    }

    private func change(_ marks: inout PacketMarks, _ value: Int64) {
        switch what {
        case .mark: marks.mark = UInt32(truncatingIfNeeded: value)
        case .typeOfService: marks.typeOfService = UInt8(truncatingIfNeeded: value)
        }
    }
}
