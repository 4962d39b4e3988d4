import Connections
import QUICTransport
import Runtime
import Servers
import Streams

/// What one worker counts about the QUIC connections of a frontend, a backend or a server. HAProxy's columns
/// `quic_*` are made of it.
package struct QUICTraffic: Sendable {
    /// Transport errors by their codes 0x00 to 0x10 (RFC 9000 section 20.1).
    package typealias ByCode = InlineArray<17, UInt64>

    /// Datagrams that led to nothing: all, those without a readable header, and Initial packets in too small ones.
    package var dropped: UInt64 = 0
    package var malformed: UInt64 = 0
    package var tooShort: UInt64 = 0
    /// Datagrams that found the socket's buffer full, and those that the system refused.
    package var sendBlocked: UInt64 = 0
    package var sendFailed: UInt64 = 0
    /// Datagrams sent, and packets with stream data that were lost.
    package var sent: UInt64 = 0
    package var lost: UInt64 = 0
    package var retries: UInt64 = 0
    package var retriesValidated: UInt64 = 0
    package var invalidTokens: UInt64 = 0
    /// First packets with a token of an earlier connection.
    package var tokensAccepted: UInt64 = 0
    /// Handshakes under way now.
    package var halfOpen: UInt64 = 0
    package var handshakes: UInt64 = 0
    package var failedHandshakes: UInt64 = 0
    package var resumed: UInt64 = 0
    package var earlyData: UInt64 = 0
    package var statelessResets: UInt64 = 0
    package var migrations: UInt64 = 0
    /// RESET_STREAM received on request streams.
    package var streamResets: UInt64 = 0
    /// Why peers closed connections.
    package var errors = ByCode(repeating: 0)
    package var cryptoErrors: UInt64 = 0
    package var unknownErrors: UInt64 = 0

    package init() {}

    /// Applies `body` to each number of this one and `other`, but the gauge.
    private mutating func combine(_ other: QUICTraffic, _ body: (UInt64, UInt64) -> UInt64) {
        dropped = body(dropped, other.dropped)
        malformed = body(malformed, other.malformed)
        tooShort = body(tooShort, other.tooShort)
        sendBlocked = body(sendBlocked, other.sendBlocked)
        sendFailed = body(sendFailed, other.sendFailed)
        sent = body(sent, other.sent)
        lost = body(lost, other.lost)
        retries = body(retries, other.retries)
        retriesValidated = body(retriesValidated, other.retriesValidated)
        invalidTokens = body(invalidTokens, other.invalidTokens)
        tokensAccepted = body(tokensAccepted, other.tokensAccepted)
        handshakes = body(handshakes, other.handshakes)
        failedHandshakes = body(failedHandshakes, other.failedHandshakes)
        resumed = body(resumed, other.resumed)
        earlyData = body(earlyData, other.earlyData)
        statelessResets = body(statelessResets, other.statelessResets)
        migrations = body(migrations, other.migrations)
        streamResets = body(streamResets, other.streamResets)
        for index in errors.indices { errors[index] = body(errors[index], other.errors[index]) }
        cryptoErrors = body(cryptoErrors, other.cryptoErrors)
        unknownErrors = body(unknownErrors, other.unknownErrors)
    }

    /// Adds what another one has counted.
    package mutating func add(_ other: QUICTraffic) {
        combine(other, &+)
        halfOpen &+= other.halfOpen
    }

    /// Takes away what was counted before.
    mutating func subtract(_ earlier: QUICTraffic) { combine(earlier) { $0 > $1 ? $0 - $1 : 0 } }

    // MARK: Where it comes from

    /// Adds what a connection has done so far.
    mutating func add(_ link: QUICLink) {
        let counters = link.connection.counters
        sent &+= counters.datagramsSent
        lost &+= counters.streamPacketsLost
        migrations &+= counters.migrations
        streamResets &+= link.streamResets
    }

    /// Adds why a connection ended, when the peer ended it.
    mutating func add(_ close: QUICClose) {
        guard close.initiator == .peer else { return }
        switch close.reason {
        case .tlsAlert: cryptoErrors &+= 1
        // HAProxy counts what HTTP/3 says as application errors.
        case .application: errors[0x0c] &+= 1
        case .transport:
            if let index = Int(exactly: close.code), errors.indices.contains(index) {
                errors[index] &+= 1
            } else if close.code & ~0xff == 0x100 {
                cryptoErrors &+= 1
            } else {
                unknownErrors &+= 1
            }
        default: break
        }
    }

    /// Adds what a listener has counted.
    mutating func add(_ listener: QUICListener) {
        let own = listener.counters
        for reason in QUICEndpoint.DropReason.allCases { dropped &+= listener.endpoint.dropCount(reason) }
        malformed &+= listener.endpoint.dropCount(.malformed)
        tooShort &+= listener.endpoint.dropCount(.unacceptableInitial)
        let socket = listener.socket.counters
        sendBlocked &+= socket.sendBlocked
        sendFailed &+= socket.tooLarge &+ socket.noBuffers &+ socket.filtered &+ socket.refused &+ socket.unreachable
        retries &+= own.retries
        retriesValidated &+= own.retriesValidated
        invalidTokens &+= own.invalidTokens
        tokensAccepted &+= own.tokensAccepted
        halfOpen &+= UInt64(max(0, listener.settings.handshakes.count))
        handshakes &+= own.handshakes
        failedHandshakes &+= own.failedHandshakes
        statelessResets &+= listener.endpoint.statelessResets
    }
}

extension FrontendWorker {
    /// What QUIC has done for the frontend on this worker.
    func quicTraffic() -> QUICTraffic {
        var result = endedQUIC
        worker.quic.forEachLink { link in
            if link.isOpen, link.session?.listener.frontend == shared.index { result.add(link) }
        }
        for listener in worker.quic.listeners where listener.context.frontend == shared.index { result.add(listener) }
        result.subtract(clearedQUIC)
        return result
    }

    /// `clear counters all`: counts start over from here.
    func clearQUICTraffic() {
        clearedQUIC.add(quicTraffic())
        clearedQUIC.halfOpen = 0
    }

    /// A connection is over.
    func countQUIC(_ link: QUICLink, _ close: QUICClose) {
        endedQUIC.add(link)
        endedQUIC.add(close)
        guard let tls = link.session?.tls, link.session?.isTLSCounted == true else { return }
        if tls.isResumed { endedQUIC.resumed &+= 1 }
    }
}

extension BackendWorker {
    /// A connection to a server is over.
    func countQUIC(_ link: ServerLink, _ connection: QUICLink, _ close: QUICClose) {
        var change = QUICTraffic()
        change.add(connection)
        change.add(close)
        if connection.wasReady { change.handshakes = 1 } else { change.failedHandshakes = 1 }
        traffic.quic.add(change)
        self.traffic(of: link.server.shared).counters.quic.add(change)
    }
}
