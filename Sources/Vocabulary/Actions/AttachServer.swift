import Connections
import Rules
import Samples
import Synchronization
import Words

/// `attach-srv`: the client's connection becomes one to a server, once it has shown that it speaks HTTP/2.
final class AttachServer: RuleAction {
    private let server: NamedReference
    private let name: Expression?

    init(_ reader: inout ActionReader) throws(Complaint) {
        guard reader.context.allowsExperiments else {
            throw Complaint(
                "'attach-srv' action is experimental, must be allowed via a global 'expose-experimental-directives'",
                at: reader.keyword)
        }
        server = NamedReference(.server, name: reader.next()?.text ?? "")
        if reader.skip("name") {
            guard reader.peek != nil else { throw Complaint("missing name value", at: reader.keyword) }
            name = try reader.expression()
        } else {
            name = nil
        }
        reader.context.attachments.append(
            AttachmentUse(
                reference: server, hasName: name != nil, proxyName: reader.context.proxyName,
                location: reader.location))
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let session = run.evaluation.session else { return .next }
        var text: [UInt8]?
        var sample = Sample()
        if let name, name.evaluate(run.evaluation, &sample, as: .str) { text = Array(copying: sample.bytes) }
        session.attachment = Attachment(
            backend: server.index.load(ordering: .relaxed), server: server.serverIndex.load(ordering: .relaxed),
            name: text)
        return .next
    }
}
