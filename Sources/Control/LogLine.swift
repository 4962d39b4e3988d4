import Bytes
import Configuration
import Connections
import Messages
import Proxying
import Samples
import Servers
import Streams
import Synchronization

/// The log formats, field by field as HAProxy's `configuration.txt`, section 8.2, has them.
struct LogLine {
    private var date = LogDate()
    /// Longest request URI in a line: `tune.http.logurilen`.
    let uriLimit: Int

    init(uriLimit: Int) { self.uriLimit = uriLimit }

    /// `option httplog`.
    mutating func appendHTTP(_ record: ProxyExchange, to text: inout LogText) {
        guard let exchange = record.exchange else { return }
        let clock = exchange.resources.clock
        // A connection that brings no whole request is timed from its start.
        let isFirst = exchange.request.head == nil && record.number == 1
        let age = clock.now.nanoseconds(since: isFirst ? record.session.acceptedAt : exchange.openedAt)
        appendClient(record.session, to: &text)
        text.append(" [")
        date.appendPrecise(clock.wall &- min(clock.wall, age), to: &text)
        text.append("] ")
        appendNames(record, to: &text)
        let dispatch = record.dispatch
        let attached = exchange.attachedAt
        appendTime(exchange.openedAt, exchange.requestHeadAt, isValid: exchange.request.head != nil, to: &text)
        text.append("/")
        appendQueueAndConnect(dispatch, attached, to: &text)
        text.append("/")
        appendTime(attached, exchange.responseHeadAt, isValid: attached != .zero && record.ownStatus == 0, to: &text)
        text.append("/")
        text.append(Int(age / 1_000_000))
        text.append(" ")
        var status = exchange.response.head?.status ?? record.ownStatus
        // A client that left within its head is not told of its bad request; the line says it all the same.
        if status == 0, exchange.request.head == nil { status = 400 }
        text.append(status == 0 ? -1 : status)
        text.append(" ")
        text.append(exchange.bytesToClient)
        text.append(" - - ")
        appendTermination(record, to: &text)
        text.append("-- ")
        appendCounts(record, to: &text)
        text.append(" \"")
        if let head = exchange.request.head {
            text.append(escaping: head.methodText)
            text.append(" ")
            appendURI(head, to: &text)
            text.append(" ")
            text.append(head.version.text)
        } else {
            text.append("<BADREQ>")
        }
        text.append("\"")
    }

    /// `option httplog` for a connection that brought nothing: no exchange was opened.
    mutating func appendEmptyHTTP(_ session: Session, _ frontend: FrontendWorker, to text: inout LogText) {
        appendClient(session, to: &text)
        text.append(" [")
        date.appendPrecise(session.acceptedWall, to: &text)
        text.append("] ")
        text.append(frontend.settings.name)
        text.append(session.tls == nil ? " " : "~ ")
        text.append(frontend.settings.name)
        text.append("/<NOSRV> -1/-1/-1/-1/")
        text.append(frontend.now.milliseconds(since: session.acceptedAt))
        text.append(" 400 0 - - CR-- ")
        text.append(frontend.processAdmission.count)
        text.append("/")
        text.append(frontend.shared.admission.count)
        text.append("/0/0/0 0/0 \"<BADREQ>\"")
    }

    /// `option tcplog`.
    mutating func appendTCP(_ record: ProxyExchange, to text: inout LogText) {
        guard let exchange = record.exchange else { return }
        let session = record.session
        appendClient(session, to: &text)
        text.append(" [")
        date.appendPrecise(session.acceptedWall, to: &text)
        text.append("] ")
        appendNames(record, to: &text)
        appendQueueAndConnect(record.dispatch, exchange.attachedAt, to: &text)
        text.append("/")
        text.append(exchange.resources.clock.now.milliseconds(since: session.acceptedAt))
        text.append(" ")
        text.append(exchange.bytesToClient)
        text.append(" ")
        appendTermination(record, to: &text)
        text.append(" ")
        appendCounts(record, to: &text)
    }

    /// The format without `option httplog` or `tcplog`.
    mutating func appendStandard(_ session: Session, _ frontend: FrontendWorker, to text: inout LogText) {
        text.append("Connect from ")
        appendClient(session, to: &text)
        text.append(" to ")
        text.append(session.destination.host)
        text.append(":")
        text.append(Int(session.destination.port))
        text.append(" (")
        text.append(frontend.settings.name)
        text.append(frontend.settings.mode == .http ? "/HTTP)" : "/TCP)")
    }

