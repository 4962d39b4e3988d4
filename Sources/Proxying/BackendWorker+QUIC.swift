import Bytes
import Configuration
package import Connections
import MuxHTTP3
package import QUICTransport
import Runtime
import Servers
package import Streams
package import TLSTransport

// Connections to servers over QUIC, and TCP in their place where UDP does not get through.
extension BackendWorker: QUICConnectionOwner {
    /// At most so many milliseconds pass before TCP is tried in place of QUIC.
    private static let longestFallbackDelay = 1000

    func connectQUIC(
        _ connector: QUICConnector, for dispatch: Dispatch, to server: PoolServer, _ side: ServerSide
    ) throws(DispatchFailure) {
        guard case .ip(let address) = dispatch.record?.target(of: server) else {
            throw DispatchFailure(reason: "QUIC needs an IP address")
        }
        let link = ServerLink(server, dispatch, key: side.key(for: dispatch, server))
        let name = side.tlsSettings?.serverName(for: dispatch) ?? side.tlsSettings?.verifiedHost
        do throws(ConnectionFailure) {
            link.quic = try connector.connect(
                to: address, from: side.route(for: dispatch)?.source, serverName: name,
                sendsEarlyData: side.settings.allowsEarlyData && dispatch.record?.mayGoEarly(dispatch) == true,
                owner: self,
                ownerContext: link)
        } catch {
            guard side.settings.fallsBackToTCP else { throw DispatchFailure(reason: error.description) }
            side.avoidsQUICUntil = now.advanced(milliseconds: ServerSide.quicPause)
            return try connectStream(for: dispatch, to: server, side)
        }
        dispatch.attempt = link
        server.begin(link)
        guard side.settings.fallsBackToTCP else { return }
        let delay = min(Self.longestFallbackDelay, (settings.timeouts.connect ?? .max) / 2)
        link.otherwise(at: now.advanced(milliseconds: delay), on: timers) { [unowned self, unowned link] in
            fallBack(from: link)
        }
    }

    /// The exchange that waits for a QUIC connection gets one over TCP. Should QUIC come about after all, it serves later
    /// exchanges.
    private func fallBack(from link: ServerLink) {
        guard let dispatch = link.dispatch, let side = link.server.context as? ServerSide else { return }
        link.dispatch = nil
        dispatch.attempt = nil
        side.avoidsQUICUntil = now.advanced(milliseconds: ServerSide.quicPause)
        do throws(DispatchFailure) { try connectStream(for: dispatch, to: link.server, side) } catch {
            dispatch.connectFailed(timedOut: false)
        }
    }

    package func makeMux(for link: QUICLink, _ alpn: ApplicationProtocol) -> (any QUICMux)? {
        guard alpn == .h3, let own = link.ownerContext as? ServerLink, let side = own.server.context as? ServerSide
        else { return nil }
        return try? HTTP3Mux(
            settings: side.muxes.http3, connection: link.connection, host: link, resources: http3Resources)
    }

    package func openExchange(on link: QUICLink, for end: any StreamEnd) -> Exchange? { nil }

    /// The exchange that waits for the connection, and it alone, goes as early data.
    package func earlyDataPossible(_ link: QUICLink) {
        guard let own = link.ownerContext as? ServerLink, let dispatch = own.dispatch else { return }
        own.dispatch = nil
        dispatch.attempt = nil
        dispatch.connected(own)
        dispatch.exchange.attempt.isEarlyData = true
        own.server.settle(own)
    }

    package func connectionReady(_ link: QUICLink) {
        guard let own = link.ownerContext as? ServerLink else { return }
        own.disarm()
        if let side = own.server.context as? ServerSide { side.avoidsQUICUntil = .zero }
        countHandshake(own.server, isResumed: link.connection.tls?.isResumed == true)
        ready(own)
    }

    package func streamsChanged(on link: QUICLink) {
        guard let own = link.ownerContext as? ServerLink else { return }
        own.server.settle(own)
    }

    package func connectionClosed(_ link: QUICLink, _ close: QUICClose) {
        guard let own = link.ownerContext as? ServerLink else { return }
        let side = own.server.context as? ServerSide
        countQUIC(own, link, close)
        traffic.muxes.add(link)
        own.disarm()
        own.quic = nil
        own.server.end(own)
        guard own.dispatch != nil else { return }
        let failure = link.socketError.map { ConnectionFailure.connect($0) } ?? ConnectionFailure(server: close)
        if side?.settings.fallsBackToTCP == true, close.reason != .tlsAlert { return fallBack(from: own) }
        failed(own, failure)
    }
}

extension ConnectionFailure {
    /// How a QUIC connection to a server that never stood ended.
    init(server close: QUICClose) {
        switch close.reason {
        case .handshakeTimeout, .idleTimeout: self = .timeout
        case .tlsAlert:
            self = .handshake(TLSError(.alertReceived, close.text, alert: close.alert.map { TLSAlert(rawValue: $0) }))
        default: self = .transport(.reset)
        }
    }
}
