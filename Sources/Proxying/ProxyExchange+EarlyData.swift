import Bytes
import Configuration
import Connections
import Messages
import Samples
import Servers
import Streams

// Requests that came, or go, before a TLS handshake is complete (RFC 8470): they may be replays, or be replayed.
extension ProxyExchange {
    /// Whether the client's handshake is still under way, so that the request may be a replay.
    private var mayBeReplay: Bool { exchange.isEarlyData && session.connection?.isHandshaking == true }

    /// The client's rules are done with a request that came early: a safe one goes on, marked for the server (RFC 8470
    /// section 5.1), any other waits for the handshake. False: it waits, or was answered.
    func settleEarlyData() -> Bool {
        guard mayBeReplay, let head = exchange.request.head else { return true }
        guard head.method.isSafe else {
            progress.waitsUntil = .distantFuture
            frontend.awaitHandshake(self)
            armTimer()
            return false
        }
        guard head.first(.earlyData) == nil else { return true }
        do throws(MessageError) {
            try head.append(.earlyData, Span("1"))
            marksEarlyData = true
            return true
        } catch {
            rewriteFailed()
            progress.step = .done
            noteStage()
            frontend.answer(self, 500, .internalError)
            return false
        }
    }

    /// Whether the request may go to a server before that connection's handshake is complete: it is safe and whole, it
    /// came so from the client or may be sent again when the server refuses, and this is the first try.
    func mayGoEarly(_ dispatch: Dispatch) -> Bool {
        let request: Half = exchange.request
        guard let head = request.head, head.method.isSafe, request.phase == .ended || head.bodyLength == .none,
            request.bytesIn == 0, dispatch.retries == 0
        else { return false }
        return exchange.isEarlyData || backend?.settings.retryOn.earlyDataRejected == true
    }

    /// The server does not take the request early (425): it gets it again once nothing about it is early any more (RFC
    /// 8470 section 5.2). False: the client has to see the answer.
    func retriesTooEarly() -> Bool {
        guard exchange.response.head?.status == 425, marksEarlyData || exchange.attempt.isEarlyData, !mayBeReplay,
            overrides?.onlyRetriesConnections != true, let dispatch, dispatch.canReattach,
            exchange.request.isRewindable, let head = exchange.request.head,
            // A request that said itself that it was early gets its answer.
            marksEarlyData || head.first(.earlyData) == nil, exchange.dropResponse(.notNeeded)
        else { return false }
        if marksEarlyData { head.removeAll(.earlyData) }
        marksEarlyData = false
        return exchange.request.rewind() && dispatch.reattach()
    }
}

extension FrontendWorker {
    /// Keeps an exchange among those that go on once their client's handshake is complete.
    func awaitHandshake(_ record: ProxyExchange) {
        if !handshakeWaiters.contains(where: { $0 === record }) { handshakeWaiters.append(record) }
    }
}
