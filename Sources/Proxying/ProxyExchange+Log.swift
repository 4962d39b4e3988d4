import Bytes
import Configuration
package import Connections
import Messages
import Rules
import Runtime
package import Samples
import Servers
import Streams
import Synchronization

// What log lines say of an exchange.
extension ProxyExchange {
    package func logFigures(_ evaluation: Evaluation) -> LogFigures {
        var figures = frontend.figures(of: session)
        let clock = exchange.resources.clock
        let hasHead = exchange.request.head != nil
        figures.number = processNumber
        figures.requestLine = requestLine
        if let backend {
            figures.backend = backend.shared.nameBytes
            figures.backendConnections = backend.shared.servers.current.load(ordering: .relaxed)
            figures.isHTTPBackend = backend.settings.mode == .http
        }
        // A later exchange of a connection counts from the end of the one before.
        let start = number == 1 ? session.acceptedAt : idleSince
        if number > 1 {
            figures.acceptedWall = clock.wall &- min(clock.wall, clock.now.nanoseconds(since: idleSince))
            figures.handshakeTime = 0
        }
        figures.idleTime = isHTTP ? exchange.openedAt.milliseconds(since: idleSince) : 0
        figures.totalTime = clock.now.milliseconds(since: start)
        figures.userTime = figures.totalTime - max(0, figures.idleTime)
        // A connection that brings no whole request is timed from its start.
        let age = clock.now.nanoseconds(since: !hasHead && number == 1 ? session.acceptedAt : exchange.openedAt)
        figures.activeTime = Int(age / 1_000_000)
        figures.requestWall = clock.wall &- min(clock.wall, age)
        setTimes(&figures, clock.now)
        // What a rule decided counts, though an `errorloc` may answer with a redirection.
        figures.status = ownStatus != 0 ? ownStatus : exchange.response.head?.status ?? 0
        // A client that left within its head is not told of its bad request; the line says it all the same.
        // So does that of one who left while the server was at work.
        let leftServer = exchange.failure == .clientAborted && exchange.attachedAt != .zero
        if figures.status == 0, isHTTP, exchange.isOver { figures.status = hasHead && !leftServer ? -1 : 400 }
        figures.bytesToClient = countedFromServer
        figures.bytesFromClient = countedFromClient
        figures.serverSource = serverSource
        (figures.cause, figures.stage) = terminationState
        if let cookie = backend?.settings.cookie, cookie.mode != .passive || cookie.isIndirect {
            let isLost = persistence.request == .valid && dispatch?.isRedispatched == true
            figures.clientCookie = isLost ? PersistenceCookie.RequestState.down.rawValue : persistence.request.rawValue
            figures.serverCookie = persistence.response.rawValue
        }
        if let dispatch {
            figures.retries = dispatch.retries
            figures.isRedispatched = dispatch.isRedispatched
            figures.serverQueue = dispatch.serverQueuePosition
            figures.backendQueue = dispatch.backendQueuePosition
            if let server = dispatch.server {
                figures.server = server.facts.name
                figures.serverConnections = server.shared.served.load(ordering: .relaxed)
                if case .ip(let address) = target(of: server),
                    exchange.attachedAt != .zero
                {
                    figures.serverAddress = address
                }
            }
        }
        if let serviceName, dispatch == nil {
            // As if it were a server that answers at once.
            figures.server = serviceName
            (figures.queueTime, figures.connectTime) = (0, 0)
            if ownStatus > 0, ownStatus < 400 { figures.responseTime = 0 }
        }
        return figures
    }

    private func setTimes(_ figures: inout LogFigures, _ now: Instant) {
        if exchange.requestHeadAt != .zero, exchange.request.head != nil {
            figures.requestTime = exchange.requestHeadAt.milliseconds(since: exchange.openedAt)
        }
        let attached = exchange.attachedAt
        (figures.queueTime, figures.connectTime) = dispatchTimes
        if attached != .zero, ownStatus == 0, exchange.responseHeadAt != .zero {
            figures.responseTime = exchange.responseHeadAt.milliseconds(since: attached)
        }
        if figures.isHTTPBackend {
            if figures.responseTime >= 0 { figures.dataTime = now.milliseconds(since: exchange.responseHeadAt) }
        } else if attached != .zero {
            figures.dataTime = now.milliseconds(since: attached)
        }
    }

    /// Whether something went wrong: what `option dontlog-normal` logs.
    package var isAbnormal: Bool {
        if dispatch?.isRedispatched == true { return true }
        if let failure = exchange.failure, failure != .notNeeded { return true }
        if exchange.failure == nil, ownStatus == 0, dispatch?.retries ?? 0 > 0 { return true }
        return isHTTP && (exchange.response.head?.status ?? ownStatus) >= 500
    }

    // MARK: The unique identifier

    package func makeUniqueID() -> [UInt8]? {
        if let uniqueID { return uniqueID }
        guard let format = frontend.settings.uniqueID.format else { return nil }
        // A format that speaks of the identifier finds it empty.
        uniqueID = []
        let evaluation = frontend.worker.identifiers
        evaluation.begin(self, .request)
        let made = UniqueIDSettings.identifier(format, evaluation)
        uniqueID = made
        return made
    }

    /// Adds the field that `unique-id-header` names; false when it finds no room.
    func addUniqueID(to head: MessageHead) -> Bool {
        guard frontend.settings.uniqueID.format != nil, let value = makeUniqueID(),
            let name = frontend.settings.uniqueID.header
        else { return true }
        do throws(MessageError) {
            try head.append(name: name.span, value.span)
            return true
        } catch {
            return false
        }
    }
}

extension FrontendWorker {
    /// What lines say of a connection that has no exchange.
    package func figures(of session: Session) -> LogFigures {
        var figures = LogFigures()
        figures.frontend = shared.nameBytes
        figures.backend = shared.nameBytes
        figures.isHTTPBackend = settings.mode == .http
        let bind = session.listener.bind
        figures.isSecure = settings.binds.indices.contains(bind) && settings.binds[bind].tls != nil
        figures.listenerNumber = session.listener.identifier
        figures.acceptedWall = session.acceptedWall
        figures.requestWall = session.acceptedWall
        figures.handshakeTime =
            session.handshakenAt == .zero ? -1 : session.handshakenAt.milliseconds(since: session.acceptedAt)
        figures.idleTime = 0
        figures.totalTime = now.milliseconds(since: session.acceptedAt)
        figures.activeTime = figures.totalTime
        figures.userTime = figures.totalTime
        figures.processConnections = processAdmission.count
        figures.frontendConnections = shared.admission.count
        figures.requestLineLimit = requestLineLimit
        figures.requestSlots = settings.captures.request.count
        figures.responseSlots = settings.captures.response.count
        figures.isEarly = settings.lines.isEarly
        figures.line = shared.lineCount
        figures.hostname = worker.hostname
        return figures
    }
}

extension Worker: RuleLogger {
    package func log(_ evaluation: Evaluation, _ origin: LogOrigin, profile: Int?) {
        guard let log, let session = evaluation.session, frontends.indices.contains(session.listener.frontend) else {
            return
        }
        let record = evaluation.transaction as? ProxyExchange
        log.ruleAsked(record, session, frontends[session.listener.frontend], origin, profile: profile)
    }
}