    /// A connection that ended before its first request: its client, listener and the reason.
    mutating func appendFailure(
        _ session: Session, _ frontend: FrontendWorker, _ failure: ConnectionFailure, to text: inout LogText
    ) {
        appendClient(session, to: &text)
        text.append(" [")
        date.appendPrecise(session.acceptedWall, to: &text)
        text.append("] ")
        text.append(frontend.settings.name)
        text.append("/")
        text.append(session.listener.name)
        text.append(": ")
        text.append(failure.description)
    }

    // MARK: Fields

    private func appendClient(_ session: Session, to text: inout LogText) {
        text.append(session.sourceText)
        text.append(":")
        text.append(Int(session.source.family == .unix ? UInt16(session.listener.bind + 1) : session.source.port))
    }

    /// `%ft %b/%s `.
    private func appendNames(_ record: ProxyExchange, to text: inout LogText) {
        text.append(record.frontend.settings.name)
        if record.session.tls != nil { text.append("~") }
        text.append(" ")
        text.append(record.backend?.settings.name ?? record.frontend.settings.name)
        text.append("/")
        if let server = record.dispatch?.server {
            text.append(server.facts.name)
        } else {
            text.append("<NOSRV>")
        }
        text.append(" ")
    }

    private func appendTime(_ from: Instant, _ to: Instant, isValid: Bool, to text: inout LogText) {
        text.append(isValid && to != .zero ? to.milliseconds(since: from) : -1)
    }

    /// `%Tw/%Tc`.
    private func appendQueueAndConnect(_ dispatch: Dispatch?, _ attached: Instant, to text: inout LogText) {
        guard let dispatch else {
            text.append("-1/-1")
            return
        }
        appendTime(dispatch.startedAt, dispatch.dequeuedAt, isValid: true, to: &text)
        text.append("/")
        appendTime(dispatch.dequeuedAt, attached, isValid: attached != .zero, to: &text)
    }

    /// The two letters of the termination state (section 8.5).
    private func appendTermination(_ record: ProxyExchange, to text: inout LogText) {
        guard let failure = record.exchange.failure else {
            text.append(record.ownStatus == 0 ? "--" : "LR")
            return
        }
        let cause: StaticString =
            switch failure {
            case .clientAborted: "C"
            case .clientTimeout: "c"
            case .serverAborted, .connectFailed, .noServer: "S"
            case .serverTimeout, .connectTimeout, .queueTimeout: "s"
            case .clientProtocolError, .serverProtocolError: "P"
            case .killed: "K"
            case .serverDown: "D"
            case .serverUp: "U"
            case .denied: "P"
            case .resource: "R"
            case .internalError: "I"
            case .notNeeded: "-"
            }
        text.append(cause)
        switch record.failureStage {
        case .request: text.append("R")
        case .queue: text.append("Q")
        case .connect: text.append("C")
        case .headers: text.append("H")
        case .data: text.append("D")
        case .last: text.append("L")
        case nil: text.append("-")
        }
    }

    /// `%ac/%fc/%bc/%sc/%rc %sq/%bq`.
    private func appendCounts(_ record: ProxyExchange, to text: inout LogText) {
        let dispatch = record.dispatch
        text.append(record.frontend.processAdmission.count)
        text.append("/")
        text.append(record.frontend.shared.admission.count)
        text.append("/")
        text.append(record.backend?.shared.servers.current.load(ordering: .relaxed) ?? 0)
        text.append("/")
        text.append(dispatch?.server?.shared.served.load(ordering: .relaxed) ?? 0)
        text.append("/")
        if dispatch?.isRedispatched == true { text.append("+") }
        text.append(dispatch?.retries ?? 0)
        text.append(" ")
        text.append(dispatch?.serverQueuePosition ?? 0)
        text.append("/")
        text.append(dispatch?.backendQueuePosition ?? 0)
    }

    /// The request's target: HTTP/2 and HTTP/3 requests in absolute form, as HAProxy shows them; HTTP/1 as it came.
    private func appendURI(_ head: MessageHead, to text: inout LogText) {
        let start = text.count
        if head.version >= .http2 || !head.scheme.isEmpty, head.method != .connect {
            text.append(escaping: head.scheme)
            text.append("://")
            text.append(escaping: head.authority)
        } else if head.method == .connect {
            text.append(escaping: head.authority)
        }
        text.append(escaping: head.path, limit: max(0, uriLimit - (text.count - start)))
    }
}
