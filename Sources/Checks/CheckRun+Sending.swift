import Bytes
import Configuration
import Connections
import Messages
import Runtime
import Servers
import Streams
import Synchronization

// What a check sends.
extension CheckRun {
    /// Sends bytes; false when the check is over.
    func send(_ payload: CheckPayload) -> Bool {
        let bytes: [UInt8]
        switch payload {
        case .bytes(let fixed): bytes = checker.kind == .agent ? checker.health.text : fixed
        case .format(let format): bytes = self.bytes(format)
        case .hexadecimal(let format):
            guard let made = Hexadecimal.bytes(self.bytes(format)) else {
                finish(
                    .l7response,
                    words: "tcp-check send : failed to build log-format string at step \(stepNumber(current))")
                return false
            }
            bytes = made
        }
        guard let exchange else {
            reportConnectionError(isExpired: false)
            return false
        }
        // What came before is no answer to this.
        exchange.response.discard()
        guard !bytes.isEmpty else { return true }
        put(bytes, exchange.request)
        return true
    }

    private func put(_ bytes: [UInt8], _ half: Half) {
        half.put(Chunk(copying: bytes.span, pool: scheduler.resources.buffers))
    }

    /// Sends a request; false when there is no room for it yet, or when the check is over.
    func send(_ request: CheckRequest) -> Bool {
        guard isPooled || (stream?.availableStreams ?? link?.availableStreams ?? 0) > 0 else {
            if exchangeFailure != nil { reportConnectionError(isExpired: false) }
            return false
        }
        let head = scheduler.resources.heads.obtain(.request)
        let body = request.body.map { bytes($0) } ?? []
        do throws(MessageError) {
            try fill(head, request, body)
        } catch {
            scheduler.resources.heads.giveBack(head)
            finish(
                .l7response, words: "tcp-check send : failed to build HTTP request at step \(stepNumber(current))")
            return false
        }
        if isPooled {
            sendErrand(head, body)
            scheduler.resources.heads.giveBack(head)
            return true
        }
        let isUpgrade = head.isUpgrade
        let exchange = makeExchange()
        exchange.request.put(head)
        if !body.isEmpty { put(body, exchange.request) }
        if !isUpgrade { exchange.request.end() }
        if !(stream?.open(exchange) ?? link?.open(exchange) ?? false) { exchangeFailure = .connectFailed }
        return true
    }

    private func fill(_ head: MessageHead, _ request: CheckRequest, _ body: [UInt8]) throws(MessageError) {
        let method = Array((request.method ?? "OPTIONS").utf8)
        let uri = request.uri.map { bytes($0) } ?? []
        try head.setMethod(method.span)
        try head.setPath(uri.isEmpty ? Span("/") : uri.span)
        head.version = (request.version ?? "HTTP/1.0") == "HTTP/1.0" ? .http10 : .http11
        for field in request.fields {
            let value = bytes(field.value)
            guard !value.isEmpty else { continue }
            let name = Array(field.name.utf8)
            switch field.name {
            case "host": try head.setAuthorityAndHost(value.span)
            case "connection": break
            case "upgrade": try head.setUpgradeProtocol(value.span)
            default: try head.append(name: name.span, value.span)
            }
        }
        if ruleset.sendsState {
            let state = Array(ServerStateField.text(server, node: scheduler.node).utf8)
            try head.append(name: Span("x-haproxy-server-state"), state.span)
        }
        if head.isUpgrade {
            head.bodyLength = .tunnel
            return
        }
        let takesNone = ["GET", "HEAD", "OPTIONS", "DELETE"].contains(request.method ?? "OPTIONS")
        guard !body.isEmpty || !takesNone else { return }
        let length = Array("\(body.count)".utf8)
        try head.append(.contentLength, length.span)
        head.bodyLength = body.isEmpty ? .none : .known(UInt64(body.count))
    }
}

/// The field that tells a server what the proxy thinks of it (`http-check send-state`).
enum ServerStateField {
    static func text(_ server: SharedServer, node: String) -> String {
        let check = server.health.check
        let facts = server.facts
        let state: String
        let rising = "\(check.health)/\(check.rise)"
        let falling = "\(check.health - check.rise + 1)/\(check.fall)"
        if !check.isEnabled {
            state = "no check"
        } else if server.state == .stopped {
            state = check.health > 0 ? "DOWN \(rising)" : "DOWN"
        } else {
            let isSteady = check.health == check.rise + check.fall - 1
            let word = server.state == .stopping ? "NOLB" : "UP"
            state = isSteady ? word : "\(word) \(falling)"
        }
        var host = ""
        var port = ""
        if case .ip(let ip) = facts.address {
            host = ip.host
            port = "\(ip.port)"
        }
        let backend = server.backend
        let total = backend.servers.filter(\.isUsable).reduce(0) { $0 + $1.effectiveWeight }
        return "\(state); address=\(host); port=\(port); name=\(backend.settings.name)/\(facts.name); node=\(node);"
            + " weight=\((server.effectiveWeight + 15) / 16)/\((total + 15) / 16);"
            + " scur=\(server.served.load(ordering: .relaxed))/\(backend.current.load(ordering: .relaxed));"
            + " qcur=\(server.queueLength)"
    }
}
