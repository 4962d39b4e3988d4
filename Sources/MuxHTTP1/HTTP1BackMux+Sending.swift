public import Bytes
import Messages
import Streams

// The sending side of a server's connection: the request.
extension HTTP1BackMux {
    public func produce(into output: inout OutputQueue, limit: Int) {
        tellOfChange()
        while let exchange, output.count < limit {
            switch sending {
            case .head:
                guard let head = exchange.request.takeHead() else { return }
                start(head, exchange, &output)
            case .body:
                let before = output.count
                switch writer.write(from: exchange.request, into: &output, limit: limit) {
                case .pending:
                    if output.count == before { return }
                case .complete: requestSent(exchange)
                case .broken: fail(exchange.request.failure ?? .clientAborted)
                }
            case .held, .complete: return
            }
        }
    }

    private func start(_ head: MessageHead, _ exchange: Exchange, _ output: inout OutputQueue) {
        exchange.attempt.requestStarted = true
        request = HeadParser.RequestFacts(method: head.method, isUpgrade: head.isUpgrade)
        let framing: Framing =
            switch head.bodyLength {
            case .none: .none
            case .known(let bytes): bytes == 0 ? .none : .length(bytes)
            case .unknown: .chunked
            case .tunnel: .tunnel
            }
        if head.isUpgrade, head.upgradeProtocol.equalsIgnoringCase("websocket"), head.first(.secWebSocketKey) == nil {
            // An extended CONNECT has no key; the server's answer to ours is checked here.
            webSocketKey = WebSocketHandshake.key(random(), random())
        }
        let plan = HeadWriter.RequestPlan(
            framing: framing, persists: settings.keepsAlive || settings.pretendsKeepAlive,
            isOld: settings.keepsVersion ? head.version == .http10 : nil, webSocketKey: webSocketKey,
            cases: settings.fieldCases)
        _ = HeadWriter.request(head, plan, into: &output)
        writer = BodyWriter(framing)
        writer.cases = settings.fieldCases
        sending = framing == .tunnel ? .held : .body
    }

    /// The request is written in full; of a tunnel: its sending direction is over.
    private func requestSent(_ exchange: Exchange) {
        sending = .complete
        exchange.request.delivered()
        guard isTunnel else { return }
        if closeIntent < .shutdownWrite { closeIntent = .shutdownWrite }
        if receiving == .complete { finish() }
    }
}
