import Bytes
import Configuration
package import Connections
import MuxHTTP3
package import QUICTransport
import Rules
import Runtime
import Samples
package import Streams
package import TLSTransport

// The frontend's QUIC listeners: HTTP/3 on the same exchanges as everything else.
extension FrontendWorker: QUICListenerOwner {
    func listenQUIC(
        _ descriptor: consuming OwnedDescriptor, bind index: Int, isShared: Bool, manager: QUICConnectionManager
    ) throws(WorkerError) {
        let bind = shared.binds[index]
        do throws(TLSError) {
            guard let tls = try bind.makeQUICContext(worker.blueprint.configuration.global.tune.tls) else { return }
            let context = bind.context(of: descriptor.number)
            var settings = quicSettings(bind.settings)
            settings.steers = !isShared
            noteListener(context, Socket.localAddress(descriptor.number))
            do throws(SystemError) {
                _ = try QUICListener(
                    descriptor, context: context, settings: settings, tls: tls, manager: manager, owner: self)
            } catch { throw TLSError(.system, "\(error)") }
        } catch {
            throw WorkerError("\(bind.settings.location): \(error)")
        }
    }

    private func quicSettings(_ bind: BindSettings) -> QUICListenerSettings {
        let tune = worker.blueprint.configuration.global.tune
        var quic = QUICSettings()
        quic.idleTimeout = UInt64(max(0, tune.quic.maxIdleTimeout)) * 1_000_000
        quic.connectionWindow = UInt64(tune.quic.receiveBuffer)
        quic.maxConnectionWindow = max(quic.maxConnectionWindow, quic.connectionWindow)
        quic.remoteBidirectionalWindow = UInt64(tune.quic.streamReceiveBuffer(bufsize: tune.bufsize))
        quic.maxStreamWindow = max(quic.maxStreamWindow, quic.remoteBidirectionalWindow)
        quic.bidirectionalStreams = UInt64(tune.quic.maxConcurrentStreams)
        quic.congestionControl = .init(bind.quic.congestionControl)
        quic.paces = tune.quic.paces
        quic.sendsSessionTicket = bind.tls?.parameters.usesTickets ?? true
        let handshakes = Admission(limit: bind.backlog ?? settings.backlog ?? 4096)
        var result = QUICListenerSettings(quic: quic, connection: connectionSettings, handshakes: handshakes)
        result.forcesRetry = bind.quic.forcesRetry
        result.retryThreshold = tune.quic.retryThreshold
        result.socket.offloads = tune.quic.usesGSO
        if let size = tune.socketBuffers.frontendReceive { result.socket.receiveBuffer = size }
        if let size = tune.socketBuffers.frontendSend { result.socket.sendBuffer = size }
        return result
    }

    package func takePlace(for listener: QUICListener) -> Bool {
        shared.state == .open && takePlace(at: listener.context)
    }

    package func returnPlace(for listener: QUICListener) { returnPlace(at: listener.context) }

    package func accepted(_ link: QUICLink, on listener: QUICListener) { countConnection(at: listener.context) }

    package func makeMux(for link: QUICLink, _ alpn: ApplicationProtocol) -> (any QUICMux)? {
        guard alpn == .h3 else { return nil }
        if let session = link.session {
            if let verdict = refusal(of: session, .tcpRequestConnection) { return refuse(link, verdict) }
            countSession(session, version: 3)
            if let verdict = refusal(of: session, .tcpRequestSession) { return refuse(link, verdict) }
            // Only HTTP/2 can be reversed.
            if session.attachment != nil {
                worker.log?.connectionFailed(session, self, .reversal)
                return nil
            }
        }
        return try? HTTP3Mux(
            settings: muxes.http3, connection: link.connection, host: link, resources: worker.http3)
    }

    private func refuse(_ link: QUICLink, _ verdict: Verdict) -> (any QUICMux)? {
        if case .vanish(let hops) = verdict { link.vanish(hops: hops) }
        return nil
    }

    package var decidesInitials: Bool { shared.rules[.quicInitial] != nil || refusesPrivilegedQUICPorts }

    package func decide(_ session: Session) -> InitialDecision {
        if refusesPrivilegedQUICPorts, session.source.isPrivileged { return .drop }
        return switch refusal(of: session, .quicInitial) {
        case nil: .accept
        case .drop: .drop
        case .retry: .retry
        default: .reject
        }
    }

    package func handshakeCompleted(_ link: QUICLink) {
        if let session = link.session { countTLS(session) }
        guard !handshakeWaiters.isEmpty else { return }
        let waiting = handshakeWaiters.filter { $0.session === link.session }
        handshakeWaiters.removeAll { $0.session === link.session }
        for record in waiting { record.resumeRules() }
    }

    package func openExchange(on link: QUICLink, for end: any StreamEnd) -> Exchange? {
        link.session.flatMap { openExchange($0, end) }
    }

    package func connectionReady(_ link: QUICLink) {}
    package func streamsChanged(on link: QUICLink) {}

    package func connectionClosed(_ link: QUICLink, _ close: QUICClose) {
        countQUIC(link, close)
        traffic.muxes.add(link)
        guard let session = link.session else { return }
        if session.exchanges == 0, session.handshakenAt == .zero {
            let refusal = (session.failedTLS as? QUICTLSSession)?.refusal
            worker.log?.connectionFailed(session, self, ConnectionFailure(close, refusal: refusal))
        }
        leave(session)
    }
}

extension QUICSettings.CongestionControl {
    init(_ name: CongestionControl) {
        self =
            switch name {
            case .cubic: .cubic
            case .newreno: .reno
            case .bbr: .bbr
            }
    }
}
