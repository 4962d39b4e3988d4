import Bytes
import Connections
import Rules
import Samples
import Words

/// Actions that put other addresses in place of the client's connection's (configuration.txt section 4.4). Rules that act
/// on connections change those of the connection, the others those of their exchange.
enum AddressActions {
    private static let sets: [RuleSetKind] = [
        .tcpRequestConnection, .tcpRequestSession, .tcpRequestContent, .httpRequest,
    ]

    static let all: [ActionKeyword] = [
        ActionKeyword(
            "set-src", "Puts another address in place of the client's; the port stays.", usage: "<expr>", in: sets
        ) { (reader) throws(Complaint) in SetAddress(try reader.expression(), .source) },
        ActionKeyword(
            "set-dst", "Puts another address in place of the one that the client connected to; the port stays.",
            usage: "<expr>", in: sets
        ) { (reader) throws(Complaint) in SetAddress(try reader.expression(), .destination) },
        ActionKeyword("set-src-port", "Puts another port in place of the client's.", usage: "<expr>", in: sets) {
            (reader) throws(Complaint) in SetPort(try reader.expression(), .source)
        },
        ActionKeyword(
            "set-dst-port", "Puts another port in place of the one that the client connected to.", usage: "<expr>",
            in: sets
        ) { (reader) throws(Complaint) in SetPort(try reader.expression(), .destination) },
        ActionKeyword(
            "expect-proxy", "Expects a PROXY header before everything else.", usage: "layer4",
            in: [.tcpRequestConnection]
        ) { (reader) throws(Complaint) in
            try layer4(&reader)
            return ExpectHeader { _ in .proxy }
        },
        ActionKeyword(
            "expect-netscaler-cip", "Expects a NetScaler Client IP header before everything else.", usage: "layer4",
            in: [.tcpRequestConnection]
        ) { (reader) throws(Complaint) in
            try layer4(&reader)
            return ExpectHeader { .addresses(magic: $0.listener.addressMagic) }
        },
    ]

    private static func layer4(_ reader: inout ActionReader) throws(Complaint) {
        guard reader.skip("layer4") else {
            throw Complaint("'\(reader.name)' : 'layer4' is expected", at: reader.keyword)
        }
    }
}

/// Which of a connection's two addresses.
private enum AddressEnd: Sendable { case source, destination }

extension RuleRun {
    /// The address that the current rule's level has; nil when none is known.
    fileprivate func address(_ end: AddressEnd) -> SocketAddress? {
        end == .source ? evaluation.source : evaluation.destination
    }

    /// Gives the current rule's level another address.
    fileprivate func set(_ end: AddressEnd, to address: SocketAddress) {
        guard let session = evaluation.session else { return }
        switch kind {
        case .tcpRequestConnection, .tcpRequestSession:
            let isFirst = kind == .tcpRequestConnection
            if end == .source {
                session.source = address
                if isFirst { session.changedSocketSource = address }
            } else {
                session.destination = address
                if isFirst { session.changedSocketDestination = address }
            }
        default:
            guard let overrides = evaluation.transaction?.makeOverrides() else { return }
            if end == .source { overrides.source = address } else { overrides.destination = address }
        }
    }
}

/// `set-src`, `set-dst`.
private final class SetAddress: RuleAction {
    private let expression: Expression
    private let end: AddressEnd

    init(_ expression: Expression, _ end: AddressEnd) {
        self.expression = expression
        self.end = end
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let old = run.address(end) else { return .next }
        var sample = Sample()
        guard expression.evaluate(run.evaluation, &sample, as: .addr), sample.type == .ipv4 || sample.type == .ipv6
        else {
            return .next
        }
        run.set(end, to: sample.socketAddress(port: old.port))
        return .next
    }
}

/// `set-src-port`, `set-dst-port`.
private final class SetPort: RuleAction {
    private let expression: Expression
    private let end: AddressEnd

    init(_ expression: Expression, _ end: AddressEnd) {
        self.expression = expression
        self.end = end
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let old = run.address(end) else { return .next }
        var sample = Sample()
        guard expression.evaluate(run.evaluation, &sample, as: .sint) else { return .next }
        let port = UInt16(truncatingIfNeeded: sample.number)
        if old.isIP {
            var address = old
            address.port = port
            run.set(end, to: address)
        } else {
            run.set(end, to: SocketAddress(ipv4: 0, 0, 0, 0, port: port))
        }
        return .next
    }
}

/// `expect-proxy`, `expect-netscaler-cip`.
private final class ExpectHeader: RuleAction {
    private let header: @Sendable (Session) -> ConnectionHeader

    init(_ header: @escaping @Sendable (Session) -> ConnectionHeader) { self.header = header }

    func run(_ run: RuleRun) -> RuleOutcome {
        // QUIC has no place for a header.
        guard let session = run.evaluation.session, !session.isQUIC else { return .next }
        session.expectedHeader = header(session)
        return .next
    }
}
