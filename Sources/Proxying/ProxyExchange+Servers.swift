import Bytes
import Configuration
import Messages
import Rules
import Runtime
import Samples
package import Servers
import Streams

// What is decided about a request and its server once all rule sets are done: `use-server`, `force-persist`,
// `ignore-persist`, `option http-restrict-req-hdr-names`, and the fields that tell a server of its client.
extension ProxyExchange {
    /// Takes the first `force-persist` or `ignore-persist` whose condition holds.
    func applyPersistenceRules(_ evaluation: Evaluation) {
        guard let rules = backend?.settings.persistenceRules, !rules.isEmpty else { return }
        evaluation.begin(self, .request)
        switch rules.first(where: { $0.condition.holds(evaluation) })?.effect {
        case .force: assignment.forcesPersistence = true
        case .ignore: assignment.ignoresPersistence = true
        case nil: break
        }
    }

    /// Takes the first `use-server` whose condition holds, and whose server is up.
    func assignServer() {
        guard let backend else { return }
        readRDPCookie(backend)
        guard !backend.settings.useServerRules.isEmpty else { return }
        let evaluation = frontend.worker.rules.evaluation
        evaluation.begin(self, .request)
        defer { evaluation.scratch.release() }
        for rule in backend.settings.useServerRules where rule.condition.holds(evaluation) {
            let server: SharedServer?
            switch rule.target {
            case .fixed(let place): server = backend.backend.server(at: place)
            case .named(let format):
                var name = Sample()
                format.text(evaluation, &name)
                server = backend.backend.server(named: name.bytes)
                // A name that is no server's ends the search.
                if server == nil { return }
            }
            guard let server, server.isReachable || assignment.forcesPersistence else { continue }
            assignment.server = server
            return
        }
    }

    /// Takes the server that an RDP client's cookie names: its IPv4 address and port as the numbers that their bytes make
    /// on a little-endian machine, `16777343.15629.0000` (`persist rdp-cookie`).
    private func readRDPCookie(_ backend: BackendWorker) {
        guard let expression = backend.settings.persistence?.expression else { return }
        let evaluation = frontend.worker.rules.evaluation
        evaluation.begin(self, .request)
        defer { evaluation.scratch.release() }
        var sample = Sample()
        guard expression.evaluate(evaluation, &sample, as: .str) else { return }
        let parts = String(decoding: Array(copying: sample.bytes), as: UTF8.self)
            .split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 2, let address = UInt32(parts[0]), let port = UInt16(parts[1]) else { return }
        let target = Socket.Target.ip(SocketAddress(.v4(address.byteSwapped), port: port.byteSwapped))
        let found = backend.shared.servers.servers.first { $0.facts.address == target }
        guard let found, found.state != .stopped || backend.settings.persistsWhenDown else { return }
        assignment.server = found
    }

    /// Keeps fields with unusual names from the server (`option http-restrict-req-hdr-names`). False: the request is
    /// refused.
    func restrictNames(_ policy: FieldNamePolicy) -> Bool {
        guard policy != .preserve, let head = exchange.request.head else { return true }
        var index = 0
        while index < head.fieldCount {
            guard !Self.isPlain(head.nameText(at: index)) else {
                index += 1
                continue
            }
            guard policy == .delete else {
                progress.step = .done
                noteStage()
                frontend.answer(self, 403, .denied)
                return false
            }
            head.remove(at: index)
        }
        return true
    }

    /// Whether a name has letters, digits and hyphens only.
    private static func isPlain(_ name: Span<UInt8>) -> Bool {
        for index in name.indices {
            let byte = name[index]
            guard byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x2d else { return false }
        }
        return true
    }

    /// Adds the fields that tell the server of the client; false when they find no room.
    func addForwarded(_ backend: BackendWorker, _ head: MessageHead) -> Bool {
        if let rule = backend.settings.forwarded {
            let run = frontend.worker.rules
            run.evaluation.begin(self, .request)
            run.begin(.httpRequest, isBackend: true, host: self, startedAt: progress.startedAt)
            run.isStrict = true
            defer { run.evaluation.scratch.release() }
            guard case .next = rule.action.run(run) else { return false }
        }
        let forwarding = backend.forwarding(of: frontend)
        if forwarding.isEmpty { return true }
        do throws(MessageError) {
            try forwarding.apply(to: head, self)
            return true
        } catch {
            return false
        }
    }

    /// Sends a client that asks for something elsewhere to get it there itself (`redir` of a server).
    package func dispatchAnswers(_ dispatch: Dispatch) -> Bool {
        guard let prefix = dispatch.server?.shared.settings.redirectPrefix, let head = exchange.request.head,
            head.method == .get || head.method == .head
        else { return false }
        var reply = ReplyContent(
            status: 302,
            fields: [
                (Array("cache-control".utf8), Array("no-cache".utf8)),
                (Array("location".utf8), prefix + Array(copying: head.path)),
            ], body: [])
        reply.reason = Array("Found".utf8)
        noteStage(.connect)
        exchange.note(.answered)
        send(reply)
        return true
    }

    /// Tells the server its name (`http-send-name-header`): after a redispatch it is another.
    func nameServer(_ dispatch: Dispatch) {
        guard let name = backend?.settings.serverNameField, let head = exchange.request.head,
            let server = dispatch.server
        else { return }
        head.removeAll(named: name.span)
        // A head that has no room left goes without.
        _ = try? head.append(name: name.span, Array(server.facts.name.utf8).span)
    }
}
