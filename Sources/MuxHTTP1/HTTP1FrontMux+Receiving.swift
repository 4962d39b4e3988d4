public import Bytes
import Messages
import Streams

// The reading side of a client's connection: heads, bodies, tunnels, and what is left over.
extension HTTP1FrontMux {
    /// Empty lines that are passed over before a request line (RFC 9112 section 2.2).
    private static let emptyLineLimit = 8

    public func receive(_ input: inout InputBuffer) {
        while step(&input) {}
        hasInput = !input.isEmpty
        if peerEnded { settle() }
    }

    public func receiveEnd(_ input: inout InputBuffer) {
        peerEnded = true
        receive(&input)
    }

    /// Takes one message's part of the input; true when another may follow.
    private func step(_ input: inout InputBuffer) -> Bool {
        switch intake {
        case .fresh, .idle, .head: return readHead(&input)
        case .body, .tunnel:
            readBody(&input)
            return false
        case .leftover: return dropLeftover(&input)
        case .closed:
            input.consume(input.count)
            return false
        case .held, .complete: return false
        }
    }

    // MARK: Heads

    private func readHead(_ input: inout InputBuffer) -> Bool {
        skipEmptyLines(&input)
        guard intake != .closed, !input.isEmpty else { return intake == .closed }
        if intake != .head, input.count == 1, input.bytes[0] == 0x0d { return false }
        if exchange == nil {
            exchange = host.openExchange(for: self)
            guard exchange != nil else {
                close()
                return true
            }
        }
        intake = .head
        guard let end = scanner.end(of: input.bytes) else {
            if !input.bytes[0].isTokenCharacter { refuse(.badMethod) }
            if input.count >= settings.headLimit || input.isFull { refuse(sizeError(input.bytes)) }
            return intake == .closed
        }
        guard end <= settings.headLimit else {
            refuse(sizeError(input.bytes))
            return true
        }
        return takeHead(&input, end)
    }

    private func skipEmptyLines(_ input: inout InputBuffer) {
        guard intake != .head else { return }
        while input.count >= 2, input.bytes[0] == 0x0d, input.bytes[1] == 0x0a {
            input.consume(2)
            emptyLines += 1
            if emptyLines > Self.emptyLineLimit {
                lastError = .tooManyEmptyLines
                return close()
            }
        }
    }

    /// A request line that does not fit is told from a head that does not.
    private func sizeError(_ bytes: Span<UInt8>) -> MessageError {
        let lineEnd = HeadScanner.lineFeed(in: bytes, from: 0) ?? .max
        return lineEnd >= settings.headLimit ? .targetTooLong : .headTooLarge
    }

    private func takeHead(_ input: inout InputBuffer, _ end: Int) -> Bool {
        guard let exchange else { return false }
        let heads = host.resources.heads
        var head = heads.obtain(.request)
        let parsed: HeadFacts
        do throws(MessageError) {
            parsed = try parse(input.bytes.extracting(0..<end), &head)
        } catch {
            heads.giveBack(head)
            exchange.malformed = MalformedMessage(input.bytes, reason: "\(error)")
            // HTTP/2 where it is not spoken: its preface looks like a method that nobody knows (RFC 9113 section 3.4).
            refuse(error, status: Self.isPreface(input.bytes) ? 405 : error.status)
            return true
        }
        input.consume(end)
        exchange.bytesFromClient += UInt64(end)
        facts = RequestMemo(
            version: head.version, isHead: head.method == .head, isConnect: head.method == .connect,
            persists: parsed.persists, expectsContinue: head.first(.expect) != nil)
        scanner = HeadScanner()
        emptyLines = 0
        reader = BodyReader(parsed.framing)
        switch parsed.framing {
        case .none: intake = .complete
        case .tunnel: intake = .held
        default: intake = .body
        }
        // The handler may answer, or end the exchange, before this returns.
        exchange.request.put(head)
        if intake == .complete { exchange.request.end() }
        return intake == .body || intake == .closed
    }

    /// Reads a head by the rules, or, where that is configured, by those that a request may break.
    private func parse(_ bytes: Span<UInt8>, _ head: inout MessageHead) throws(MessageError) -> HeadFacts {
        do throws(MessageError) { return try HeadParser.request(bytes, into: head) } catch {
            guard settings.acceptsViolations else { throw error }
            let heads = host.resources.heads
            heads.giveBack(head)
            head = heads.obtain(.request)
            return try HeadParser.request(bytes, into: head, allowsViolations: true)
        }
    }

    /// Refuses what the client sent; the handler answers, and the connection closes after that.
    private func refuse(_ error: MessageError, status: Int? = nil) {
        lastError = error
        intake = .closed
        exchange?.rejectRequest(status: status ?? error.status)
        host.muxNeedsFlush()
    }

    private static func isPreface(_ bytes: Span<UInt8>) -> Bool {
        let start: StaticString = "PRI * HTTP/2.0"
        let count = start.utf8CodeUnitCount
        return bytes.count >= count && bytes.extracting(0..<count).equals(start)
    }

    // MARK: Bodies

    private func readBody(_ input: inout InputBuffer) {
        guard let exchange, !reader.isComplete else { return }
        do throws(MessageError) {
            exchange.bytesFromClient += UInt64(
                try reader.read(
                    &input, into: exchange.request, heads: host.resources.heads, limit: settings.headLimit))
        } catch {
            return bodyFailed(error)
        }
        if reader.isComplete { intake = .complete }
    }

    /// The body breaks the rules: 400 when the response has not begun, an end without an end otherwise.
    private func bodyFailed(_ error: MessageError) {
        guard let open = exchange else { return }
        if open.response.phase == .idle, answer == .head { return refuse(error) }
        lastError = error
        exchange = nil
        close(breakIntent(.serverAborted))
        open.frontAborted(.clientProtocolError)
    }

    /// Reads the rest of a body that nobody wants, to come to the next request.
    private func dropLeftover(_ input: inout InputBuffer) -> Bool {
        do throws(MessageError) {
            leftoverBytes += try reader.read(
                &input, into: nil, heads: host.resources.heads, limit: settings.headLimit)
        } catch {
            lastError = error
            close()
            return true
        }
        if reader.isComplete {
            intake = .idle
            return true
        }
        if leftoverBytes > settings.leftoverLimit { close() }
        return intake == .closed
    }

    // MARK: The client's end

    /// The client sends nothing more, and all that it sent has been looked at.
    func settle() {
        switch intake {
        case .fresh, .idle, .leftover:
            if !hasInput || intake == .leftover { close() }
        case .head: abandon()
        case .body:
            // With room left, what is missing never comes.
            if let exchange, exchange.request.room > 0 || !hasInput { abandon() }
        case .tunnel:
            guard let exchange, !hasInput, !reader.isComplete else { return }
            reader.endWithConnection(exchange.request)
            finishTunnelIfOver()
        case .complete:
            if abortsOnClose, exchange != nil { abandon() }
        case .held, .closed: break
        }
    }

    /// The client left before its request was complete, or does not wait for the response.
    private func abandon() {
        guard let open = exchange else { return close() }
        exchange = nil
        close(.abort)
        open.frontAborted(.clientAborted)
    }
}
