public import Bytes
import Messages
import Streams

// The sending side of a client's connection: interim heads, the head, the body, and what follows a response.
extension HTTP1FrontMux {
    public func produce(into output: inout OutputQueue, limit: Int) {
        while let exchange, output.count < limit, answer != .ended {
            let before = output.count
            let outcome =
                answer == .head
                ? sendHead(exchange.response, &output)
                : writer.write(from: exchange.response, into: &output, limit: limit)
            exchange.bytesToClient += UInt64(output.count - before)
            switch outcome {
            case .pending:
                // A head leads on to its body at once.
                if answer == .head || output.count == before { return }
            case .complete: finish(exchange)
            case .broken: fail(exchange)
            }
        }
    }

    // MARK: Heads

    private func sendHead(_ response: Half, _ output: inout OutputQueue) -> BodyWriter.Outcome {
        while let interim = response.takeInterim() {
            // RFC 9110 section 15.2: HTTP/1.0 has no interim responses.
            if facts.version >= .http11 {
                let plan = HeadWriter.ResponsePlan(
                    framing: .none, describesBody: false, persists: true, clientVersion: facts.version,
                    cases: settings.fieldCases)
                _ = HeadWriter.response(interim, plan, into: &output)
            }
            host.resources.heads.giveBack(interim)
        }
        guard let head = response.takeHead() else { return response.isBroken ? .broken : .pending }
        if head.bodyLength == .tunnel {
            guard intake == .held else { return .broken }
            startTunnel(head, &output)
        } else {
            startMessage(head, &output)
        }
        return .pending
    }

    private func startMessage(_ head: MessageHead, _ output: inout OutputQueue) {
        persists = facts.persists && settings.keepsAlive && !isDraining && !head.asksToClose
        switch intake {
        case .held:
            // The tunnel is refused. What a client sent ahead after CONNECT is not a request.
            exchange?.request.end()
            reader = BodyReader(.none)
            intake = .complete
            if facts.isConnect { persists = false }
        case .body:
            // The client may never send the body that it asked leave for.
            if facts.expectsContinue, exchange?.request.bytesIn == 0 { persists = false }
        case .closed: persists = false
        default: break
        }
        var framing = Framing.none
        let isBodiless = facts.isHead || head.status == 204 || head.status == 304
        if !isBodiless {
            switch head.bodyLength {
            case .none, .tunnel: break
            case .known(let bytes): framing = bytes == 0 ? .none : .length(bytes)
            case .unknown: framing = facts.version >= .http11 ? .chunked : .untilClose
            }
        }
        if framing == .untilClose { persists = false }
        writer = BodyWriter(framing)
        writer.cases = settings.fieldCases
        answer = .body
        let plan = HeadWriter.ResponsePlan(
            framing: framing, describesBody: facts.isHead || head.status == 304, persists: persists,
            clientVersion: facts.version, cases: settings.fieldCases)
        _ = HeadWriter.response(head, plan, into: &output)
    }

    /// The connection becomes a tunnel: 101 for an upgrade, 2xx for CONNECT.
    private func startTunnel(_ head: MessageHead, _ output: inout OutputQueue) {
        var plan = HeadWriter.ResponsePlan(
            framing: .tunnel, describesBody: false, persists: true, clientVersion: facts.version,
            cases: settings.fieldCases)
        if !facts.isConnect, let request = exchange?.request.head {
            // A server of HTTP/2 or HTTP/3 has answered 200 and nothing of this.
            if !head.isUpgrade { try? head.setUpgradeProtocol(request.upgradeProtocol) }
            if head.first(.secWebSocketAccept) == nil, let key = request.first(.secWebSocketKey) {
                plan.webSocketAccept = WebSocketHandshake.accept(for: request.value(at: key))
            }
        }
        _ = HeadWriter.response(head, plan, into: &output)
        persists = false
        writer = BodyWriter(.tunnel)
        answer = .body
        reader = BodyReader(.tunnel)
        intake = .tunnel
        if peerEnded { settle() }
        host.muxNeedsFlush()
    }

    // MARK: After the response

    /// The response is written in full.
    private func finish(_ open: Exchange) {
        if intake == .tunnel {
            open.response.delivered()
            answer = .ended
            if closeIntent < .shutdownWrite { closeIntent = .shutdownWrite }
            return finishTunnelIfOver()
        }
        exchange = nil
        answer = .head
        if writer.isOverlong { persists = false }
        if persists {
            goOn()
        } else {
            close()
        }
        open.frontFinished()
    }

    /// The connection is ready for the next request, after what is left of this one.
    private func goOn() {
        if intake == .complete {
            intake = .idle
        } else if (reader.remaining ?? 0) > UInt64(settings.leftoverLimit) {
            return close()
        } else {
            intake = .leftover
            leftoverBytes = 0
        }
        if isDraining { return close() }
        if peerEnded { settle() }
        // What came ahead waits with the connection, which looks for it when it flushes the next time.
        if hasInput { host.muxNeedsFlush() }
    }

    /// Both directions of the tunnel are over.
    func finishTunnelIfOver() {
        guard let open = exchange, reader.isComplete, answer == .ended else { return }
        exchange = nil
        close()
        open.frontFinished()
    }

    /// The response stopped before its end: the client must not take it for complete.
    private func fail(_ open: Exchange) {
        exchange = nil
        let reason = open.response.failure ?? .internalError
        close(breakIntent(reason))
        open.frontAborted(reason)
    }
}

extension MessageHead {
    /// Whether a rule, or the proxy's own answer, asks for the end of the connection (RFC 9112 section 9.6).
    fileprivate var asksToClose: Bool {
        guard let index = first(.connection) else { return false }
        return value(at: index).listContains("close")
    }
}
