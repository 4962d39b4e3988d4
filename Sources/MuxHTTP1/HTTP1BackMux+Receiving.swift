public import Bytes
import Messages
import Streams

// The reading side of a server's connection: responses.
extension HTTP1BackMux {
    public func receive(_ input: inout InputBuffer) {
        hasInput = !input.isEmpty
        while step(&input) {}
        hasInput = !input.isEmpty
        if receiving == .complete, !isTunnel { finish() }
        if peerEnded { settle() }
        tellOfChange()
    }

    public func receiveEnd(_ input: inout InputBuffer) {
        peerEnded = true
        receive(&input)
    }

    /// Takes one part of the input; true when another may follow.
    private func step(_ input: inout InputBuffer) -> Bool {
        guard let exchange else {
            // Nobody asked for these bytes: a 408, or the rest of what should have been over.
            if !input.isEmpty, closeIntent < .close { close(.close) }
            input.consume(input.count)
            return false
        }
        switch receiving {
        case .head: return readHead(&input, exchange)
        case .body:
            readBody(&input, exchange)
            return false
        case .complete: return false
        }
    }

    // MARK: Heads

    private func readHead(_ input: inout InputBuffer, _ exchange: Exchange) -> Bool {
        guard !input.isEmpty else { return false }
        exchange.attempt.responseStarted = true
        guard sending != .head else {
            fail(.serverProtocolError, .badStartLine)
            return true
        }
        guard let end = scanner.end(of: input.bytes) else {
            if input.count >= settings.headLimit || input.isFull { fail(.serverProtocolError, .headTooLarge) }
            return self.exchange == nil
        }
        guard end <= settings.headLimit else {
            fail(.serverProtocolError, .headTooLarge)
            return true
        }
        scanner = HeadScanner()
        let heads = host.resources.heads
        var head = heads.obtain(.response)
        do throws(MessageError) {
            let parsed = try parse(input.bytes.extracting(0..<end), &head)
            if head.status == 101 { try checkUpgrade(head) }
            input.consume(end)
            start(head, parsed, exchange)
        } catch {
            heads.giveBack(head)
            exchange.malformed = MalformedMessage(input.bytes, reason: "\(error)")
            fail(.serverProtocolError, error)
        }
        return true
    }

    /// Reads a head by the rules, or, where that is configured, by those that a response may break.
    private func parse(_ bytes: Span<UInt8>, _ head: inout MessageHead) throws(MessageError) -> HeadFacts {
        do throws(MessageError) { return try HeadParser.response(bytes, to: request, into: head) } catch {
            guard settings.acceptsViolations else { throw error }
            let heads = host.resources.heads
            heads.giveBack(head)
            head = heads.obtain(.response)
            return try HeadParser.response(bytes, to: request, into: head, allowsViolations: true)
        }
    }

    private func start(_ head: MessageHead, _ parsed: HeadFacts, _ exchange: Exchange) {
        if head.status < 200, head.status != 101 { return exchange.response.putInterim(head) }
        persists = parsed.persists
        reader = BodyReader(parsed.framing)
        if parsed.framing == .tunnel {
            isTunnel = true
            writer = BodyWriter(.tunnel)
            sending = .body
            host.muxNeedsFlush()
        } else if sending == .held {
            // The tunnel is refused: there is no more to send.
            sending = .complete
            exchange.request.delivered()
        }
        receiving = reader.isComplete ? .complete : .body
        // The handler may end the exchange, or give it another end, before this returns.
        exchange.response.put(head)
        if self.exchange === exchange, reader.isComplete { exchange.response.end() }
    }

    /// The answer to our own WebSocket key; a client's key is checked by the client.
    private func checkUpgrade(_ head: MessageHead) throws(MessageError) {
        let isKeyless = head.upgradeProtocol.equalsIgnoringCase("websocket") && head.first(.secWebSocketAccept) == nil
        if isKeyless, !settings.acceptsViolations {
            throw .badUpgradeAnswer
        }
        guard let webSocketKey, !isKeyless else { return }
        guard let index = head.first(.secWebSocketAccept), head.count(.secWebSocketAccept) == 1 else {
            throw .badUpgradeAnswer
        }
        let expected = WebSocketHandshake.accept(for: webSocketKey.span)
        guard head.value(at: index).equals(expected.span) else { throw .badUpgradeAnswer }
    }

    // MARK: Bodies

    private func readBody(_ input: inout InputBuffer, _ exchange: Exchange) {
        do throws(MessageError) {
            _ = try reader.read(
                &input, into: exchange.response, heads: host.resources.heads, limit: settings.headLimit)
        } catch {
            return fail(.serverProtocolError, error)
        }
        if reader.isComplete { receiving = .complete }
    }

    // MARK: The server's end

    /// The server sends nothing more, and all that it sent has been looked at.
    private func settle() {
        guard let exchange else { return close(.close) }
        switch receiving {
        case .head: fail(.serverAborted)
        case .body:
            switch reader.framing {
            case .untilClose, .tunnel:
                guard !hasInput, !reader.isComplete else { return }
                reader.endWithConnection(exchange.response)
                receiving = .complete
                if !isTunnel || sending == .complete { finish() }
            default:
                // With room left, what is missing never comes.
                if exchange.response.room > 0 || !hasInput { fail(.serverAborted) }
            }
        case .complete: break
        }
    }
}
