import Bytes
import Connections
import Messages
package import Rules
package import Samples

/// `option forwarded`: tells the server in a Forwarded field (RFC 7239) whom the proxy stands between. It is done once
/// the request's rules are.
package final class ForwardedField: RuleAction {
    /// What a parameter of the field is made of.
    package enum Source: Sendable {
        /// The connection's, or the request's, own.
        case original
        case expression(Expression)
    }

    /// A node: `by` or `for`.
    package struct Node: Sendable {
        /// Nil: the field does not have the node.
        package var name: Source?
        /// Nil: the node has no port.
        package var port: Source?

        package init() {}
    }

    /// What the field says.
    package struct Parameters: Sendable {
        package var hasProto = false
        package var host: Source?
        package var by = Node()
        package var `for` = Node()

        package init() {}
    }

    private let parameters: Parameters
    private let selector = FieldSelector(.forwarded)

    package init(_ parameters: Parameters) { self.parameters = parameters }

    package func run(_ run: RuleRun) -> RuleOutcome {
        let evaluation = run.evaluation
        guard let head = evaluation.requestHead, let session = evaluation.session else { return .next }
        var text = evaluation.scratch.text()
        func begin(_ name: StaticString) {
            if text.count > 0 { text.append(";") }
            text.append(name)
        }
        if parameters.hasProto {
            begin("proto=")
            text.append(session.tls != nil ? "https" : "http")
        }
        if let host = parameters.host {
            begin("host=\"")
            appendHost(host, head, evaluation, &text)
            text.append("\"")
        }
        if parameters.by.name != nil {
            begin("by=")
            append(parameters.by, evaluation.destination ?? session.destination, evaluation, &text)
        }
        if parameters.for.name != nil {
            begin("for=")
            append(parameters.for, evaluation.source ?? session.source, evaluation, &text)
        }
        return run.rewritten(!text.isFull && write(text.bytes, head, evaluation.scratch))
    }

    /// Adds the element to the list that the request carries. One with a mistake cannot be trusted: it stays, and the
    /// element stands in a field of its own.
    private func write(_ element: Span<UInt8>, _ head: MessageHead, _ scratch: ScratchArena) -> Bool {
        var walk = FieldWalk(head, selector)
        var last: (field: Int, end: Int)?
        var isValid = true
        while let place = walk.next() {
            guard ForwardedElement(head.value(at: walk.index).extracting(place)) != nil else {
                isValid = false
                break
            }
            last = (walk.index, place.upperBound)
        }
        do throws(MessageError) {
            guard isValid, let last else {
                try head.append(.forwarded, element)
                return true
            }
            var text = scratch.text()
            text.append(head.value(at: last.field).extracting(0..<last.end))
            text.append(",")
            text.append(element)
            guard !text.isFull else { return false }
            try head.replaceValue(at: last.field, text.bytes)
            return true
        } catch {
            return false
        }
    }

    // MARK: Parameters

    /// The host, if it is one.
    private func appendHost(
        _ source: Source, _ head: MessageHead, _ evaluation: Evaluation, _ text: inout ScratchText
    ) {
        switch source {
        case .original:
            guard let index = head.first(.host) else {
                if ForwardedNode.isHost(head.authority) { text.append(head.authority) }
                return
            }
            if ForwardedNode.isHost(head.value(at: index)) { text.append(head.value(at: index)) }
        case .expression(let expression):
            var sample = Sample()
            guard expression.evaluate(evaluation, &sample, as: .str), ForwardedNode.isHost(sample.bytes) else { return }
            text.append(sample.bytes)
        }
    }

    private func append(_ node: Node, _ address: SocketAddress, _ evaluation: Evaluation, _ text: inout ScratchText) {
        let start = text.count
        if node.port != nil { text.append("\"") }
        var place = text.count
        appendName(node, address, evaluation, &text)
        if text.count == place { text.append("unknown") }
        if let port = node.port {
            text.append(":")
            place = text.count
            appendPort(port, address, evaluation, &text)
            if text.count == place { text.truncate(to: place - 1) }
        }
        if start < text.count, text[start] == 0x22 { text.append("\"") }
    }

    private func appendName(
        _ node: Node, _ address: SocketAddress, _ evaluation: Evaluation, _ text: inout ScratchText
    ) {
        let isQuoted = node.port != nil
        var sample = Sample()
        switch node.name {
        case nil: return
        case .original: guard sample.setAddress(address) else { return }
        case .expression(let expression): guard expression.evaluate(evaluation, &sample) else { return }
        }
        if sample.type == .ipv6 { return Self.append(ipv6: sample, isQuoted, &text) }
        guard sample.type == .str || Cast.apply(&sample, to: .str, evaluation.scratch) else { return }
        switch ForwardedNode.name(sample.bytes) {
        case .ipv6(let high, let low):
            sample.setIPv6(high: high, low: low)
            Self.append(ipv6: sample, isQuoted, &text)
        case .ipv4, .text: text.append(sample.bytes)
        case nil: Self.append(hiding: sample.bytes, &text)
        }
    }

    /// An IPv6 address has to stand in quotes.
    private static func append(ipv6 sample: Sample, _ isQuoted: Bool, _ text: inout ScratchText) {
        if !isQuoted { text.append("\"") }
        text.append("[")
        text.append(Array(sample.socketAddress().host.utf8).span)
        text.append("]")
    }

    private func appendPort(
        _ source: Source, _ address: SocketAddress, _ evaluation: Evaluation, _ text: inout ScratchText
    ) {
        switch source {
        case .original:
            if address.isIP { text.append(Int64(address.port)) }
        case .expression(let expression):
            var sample = Sample()
            guard expression.evaluate(evaluation, &sample, as: .str) else { return }
            if ForwardedNode.isPort(sample.bytes) {
                text.append(sample.bytes)
            } else {
                Self.append(hiding: sample.bytes, &text)
            }
        }
    }

    /// A text that may be an obfuscated identifier (RFC 7239 section 6.3) becomes one.
    private static func append(hiding bytes: Span<UInt8>, _ text: inout ScratchText) {
        guard !bytes.isEmpty else { return }
        for index in bytes.indices where !ForwardedNode.isObfuscated(bytes[index]) { return }
        text.append("_")
        text.append(bytes)
    }
}
