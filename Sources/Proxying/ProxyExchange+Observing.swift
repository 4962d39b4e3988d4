import Messages
import Samples
import Servers
import Streams

// What an exchange tells about the health of its server (`observe`).
extension ProxyExchange {
    /// The response's head is here.
    func observeResponse() {
        guard let server = dispatch?.server?.shared, let status = exchange.response.head?.status else { return }
        // What a client can bring about by its request alone is no fault of the server.
        server.observe(status < 500 || status == 501 || status == 505 ? .goodResponse : .badStatus)
    }

    /// There is none.
    func observeFailure(_ reason: CloseReason) {
        guard let server = dispatch?.server?.shared, exchange.attempt.requestStarted, exchange.request.head != nil
        else { return }
        switch reason {
        case .serverProtocolError: server.observe(.badHead)
        case .serverTimeout: server.observe(.readTimeout)
        case .serverAborted: server.observe(.closed)
        default: break
        }
    }
}
