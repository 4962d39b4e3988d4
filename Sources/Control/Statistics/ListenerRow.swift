import Bytes
import Configuration
import Connections
import Proxying

/// The lines that listening addresses have with `option socket-stats`.
enum ListenerRow {
    /// One for each address of a frontend, in the order of their numbers.
    static func make(_ frontend: SharedFrontend, _ workers: [WorkerTraffic], showsLegends: Bool) -> [ProxyRow] {
        var rows: [ProxyRow] = []
        for bind in frontend.binds {
            for context in bind.contexts {
                rows.append(row(context, bind, frontend, workers, showsLegends))
            }
        }
        return rows
    }

    private static func row(
        _ context: ListenerContext, _ bind: SharedBind, _ frontend: SharedFrontend, _ workers: [WorkerTraffic],
        _ showsLegends: Bool
    ) -> ProxyRow {
        let settings = frontend.settings
        var row = ProxyRow(
            .listener, proxy: settings.name, proxyID: settings.id, name: context.name, id: context.identifier,
            mode: settings.mode)
        if let prefix = bind.settings.guidPrefix {
            row.guid = "\(prefix)-\(bind.settings.firstPlace + context.place - bind.contexts[0].place)"
        }
        var address: SocketAddress?
        let place = context.place
        for worker in workers where worker.listeners.indices.contains(frontend.index) {
            let listeners = worker.listeners[frontend.index]
            guard listeners.indices.contains(place) else { continue }
            row.traffic.add(listeners[place].counters)
            address = address ?? listeners[place].address
        }
        row.sessions = context.admission.count
        row.sessionLimit = bind.settings.maxconn ?? 0
        row.transport = transport(bind.settings, address)
        row.status = status(context, bind.settings.maxconn, frontend)
        if showsLegends { row.address = address?.description }
        return row
    }

    /// What a listener does about connections that come.
    static let states = ["WAITING", "OPEN", "FULL"]

    /// Its own limit makes it full; one of the frontend or the process makes it wait.
    private static func status(_ context: ListenerContext, _ limit: Int?, _ frontend: SharedFrontend) -> String {
        if let limit, context.admission.count >= limit { return "FULL" }
        return frontend.admission.count >= frontend.admission.limit ? "WAITING" : "OPEN"
    }

    private static func transport(_ bind: BindSettings, _ address: SocketAddress?) -> String {
        switch bind.address {
        case .unix: return "unix_stream"
        case .abstract(_, let isPadded): return isPadded ? "abns_stream" : "abnsz_stream"
        case .reversed: return "rev"
        case .ip, .inherited:
            if address?.family == .unix { return "unix_stream" }
            let family = address?.family == .ipv6 ? 6 : 4
            return bind.transport == .quic ? "quic\(family)" : "tcpv\(family)"
        }
    }
}
