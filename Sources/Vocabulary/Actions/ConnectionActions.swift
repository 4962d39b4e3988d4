import Bytes
import Connections
import Messages
import Rules
import Samples
import Streams
import Words

/// Actions on the client's connection as a whole (configuration.txt section 4.4).
enum ConnectionActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "wait-for-handshake", "Waits until the handshake is complete, so that the request is no replay.",
            in: [.httpRequest]
        ) { _ in WaitForHandshake() },
        ActionKeyword(
            "switch-mode", "Makes the TCP connection one of HTTP.", usage: "http [ proto <name> ]",
            in: [.tcpRequestContent]
        ) { (reader) throws(Complaint) in try SwitchMode(&reader) },
        ActionKeyword(
            "attach-srv", "Makes the client's connection one to a server of reverse HTTP.",
            usage: "<backend>/<server> [ name <expr> ]", in: [.tcpRequestSession]
        ) { (reader) throws(Complaint) in try AttachServer(&reader) },
    ]
}

private final class WaitForHandshake: RuleAction {
    func run(_ run: RuleRun) -> RuleOutcome {
        guard run.evaluation.session?.connection?.isHandshaking == true else { return .next }
        return .wait(until: .distantFuture)
    }
}

/// `switch-mode http`: nothing to do for a connection that speaks HTTP already, as in HAProxy.
private final class SwitchMode: RuleAction {
    private let version: HTTPVersion?

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard reader.context.place.contains(.frontendRequestContent) else {
            throw Complaint(
                "not allowed because proxy '\(reader.context.proxyName)' has no frontend capability",
                at: reader.keyword)
        }
        guard let mode = reader.next() else { throw Complaint("expects a mode as argument.", at: reader.keyword) }
        guard mode.text == "http" else { throw Complaint("expects a valid mode (got '\(mode.text)').", at: mode) }
        guard reader.skip("proto") else {
            version = nil
            return
        }
        guard let name = reader.next() else {
            throw Complaint("'proto' expects a protocol as argument.", at: reader.keyword)
        }
        switch name.text {
        case "h1": version = .http11
        case "h2": version = .http2
        default:
            throw Complaint("'proto' expects a valid MUX protocol, if specified (got '\(name.text)')", at: name)
        }
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let exchange = run.evaluation.exchange, exchange.request.head == nil else { return .accept }
        return .finish(.switchToHTTP(version: version))
    }
}
