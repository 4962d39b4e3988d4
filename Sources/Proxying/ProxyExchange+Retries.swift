import Configuration
import Messages
import Samples
import Servers
import Streams

/// What may be a reason to send a request again.
enum RetryOccasion {
    /// The server's connection or stream failed before the head of a response; `isUnsent`: it had not got the request.
    case failure(CloseReason, isUnsent: Bool)
    /// `timeout server` ran out before the head of a response.
    case timeout
    /// A response came, with this status.
    case status(Int)
}

// `retry-on`, `retries`: sending a request again (configuration.txt, "retry-on").
extension ProxyExchange {
    /// Sends the request again when the configuration allows it for `occasion`, a retry is left, and the request is still
    /// whole. False: nothing was done.
    func retries(after occasion: RetryOccasion) -> Bool {
        if overrides?.onlyRetriesConnections == true {
            guard case .failure(_, isUnsent: true) = occasion else { return false }
        }
        guard let dispatch, let causes = backend?.settings.retryOn, allows(occasion, causes), dispatch.canReattach,
            exchange.request.isRewindable
        else { return false }
        switch occasion {
        case .failure: break
        case .timeout: exchange.dropBack(.serverTimeout)
        case .status: guard exchange.dropResponse(.notNeeded) else { return false }
        }
        return exchange.request.rewind() && dispatch.reattach()
    }

    private func allows(_ occasion: RetryOccasion, _ causes: RetryCauses) -> Bool {
        switch occasion {
        case .timeout: return causes.responseTimeout
        case .status(let status): return causes.statuses.contains(status)
        case .failure(let reason, let isUnsent):
            if isUnsent, reason == .serverAborted || reason == .connectFailed {
                return causes.connectionFailure || (causes.earlyDataRejected && exchange.attempt.isEarlyData)
            }
            guard isHTTP else { return false }
            let attempt = exchange.attempt
            if reason == .serverProtocolError || attempt.responseStarted { return causes.junkResponse }
            guard reason == .serverAborted || reason == .connectFailed else { return false }
            if causes.emptyResponse { return true }
            // A connection that was reused may have ended while the request was on its way: no fault of this request.
            return causes.connectionFailure && attempt.connectionReused && isRepeatable
        }
    }

    /// Whether it does no harm when the server gets the request twice (RFC 9110 section 9.2.2).
    private var isRepeatable: Bool {
        exchange.request.phase == .ended && exchange.request.bytesIn == 0
            && (exchange.request.head?.method.isIdempotent ?? false)
    }
}
